//! Whether the kernel still delivers what was written to a connection. It is asked before a connection is closed as idle.

use super::send_queue::{Delivery, SendQueues};
use std::net::SocketAddr;
use std::os::fd::BorrowedFd;
use std::time::Duration;

/// Asks the kernel, as long as it answers.
///
/// The first question may make the kernel load a module. Where there is none, it would try that again with each question, so
/// after a few questions without an answer no more are asked.
#[derive(Debug)]
pub(super) struct Deliveries {
    queues: Option<SendQueues>,
    attempts_left: u8,
}

/// Questions without an answer in a row. A single one has none if its connection is reset at that moment.
const ATTEMPTS: u8 = 4;

impl Default for Deliveries {
    fn default() -> Self {
        Self {
            queues: None,
            attempts_left: ATTEMPTS,
        }
    }
}

impl Deliveries {
    /// The delivery of one connection; `None` where the kernel does not report it, as on systems other than Linux. What is
    /// written to a Unix socket is delivered at once.
    pub(super) fn of(&mut self, socket: BorrowedFd<'_>) -> Option<Delivery> {
        let (local, peer) = SendQueues::ends_of(socket)?;
        self.attempts_left = self.attempts_left.checked_sub(1)?;
        let delivery = self.ask(local, peer)?;
        self.attempts_left = ATTEMPTS;
        Some(delivery)
    }

    fn ask(&mut self, local: SocketAddr, peer: SocketAddr) -> Option<Delivery> {
        if self.queues.is_none() {
            self.queues = SendQueues::open().ok();
        }
        self.queues.as_ref()?.between(local, peer).ok()?.delivery
    }
}

/// What the peer of a connection had acknowledged when the kernel was last asked.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct LastDelivery(u32);

impl LastDelivery {
    /// How long ago the kernel last moved a byte to the peer, if that was within `timeout` and since it was last asked.
    ///
    /// The times of a [`Delivery`] alone would not do: a peer whose kernel drops what it has no room for acknowledges each
    /// retransmission, and nothing new.
    pub(super) fn quiet_within(
        &mut self,
        timeout: Duration,
        delivery: Option<Delivery>,
    ) -> Option<Duration> {
        let Delivery {
            quiet,
            acknowledged,
        } = delivery?;
        let moved = acknowledged != self.0;
        self.0 = acknowledged;
        (moved && quiet < timeout).then_some(quiet)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::net::{Ipv4Addr, TcpListener, TcpStream, UdpSocket};
    use std::os::fd::AsFd;
    use std::os::unix::net::UnixStream;

    const TIMEOUT: Duration = Duration::from_secs(9);

    #[test]
    fn only_new_bytes_within_the_timeout_count_as_delivered() {
        let mut last = LastDelivery::default();
        let mut quiet = |quiet, acknowledged| {
            let quiet = Duration::from_secs(quiet);
            last.quiet_within(
                TIMEOUT,
                Some(Delivery {
                    quiet,
                    acknowledged,
                }),
            )
        };
        assert_eq!(quiet(1, 0), None, "nothing was ever acknowledged");
        assert_eq!(quiet(1, 5), Some(Duration::from_secs(1)));
        assert_eq!(quiet(0, 5), None, "only repeated");
        assert_eq!(quiet(9, 6), None, "too long ago");
        assert_eq!(quiet(8, 6), None, "that was known");
        assert_eq!(quiet(8, 7), Some(Duration::from_secs(8)));
        assert_eq!(last.quiet_within(TIMEOUT, None), None);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn the_kernel_reports_what_a_peer_has_acknowledged() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let mut near = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (_far, _) = listener.accept().unwrap();
        let mut deliveries = Deliveries::default();
        let before = deliveries.of(near.as_fd()).unwrap();
        near.write_all(b"hello").unwrap();
        // By loopback, it has arrived when the call returns.
        let after = deliveries.of(near.as_fd()).unwrap();
        assert_eq!(deliveries.attempts_left, ATTEMPTS);
        assert_eq!(after.acknowledged.wrapping_sub(before.acknowledged), 5);
    }

    #[test]
    fn a_kernel_that_does_not_answer_is_not_asked_without_end() {
        let (unix, _other) = UnixStream::pair().unwrap();
        let mut deliveries = Deliveries::default();
        for _ in 0..100 {
            assert_eq!(deliveries.of(unix.as_fd()), None);
        }
        assert_eq!(deliveries.attempts_left, ATTEMPTS, "it was not asked");

        // The kernel has no answer about a connection of TCP that is one of UDP.
        let udp = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        udp.connect(udp.local_addr().unwrap()).unwrap();
        for left in (0..ATTEMPTS).rev() {
            assert_eq!(deliveries.of(udp.as_fd()), None);
            assert_eq!(deliveries.attempts_left, left);
        }
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let near = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        assert_eq!(deliveries.of(near.as_fd()), None);
    }
}
