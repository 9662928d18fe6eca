//! Every order of events, to a fixed depth, and random ones beyond it.
//!
//! The world (kernel, peer, operator) is a [`Choices`]: whenever the connection or the driver asks what
//! happens next, it answers with the next number of a sequence. Counting that sequence like an odometer
//! tries every world there is; drawing it at random goes deeper.

use super::{Connection, ConnectionEvent, EventFlags, Phase, Reason, Step, Stream, TurnEnd};
use proptest::prelude::*;
use std::cell::RefCell;
use std::io::{self, ErrorKind, Read, Write};

const BUFFER: usize = 4;

/// How many choices the exhaustive test makes before the world turns friendly.
const DEPTH: usize = 7;

/// A sequence of choices, replayed and extended with zeros on the way.
#[derive(Debug, Default)]
struct Choices {
    /// (what was chosen, out of how many), in the order asked.
    made: Vec<(usize, usize)>,
    asked: usize,
    depth: usize,
}

impl Choices {
    fn of(numbers: &[usize]) -> Self {
        Self {
            made: numbers.iter().map(|&number| (number, usize::MAX)).collect(),
            asked: 0,
            depth: numbers.len(),
        }
    }

    /// What happens next, out of `options`; none once the depth is reached.
    fn next(&mut self, options: usize) -> Option<usize> {
        if self.asked == self.depth {
            return None;
        }
        if self.asked == self.made.len() {
            self.made.push((0, options));
        }
        let (number, among) = &mut self.made[self.asked];
        *among = options;
        self.asked += 1;
        Some(*number % options)
    }

    /// Turns to the next sequence. False after the last one.
    fn advance(&mut self) -> bool {
        self.made.truncate(self.asked);
        self.asked = 0;
        while let Some((number, among)) = self.made.pop() {
            if number + 1 < among {
                self.made.push((number + 1, among));
                return true;
            }
        }
        false
    }
}

/// The far side of one connection: makes up what each call meets, and knows the truth about it.
#[expect(
    clippy::struct_excessive_bools,
    reason = "facts about the world, not a state machine: any of them goes with any other"
)]
#[derive(Debug, Default)]
struct World {
    choices: Choices,
    sent: Vec<u8>,
    echoed: Vec<u8>,
    /// Met by a read; sticky, as on a socket.
    ended: bool,
    /// A call has failed for good.
    broken: bool,
    fin_sent: bool,
    /// What a careful reader of epoll(7) would believe about each direction.
    readable: bool,
    writable: bool,
    short_read_proves_nothing: bool,
    /// System calls in this turn.
    reads: usize,
    writes: usize,
}

/// The connection's end of the [`World`].
#[derive(Debug)]
struct Pipe<'a>(&'a RefCell<World>);

impl Read for Pipe<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut world = self.0.borrow_mut();
        world.reads += 1;
        assert!(world.readable, "a read that nothing called for");
        if world.ended {
            return Ok(0);
        }
        // Once the choices have run out, the peer finishes.
        let count = match world.choices.next(7).unwrap_or(4) {
            0 => 1,
            1 => 2.min(buffer.len()),
            2 => buffer.len(),
            3 => {
                world.readable = false;
                return Err(ErrorKind::WouldBlock.into());
            }
            4 => {
                world.ended = true;
                return Ok(0);
            }
            5 => {
                world.broken = true;
                return Err(ErrorKind::ConnectionReset.into());
            }
            _ => return Err(ErrorKind::Interrupted.into()),
        };
        if count < buffer.len() && !world.short_read_proves_nothing {
            world.readable = false;
        }
        for slot in buffer.iter_mut().take(count) {
            *slot = u8::try_from(world.sent.len() % 251).unwrap();
            world.sent.push(*slot);
        }
        Ok(count)
    }
}

impl Write for Pipe<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut world = self.0.borrow_mut();
        world.writes += 1;
        assert!(!bytes.is_empty(), "a write of nothing");
        assert!(world.writable, "a write that nothing called for");
        assert!(!world.fin_sent, "a write behind our FIN");
        let taken = match world.choices.next(7).unwrap_or(2) {
            0 => 1,
            1 => 2.min(bytes.len()),
            2 => bytes.len(),
            3 => {
                world.writable = false;
                return Err(ErrorKind::WouldBlock.into());
            }
            4 => {
                world.broken = true;
                return Err(ErrorKind::BrokenPipe.into());
            }
            5 => return Err(ErrorKind::Interrupted.into()),
            _ => {
                world.broken = true;
                0
            }
        };
        world.writable = taken == bytes.len();
        world.echoed.extend(&bytes[..taken]);
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        unreachable!("an echo has nothing to flush")
    }
}

impl Stream for Pipe<'_> {
    fn send_fin(&mut self) -> io::Result<()> {
        self.0.borrow_mut().fin_sent = true;
        Err(ErrorKind::NotConnected.into())
    }
}

/// What the poll and the operator may do between two turns.
fn happen(number: usize, connection: &mut Connection<Pipe<'_>>, world: &RefCell<World>) {
    let readable = EventFlags {
        readable: true,
        ..EventFlags::default()
    };
    let hints = match number {
        0 => readable,
        1 => EventFlags {
            writable: true,
            ..readable
        },
        2 => EventFlags {
            read_closed: true,
            ..readable
        },
        3 => EventFlags {
            priority: true,
            ..readable
        },
        4 => EventFlags::default(),
        5 => EventFlags {
            writable: true,
            ..EventFlags::default()
        },
        6 | 7 => {
            connection.drain(if number == 6 { 0 } else { 3 });
            let mut world = world.borrow_mut();
            world.readable = true;
            world.short_read_proves_nothing = true;
            return;
        }
        _ => return connection.expire(),
    };
    let mut world = world.borrow_mut();
    world.readable |= hints.readable;
    world.writable |= hints.writable;
    world.short_read_proves_nothing |= hints.read_closed || hints.priority;
    drop(world);
    connection.note(hints);
}

/// One turn, and what must hold after it.
fn turn(connection: &mut Connection<Pipe<'_>>, world: &RefCell<World>) -> TurnEnd {
    {
        let mut world = world.borrow_mut();
        (world.reads, world.writes) = (0, 0);
    }
    let mut buffer = [0xff; BUFFER];
    let mut facts = Vec::new();
    let received = connection.receive(&mut buffer, &mut |fact| facts.push(fact));
    let turn = connection.echo(&buffer[..received], &mut |fact| facts.push(fact));

    let world = world.borrow();
    assert!(world.reads <= 1 && world.writes <= 2, "a turn is bounded");
    assert!(
        connection.pending() <= BUFFER,
        "no more pending than one read"
    );
    assert!(world.sent.starts_with(&world.echoed), "order");
    let failed = matches!(turn, TurnEnd::Closed(Reason::Failed(_)));
    assert_eq!(failed, world.broken, "what is broken is let go of, at once");
    conserved(connection, &world, &facts);
    awake(connection, &world, turn);
    turn
}

/// What came in went out, or is pending, or was lost to a failed write or discarded behind our FIN.
fn conserved(connection: &Connection<Pipe<'_>>, world: &World, facts: &[ConnectionEvent]) {
    assert_eq!(connection.bytes_out(), world.echoed.len() as u64);
    let failed = matches!(connection.phase(), Phase::Closed(Reason::Failed(_)));
    let discarding = world.fin_sent;
    if !failed && !discarding {
        assert_eq!(connection.bytes_in(), world.sent.len() as u64);
    }
    if !failed {
        let kept = connection.bytes_out() + connection.pending() as u64;
        assert_eq!(connection.bytes_in(), kept);
    }
    let discards = facts
        .iter()
        .any(|fact| matches!(fact, ConnectionEvent::Discarded { .. }));
    assert!(!discards || discarding, "bytes discarded before our FIN");
}

/// A parked connection wants no direction that is ready; whoever yields has something to do.
fn awake(connection: &Connection<Pipe<'_>>, world: &World, turn: TurnEnd) {
    let step = connection.next_step();
    match turn {
        TurnEnd::Parked => {
            let wants_write = connection.pending() > 0;
            assert!(!(wants_write && world.writable), "asleep on a free queue");
            assert!(wants_write || !world.readable, "asleep on unread input");
        }
        TurnEnd::Yielded => assert_ne!(step, Step::Park),
        TurnEnd::Closed(reason) => {
            assert_eq!(step, Step::Close(reason));
            let finished = reason == Reason::Finished;
            assert!(!finished || connection.pending() == 0, "closed on a debt");
        }
    }
}

/// Lets one world happen, then makes it friendly and expects the end within a bounded number of turns.
fn live(choices: Choices) -> Choices {
    let world = RefCell::new(World {
        choices,
        writable: true,
        ..World::default()
    });
    let mut connection = Connection::new(Pipe(&world));
    let mut last = TurnEnd::Parked;
    loop {
        let Some(number) = world.borrow_mut().choices.next(9) else {
            break;
        };
        happen(number, &mut connection, &world);
        last = turn(&mut connection, &world);
        if matches!(last, TurnEnd::Closed(_)) {
            break;
        }
    }
    for _ in 0..8 {
        if matches!(last, TurnEnd::Closed(_)) {
            break;
        }
        happen(1, &mut connection, &world);
        happen(2, &mut connection, &world);
        last = turn(&mut connection, &world);
    }
    assert!(
        matches!(last, TurnEnd::Closed(_)),
        "a friendly world ends it"
    );
    world.into_inner().choices
}

/// Runs one world and, if a promise breaks in it, says which world it was.
fn witness(choices: Choices) -> Choices {
    let script: Vec<_> = choices.made.iter().map(|&(number, _)| number).collect();
    let lived = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| live(choices)));
    lived.unwrap_or_else(|panic| {
        eprintln!("the script that shows it (zeros may follow): {script:?}");
        std::panic::resume_unwind(panic)
    })
}

#[test]
fn the_promises_hold_in_every_order_of_events() {
    let mut choices = Choices {
        depth: DEPTH,
        ..Choices::default()
    };
    let mut worlds = 0_u64;
    loop {
        choices = witness(choices);
        worlds += 1;
        if !choices.advance() {
            break;
        }
    }
    assert!(worlds > 100_000, "only {worlds} worlds were tried");
}

proptest! {
    #[test]
    fn the_promises_hold_in_long_random_orders_of_events(
        numbers in prop::collection::vec(0_usize..63, 0..400),
    ) {
        live(Choices::of(&numbers));
    }
}
