//! Every order of events, to a fixed depth, and random ones beyond it, under both rules of exhaustion.
//!
//! Everything that the kernel, the peer and the operator do follows from a sequence of [`Choices`]: whenever the
//! connection or the test asks what happens next, the next number of the sequence decides. Counting through the sequences
//! like an odometer tries them all; random sequences go deeper.

use super::{Connection, ConnectionEvent, Deadline, Phase, Reason, Step, Stream, TurnEnd};
use crate::readiness::{EventFlags, Evidence, Readiness};
use proptest::prelude::*;
use std::cell::RefCell;
use std::io::{self, ErrorKind, Read, Write};

const BUFFER: usize = 4;

/// How many choices the exhaustive test makes before the rest of the script becomes benign.
const DEPTH: usize = 7;

/// The two rules of exhaustion.
const RULES: [Evidence; 2] = [Evidence::ShortTransfer, Evidence::WouldBlock];

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

    /// What happens next, out of `options`; `None` once the depth is reached.
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

    /// Advances to the next sequence. Returns false after the last one.
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

/// Kernel and peer of one connection: decides what each call meets, and knows the truth about it.
#[expect(
    clippy::struct_excessive_bools,
    reason = "independent conditions, not a state machine"
)]
#[derive(Debug)]
struct World {
    choices: Choices,
    sent: Vec<u8>,
    echoed: Vec<u8>,
    /// A read has met the peer's FIN; permanent, as on a socket.
    ended: bool,
    /// A call has failed for good.
    broken: bool,
    fin_sent: bool,
    /// What may be concluded about each direction by the rule in force.
    readable: bool,
    writable: bool,
    read_evidence: Evidence,
    write_evidence: Evidence,
    /// System calls in this turn.
    reads: usize,
    writes: usize,
}

impl World {
    fn new(choices: Choices, rule: Evidence) -> Self {
        Self {
            choices,
            sent: Vec::new(),
            echoed: Vec::new(),
            ended: false,
            broken: false,
            fin_sent: false,
            readable: false,
            writable: true,
            read_evidence: rule,
            write_evidence: rule,
            reads: 0,
            writes: 0,
        }
    }
}

/// The connection's end of the [`World`].
#[derive(Debug)]
struct Pipe<'a>(&'a RefCell<World>);

impl Read for Pipe<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut world = self.0.borrow_mut();
        world.reads += 1;
        assert!(world.readable, "a read without readiness");
        if world.ended {
            return Ok(0);
        }
        // Once the choices are used up, the peer finishes.
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
        if count < buffer.len() && world.read_evidence == Evidence::ShortTransfer {
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
        assert!(world.writable, "a write without readiness");
        assert!(!world.fin_sent, "a write after our FIN");
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
        if taken < bytes.len() && world.write_evidence == Evidence::ShortTransfer {
            world.writable = false;
        }
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
fn apply_event(number: usize, connection: &mut Connection<Pipe<'_>>, world: &RefCell<World>) {
    let readable = EventFlags {
        readable: true,
        ..EventFlags::default()
    };
    let flags = match number {
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
            world.read_evidence = Evidence::WouldBlock;
            return;
        }
        8 => {
            let mut world = world.borrow_mut();
            if connection.pending() > 0 {
                world.writable = true;
            } else {
                world.readable = true;
                world.read_evidence = Evidence::WouldBlock;
            }
            return connection.probe();
        }
        _ => return connection.time_out(Deadline::Idle),
    };
    let mut world = world.borrow_mut();
    world.readable |= flags.readable;
    world.writable |= flags.writable;
    if flags.read_closed || flags.priority {
        world.read_evidence = Evidence::WouldBlock;
    }
    drop(world);
    connection.note(flags);
}

/// One turn, and what must hold after it.
fn turn(connection: &mut Connection<Pipe<'_>>, world: &RefCell<World>) -> TurnEnd {
    {
        let mut world = world.borrow_mut();
        (world.reads, world.writes) = (0, 0);
    }
    let mut buffer = [0xff; BUFFER];
    let mut events = Vec::new();
    let received = connection.receive(&mut buffer, &mut |event| events.push(event));
    let turn = connection.echo(&buffer[..received], &mut |event| events.push(event));

    let world = world.borrow();
    assert!(world.reads <= 1 && world.writes <= 2, "a turn is bounded");
    assert!(
        connection.pending() <= BUFFER,
        "no more pending than one read"
    );
    assert!(world.sent.starts_with(&world.echoed), "order");
    let failed = matches!(turn, TurnEnd::Closed(Reason::Failed(_)));
    assert_eq!(
        failed, world.broken,
        "a broken connection is closed at once"
    );
    no_byte_lost(connection, &world, &events);
    not_stuck(connection, &world, turn);
    turn
}

/// What was received was written, or is pending, or was lost to a failed write or discarded after our FIN.
fn no_byte_lost(connection: &Connection<Pipe<'_>>, world: &World, events: &[ConnectionEvent]) {
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
    let discards = events
        .iter()
        .any(|event| matches!(event, ConnectionEvent::Discarded { .. }));
    assert!(!discards || discarding, "bytes discarded before our FIN");
}

/// A parked connection wants no direction that is ready; a connection that yields has something to do.
fn not_stuck(connection: &Connection<Pipe<'_>>, world: &World, turn: TurnEnd) {
    let step = connection.next_step();
    match turn {
        TurnEnd::Parked => {
            let wants_write = connection.pending() > 0;
            assert!(
                !(wants_write && world.writable),
                "parked with room to write"
            );
            assert!(wants_write || !world.readable, "parked with unread input");
        }
        TurnEnd::Yielded => assert_ne!(step, Step::Park),
        TurnEnd::Closed(reason) => {
            assert_eq!(step, Step::Close(reason));
            let finished = reason == Reason::Finished;
            assert!(
                !finished || connection.pending() == 0,
                "closed with bytes pending"
            );
        }
    }
}

/// Plays one script, then lets every call succeed and expects the end within a bounded number of turns.
fn play(choices: Choices, rule: Evidence) -> Choices {
    let world = RefCell::new(World::new(choices, rule));
    let readiness = Readiness::with_evidence(rule, rule);
    let mut connection = Connection::with_readiness(Pipe(&world), readiness);
    let mut last = TurnEnd::Parked;
    loop {
        let Some(number) = world.borrow_mut().choices.next(10) else {
            break;
        };
        apply_event(number, &mut connection, &world);
        last = turn(&mut connection, &world);
        if matches!(last, TurnEnd::Closed(_)) {
            break;
        }
    }
    for _ in 0..8 {
        if matches!(last, TurnEnd::Closed(_)) {
            break;
        }
        apply_event(1, &mut connection, &world);
        apply_event(2, &mut connection, &world);
        last = turn(&mut connection, &world);
    }
    assert!(
        matches!(last, TurnEnd::Closed(_)),
        "the connection ends once every call succeeds"
    );
    world.into_inner().choices
}

/// Plays one script and, if a promise breaks, prints it.
fn print_on_failure(choices: Choices, rule: Evidence) -> Choices {
    let script: Vec<_> = choices.made.iter().map(|&(number, _)| number).collect();
    let played = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| play(choices, rule)));
    played.unwrap_or_else(|panic| {
        eprintln!("fails under {rule:?} with the script {script:?} (zeros may follow)");
        std::panic::resume_unwind(panic)
    })
}

#[test]
fn the_promises_hold_in_every_order_of_events() {
    // Side by side, because this is the longest of the unit tests.
    std::thread::scope(|scope| {
        for rule in RULES {
            scope.spawn(move || play_every_script(rule));
        }
    });
}

fn play_every_script(rule: Evidence) {
    let mut choices = Choices {
        depth: DEPTH,
        ..Choices::default()
    };
    let mut scripts = 0_u64;
    loop {
        choices = print_on_failure(choices, rule);
        scripts += 1;
        if !choices.advance() {
            break;
        }
    }
    assert!(scripts > 100_000, "only {scripts} scripts were played");
}

proptest! {
    #[test]
    fn the_promises_hold_in_long_random_orders_of_events(
        numbers in prop::collection::vec(0_usize..63, 0..400),
    ) {
        for rule in RULES {
            play(Choices::of(&numbers), rule);
        }
    }
}
