//! How long does an iteration keep the others waiting when something concerns a million connections?
//!
//! ```console
//! $ cargo test --release --lib a_million_connections -- --ignored --nocapture
//! ```
//!
//! No process can have that many sockets here, so the event loop runs over connections that share one: each question about
//! unread bytes is a real system call, each FIN costs nothing. Every walk is made twice: all keys in one iteration, and as
//! many as the server takes.

use super::*;
use crate::connection::Stream;
use crate::readiness::EventFlags;
use crate::server::kernel::{Accept, Socket};
use crate::server::unread::unread_bytes;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::rc::Rc;

const CONNECTIONS: usize = 1_000_000;

/// Nothing ever happens.
#[derive(Debug)]
struct Silence;

/// A connection whose peer is silent.
#[derive(Debug)]
struct Silent(Rc<TcpStream>);

impl Kernel for Silence {
    type Socket = Silent;
    type Listener = Self;

    fn wait(&mut self, _timeout: Option<Duration>) -> io::Result<()> {
        Ok(())
    }

    fn events(&self) -> impl Iterator<Item = (Source, impl Into<EventFlags>)> {
        std::iter::empty::<(Source, EventFlags)>()
    }

    fn register(&mut self, _socket: &mut Silent, _source: Source) -> io::Result<()> {
        Ok(())
    }
}

impl Accept for Silence {
    type Socket = Silent;

    fn accept(&self) -> io::Result<(Silent, Address)> {
        Err(ErrorKind::WouldBlock.into())
    }
}

impl Read for Silent {
    fn read(&mut self, _buffer: &mut [u8]) -> io::Result<usize> {
        Err(ErrorKind::WouldBlock.into())
    }
}

impl Write for Silent {
    fn write(&mut self, _bytes: &[u8]) -> io::Result<usize> {
        unreachable!("nothing was received")
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Stream for Silent {
    fn send_fin(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Socket for Silent {
    fn unread_bytes(&self) -> Option<u32> {
        unread_bytes(&*self.0)
    }

    fn reset_on_close(&self) {}
}

fn a_million() -> EventLoop<Silence, ()> {
    let poll = mio::Poll::new().unwrap();
    let shutdown = Shutdown::new(poll.registry(), Duration::MAX).unwrap();
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let socket = Rc::new(TcpStream::connect(listener.local_addr().unwrap()).unwrap());
    let listeners = Listeners::of_registered(Vec::new(), 0);
    let config = Config::default();
    let mut event_loop = EventLoop::new(
        Silence,
        listeners,
        Datagrams::default(),
        shutdown,
        &config,
        CONNECTIONS,
        (),
    );
    let peer = Address::Inet(listener.local_addr().unwrap());
    for _ in 0..CONNECTIONS {
        event_loop.insert(Silent(Rc::clone(&socket)), peer.clone());
    }
    event_loop
}

/// Iterates until nothing is left to do, and prints what the iterations took. On a machine that is busy the median is the
/// one to look at: the longest one has waited for a processor.
fn measure(event_loop: &mut EventLoop<Silence, ()>, what: &str) {
    let mut times = Vec::new();
    while event_loop.has_work() {
        let start = Instant::now();
        event_loop.iterate().unwrap();
        times.push(start.elapsed());
    }
    let all: Duration = times.iter().sum();
    times.sort_unstable();
    let (count, longest) = (times.len(), times.last().unwrap());
    let median = times[count / 2];
    println!(
        "{what}: {count} iterations, median {median:.2?}, longest {longest:.2?}, together {all:.2?}"
    );
}

#[test]
#[ignore = "a measurement, to be made with --release"]
fn a_million_connections_are_visited_at_once_or_in_steps() {
    for budget in [usize::MAX, WALK_BUDGET] {
        println!("budget of a walk in an iteration: {budget}");
        let mut event_loop = a_million();
        event_loop.walk = Walk::new(budget);
        for _ in 0..3 {
            event_loop.walk.begin(Visit::IdleTick);
            measure(&mut event_loop, "a tick of the idle clock");
        }
        event_loop.note_stop(StopAction::Drain);
        measure(&mut event_loop, "the begin of a stop");
        event_loop.note_stop(StopAction::Expire);
        measure(&mut event_loop, "its end");
        assert!(event_loop.connections.is_empty());
    }
}
