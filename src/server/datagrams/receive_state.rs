//! When a UDP socket is worth a receive.

use super::socket::Batch;
use crate::readiness::{EventFlags, Readiness};
use crate::server::limits::FAILED_RECEIVES_IN_A_ROW;
use crate::server::observer::Observer;
use std::io::{self, ErrorKind};

/// What is remembered of one socket between its receives.
#[derive(Debug, Default)]
pub(super) struct ReceiveState {
    readiness: Readiness,
    /// How many receives have failed in a row.
    failures: u32,
    /// Once a stop was requested: how many more messages may be received.
    drain_left: Option<usize>,
}

impl ReceiveState {
    /// Remembers an edge.
    pub(super) fn note(&mut self, flags: EventFlags) {
        self.readiness.note(flags);
    }

    /// Whether a receive is worth a system call.
    pub(super) fn is_ready(&self) -> bool {
        self.readiness.is_readable()
    }

    /// A stop was requested: receives what is there by now, at most this many messages.
    pub(super) fn drain(&mut self, most: usize) {
        self.readiness.assume_readable();
        self.drain_left = Some(most);
    }

    /// Whether a stop was requested, and all that had been received by then is answered.
    pub(super) fn is_drained(&self) -> bool {
        self.drain_left
            .is_some_and(|left| left == 0 || !self.is_ready())
    }

    /// A receive has brought this many messages, or failed.
    pub(super) fn on_receive(&mut self, received: io::Result<usize>, observer: &mut impl Observer) {
        match received {
            Ok(messages) => {
                self.failures = 0;
                // recvmmsg(2) brings fewer messages than it has room for when it finds no more.
                self.readiness.on_read(messages, Batch::ROOM);
                self.drain_left = self.drain_left.map(|left| left.saturating_sub(messages));
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                self.readiness.read_would_block();
            }
            Err(error) => {
                observer.receive_failed(&error);
                self.failures += 1;
                // The next datagram raises an edge; an error that lasts must not make the loop spin.
                if self.failures.is_multiple_of(FAILED_RECEIVES_IN_A_ROW) {
                    self.readiness.read_would_block();
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Counts failed receives.
    #[derive(Clone, Default)]
    struct Failures(u32);

    impl Observer for Failures {
        fn receive_failed(&mut self, _error: &io::Error) {
            self.0 += 1;
        }
    }

    fn ready() -> ReceiveState {
        let mut state = ReceiveState::default();
        assert!(!state.is_ready());
        state.note(EventFlags {
            readable: true,
            ..EventFlags::default()
        });
        assert!(state.is_ready());
        state
    }

    #[test]
    fn a_socket_without_a_datagram_waits_for_the_next_edge() {
        let (mut state, mut failures) = (ready(), Failures::default());
        state.on_receive(Ok(Batch::ROOM), &mut failures);
        assert!(state.is_ready(), "there may be more");
        state.on_receive(Err(ErrorKind::WouldBlock.into()), &mut failures);
        assert!(!state.is_ready());
        assert_eq!(failures.0, 0);
    }

    #[test]
    fn a_socket_that_only_fails_waits_for_the_next_edge_and_each_failure_is_reported() {
        let (mut state, mut failures) = (ready(), Failures::default());
        let mut fail = |state: &mut ReceiveState, times| {
            for _ in 0..times {
                assert!(state.is_ready());
                state.on_receive(Err(ErrorKind::ConnectionRefused.into()), &mut failures);
            }
        };
        fail(&mut state, FAILED_RECEIVES_IN_A_ROW - 1);
        state.on_receive(Ok(Batch::ROOM), &mut ());
        fail(&mut state, FAILED_RECEIVES_IN_A_ROW);
        assert!(!state.is_ready());
        assert_eq!(failures.0, 2 * FAILED_RECEIVES_IN_A_ROW - 1);
    }

    #[test]
    fn a_stop_ends_with_no_more_datagrams_or_with_the_last_that_it_may_receive() {
        let mut state = ready();
        assert!(!state.is_drained());
        state.on_receive(Err(ErrorKind::WouldBlock.into()), &mut ());
        assert!(!state.is_drained(), "no stop was requested");
        state.drain(Batch::ROOM + 1);
        assert!(
            state.is_ready(),
            "a datagram may not have been reported yet"
        );
        state.on_receive(Ok(Batch::ROOM), &mut ());
        assert!(!state.is_drained());
        state.on_receive(Ok(Batch::ROOM), &mut ());
        assert!(state.is_drained(), "as many were received as may be");

        let mut state = ready();
        state.drain(9);
        state.on_receive(Err(ErrorKind::WouldBlock.into()), &mut ());
        assert!(state.is_drained());
    }
}
