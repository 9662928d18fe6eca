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
    /// Where the file of a Unix socket is created. Removed with this value, whatever the process has left there.
    _directory: Option<TempDir>,
}

impl ListenPlace {
    /// Whether the command has a placeholder for where it is to listen.
    pub fn is_in(command: &CommandLine) -> bool {
        command.contains(PORT) || command.contains(SOCKET)
    }

    /// A place of the kind that the command has a placeholder for.
    ///
    /// # Errors
    ///
    /// No port is free, or no directory can be created for temporary files.
    pub fn for_command(command: &CommandLine) -> io::Result<Self> {
        if !command.contains(SOCKET) {
            return Ok(Self {
                address: free_address()?.into(),
                _directory: None,
            });
        }
        let directory = tempfile::Builder::new().prefix("mio-echo-").tempdir()?;
        let path = directory.path().join("socket");
        Ok(Self {
            address: Address::Unix(UnixName::Path(path.into())),
            _directory: Some(directory),
        })
    }

    /// The command with the placeholder replaced.
    #[must_use]
    pub fn fill_in(&self, command: &CommandLine) -> CommandLine {
        match &self.address {
            Address::Inet(address) => command.replace(PORT, &address.port().to_string()),
            Address::Unix(UnixName::Path(path)) => command.replace(SOCKET, &path.to_string_lossy()),
            Address::Unix(_) => command.clone(),
        }
    }

    /// The address.
    pub fn address(&self) -> &Address {
        &self.address
    }
}
