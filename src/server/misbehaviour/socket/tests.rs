//! A misbehaving socket over a made-up one, with the clock set: a connection over it, then single calls.

use super::*;
use crate::connection::{Connection, Reason, TurnEnd};
use crate::server::clock::simulated;
use crate::server::misbehaviour::plan::{Delay, always};
use crate::server::misbehaviour::wire::{Wire, WireSocket};
use proptest::prelude::*;
use std::cell::RefCell;
use std::num::NonZeroU64;
use std::rc::Rc;
use std::time::Duration;

struct World {
    wire: Rc<RefCell<Wire>>,
    connection: Connection<MisbehavingSocket<WireSocket>>,
    buffer: Vec<u8>,
    now: Instant,
    end: TurnEnd,
}

/// What happens between two looks of the loop.
#[derive(Debug, Clone)]
enum Move {
    PeerSends(usize),
    PeerTakes(usize),
    TimePasses(u64),
    Stop,
}

impl World {
    fn new(misbehaviour: &Misbehaviour, read_buffer: usize) -> Self {
        let wire = Rc::new(RefCell::new(Wire::default()));
        let mut socket = MisbehavingSocket::new(WireSocket(Rc::clone(&wire)), read_buffer);
        socket.misbehave(misbehaviour, 1);
        let now = Instant::now();
        simulated::set(now);
        Self {
            wire,
            connection: Connection::new(socket),
            buffer: vec![0; read_buffer],
            now,
            end: TurnEnd::Parked,
        }
    }

    fn play(&mut self, step: &Move) {
        let mut wire = self.wire.borrow_mut();
        match *step {
            Move::PeerSends(bytes) => {
                let start = wire.sent.len();
                let next = (start..start + bytes).map(|at| u8::try_from(at % 251).unwrap());
                wire.sent.extend(next);
                wire.edge.readable = true;
            }
            Move::PeerTakes(bytes) => {
                wire.room += bytes;
                wire.edge.writable = true;
            }
            Move::TimePasses(millis) => self.now += Duration::from_millis(millis),
            Move::Stop => {
                let unread = u32::try_from(wire.sent.len() - wire.read).unwrap();
                drop(wire);
                self.connection.drain(unread);
            }
        }
        simulated::set(self.now);
    }

    /// What the loop does: notes events and deadlines, then gives turns until there is nothing more to do.
    fn serve(&mut self) -> Result<(), TestCaseError> {
        loop {
            let mut flags = std::mem::take(&mut self.wire.borrow_mut().edge);
            let is_due = |at| at <= self.now;
            flags.writable |= self.connection.stream().wake_at().is_some_and(is_due);
            flags.readable |= flags.writable;
            if !self.connection.note(flags) {
                break;
            }
            self.end = self.connection.turn(&mut self.buffer);
            self.check()?;
            if matches!(self.end, TurnEnd::Closed(_)) {
                break;
            }
        }
        Ok(())
    }

    fn check(&self) -> Result<(), TestCaseError> {
        let wire = self.wire.borrow();
        prop_assert!(
            wire.sent.starts_with(&wire.echoed),
            "something else is echoed"
        );
        let most = self.buffer.len();
        let echoed = wire.echoed.len() as u64;
        let held = self.connection.bytes_in() - echoed;
        prop_assert!(
            held <= 2 * most as u64,
            "{held} bytes are held, with a read buffer of {most}"
        );
        Ok(())
    }

    /// From now on all goes well: the peer sends FIN, reads everything, and time passes.
    fn come_to_an_end(&mut self) -> Result<Reason, TestCaseError> {
        {
            let mut wire = self.wire.borrow_mut();
            wire.fin = true;
            wire.edge.read_closed = true;
        }
        self.play(&Move::PeerSends(0));
        self.play(&Move::PeerTakes(1 << 30));
        for _ in 0..100_000 {
            self.serve()?;
            if let TurnEnd::Closed(reason) = self.end {
                return Ok(reason);
            }
            let wake_at = self.connection.stream().wake_at();
            let Some(at) = wake_at else {
                return Err(TestCaseError::fail("it sleeps, and nothing will wake it"));
            };
            self.now = self.now.max(at);
            simulated::set(self.now);
        }
        Err(TestCaseError::fail("it does not end"))
    }
}

fn a_move() -> impl Strategy<Value = Move> {
    prop_oneof![
        4 => (0..40_usize).prop_map(Move::PeerSends),
        4 => (0..40_usize).prop_map(Move::PeerTakes),
        3 => (0..30_u64).prop_map(Move::TimePasses),
    ]
}

fn delays_chunks_and_rates() -> impl Strategy<Value = Misbehaviour> {
    let delay = (0..40_u64, 0..40_u64).prop_map(|(mean, jitter)| {
        always(Delay {
            mean: Duration::from_millis(mean),
            jitter: Duration::from_millis(jitter.min(mean)),
        })
    });
    let chunk = (1..5_usize, 0..20_usize).prop_map(|(least, more)| always(least..=least + more));
    let rates = prop_oneof![1..50_u64, 1000..100_000_u64];
    let throttle = rates.prop_map(|rate| always(NonZeroU64::new(rate).unwrap()));
    let options = (
        any::<u64>(),
        prop::option::of(delay),
        prop::option::of(chunk),
        prop::option::of(throttle),
    );
    options.prop_map(|(seed, delay, chunk, throttle)| Misbehaviour {
        seed,
        delay,
        chunk,
        throttle,
        ..Misbehaviour::default()
    })
}

proptest! {
    #[test]
    fn whatever_delays_the_same_bytes_come_back_in_order_and_few_are_held(
        misbehaviour in delays_chunks_and_rates(),
        read_buffer in prop::sample::select(vec![1_usize, 4, 50]),
        moves in prop::collection::vec(a_move(), 0..40),
    ) {
        let mut world = World::new(&misbehaviour, read_buffer);
        for step in &moves {
            world.play(step);
            world.serve()?;
        }
        prop_assert_eq!(world.come_to_an_end()?, Reason::Finished);
        let wire = world.wire.borrow();
        prop_assert_eq!(&wire.echoed, &wire.sent);
    }

    #[test]
    fn a_stop_delivers_what_was_received_before_our_fin(
        misbehaviour in delays_chunks_and_rates(),
        moves in prop::collection::vec(a_move(), 1..30),
        behind in prop::collection::vec(a_move(), 0..10),
    ) {
        let mut world = World::new(&misbehaviour, 20);
        for step in &moves {
            world.play(step);
            world.serve()?;
        }
        let received = world.wire.borrow().sent.len();
        for step in [Move::Stop].iter().chain(&behind) {
            world.play(step);
            world.serve()?;
        }
        prop_assert_eq!(world.come_to_an_end()?, Reason::Finished);
        let wire = world.wire.borrow();
        prop_assert!(wire.our_fin || wire.fin);
        prop_assert!(wire.echoed.len() >= received, "{} of {}", wire.echoed.len(), received);
    }

    #[test]
    fn an_early_end_comes_after_exactly_as_many_bytes(
        misbehaviour in delays_chunks_and_rates(),
        ending in 0..3_usize,
        after in 0..100_u64,
        moves in prop::collection::vec(a_move(), 0..20),
    ) {
        let mut misbehaviour = misbehaviour;
        let setting = Some(always(after));
        match ending {
            0 => misbehaviour.close_after = setting,
            1 => misbehaviour.reset_after = setting,
            _ => misbehaviour.stall_after = setting,
        }
        let mut world = World::new(&misbehaviour, 10);
        for step in &moves {
            world.play(step);
            world.serve()?;
        }
        world.play(&Move::PeerSends(200));
        let end = world.come_to_an_end();
        let echoed = world.wire.borrow().echoed.len();
        prop_assert_eq!(echoed as u64, after);
        let has_fin = world.wire.borrow().our_fin;
        match ending {
            0 => {
                prop_assert_eq!((end?, has_fin), (Reason::Finished, true));
                let wire = world.wire.borrow();
                prop_assert_eq!(wire.read, wire.sent.len(), "all is read until the peer's FIN");
            }
            1 => prop_assert!(matches!(end?, Reason::Failed(_)) && world.wire.borrow().reset),
            _ => prop_assert!(end.is_err() && !has_fin, "it stalls"),
        }
    }
}

/// Every byte is delayed by a minute.
fn minute_of_delay() -> Misbehaviour {
    Misbehaviour {
        delay: Some(always(Delay {
            mean: Duration::from_mins(1),
            jitter: Duration::ZERO,
        })),
        ..Misbehaviour::default()
    }
}

/// A world in which 5 bytes are delayed by a minute.
fn delayed() -> World {
    let mut world = World::new(&minute_of_delay(), 20);
    world.play(&Move::PeerTakes(100));
    world.play(&Move::PeerSends(5));
    world.serve().unwrap();
    assert_eq!(world.connection.bytes_out(), 5, "the connection is done");
    world
}

#[test]
fn a_connection_that_is_dropped_with_delayed_bytes_is_reset() {
    let World {
        wire, connection, ..
    } = delayed();
    drop(connection);
    assert!(wire.borrow().echoed.is_empty() && wire.borrow().reset);
}

#[test]
fn messages_under_way_do_not_wait_for_each_other() {
    let mut world = delayed();
    let start = world.now;
    for seconds in [20, 40] {
        world.now = start + Duration::from_secs(seconds);
        world.play(&Move::PeerSends(5));
        world.serve().unwrap();
    }
    for (seconds, echoed) in [(59, 0), (60, 5), (80, 10), (99, 10), (100, 15)] {
        world.now = start + Duration::from_secs(seconds);
        world.play(&Move::TimePasses(0));
        world.serve().unwrap();
        assert_eq!(
            world.wire.borrow().echoed.len(),
            echoed,
            "after {seconds} s"
        );
    }
}

#[test]
fn each_fault_of_a_connection_is_counted_once() {
    let misbehaviour = Misbehaviour {
        corrupt_every: Some(always(NonZeroU64::new(2).unwrap())),
        chunk: Some(always(1..=1)),
        ..Misbehaviour::default()
    };
    let mut world = World::new(&misbehaviour, 20);
    world.play(&Move::PeerTakes(100));
    for expected in [
        "1 chunked",
        "1 chunked, 1 corrupted",
        "1 chunked, 1 corrupted",
    ] {
        world.play(&Move::PeerSends(1));
        let _corrupted = world.serve();
        assert_eq!(misbehaviour.counts.to_string(), expected);
    }
    assert_ne!(world.wire.borrow().echoed[1], 1);
}

/// A misbehaving socket alone, over a wire that takes 100 bytes.
fn alone(
    misbehaviour: &Misbehaviour,
    capacity: usize,
) -> (MisbehavingSocket<WireSocket>, Rc<RefCell<Wire>>) {
    simulated::set(Instant::now());
    let wire = Rc::new(RefCell::new(Wire {
        room: 100,
        ..Wire::default()
    }));
    let mut socket = MisbehavingSocket::new(WireSocket(Rc::clone(&wire)), capacity);
    socket.misbehave(misbehaviour, 1);
    (socket, wire)
}

#[test]
fn a_thread_waits_for_the_input_and_the_room_that_change_something() {
    let misbehaviour = Misbehaviour {
        close_after: Some(always(5)),
        ..minute_of_delay()
    };
    let (mut socket, wire) = alone(&misbehaviour, 20);
    let awaits = |socket: &MisbehavingSocket<_>| (socket.awaits_input(), socket.awaits_room());
    assert_eq!(awaits(&socket), (true, false));
    wire.borrow_mut().sent = vec![0; 9];
    assert_eq!(socket.read(&mut [0; 20]).unwrap(), 5);
    assert_eq!(awaits(&socket), (false, false), "no more may be received");
    assert_eq!(socket.write(&[0; 5]).unwrap(), 5);
    simulated::set(clock::now() + Duration::from_mins(1));
    wire.borrow_mut().room = 0;
    let _would_block = socket.read(&mut [0; 20]);
    assert_eq!(awaits(&socket), (false, true), "the bytes are due");
    wire.borrow_mut().room = 5;
    let _interrupted = socket.read(&mut [0; 20]);
    assert_eq!(awaits(&socket), (true, false), "the peer's FIN is missing");

    let (mut socket, wire) = alone(&minute_of_delay(), 20);
    assert_eq!(socket.write(b"a").unwrap(), 1);
    wire.borrow_mut().fin = true;
    let _would_block = socket.read(&mut [0; 20]);
    assert_eq!(
        awaits(&socket),
        (false, false),
        "there is no more to receive"
    );
}

#[test]
fn a_short_write_is_followed_by_an_event() {
    let (mut socket, wire) = alone(&Misbehaviour::default(), 4);
    assert_eq!(socket.write(b"four").unwrap(), 4);
    assert_eq!(socket.wake_at(), None, "it was not short");
    assert_eq!(socket.write(b"fives").unwrap(), 4);
    assert_eq!(socket.wake_at(), Some(clock::now()));
    wire.borrow_mut().room = 0;
    assert_eq!(socket.write(b"fives").unwrap(), 4);
    assert_eq!((socket.wake_at(), socket.awaits_room()), (None, true));
}

#[test]
fn an_interrupted_write_is_repeated_and_a_failed_one_reported() {
    let (mut socket, wire) = alone(&Misbehaviour::default(), 20);
    let errors = [ErrorKind::Interrupted, ErrorKind::BrokenPipe];
    wire.borrow_mut().errors = errors.into();
    let error = socket.write(b"a").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::BrokenPipe);
    assert!(wire.borrow().errors.is_empty());
}
