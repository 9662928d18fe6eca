//! `emfile`: there is no descriptor left for a client that waits.
//!
//! Lowers the process's own limit on open files for as long as it takes, and so must be alone in its
//! process: whoever else opens a file meanwhile fails, too.

use crate::learn::lab::harness::buffers::Buffers;
use crate::learn::lab::harness::client::Client;
use crate::learn::lab::harness::half::brief;
use crate::learn::lab::harness::journal::Journal;
use crate::learn::lab::harness::kernel;
use crate::learn::lab::harness::site::{listen, wait};
use crate::learn::lab::harness::workbench::until;
use crate::learn::lab::{Chapter, Experiment, Half, Outcome, Surroundings, Variant};
use crate::text::os_error;
use crate::text::units::count;
use crate::trace::{Event, Lane};
use mio::net::TcpListener;
use mio::{Events, Interest, Poll, Token};
use rlimit::Resource;
use rustix::event::PollFlags;
use rustix::io::Errno;
use std::fs::File;
use std::io::{self, ErrorKind};
use std::time::{Duration, Instant};

pub(crate) const EXPERIMENT: Experiment = Experiment {
    name: "emfile",
    mistake: "no descriptor is left, and the loop goes on",
    chapter: Chapter::Accepting,
    promise: "level-triggered it spins; edge-triggered it goes deaf, for good",
    why: "With EMFILE the client stays in the backlog. A level-triggered poll therefore reports the \
          listener again at once, and the loop burns a processor on a call that cannot succeed. An \
          edge-triggered one has reported it already and keeps silent: when descriptors are free \
          again, nobody accepts, until another client comes. Either way the cure is a pause and a \
          timer: try again in a while, because no event will tell when a descriptor is free.",
    sources: "accept(2); getrlimit(2); src/server/listener.rs",
    half,
};

/// How often the level-triggered loop waits.
const WAITS: usize = 1000;
/// How long a loop would sleep each time.
const SLEEP: Duration = Duration::from_millis(100);
/// How many turns the edge-triggered one makes, before and after descriptors are free.
const TURNS: usize = 5;
/// The limit on open files meanwhile.
const LOW_LIMIT: u64 = 64;
/// How long the right one pauses after a failure.
const PAUSE: Duration = Duration::from_millis(50);

/// An edge-triggered loop with a listener and no more.
struct EdgeTriggered {
    poll: Poll,
    events: Events,
    listener: TcpListener,
    /// The listener was reported, and no accept has failed since.
    ready: bool,
    retry_at: Option<Instant>,
    accepted: usize,
    failed: usize,
    journal: Journal,
}

impl EdgeTriggered {
    fn turn(&mut self, variant: Variant) -> io::Result<()> {
        let until_retry = |at: Instant| at.saturating_duration_since(Instant::now());
        let timeout = self.retry_at.map_or(SLEEP, until_retry);
        self.journal.waits();
        let events = wait(&mut self.poll, &mut self.events, timeout)?;
        self.journal.woke(events);
        self.ready |= events > 0 || self.retry_at.take().is_some();
        while self.ready {
            let Err(error) = self.listener.accept() else {
                self.accepted += 1;
                continue;
            };
            self.ready = false;
            if error.kind() != ErrorKind::WouldBlock {
                self.failed += 1;
                note_failure(&mut self.journal, &error);
                match variant {
                    Variant::Wrong => {} // an event will tell when it is worth another try - will it?
                    Variant::Right => self.retry_at = Some(Instant::now() + PAUSE),
                }
            }
        }
        Ok(())
    }
}

/// A level-triggered loop: waits so often, and tries whenever it is told to. Returns how often it tried.
fn level_triggered(listener: &TcpListener, journal: &mut Journal) -> io::Result<usize> {
    let mut tried = 0;
    for _ in 0..WAITS {
        journal.waits();
        if kernel::level(listener, PollFlags::IN, SLEEP)? {
            tried += 1;
            journal.woke(1);
            if let Err(error) = listener.accept() {
                note_failure(journal, &error);
            }
        }
    }
    Ok(tried)
}

fn note_failure(journal: &mut Journal, error: &io::Error) {
    let error = os_error::in_words(error);
    journal.note(Lane::Loop, Event::AcceptFailed { error });
}

fn half(variant: Variant, _: &Surroundings) -> io::Result<Half> {
    let mut server = EdgeTriggered::new()?;
    let _client = Client::connect(server.listener.local_addr()?, Buffers::default())?;
    until("the client waits", || kernel::is_readable(&server.listener))?;
    let vain = Vain::of(&mut server, variant)?;

    // Descriptors are free again, and the client still waits.
    let mut turns = 0;
    while server.accepted == 0 && turns < TURNS {
        turns += 1;
        server.turn(variant)?;
    }
    let waiting = kernel::is_readable(&server.listener)?;

    let outcome = match (vain.level, vain.edge, server.accepted, waiting) {
        (0, 1..=TURNS, 1, false) => Outcome::Held,
        (WAITS, 1, 0, true) => Outcome::Broke,
        found => Outcome::surprised(found),
    };
    let level = format!("{} in {}", count(vain.level), brief(vain.level_took));
    let level = match variant {
        Variant::Wrong => level,
        Variant::Right => "not run".to_owned(),
    };
    let edge = format!("{} in {}", count(vain.edge), brief(vain.edge_took));
    let client = if waiting {
        "still waits"
    } else {
        "is accepted"
    };
    Ok(Half::new(server.journal.into_trace(), outcome)
        .observed("level-triggered: vain tries", level)
        .observed("edge-triggered: vain tries", edge)
        .observed("with descriptors free, the client", client))
}

/// How often a server tried in vain, and how long that took.
struct Vain {
    /// In so many waits, level-triggered.
    level: usize,
    level_took: Duration,
    /// In so many turns, edge-triggered.
    edge: usize,
    edge_took: Duration,
}

impl Vain {
    /// What a server does while there are no descriptors.
    fn of(server: &mut EdgeTriggered, variant: Variant) -> io::Result<Self> {
        let _exhausted = Exhausted::now()?;
        let began = Instant::now();
        let level = match variant {
            Variant::Wrong => level_triggered(&server.listener, &mut server.journal)?,
            Variant::Right => 0,
        };
        let level_took = began.elapsed();
        let began = Instant::now();
        for _ in 0..TURNS {
            server.turn(variant)?;
        }
        Ok(Self {
            level,
            level_took,
            edge: server.failed,
            edge_took: began.elapsed(),
        })
    }
}

impl EdgeTriggered {
    fn new() -> io::Result<Self> {
        let poll = Poll::new()?;
        let mut listener = listen(Buffers::default())?;
        poll.registry()
            .register(&mut listener, Token(0), Interest::READABLE)?;
        Ok(Self {
            poll,
            events: Events::with_capacity(16),
            listener,
            ready: false,
            retry_at: None,
            accepted: 0,
            failed: 0,
            journal: Journal::new(),
        })
    }
}

/// As long as it lives, this process can open nothing.
struct Exhausted {
    /// The soft and the hard limit as they were.
    limits: (u64, u64),
    held: Vec<File>,
}

impl Exhausted {
    fn now() -> io::Result<Self> {
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

impl Drop for Exhausted {
    fn drop(&mut self) {
        let (soft, hard) = self.limits;
        // It was in force a moment ago, so it may be again.
        let _stays_low = Resource::NOFILE.set(soft, hard);
    }
}
