//! The text that each peer is sent first.

use crate::server::mode::Mode;
use crate::text::address::Address;
use std::os::fd::BorrowedFd;
use std::process;
use std::str::{Chars, FromStr};

/// A text with placeholders: `{pid}`, `{mode}`, `{peer}` and `{local}`.
///
/// ```
/// use mio_echo::server::Banner;
///
/// assert!(r"echo on {local}, hello {peer}\r\n".parse::<Banner>().is_ok());
/// assert!("hello {name}".parse::<Banner>().is_err());
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Banner(Vec<Part>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    Pid,
    Mode,
    Peer,
    Local,
}

/// Bytes of the longest text, before its fields are filled in.
const LONGEST: usize = 1024;

impl Banner {
    /// The bytes for the peer of `socket`. An address that the kernel does not report is a dash.
    pub(crate) fn render(
        &self,
        mode: Mode,
        peer: &Address,
        socket: Option<BorrowedFd<'_>>,
    ) -> Vec<u8> {
        let local = || {
            let local = socket.and_then(|socket| Address::local(&socket).ok());
            local.map_or_else(|| "-".to_owned(), |local| local.to_string())
        };
        let parts = self.0.iter().map(|part| match part {
            Part::Text(text) => text.clone(),
            Part::Pid => process::id().to_string(),
            Part::Mode => mode.to_string(),
            Part::Peer => peer.to_string(),
            Part::Local => local(),
        });
        parts.collect::<String>().into_bytes()
    }
}

impl FromStr for Banner {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.is_empty() || text.len() > LONGEST {
            return Err(format!("must have from 1 to {LONGEST} bytes"));
        }
        let mut parts = Vec::new();
        let mut literal = String::new();
        let mut rest = text.chars();
        while let Some(character) = rest.next() {
            match character {
                '\\' => literal.push(escaped(rest.next())?),
                '{' => {
                    parts.push(Part::Text(std::mem::take(&mut literal)));
                    parts.push(placeholder(&mut rest)?);
                }
                _ => literal.push(character),
            }
        }
        parts.push(Part::Text(literal));
        Ok(Self(parts))
    }
}

fn escaped(letter: Option<char>) -> Result<char, String> {
    match letter {
        Some('n') => Ok('\n'),
        Some('r') => Ok('\r'),
        Some('t') => Ok('\t'),
        Some(itself @ ('\\' | '{')) => Ok(itself),
        _ => Err(r"expected \n, \r, \t, \{ or \\ at the backslash".to_owned()),
    }
}

/// What follows the opening brace.
fn placeholder(rest: &mut Chars<'_>) -> Result<Part, String> {
    let Some((name, behind)) = rest.as_str().split_once('}') else {
        return Err(r"a brace is not closed; \{ is a brace itself".to_owned());
    };
    *rest = behind.chars();
    match name {
        "pid" => Ok(Part::Pid),
        "mode" => Ok(Part::Mode),
        "peer" => Ok(Part::Peer),
        "local" => Ok(Part::Local),
        _ => Err("expected {pid}, {mode}, {peer} or {local} in the braces".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::net::{Ipv4Addr, TcpListener};
    use std::os::fd::AsFd;

    #[test]
    fn placeholders_and_escapes_are_replaced_and_the_rest_is_sent_as_it_is() {
        let socket = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let render = |text: &str| {
            let banner: Banner = text.parse().unwrap();
            let peer = Address::Inet((Ipv4Addr::LOCALHOST, 7).into());
            let bytes = banner.render(Mode::Threads, &peer, Some(socket.as_fd()));
            String::from_utf8(bytes).unwrap()
        };
        assert_eq!(render(r"{mode} {peer}\r\n"), "threads 127.0.0.1:7\r\n");
        assert_eq!(render(r"a\tb\\n\{pid}"), "a\tb\\n{pid}");
        assert_eq!(render("{pid}"), process::id().to_string());
        let local = socket.local_addr().unwrap().to_string();
        assert_eq!(render("汉 {local}"), format!("汉 {local}"));
    }

    #[test]
    fn a_banner_has_at_least_one_byte_and_at_most_a_kibibyte() {
        for (bytes, is_banner) in [(0, false), (1, true), (1024, true), (1025, false)] {
            assert_eq!("a".repeat(bytes).parse::<Banner>().is_ok(), is_banner);
        }
    }

    proptest! {
        #[test]
        fn any_text_is_a_banner_or_an_error_of_one_line(text in r"([{}\\a-z ]|\{pid\}|\PC){0,20}") {
            if let Err(error) = text.parse::<Banner>() {
                prop_assert!(!error.contains('\n'), "{}", error);
            }
        }
    }
}
