//! `threads-vs-loop`: a thread for each idle connection, and one loop for all of them.
//!
//! No mistake in the code, only in its place: both servers are `mio-echo serve`, each a process of its own,
//! so that its memory and its switches are nobody else's.

use crate::learn::lab::harness::half::{brief, bytes};
use crate::learn::lab::harness::workbench::PATIENCE;
use crate::learn::lab::{Chapter, Experiment, Half, Outcome, Surroundings, Variant};
use crate::measure::process::{Child, CommandLine, Usage};
use crate::server::{Config, Mode, Server, connections_that_fit, raise_descriptor_limit};
use crate::text::units::count;
use crate::trace::{Header, Target, Trace, Tracer};
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

pub(crate) const EXPERIMENT: Experiment = Experiment {
    name: "threads-vs-loop",
    mistake: "a thread for each of thousands of idle connections",
    chapter: Chapter::Contrast,
    promise: "memory and threads grow with each connection, though nobody speaks",
    why: "A blocked thread is a stack, a kernel stack and an entry of the scheduler that wait for one \
          peer, and can wait for nothing else without more effort, not even for a stop. A loop keeps a \
          few words for each connection, sleeps once for all of them, and is woken once for many. \
          Threads win elsewhere: with few and busy peers a message costs them two system calls, where \
          the loop makes a third to wait; they use all cores; and their code says what it does from top \
          to bottom (src/server/threads/connection.rs). What is measured of busy connections is shown, and is \
          no part of the verdict.",
    sources: "pthreads(7); proc(5); src/server/threads/mod.rs, src/server/event_loop.rs",
    half,
};

/// Idle connections, in steps.
const FEW: usize = 1;
const SOME: usize = 100;
const MANY: usize = 5000;
/// Connections of the server that is traced.
const HANDFUL: usize = 5;
/// Connections that are made before the first of them is waited for.
const AT_ONCE: usize = 500;
/// Round trips of the busy connection, or as many as there is time for.
const ROUND_TRIPS: u32 = 10_000;
const LONG_ENOUGH: Duration = Duration::from_secs(1);
/// Bytes for each idle connection: a loop needs far less, a thread far more.
const MUCH: usize = 4096;

fn half(variant: Variant, surroundings: &Surroundings) -> io::Result<Half> {
    let mode = match variant {
        Variant::Wrong => Mode::Threads,
        Variant::Right => Mode::EventLoop,
    };
    raise_descriptor_limit();
    if connections_that_fit(Mode::EventLoop) < MANY {
        let words = format!("the limit on open files allows no {MANY} connections");
        return Err(io::Error::other(words));
    }
    let idle = Idle::measured(&Process::start(surroundings, mode)?)?;
    let busy = busy(&Process::start(surroundings, mode)?)?;
    let each = idle.many / MANY;

    let outcome = match (idle.threads, each) {
        (1, ..MUCH) => Outcome::Held,
        (MANY.., MUCH..) => Outcome::Broke,
        found => Outcome::surprised(found),
    };
    Ok(Half::new(traced(mode)?, outcome)
        .observed("memory with 1 idle connection", bytes(idle.few))
        .observed("memory with 100", bytes(idle.some))
        .observed("memory with 5,000", bytes(idle.many))
        .observed("for each of them", bytes(each))
        .observed("threads", count(idle.threads))
        .observed("switches if each sends a byte", count(idle.switches))
        .observed("CPU for a busy one's round trip", brief(busy)))
}

/// What idle connections cost.
struct Idle {
    /// Bytes of memory for [`FEW`].
    few: usize,
    /// For [`SOME`].
    some: usize,
    /// For [`MANY`].
    many: usize,
    /// With all of them.
    threads: usize,
    /// Once each of them has sent a byte and got it back.
    switches: usize,
}

impl Idle {
    fn measured(server: &Process) -> io::Result<Self> {
        let before = server.memory()?;
        let mut idle = Vec::new();
        let mut memory_with = |connections: usize| {
            while idle.len() < connections {
                let missing = connections - idle.len();
                let mut new = connect(server.address, missing.min(AT_ONCE))?;
                // Each is served by now: its byte came back.
                speak(&mut new)?;
                idle.extend(new);
            }
            Ok::<_, io::Error>(server.memory()?.saturating_sub(before))
        };
        let (few, some, many) = (memory_with(FEW)?, memory_with(SOME)?, memory_with(MANY)?);
        let full = server.usage()?;
        speak(&mut idle)?;
        Ok(Self {
            few,
            some,
            many,
            threads: whole(full.threads),
            switches: whole(server.usage()?.since(&full).voluntary_switches),
        })
    }
}

/// `mio-echo serve`, as a process of its own.
struct Process {
    child: Child,
    address: SocketAddr,
}

impl Process {
    fn start(surroundings: &Surroundings, mode: Mode) -> io::Result<Self> {
        let mode = mode.to_string();
        let arguments = [
            "--quiet",
            "serve",
            "--listen",
            "127.0.0.1:0",
            "--mode",
            &mode,
        ];
        let command = CommandLine::new(&surroundings.program, arguments);
        let mut child = Child::spawn(&command, None)?;
        let line = child.ready_line(PATIENCE).map_err(io::Error::other)?;
        let address = line.strip_prefix("listening on ");
        let address = address.and_then(|address| address.parse().ok());
        let unknown = || io::Error::other(format!("the server said {line:?}"));
        let address = address.ok_or_else(unknown)?;
        Ok(Self { child, address })
    }

    fn usage(&self) -> io::Result<Usage> {
        Usage::of(self.child.pid())
    }

    /// Bytes that are resident.
    fn memory(&self) -> io::Result<usize> {
        Ok(whole(self.usage()?.resident))
    }
}

fn whole(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

fn connect(address: SocketAddr, connections: usize) -> io::Result<Vec<TcpStream>> {
    let connect = |_| {
        let stream = TcpStream::connect_timeout(&address, PATIENCE)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_nodelay(true)?;
        Ok(stream)
    };
    (0..connections).map(connect).collect()
}

/// All send a byte before any of them waits for its echo.
fn speak(peers: &mut [TcpStream]) -> io::Result<()> {
    for peer in &mut *peers {
        peer.write_all(b"!")?;
    }
    for peer in peers {
        peer.read_exact(&mut [0])?;
    }
    Ok(())
}

/// What one connection costs a server that has no other, and that is always waiting for its answer: the
/// server's processor time for each round trip of a byte.
fn busy(server: &Process) -> io::Result<Duration> {
    let mut peers = connect(server.address, 1)?;
    speak(&mut peers)?;
    let before = server.usage()?;
    let began = Instant::now();
    let mut round_trips = 0;
    while round_trips < ROUND_TRIPS && began.elapsed() < LONG_ENOUGH {
        speak(&mut peers)?;
        round_trips += 1;
    }
    Ok(server.usage()?.since(&before).cpu() / round_trips.max(1))
}

/// What such a server does with a handful of connections, each of which speaks twice: the story to the
/// numbers, told by a server within this process.
fn traced(mode: Mode) -> io::Result<Trace> {
    let listen = "127.0.0.1:0".parse().map_err(io::Error::other)?;
    let server = Server::bind(Config {
        mode,
        listen: vec![listen],
        ..Config::default()
    });
    let server = server.map_err(io::Error::other)?;
    let address = server.local_addrs().first().copied();
    let address = address.ok_or(io::ErrorKind::AddrNotAvailable)?;
    let stopper = server.stopper();
    let tracer = Tracer::new(Target::Memory, Header::new(mode), None)?;
    let observer = tracer.clone();
    let running = thread::spawn(move || server.run(observer).map(drop));
    let spoken = speak_twice(address);
    stopper.stop()?;
    running
        .join()
        .map_err(|_| io::Error::other("the server panicked"))??;
    spoken?;
    let lost = || io::Error::other("the trace was lost");
    tracer.finish().ok_or_else(lost)
}

fn speak_twice(address: SocketAddr) -> io::Result<()> {
    let mut peers = connect(address, HANDFUL)?;
    speak(&mut peers)?;
    speak(&mut peers)
}
