//! Echo servers with one fault each, to be checked as processes.
//!
//! Each is the same right server, a thread for each connection, but for one place.

use mio::{Events, Interest, Poll, Token};
use socket2::{Domain, Socket, Type};
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::process;
use std::str::FromStr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

/// What a server does wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// Nothing, but for what std leaves out: urgent data, and a stop.
    None,
    /// It accepts connections and echoes nothing.
    Silent,
    /// It begins each connection with a greeting.
    Greets,
    /// Byte 5,000 of each connection comes back as another one.
    CorruptsAByte,
    /// A connection that has sent exactly 4,096 bytes receives one more.
    AddsAByte,
    /// It echoes complete lines.
    EchoesLines,
    /// It decodes what each read returns.
    DecodesText,
    /// It closes as soon as it sees a FIN.
    ClosesOnFin,
    /// It resets the connection 100 ms after the FIN.
    GivesUpAfterFin,
    /// It serves one client at a time.
    OneAtATime,
    /// It closes a connection that is silent for 200 ms.
    ClosesIdleConnections,
    /// It ends when it has had no connection for 200 ms.
    ExitsWhenIdle,
    /// A thread of it never sleeps.
    Spins,
    /// It tries again at once to write what does not fit.
    SpinsOnWrite,
    /// It writes what fits and forgets the rest.
    ForgetsTheRest,
    /// One thread, which waits until a write is complete.
    BlocksInWrite,
    /// One thread, which stays with a connection until it is quiet.
    StaysWithOne,
    /// It accepts one connection for each event on its edge-triggered listener.
    AcceptsOnce,
    /// It closes connections beyond 100.
    ServesAHundred,
    /// It reads on while it cannot write.
    QueuesWithoutBound,
    /// It ends at the next connection after three that ended without a byte.
    ExitsAfterEmptyConnections,
    /// It closes every fiftieth connection.
    ClosesEveryFiftieth,
    /// It ends when a connection is reset.
    ExitsOnReset,
    /// It does not close a connection that was reset.
    LeaksOnReset,
    /// It ends when it is out of descriptors.
    ExitsOnEmfile,
    /// It tries again at once to accept when it is out of descriptors.
    SpinsOnEmfile,
    /// It accepts no more once it was out of descriptors.
    DeafAfterEmfile,
    /// It writes a line of log for each connection, and waits until it is written.
    WaitsForItsLog,
}

impl Fault {
    const ALL: [Self; 28] = [
        Self::None,
        Self::Silent,
        Self::Greets,
        Self::CorruptsAByte,
        Self::AddsAByte,
        Self::EchoesLines,
        Self::DecodesText,
        Self::ClosesOnFin,
        Self::GivesUpAfterFin,
        Self::OneAtATime,
        Self::ClosesIdleConnections,
        Self::ExitsWhenIdle,
        Self::Spins,
        Self::SpinsOnWrite,
        Self::ForgetsTheRest,
        Self::BlocksInWrite,
        Self::StaysWithOne,
        Self::AcceptsOnce,
        Self::ServesAHundred,
        Self::QueuesWithoutBound,
        Self::ExitsAfterEmptyConnections,
        Self::ClosesEveryFiftieth,
        Self::ExitsOnReset,
        Self::LeaksOnReset,
        Self::ExitsOnEmfile,
        Self::SpinsOnEmfile,
        Self::DeafAfterEmfile,
        Self::WaitsForItsLog,
    ];
}

impl FromStr for Fault {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let mut all = Self::ALL.into_iter();
        all.find(|fault| format!("{fault:?}") == name)
            .ok_or_else(|| format!("no such fault: {name}"))
    }
}

/// Connections that are open.
static OPEN: AtomicUsize = AtomicUsize::new(0);

/// Connections that were accepted.
static ACCEPTED: AtomicUsize = AtomicUsize::new(0);

/// Connections that ended without a byte.
static EMPTY: AtomicUsize = AtomicUsize::new(0);

/// Serves on this port for ever.
pub(super) fn serve(fault: Fault, port: u16) {
    let listener = listen(port);
    match fault {
        Fault::AcceptsOnce => return accept_once(listener),
        Fault::BlocksInWrite | Fault::StaysWithOne => return on_one_thread(fault, &listener),
        Fault::Spins => drop(thread::spawn(|| {
            loop {
                std::hint::spin_loop();
            }
        })),
        Fault::ExitsWhenIdle => drop(thread::spawn(exit_when_idle)),
        _ => {}
    }
    for stream in listener.incoming() {
        match (stream, fault) {
            (Ok(stream), Fault::OneAtATime) => echo(fault, stream),
            (Ok(stream), _) => accepted(fault, stream),
            (Err(_), Fault::ExitsOnEmfile) => process::exit(24),
            (Err(_), Fault::SpinsOnEmfile) => {}
            (Err(_), Fault::DeafAfterEmfile) => thread::sleep(Duration::MAX),
            (Err(_), _) => thread::sleep(Duration::from_millis(20)),
        }
    }
}

/// std's backlog of 128 makes a thousand clients wait for a second and longer.
fn listen(port: u16) -> TcpListener {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.set_reuse_address(true).unwrap();
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    socket.bind(&address.into()).unwrap();
    socket.listen(4096).unwrap();
    socket.into()
}

fn accepted(fault: Fault, stream: TcpStream) {
    if fault == Fault::WaitsForItsLog {
        let peer = stream.peer_addr().unwrap();
        eprintln!("2026-11-22T16:26:41.787Z DEBUG [faulty_server] {peer} connected");
    }
    if OPEN.fetch_add(1, Ordering::Relaxed) >= 100 && fault == Fault::ServesAHundred {
        OPEN.fetch_sub(1, Ordering::Relaxed);
        return;
    }
    if EMPTY.load(Ordering::Relaxed) >= 3 && fault == Fault::ExitsAfterEmptyConnections {
        process::exit(3);
    }
    let number = ACCEPTED.fetch_add(1, Ordering::Relaxed);
    if number % 50 == 49 && fault == Fault::ClosesEveryFiftieth {
        return;
    }
    thread::spawn(move || {
        match fault {
            Fault::QueuesWithoutBound | Fault::GivesUpAfterFin => queue(fault, stream),
            _ => echo(fault, stream),
        }
        OPEN.fetch_sub(1, Ordering::Relaxed);
    });
}

/// Echoes until the end of the connection.
fn echo(fault: Fault, mut stream: TcpStream) {
    match fault {
        Fault::Silent => thread::sleep(Duration::MAX),
        Fault::Greets => stream.write_all(b"220 ready\r\n").unwrap(),
        _ => {}
    }
    if fault == Fault::ClosesIdleConnections {
        let timeout = Duration::from_millis(200);
        stream.set_read_timeout(Some(timeout)).unwrap();
    }
    let mut buffer = vec![0; 64 * 1024];
    let mut line = Vec::new();
    let mut received = 0;
    loop {
        let count = match stream.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => count,
            Err(error) if error.kind() == ErrorKind::ConnectionReset => {
                return reset(fault, stream);
            }
            Err(_) => return,
        };
        let bytes = &mut buffer[..count];
        if fault == Fault::CorruptsAByte && (received..received + count).contains(&5000) {
            bytes[5000 - received] ^= 1;
        }
        received += count;
        match fault {
            Fault::DecodesText if std::str::from_utf8(bytes).is_err() => return,
            Fault::ClosesOnFin if fin_has_arrived(&stream) => return,
            Fault::EchoesLines => line.extend_from_slice(bytes),
            _ if write(fault, &mut stream, bytes).is_err() => return,
            _ => {}
        }
        if let Some(end) = line.iter().rposition(|byte| *byte == b'\n') {
            let complete: Vec<u8> = line.drain(..=end).collect();
            stream.write_all(&complete).unwrap();
        }
    }
    if received == 0 {
        EMPTY.fetch_add(1, Ordering::Relaxed);
    }
    if fault == Fault::AddsAByte && received == 4096 {
        let _the_client_has_left = stream.write_all(b"!");
    }
}

fn write(fault: Fault, stream: &mut TcpStream, bytes: &[u8]) -> std::io::Result<()> {
    match fault {
        Fault::ForgetsTheRest => {
            stream.set_nonblocking(true)?;
            let _forgotten = stream.write(bytes);
            stream.set_nonblocking(false)
        }
        Fault::SpinsOnWrite => {
            stream.set_nonblocking(true)?;
            write_again_and_again(stream, bytes, Duration::ZERO)?;
            stream.set_nonblocking(false)
        }
        _ => stream.write_all(bytes),
    }
}

fn write_again_and_again(
    stream: &mut TcpStream,
    mut bytes: &[u8],
    pause: Duration,
) -> std::io::Result<()> {
    while !bytes.is_empty() {
        match stream.write(bytes) {
            Ok(count) => bytes = &bytes[count..],
            Err(error) if error.kind() == ErrorKind::WouldBlock => thread::sleep(pause),
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

fn reset(fault: Fault, stream: TcpStream) {
    match fault {
        Fault::ExitsOnReset => {
            eprintln!("\x1b[31mreset\x1b[0m \0 \u{9b}2J \u{ffff}");
            process::exit(104)
        }
        Fault::LeaksOnReset => std::mem::forget(stream),
        _ => {}
    }
}

/// Whether the FIN is there, or comes within the next milliseconds.
fn fin_has_arrived(stream: &TcpStream) -> bool {
    thread::sleep(Duration::from_millis(3));
    stream.set_nonblocking(true).unwrap();
    let arrived = matches!(stream.peek(&mut [0]), Ok(0));
    stream.set_nonblocking(false).unwrap();
    arrived
}

/// Reads on one thread and writes on another, with a queue between them that has no bound.
fn queue(fault: Fault, mut stream: TcpStream) {
    let (queue, queued) = mpsc::channel::<Vec<u8>>();
    let mut output = stream.try_clone().unwrap();
    let writer = thread::spawn(move || {
        for bytes in queued {
            if output.write_all(&bytes).is_err() {
                return;
            }
        }
    });
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(count @ 1..) = stream.read(&mut buffer) {
        if queue.send(buffer[..count].to_vec()).is_err() {
            break;
        }
    }
    drop(queue);
    if fault == Fault::GivesUpAfterFin {
        let deadline = Instant::now() + Duration::from_millis(100);
        while !writer.is_finished() && Instant::now() < deadline {
            thread::sleep(Duration::from_millis(1));
        }
        let _already_closed = stream.shutdown(Shutdown::Both);
    }
    writer.join().unwrap();
}

fn accept_once(listener: TcpListener) {
    listener.set_nonblocking(true).unwrap();
    let mut listener = mio::net::TcpListener::from_std(listener);
    let mut poll = Poll::new().unwrap();
    let mut events = Events::with_capacity(8);
    let registry = poll.registry();
    registry
        .register(&mut listener, Token(0), Interest::READABLE)
        .unwrap();
    loop {
        // Fails with EINTR when the process was stopped and continues (signal(7)).
        let _woken = poll.poll(&mut events, None);
        let Ok((stream, _)) = listener.accept() else {
            continue;
        };
        let stream = TcpStream::from(stream);
        stream.set_nonblocking(false).unwrap();
        accepted(Fault::AcceptsOnce, stream);
    }
}

/// All connections on one thread, which looks at each of them every millisecond.
fn on_one_thread(fault: Fault, listener: &TcpListener) {
    listener.set_nonblocking(true).unwrap();
    let mut connections: Vec<TcpStream> = Vec::new();
    loop {
        while let Ok((stream, _)) = listener.accept() {
            stream.set_nonblocking(true).unwrap();
            connections.push(stream);
        }
        connections.retain_mut(|stream| one_turn(fault, stream));
        thread::sleep(Duration::from_millis(1));
    }
}

/// Returns whether the connection goes on.
fn one_turn(fault: Fault, stream: &mut TcpStream) -> bool {
    const QUIET: Duration = Duration::from_millis(30);
    let pause = Duration::from_millis(1);
    let mut buffer = vec![0; 64 * 1024];
    let mut last_byte = Instant::now();
    loop {
        match stream.read(&mut buffer) {
            Ok(0) => return false,
            Ok(count) => {
                if write_again_and_again(stream, &buffer[..count], pause).is_err() {
                    return false;
                }
                last_byte = Instant::now();
            }
            Err(error) if error.kind() != ErrorKind::WouldBlock => return false,
            Err(_) if fault == Fault::StaysWithOne && last_byte.elapsed() < QUIET => {
                thread::yield_now();
            }
            Err(_) => return true,
        }
    }
}

fn exit_when_idle() {
    let mut idle_since = Instant::now();
    while idle_since.elapsed() < Duration::from_millis(200) {
        thread::sleep(Duration::from_millis(10));
        if OPEN.load(Ordering::Relaxed) > 0 {
            idle_since = Instant::now();
        }
    }
    process::exit(0);
}
