//! A scripted stream: the result of each call is fixed in advance. For tests, for the guide, and for trying out a rule
//! without a network.

use super::stream::Stream;
use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read, Write};

/// A [`Stream`] that follows a script.
///
/// Reads and writes have separate scripts. After the end of its script, a read finds nothing (`WouldBlock`) and a write
/// takes everything.
///
/// ```
/// use mio_echo::connection::Script;
/// use std::io::{ErrorKind, Read};
///
/// let mut script = Script::new().reads(b"abc").read_ends();
/// let mut buffer = [0; 2];
/// assert_eq!(script.read(&mut buffer).unwrap(), 2); // "c" is left for the next read
/// assert_eq!(script.read(&mut buffer).unwrap(), 1);
/// assert_eq!(script.read(&mut buffer).unwrap(), 0); // the peer's FIN
/// ```
#[derive(Debug, Default)]
pub struct Script {
    reads: VecDeque<OnRead>,
    writes: VecDeque<OnWrite>,
    written: Vec<u8>,
    fin_sent: bool,
}

#[derive(Debug)]
enum OnRead {
    Bytes(VecDeque<u8>),
    /// Permanent: each later read meets the end again.
    End,
    Fails(ErrorKind),
}

#[derive(Debug)]
enum OnWrite {
    Takes(usize),
    Fails(ErrorKind),
}

impl Script {
    /// An empty script: nothing to read, everything is taken.
    pub fn new() -> Self {
        Self::default()
    }

    /// The next read meets `bytes`; what does not fit is left for the read after it.
    #[must_use]
    pub fn reads(mut self, bytes: &[u8]) -> Self {
        self.reads
            .push_back(OnRead::Bytes(bytes.iter().copied().collect()));
        self
    }

    /// The next read finds nothing.
    #[must_use]
    pub fn read_blocks(self) -> Self {
        self.read_fails(ErrorKind::WouldBlock)
    }

    /// The next read, and each after it, meets the peer's FIN.
    #[must_use]
    pub fn read_ends(mut self) -> Self {
        self.reads.push_back(OnRead::End);
        self
    }

    /// The next read fails.
    #[must_use]
    pub fn read_fails(mut self, kind: ErrorKind) -> Self {
        self.reads.push_back(OnRead::Fails(kind));
        self
    }

    /// The next write takes at most `count` bytes.
    #[must_use]
    pub fn write_takes(mut self, count: usize) -> Self {
        self.writes.push_back(OnWrite::Takes(count));
        self
    }

    /// The next write takes nothing.
    #[must_use]
    pub fn write_blocks(self) -> Self {
        self.write_fails(ErrorKind::WouldBlock)
    }

    /// The next write fails.
    #[must_use]
    pub fn write_fails(mut self, kind: ErrorKind) -> Self {
        self.writes.push_back(OnWrite::Fails(kind));
        self
    }

    /// Everything written so far.
    pub fn written(&self) -> &[u8] {
        &self.written
    }

    /// Whether our FIN was sent.
    pub fn fin_sent(&self) -> bool {
        self.fin_sent
    }
}

impl Read for Script {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.reads.pop_front() {
            None => Err(ErrorKind::WouldBlock.into()),
            Some(OnRead::Fails(kind)) => Err(kind.into()),
            Some(OnRead::End) => {
                self.reads.push_front(OnRead::End);
                Ok(0)
            }
            Some(OnRead::Bytes(mut bytes)) => {
                let count = bytes.read(buffer)?;
                if !bytes.is_empty() {
                    self.reads.push_front(OnRead::Bytes(bytes));
                }
                Ok(count)
            }
        }
    }
}

impl Write for Script {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = match self.writes.pop_front() {
            None => bytes.len(),
            Some(OnWrite::Takes(count)) => count.min(bytes.len()),
            Some(OnWrite::Fails(kind)) => return Err(kind.into()),
        };
        self.written.extend(bytes.iter().take(taken));
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Stream for Script {
    fn send_fin(&mut self) -> io::Result<()> {
        self.fin_sent = true;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_read_meets_what_is_scripted_for_it() {
        let reset = ErrorKind::ConnectionReset;
        let mut script = Script::new().read_blocks().reads(b"ab").read_fails(reset);
        let mut read = || script.read(&mut [0; 4]).map_err(|error| error.kind());
        assert_eq!(read(), Err(ErrorKind::WouldBlock));
        assert_eq!(read(), Ok(2));
        assert_eq!(read(), Err(reset));
        assert_eq!(read(), Err(ErrorKind::WouldBlock), "the script has run out");
    }
}
