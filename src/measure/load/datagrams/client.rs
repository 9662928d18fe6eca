//! One client: the datagrams that it has sent, and what becomes of each. No socket, no clock.

use crate::measure::load::client_connection::StartTimes;
use crate::measure::load::clock::Nanos;
use crate::measure::load::payload::Payload;
use crate::measure::load::verify::{Mismatch, Verify};
use std::collections::VecDeque;

/// Bytes of the number at the start of a datagram, big-endian.
pub(crate) const NUMBER: usize = size_of::<u64>();

/// How many of the latest datagrams are remembered after they came back or were lost, to tell a second echo from a late
/// one.
const HISTORY: usize = 1024;

/// The datagrams of one socket.
#[derive(Debug)]
pub(super) struct DatagramClient {
    /// Counted from 1.
    number: u64,
    /// Bytes of a datagram, at least [`NUMBER`].
    size: usize,
    /// The latest datagrams, in the order of their numbers.
    sent: VecDeque<SentDatagram>,
    /// The number of the first of them.
    first: u64,
    /// One more than the highest number that has come back.
    next_expected: u64,
}

#[derive(Debug, Clone, Copy)]
struct SentDatagram {
    times: StartTimes,
    state: DatagramState,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum DatagramState {
    InFlight,
    Echoed,
    Lost,
}

/// What a datagram that was received is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Arrival {
    /// The echo of a datagram with these times.
    Echo {
        times: StartTimes,
        /// An echo of a later datagram has arrived before (RFC 4737, section 3.3).
        is_reordered: bool,
    },
    /// A second echo of the same datagram.
    Duplicate(StartTimes),
    /// The echo of a datagram that was taken for lost.
    Late,
    /// Not what was sent; with the first wrong byte, unless the length is wrong.
    Corrupted(Option<Mismatch>),
}

impl DatagramClient {
    pub(super) fn new(number: u64, size: usize) -> Self {
        Self {
            number,
            size,
            sent: VecDeque::new(),
            first: 0,
            next_expected: 0,
        }
    }

    /// Writes the next datagram into `message`, which has its size.
    pub(super) fn fill(&self, payload: &Payload, message: &mut [u8]) {
        let number = self.first + self.sent.len() as u64;
        let content = self.content(number, payload);
        let bytes = number.to_be_bytes().into_iter();
        let bytes = bytes.chain(content.iter().copied());
        message
            .iter_mut()
            .zip(bytes)
            .for_each(|(to, from)| *to = from);
    }

    /// The next datagram was sent.
    pub(super) fn sent(&mut self, times: StartTimes) {
        let is_over = |it: &SentDatagram| it.state != DatagramState::InFlight;
        while self.sent.len() >= HISTORY && self.sent.front().is_some_and(is_over) {
            self.sent.pop_front();
            self.first += 1;
        }
        let state = DatagramState::InFlight;
        self.sent.push_back(SentDatagram { times, state });
    }

    /// Finds out what was received.
    pub(super) fn receive(
        &mut self,
        datagram: &[u8],
        payload: &Payload,
        verify: Verify,
    ) -> Arrival {
        let Some((number, content)) = datagram.split_first_chunk() else {
            return Arrival::Corrupted(None);
        };
        let number = u64::from_be_bytes(*number);
        if datagram.len() != self.size || number >= self.first + self.sent.len() as u64 {
            return Arrival::Corrupted(None);
        }
        if let Some(mismatch) = self.mismatch(number, content, payload, verify) {
            return Arrival::Corrupted(Some(mismatch));
        }
        let index = number.checked_sub(self.first);
        let index = index.and_then(|index| usize::try_from(index).ok());
        let Some(sent) = index.and_then(|index| self.sent.get_mut(index)) else {
            return Arrival::Late;
        };
        match sent.state {
            DatagramState::Echoed => Arrival::Duplicate(sent.times),
            DatagramState::Lost => Arrival::Late,
            DatagramState::InFlight => {
                sent.state = DatagramState::Echoed;
                let is_reordered = number < self.next_expected;
                self.next_expected = self.next_expected.max(number + 1);
                let times = sent.times;
                Arrival::Echo {
                    times,
                    is_reordered,
                }
            }
        }
    }

    /// Takes the datagrams in flight that were sent at `before` or earlier for lost.
    pub(super) fn lose(&mut self, before: Nanos) -> Vec<StartTimes> {
        let old = self.sent.iter_mut();
        let old = old.take_while(|it| it.times.actual <= before);
        let mut lost = Vec::new();
        for sent in old.filter(|it| it.state == DatagramState::InFlight) {
            sent.state = DatagramState::Lost;
            lost.push(sent.times);
        }
        lost
    }

    /// What follows the number. It depends on the number, so that a number that was altered is noticed.
    fn content<'a>(&self, number: u64, payload: &'a Payload) -> &'a [u8] {
        let length = (self.size - NUMBER) as u64;
        let position = Payload::offset_of(self.number) + number.wrapping_mul(length);
        payload.slice(position, length)
    }

    fn mismatch(
        &self,
        number: u64,
        got: &[u8],
        payload: &Payload,
        verify: Verify,
    ) -> Option<Mismatch> {
        let expected = self.content(number, payload);
        let (index, got) = verify.first_wrong_byte(got, expected)?;
        Some(Mismatch {
            connection: self.number,
            offset: number * self.size as u64 + (NUMBER + index) as u64,
            expected: expected.get(index).copied(),
            got,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZE: usize = 64;

    struct Fixture {
        client: DatagramClient,
        payload: Payload,
    }

    impl Fixture {
        fn new() -> Self {
            Self {
                client: DatagramClient::new(3, SIZE),
                payload: Payload::new(),
            }
        }

        fn send(&mut self, at: Nanos) -> [u8; SIZE] {
            let mut message = [0; SIZE];
            self.client.fill(&self.payload, &mut message);
            self.client.sent(StartTimes::at(at));
            message
        }

        fn receive(&mut self, datagram: &[u8]) -> Arrival {
            self.client
                .receive(datagram, &self.payload, Verify::EveryByte)
        }
    }

    fn echo(at: Nanos, is_reordered: bool) -> Arrival {
        let times = StartTimes::at(at);
        Arrival::Echo {
            times,
            is_reordered,
        }
    }

    #[test]
    fn an_echo_that_is_overtaken_counts_as_reordered_and_a_second_one_as_duplicate() {
        let mut fixture = Fixture::new();
        let [first, second, third] = [1, 2, 3].map(|at| fixture.send(at));
        assert_eq!(fixture.receive(&second), echo(2, false));
        assert_eq!(fixture.receive(&first), echo(1, true));
        let duplicate = Arrival::Duplicate(StartTimes::at(2));
        assert_eq!(fixture.receive(&second), duplicate);
        assert_eq!(fixture.receive(&third), echo(3, false));
    }

    #[test]
    fn a_datagram_is_lost_once_and_late_afterwards() {
        let mut fixture = Fixture::new();
        let [first, second] = [10, 20].map(|at| fixture.send(at));
        assert_eq!(fixture.client.lose(15), [StartTimes::at(10)]);
        assert_eq!(fixture.client.lose(15), []);
        assert_eq!(fixture.receive(&first), Arrival::Late);
        assert_eq!(fixture.receive(&second), echo(20, false));
    }

    #[test]
    fn what_was_forgotten_is_late_and_what_is_in_flight_is_not_forgotten() {
        let mut fixture = Fixture::new();
        let oldest = fixture.send(0);
        let others: Vec<_> = (1..=2 * HISTORY as u64)
            .map(|at| fixture.send(at))
            .collect();
        for other in &others {
            fixture.receive(other);
        }
        assert_eq!(fixture.receive(&oldest), echo(0, true));
        fixture.send(0);
        assert_eq!(fixture.client.sent.len(), HISTORY);
        assert_eq!(fixture.receive(&oldest), Arrival::Late);
    }

    #[test]
    fn no_altered_byte_and_no_other_length_is_taken_for_an_echo() {
        let mut fixture = Fixture::new();
        let messages = [1, 2].map(|at| fixture.send(at));
        for index in 0..SIZE {
            let mut altered = messages[1];
            altered[index] ^= 1;
            let Arrival::Corrupted(mismatch) = fixture.receive(&altered) else {
                panic!("byte {index}");
            };
            if let Some(mismatch) = mismatch.filter(|_| index >= NUMBER) {
                assert_eq!(mismatch.offset, (SIZE + index) as u64);
            }
        }
        let longer = [messages[0].as_slice(), &[0]].concat();
        for wrong in [&messages[0][..SIZE - 1], &[], &longer] {
            assert_eq!(fixture.receive(wrong), Arrival::Corrupted(None));
        }
        assert_eq!(fixture.receive(&messages[0]), echo(1, false));
    }
}
