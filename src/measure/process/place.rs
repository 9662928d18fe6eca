//! Where a process that is about to be started is to listen.

use super::command_line::CommandLine;
use super::port::free_address;
use crate::text::address::{Address, UnixName};
use std::io;
use tempfile::TempDir;

/// Placeholder in a command for the port to listen on.
pub const PORT: &str = "{port}";

/// Placeholder in a command for the path of the Unix socket to listen on.
pub const SOCKET: &str = "{socket}";

/// An address that is free, for one process.
#[derive(Debug)]
pub struct ListenPlace {
    address: Address,
    /// A free port: that of the address or, beside a Unix socket, one for another purpose of the process, such as a page of
    /// metrics.
    port: u16,
    /// Where the file of a Unix socket is created. Removed with this value, whatever the process has left there.
    _directory: Option<TempDir>,
}

impl ListenPlace {
    /// Whether the command has a placeholder for where it is to listen.
    pub fn is_in(command: &CommandLine) -> bool {
        command.contains(PORT) || command.contains(SOCKET)
    }

    /// A place of the kind that the command has a placeholder for: a Unix socket, if it has both.
    ///
    /// # Errors
    ///
    /// No port is free, or no directory can be created for temporary files.
    pub fn for_command(command: &CommandLine) -> io::Result<Self> {
        let inet = free_address()?;
        let port = inet.port();
        if !command.contains(SOCKET) {
            return Ok(Self {
                address: inet.into(),
                port,
                _directory: None,
            });
        }
        let directory = tempfile::Builder::new().prefix("mio-echo-").tempdir()?;
        let path = directory.path().join("socket");
        Ok(Self {
            address: Address::Unix(UnixName::Path(path.into())),
            port,
            _directory: Some(directory),
        })
    }

    /// The command with the placeholders replaced.
    #[must_use]
    pub fn fill_in(&self, command: &CommandLine) -> CommandLine {
        let command = command.replace(PORT, &self.port.to_string());
        match &self.address {
            Address::Unix(UnixName::Path(path)) => command.replace(SOCKET, &path.to_string_lossy()),
            Address::Unix(_) | Address::Inet(_) => command,
        }
    }

    /// The address.
    pub fn address(&self) -> &Address {
        &self.address
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_may_have_a_port_beside_its_socket() {
        let command = CommandLine::new("server", ["unix:{socket}", "--metrics=:{port}"]);
        let place = ListenPlace::for_command(&command).unwrap();
        let expected = [
            place.address().to_string(),
            format!("--metrics=:{}", place.port),
        ];
        assert!(place.address().to_string().starts_with("unix:/"));
        assert_eq!(
            place.fill_in(&command),
            CommandLine::new("server", expected)
        );
    }
}
