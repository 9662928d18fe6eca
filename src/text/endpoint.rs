//! `HOST:PORT`, and the addresses that it stands for.

use super::one_line;
use std::fmt;
use std::io;
use std::net::{Ipv6Addr, SocketAddr, ToSocketAddrs};
use std::str::FromStr;

/// A host (a name or a literal address) and a port, not yet resolved.
///
/// ```
/// use mio_echo::text::endpoint::Endpoint;
///
/// let endpoint: Endpoint = "[::1]:50007".parse().unwrap();
/// assert_eq!(endpoint.to_string(), "[::1]:50007");
/// assert!("::1:50007".parse::<Endpoint>().is_err(), "an IPv6 address needs brackets");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    host: String,
    port: u16,
}

impl Endpoint {
    /// Resolves the host. Returns each address once, in the resolver's order (getaddrinfo(3)).
    ///
    /// # Errors
    ///
    /// The name is unknown or has no address, or the resolver failed.
    pub fn resolve(&self) -> io::Result<Vec<SocketAddr>> {
        let mut addresses = Vec::new();
        for address in (self.host.as_str(), self.port).to_socket_addrs()? {
            if !addresses.contains(&address) {
                addresses.push(address);
            }
        }
        if addresses.is_empty() {
            return Err(io::Error::new(io::ErrorKind::NotFound, "no address found"));
        }
        Ok(addresses)
    }
}

impl FromStr for Endpoint {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (host, port) = text
            .rsplit_once(':')
            .ok_or("expected HOST:PORT or [IPV6]:PORT")?;
        let port = port
            .parse()
            .map_err(|_| format!("`{}` is not a port (0 to 65535)", one_line::escaped(port)))?;
        let host = match host.strip_prefix('[').and_then(|h| h.strip_suffix(']')) {
            Some(literal) => {
                // A link-local address names its interface after a % (RFC 4007, section 11).
                let address = literal.split('%').next().unwrap_or(literal);
                let _: Ipv6Addr = address.parse().map_err(|_| {
                    format!("`{}` is not an IPv6 address", one_line::escaped(literal))
                })?;
                literal
            }
            None if host.contains(':') => {
                return Err("an IPv6 address needs brackets: [IPV6]:PORT".to_owned());
            }
            None if host.is_empty() => {
                return Err("the host before the colon is missing".to_owned());
            }
            None => host,
        };
        Ok(Self {
            host: host.to_owned(),
            port,
        })
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_endpoint_prints_as_it_was_written() {
        for text in ["localhost:50007", "127.0.0.1:0", "[::]:7", "[fe80::1%lo]:7"] {
            assert_eq!(text.parse::<Endpoint>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn an_invalid_endpoint_is_rejected_with_a_reason() {
        for (text, reason) in [
            ("", "HOST:PORT"),
            ("localhost", "HOST:PORT"),
            ("localhost:", "not a port"),
            ("localhost:65536", "not a port"),
            (":7", "missing"),
            ("::1:7", "brackets"),
            ("[::g]:7", "not an IPv6 address"),
        ] {
            let error = text.parse::<Endpoint>().unwrap_err();
            assert!(error.contains(reason), "{text}: {error}");
        }
    }

    #[test]
    fn a_literal_resolves_to_itself() {
        let endpoint: Endpoint = "127.0.0.1:7".parse().unwrap();
        assert_eq!(
            endpoint.resolve().unwrap(),
            ["127.0.0.1:7".parse().unwrap()]
        );
    }

    proptest! {
        #[test]
        fn any_text_is_an_endpoint_that_reads_back_or_an_error_of_one_line(
            text in prop_oneof![any::<String>(), "[a-f0-9:\\[\\].%\n]{0,24}"],
        ) {
            match text.parse::<Endpoint>() {
                Ok(endpoint) => prop_assert_eq!(endpoint.to_string().parse(), Ok(endpoint)),
                Err(error) => prop_assert!(!error.contains('\n'), "{}", error),
            }
        }
    }
}
