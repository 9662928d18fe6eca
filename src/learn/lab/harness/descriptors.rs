//! A process that has run out of file descriptors.

use rlimit::Resource;
use rustix::io::Errno;
use std::fs::File;
use std::io;

/// The limit on open files in the meantime.
const LOW_LIMIT: u64 = 64;

/// While this value lives, this process cannot open a file or accept a connection (EMFILE).
#[derive(Debug)]
pub(crate) struct ExhaustedDescriptors {
    /// The soft and the hard limit as they were before.
    limits: (u64, u64),
    held: Vec<File>,
}

impl ExhaustedDescriptors {
    /// Lowers the limit on open files and uses up what it leaves.
    pub(crate) fn new() -> io::Result<Self> {
        let limits = Resource::NOFILE.get()?;
        let mut exhausted = Self {
            limits,
            held: Vec::new(),
        };
        let (soft, hard) = limits;
        Resource::NOFILE.set(soft.min(LOW_LIMIT), hard)?;
        loop {
            match File::open("/dev/null") {
                Ok(file) => exhausted.held.push(file),
                Err(error) if Errno::from_io_error(&error) == Some(Errno::MFILE) => break,
                Err(error) => return Err(error),
            }
        }
        Ok(exhausted)
    }
}

impl Drop for ExhaustedDescriptors {
    fn drop(&mut self) {
        let (soft, hard) = self.limits;
        // Cannot fail: a soft limit may always be set up to the hard limit (getrlimit(2)).
        let _infallible = Resource::NOFILE.set(soft, hard);
    }
}
