//! The address of a stream socket, as the kernel knows it: an IP address with a port, or the name of a Unix socket.
//!
//! | printed | is |
//! | --- | --- |
//! | `127.0.0.1:7`, `[::1]:7` | a TCP socket |
//! | `unix:/run/echo` | a Unix socket with a file |
//! | `unix:@echo` | a Unix socket in the abstract namespace, which only Linux has and which has no files |
//! | `unix (unnamed)` | a Unix socket that was not bound, as that of nearly every client |
//!
//! Source: unix(7).

use super::one_line;
use socket2::{SockAddr, SockRef};
use std::ffi::OsStr;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net;
use std::path::Path;
use std::str::FromStr;
use std::sync::Arc;

/// What the name of a Unix socket begins with.
pub(super) const UNIX: &str = "unix:";

const UNNAMED: &str = "unix (unnamed)";

/// The address of a socket.
///
/// ```
/// use mio_echo::text::address::Address;
///
/// let address: Address = "unix:/run/echo".parse()?;
/// assert_eq!(address.to_string(), "unix:/run/echo");
/// assert_eq!(address.inet(), None);
/// # Ok::<(), String>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[cfg_attr(
    feature = "trace",
    derive(serde::Serialize, serde::Deserialize),
    serde(into = "String", try_from = "String")
)]
pub enum Address {
    /// Of a TCP socket.
    Inet(SocketAddr),
    /// Of a Unix socket.
    Unix(UnixName),
}

/// The name of a Unix socket.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum UnixName {
    /// None: the socket was not bound.
    Unnamed,
    /// The path of its file.
    Path(Arc<Path>),
    /// A name in the abstract namespace, without the NUL byte before it.
    Abstract(Arc<[u8]>),
}

impl Address {
    /// The address to which `socket` is bound.
    ///
    /// # Errors
    ///
    /// As getsockname(2); `Unsupported`: it is of another family.
    pub fn local(socket: &impl AsFd) -> io::Result<Self> {
        let address = SockRef::from(socket).local_addr()?;
        let inet = address.as_socket().map(|address| {
            // On a dual-stack listener, IPv4 addresses are mapped ones (RFC 4291, section 2.5.5.2).
            SocketAddr::new(address.ip().to_canonical(), address.port())
        });
        let path = address
            .as_pathname()
            .map(|path| UnixName::Path(path.into()));
        let name = address.as_abstract_namespace();
        let unix = path.or(name.map(|name| UnixName::Abstract(name.into())));
        match inet {
            Some(inet) => Ok(Self::Inet(inet)),
            None if address.is_unix() => Ok(Self::Unix(unix.unwrap_or(UnixName::Unnamed))),
            None => Err(io::ErrorKind::Unsupported.into()),
        }
    }

    /// The IP address and the port of a TCP socket.
    pub fn inet(&self) -> Option<SocketAddr> {
        match self {
            Self::Inet(address) => Some(*address),
            Self::Unix(_) => None,
        }
    }

    /// As [`inet`](Self::inet), for what only an IP address can do.
    ///
    /// # Errors
    ///
    /// `InvalidInput`: it is that of a Unix socket.
    pub fn to_inet(&self) -> io::Result<SocketAddr> {
        let reason = "a Unix socket has no IP address";
        self.inet()
            .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, reason))
    }

    /// Whether only this machine can reach it.
    pub fn is_local(&self) -> bool {
        self.inet().is_none_or(|address| address.ip().is_loopback())
    }

    /// The address for bind(2) and connect(2).
    ///
    /// # Errors
    ///
    /// `InvalidInput`: the name is too long for a socket.
    pub fn to_sockaddr(&self) -> io::Result<SockAddr> {
        match self {
            Self::Inet(address) => Ok((*address).into()),
            Self::Unix(name) => name.to_sockaddr(),
        }
    }
}

impl UnixName {
    /// The name for bind(2) and connect(2).
    ///
    /// # Errors
    ///
    /// `InvalidInput`: it is too long.
    pub fn to_sockaddr(&self) -> io::Result<SockAddr> {
        match self {
            Self::Unnamed => SockAddr::unix(""),
            Self::Path(path) => SockAddr::unix(path),
            Self::Abstract(name) => {
                let name = [b"\0", &**name].concat();
                SockAddr::unix(OsStr::from_bytes(&name))
            }
        }
    }
}

impl From<SocketAddr> for Address {
    fn from(address: SocketAddr) -> Self {
        Self::Inet(address)
    }
}

impl From<net::SocketAddr> for Address {
    fn from(address: net::SocketAddr) -> Self {
        #[cfg(any(target_os = "linux", target_os = "android"))]
        if let Some(name) = std::os::linux::net::SocketAddrExt::as_abstract_name(&address) {
            return Self::Unix(UnixName::Abstract(name.into()));
        }
        let path = address
            .as_pathname()
            .map(|path| UnixName::Path(path.into()));
        Self::Unix(path.unwrap_or(UnixName::Unnamed))
    }
}

impl FromStr for UnixName {
    type Err = String;

    /// Reads the text behind `unix:`. A path that begins with @ is written `./@`.
    fn from_str(text: &str) -> Result<Self, String> {
        if text.contains(char::is_control) {
            let text = one_line::escaped(text);
            return Err(format!("`{text}` has control characters"));
        }
        let name = match text.strip_prefix('@') {
            Some("") => return Err("the name after unix:@ is missing".to_owned()),
            Some(_) if cfg!(not(any(target_os = "linux", target_os = "android"))) => {
                return Err("only Linux has names as unix:@name; give a path".to_owned());
            }
            Some(name) => Self::Abstract(name.as_bytes().into()),
            None if text.is_empty() => return Err("the path after unix: is missing".to_owned()),
            None => Self::Path(Path::new(text).into()),
        };
        match name.to_sockaddr() {
            Ok(_) => Ok(name),
            Err(_) => Err(format!("`{text}` is too long for the name of a socket")),
        }
    }
}

impl FromStr for Address {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == UNNAMED {
            return Ok(Self::Unix(UnixName::Unnamed));
        }
        if let Some(name) = text.strip_prefix(UNIX) {
            return name.parse().map(Self::Unix);
        }
        let address = text.parse().map(Self::Inet);
        address.map_err(|_| format!("`{}` is not an address", one_line::escaped(text)))
    }
}

impl TryFrom<String> for Address {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Address> for String {
    fn from(address: Address) -> Self {
        address.to_string()
    }
}

/// The bytes of a name are up to the process that bound it, so control characters are escaped.
impl fmt::Display for UnixName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unnamed => f.write_str(UNNAMED),
            Self::Path(path) => {
                write!(f, "{UNIX}{}", one_line::escaped(&path.to_string_lossy()))
            }
            Self::Abstract(name) => {
                let name = String::from_utf8_lossy(name);
                write!(f, "{UNIX}@{}", one_line::escaped(&name))
            }
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Inet(address) => address.fmt(f),
            Self::Unix(name) => name.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::net::UnixDatagram;

    #[test]
    fn an_address_reads_back_as_it_prints() {
        for text in ["127.0.0.1:7", "[::1]:7", "unix:/run/echo", "unix (unnamed)"] {
            let address: Address = text.parse().unwrap();
            assert_eq!(address.to_string(), text);
        }
        assert!("unix".parse::<Address>().is_err());
    }

    #[test]
    fn the_kernel_knows_a_socket_by_the_address_that_it_was_bound_to() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("socket");
        let mut names = vec![format!("unix:{}", path.display())];
        if cfg!(target_os = "linux") {
            names.push(format!("unix:@mio-echo-{}", std::process::id()));
        }
        for name in names {
            let address: Address = name.parse().unwrap();
            let socket = UnixDatagram::unbound().unwrap();
            assert_eq!(
                Address::from(socket.local_addr().unwrap()).to_string(),
                UNNAMED
            );
            socket2::SockRef::from(&socket)
                .bind(&address.to_sockaddr().unwrap())
                .unwrap();
            assert_eq!(Address::from(socket.local_addr().unwrap()), address);
            assert_eq!(Address::local(&socket).unwrap(), address);
        }
    }

    #[test]
    fn a_name_with_control_characters_prints_as_one_line() {
        let name = UnixName::Abstract(Arc::from(*b"a\nb"));
        assert_eq!(name.to_string(), r"unix:@a\nb");
    }
}
