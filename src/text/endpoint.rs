//! An address as people type it, and the addresses that it stands for.
//!
//! | typed | means |
//! | --- | --- |
//! | `HOST:PORT`, `[IPV6]:PORT` | just that |
//! | `HOST`, `IPV6`, `[IPV6]` | this host, port 50007 |
//! | `PORT`, `:PORT` | this port of localhost |
//! | `*:PORT`, `*` | for a server: every address of the machine, IPv4 and IPv6 |
//! | `unix:PATH` | the Unix socket with this file |
//! | `unix:@NAME` | on Linux: the Unix socket with this name in the abstract namespace |
//!
//! A missing host is always localhost: an address that was typed in short never opens a server to other machines. Only
//! `*` and the unspecified addresses (`0.0.0.0`, `[::]`) do that.

use super::address::{Address, UNIX, UnixName};
use super::one_line;
use std::fmt;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs};
use std::str::FromStr;

/// The port of an endpoint that names none. It is the port of the Python echo client and server that this program
/// interoperates with.
pub const DEFAULT_PORT: u16 = 50_007;

/// The host of an endpoint that names none.
const DEFAULT_HOST: &str = "localhost";

/// What an endpoint can be, for error messages.
const FORMS: &str = "expected HOST:PORT, [IPV6]:PORT, a host, a port or unix:PATH";

/// A host (a name or a literal address) and a port, not yet resolved; or a Unix socket.
///
/// ```
/// use mio_echo::text::endpoint::Endpoint;
///
/// let endpoint: Endpoint = "7007".parse()?;
/// assert_eq!(endpoint.to_string(), "localhost:7007");
/// let endpoint: Endpoint = "::1".parse()?;
/// assert_eq!(endpoint.to_string(), "[::1]:50007");
/// # Ok::<(), String>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint(Form);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Form {
    Host {
        /// A name, or a literal address without brackets.
        name: String,
        port: u16,
    },
    /// `*`: every address of the machine.
    EveryAddress { port: u16 },
    /// Never unnamed.
    Unix(UnixName),
}

impl Endpoint {
    /// The addresses to connect to: those of the host ([`resolve`](Self::resolve)), or that of the Unix socket.
    ///
    /// # Errors
    ///
    /// As `resolve`.
    pub fn addresses(&self) -> io::Result<Vec<Address>> {
        match &self.0 {
            Form::Unix(name) => Ok(vec![Address::Unix(name.clone())]),
            Form::Host { .. } | Form::EveryAddress { .. } => {
                let addresses = self.resolve()?;
                Ok(addresses.into_iter().map(Address::Inet).collect())
            }
        }
    }

    /// Resolves the host to IP addresses to connect to. Returns each address once, in the resolver's order
    /// (getaddrinfo(3)).
    ///
    /// # Errors
    ///
    /// The name is unknown or has no address, the resolver failed, or the endpoint is `*`, on which a server can only
    /// listen, or a Unix socket.
    pub fn resolve(&self) -> io::Result<Vec<SocketAddr>> {
        let invalid = |reason| Err(io::Error::new(io::ErrorKind::InvalidInput, reason));
        let (name, port) = match &self.0 {
            Form::Host { name, port } => (name.as_str(), *port),
            Form::EveryAddress { .. } => {
                return invalid("`*` is for servers, a client needs one address");
            }
            Form::Unix(_) => return invalid("a Unix socket has no IP address"),
        };
        let mut addresses = Vec::new();
        for address in (name, port).to_socket_addrs()? {
            if !addresses.contains(&address) {
                addresses.push(address);
            }
        }
        if addresses.is_empty() {
            return Err(io::Error::new(io::ErrorKind::NotFound, "no address found"));
        }
        Ok(addresses)
    }

    /// Resolves the host to IP addresses to listen on: as [`resolve`](Self::resolve) does, and `*` to the unspecified
    /// addresses of both families.
    ///
    /// # Errors
    ///
    /// The name is unknown or has no address, the resolver failed, or the endpoint is a Unix socket.
    pub fn resolve_to_listen(&self) -> io::Result<Vec<SocketAddr>> {
        match self.0 {
            Form::Host { .. } | Form::Unix(_) => self.resolve(),
            Form::EveryAddress { port } => Ok(vec![
                (Ipv4Addr::UNSPECIFIED, port).into(),
                (Ipv6Addr::UNSPECIFIED, port).into(),
            ]),
        }
    }

    /// The name of the Unix socket, if it is one.
    pub fn unix_name(&self) -> Option<&UnixName> {
        match &self.0 {
            Form::Unix(name) => Some(name),
            Form::Host { .. } | Form::EveryAddress { .. } => None,
        }
    }

    /// Whether this could be a word that was mistaken for a host: a name without a dot, on the default port.
    pub fn could_be_a_word(&self) -> bool {
        matches!(&self.0, Form::Host { name, port: DEFAULT_PORT } if !name.contains(['.', ':']))
    }

    /// Whether this is `*`, every address of the machine.
    pub fn is_every_address(&self) -> bool {
        matches!(self.0, Form::EveryAddress { .. })
    }
}

impl FromStr for Endpoint {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.is_empty() {
            return Err(FORMS.to_owned());
        }
        if let Some(name) = text.strip_prefix(UNIX) {
            return Ok(Self(Form::Unix(name.parse()?)));
        }
        if text.bytes().all(|byte| byte.is_ascii_digit()) {
            return Ok(Self::new(DEFAULT_HOST, port(text)?));
        }
        if is_ipv6(text) {
            refuse_ambiguous(text)?;
            return Ok(Self::new(text, DEFAULT_PORT));
        }
        if let Some(literal) = text.strip_prefix('[') {
            return bracketed(literal);
        }
        let (host, port) = match text.rsplit_once(':') {
            Some((host, digits)) => (host, port(digits)?),
            None => (text, DEFAULT_PORT),
        };
        match host {
            "" => Ok(Self::new(DEFAULT_HOST, port)),
            "*" => Ok(Self(Form::EveryAddress { port })),
            // With its port, it would print as the name of a Unix socket.
            "unix" => Err("the path after unix: is missing".to_owned()),
            _ if host.contains(':') => {
                Err("an IPv6 address with a port needs brackets: [IPV6]:PORT".to_owned())
            }
            _ if !is_name(host) => {
                let host = one_line::escaped(host);
                Err(format!("`{host}` is not the name of a host; {FORMS}"))
            }
            _ => Ok(Self::new(host, port)),
        }
    }
}

impl Endpoint {
    fn new(host: &str, port: u16) -> Self {
        let name = host.to_owned();
        Self(Form::Host { name, port })
    }
}

/// What follows the opening bracket: `IPV6]` or `IPV6]:PORT`.
fn bracketed(text: &str) -> Result<Endpoint, String> {
    let (literal, rest) = text
        .split_once(']')
        .ok_or("the bracket after the IPv6 address is missing")?;
    if !is_ipv6(literal) {
        let literal = one_line::escaped(literal);
        return Err(format!("`{literal}` is not an IPv6 address"));
    }
    let port = match rest.strip_prefix(':') {
        Some(digits) => port(digits)?,
        None if rest.is_empty() => DEFAULT_PORT,
        None => return Err("a colon must follow the bracket: [IPV6]:PORT".to_owned()),
    };
    Ok(Endpoint::new(literal, port))
}

fn port(text: &str) -> Result<u16, String> {
    // `parse` would also take a sign.
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    let port = digits.then(|| text.parse().ok()).flatten();
    port.ok_or_else(|| format!("`{}` is not a port (0 to 65535)", one_line::escaped(text)))
}

/// A link-local address names its interface after a % (RFC 4007, section 11).
fn is_ipv6(text: &str) -> bool {
    let (address, zone) = text.split_once('%').unwrap_or((text, "lo"));
    !zone.is_empty() && is_name(zone) && address.parse::<Ipv6Addr>().is_ok()
}

/// Without brackets, `::1:7` is an address, or port 7 of `::1`.
fn refuse_ambiguous(text: &str) -> Result<(), String> {
    match text.rsplit_once(':') {
        Some((host, digits)) if is_ipv6(host) && port(digits).is_ok() => Err(format!(
            "write [{host}]:{digits} with a port, or [{text}] without one: an IPv6 address needs brackets here"
        )),
        _ => Ok(()),
    }
}

/// Whether the resolver could know it. The names of hosts files and of mDNS may have any letter.
fn is_name(text: &str) -> bool {
    text.chars()
        .all(|letter| letter.is_alphanumeric() || matches!(letter, '-' | '_' | '.'))
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Form::Host { name, port } if name.contains(':') => write!(f, "[{name}]:{port}"),
            Form::Host { name, port } => write!(f, "{name}:{port}"),
            Form::EveryAddress { port } => write!(f, "*:{port}"),
            Form::Unix(name) => name.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_endpoint_prints_as_it_was_written() {
        for text in [
            "localhost:50007",
            "127.0.0.1:0",
            "[::]:7",
            "[fe80::1%lo]:7",
            "*:7",
            "unix:/run/echo",
            "unix:echo.sock",
            "unix:7",
        ] {
            assert_eq!(text.parse::<Endpoint>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn what_is_left_out_is_localhost_or_the_default_port() {
        for (text, whole) in [
            ("7007", "localhost:7007"),
            (":7007", "localhost:7007"),
            ("localhost", "localhost:50007"),
            ("1.2.3.4", "1.2.3.4:50007"),
            ("::1", "[::1]:50007"),
            ("::", "[::]:50007"),
            ("[::]", "[::]:50007"),
            ("fe80::1%lo", "[fe80::1%lo]:50007"),
            ("1:2:3:4:5:6:7:8", "[1:2:3:4:5:6:7:8]:50007"),
            ("*", "*:50007"),
        ] {
            assert_eq!(text.parse::<Endpoint>().unwrap().to_string(), whole);
        }
    }

    #[test]
    fn an_invalid_endpoint_is_rejected_with_a_reason() {
        for (text, reason) in [
            ("", "HOST:PORT"),
            ("Hello, world", "not the name of a host"),
            ("localhost:", "not a port"),
            ("localhost:65536", "not a port"),
            ("localhost:+7", "not a port"),
            ("65536", "not a port"),
            (":", "not a port"),
            ("::1:7", "[::1]:7"),
            ("::1:50007", "brackets"),
            ("[::g]:7", "not an IPv6 address"),
            ("[::1%]:7", "not an IPv6 address"),
            ("[::1", "bracket"),
            ("[::1]7", "colon"),
            ("unix:", "path after unix: is missing"),
            ("unix", "path after unix: is missing"),
            ("unix:@", "missing"),
            ("unix:a\nb", "control"),
            (&format!("unix:/{}", "a".repeat(200)), "too long"),
        ] {
            let error = text.parse::<Endpoint>().unwrap_err();
            assert!(error.contains(reason), "{text}: {error}");
        }
    }

    #[test]
    fn a_literal_resolves_to_itself() {
        let endpoint: Endpoint = "127.0.0.1:7".parse().unwrap();
        let itself = ["127.0.0.1:7".parse().unwrap()];
        assert_eq!(endpoint.resolve().unwrap(), itself);
        assert_eq!(endpoint.resolve_to_listen().unwrap(), itself);
    }

    #[test]
    fn every_address_is_for_listening_only() {
        let endpoint: Endpoint = "*:7".parse().unwrap();
        assert!(endpoint.is_every_address());
        let both = ["0.0.0.0:7", "[::]:7"].map(|text| text.parse().unwrap());
        assert_eq!(endpoint.resolve_to_listen().unwrap(), both);
        assert!(endpoint.resolve().is_err());
    }

    #[test]
    fn a_unix_socket_has_one_address_and_it_is_not_an_ip_address() {
        let endpoint: Endpoint = "unix:/run/echo".parse().unwrap();
        let addresses = endpoint.addresses().unwrap();
        assert_eq!(addresses, ["unix:/run/echo".parse().unwrap()]);
        assert!(endpoint.resolve().is_err() && endpoint.resolve_to_listen().is_err());
    }

    proptest! {
        #[test]
        fn any_text_is_an_endpoint_that_reads_back_or_an_error_of_one_line(
            text in prop_oneof![any::<String>(), "[a-f0-9:*\\[\\].%\n]{0,24}", "unix:.{0,120}"],
        ) {
            match text.parse::<Endpoint>() {
                Ok(endpoint) => prop_assert_eq!(endpoint.to_string().parse(), Ok(endpoint)),
                Err(error) => prop_assert!(!error.contains('\n'), "{}", error),
            }
        }
    }
}
