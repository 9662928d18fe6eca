//! Peers by the thousand, held by a process of their own: the limit on open files is one for each process.
//!
//! The process is this program again. It carries out one [`Order`] per line of standard input and replies with one line.

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use socket2::{Domain, SockRef, Socket, Type};
use std::error::Error;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

/// How long one connect, read or write may take.
const TIMEOUT: Duration = Duration::from_mins(1);

/// Connections opened before one of them is used: the server has caught up then, and its backlog stays short.
const IN_A_ROW: usize = 500;

/// The local port of a holder's first connection, below the ephemeral ports. A port of the system's choice would be
/// searched for, which takes long once most of them are in use.
const FIRST_PORT: u16 = 10_000;

/// What a holder does with all of its connections.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Order {
    /// Each sends its number and waits until it is back.
    Echo,
    /// Each is reset.
    Reset,
    /// Each waits for the FIN of the server and closes.
    Finish,
}

impl Order {
    const ALL: [(Self, &str); 3] = [
        (Self::Echo, "echo"),
        (Self::Reset, "reset"),
        (Self::Finish, "finish"),
    ];

    fn name(self) -> &'static str {
        match self {
            Self::Echo => "echo",
            Self::Reset => "reset",
            Self::Finish => "finish",
        }
    }
}

/// A process that holds connections. Dropping it ends it.
#[derive(Debug)]
pub(crate) struct Holder {
    process: Child,
    orders: ChildStdin,
    replies: BufReader<ChildStdout>,
}

impl Holder {
    /// Starts the process and opens `count` connections to `server`, from the address `source`.
    pub(crate) fn open(
        server: SocketAddr,
        source: IpAddr,
        count: usize,
    ) -> Result<Self, Box<dyn Error>> {
        let mut holder = Self::start()?;
        holder.order(&format!("open {server} {source} {count}"))?;
        Ok(holder)
    }

    fn start() -> Result<Self, Box<dyn Error>> {
        let mut process = Command::new(std::env::current_exe()?)
            .arg("--hold")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let orders = process.stdin.take().expect("it is piped");
        let replies = process.stdout.take().expect("it is piped");
        Ok(Self {
            process,
            orders,
            replies: BufReader::new(replies),
        })
    }

    /// Has the order carried out, and waits for that.
    pub(crate) fn carry_out(&mut self, order: Order) -> Result<(), Box<dyn Error>> {
        self.order(order.name())
    }

    fn order(&mut self, line: &str) -> Result<(), Box<dyn Error>> {
        writeln!(self.orders, "{line}")?;
        let mut reply = String::new();
        self.replies.read_line(&mut reply)?;
        match reply.trim_end() {
            "done" => Ok(()),
            "" => Err("a holder has ended".into()),
            failure => Err(format!("{line}: {failure}").into()),
        }
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        let _ended = self.process.kill();
        let _reaped = self.process.wait();
    }
}

/// Carries out the orders on standard input until it ends.
pub(crate) fn hold() -> io::Result<()> {
    let mut held = Vec::new();
    for line in io::stdin().lines() {
        match obey(&mut held, &line?) {
            Ok(()) => println!("done"),
            Err(error) => println!("failed: {error}"),
        }
    }
    Ok(())
}

fn obey(held: &mut Vec<TcpStream>, line: &str) -> Result<(), Box<dyn Error>> {
    let words: Vec<&str> = line.split(' ').collect();
    if let ["open", server, source, count] = words[..] {
        return open(held, server.parse()?, source.parse()?, count.parse()?);
    }
    match Order::ALL.iter().find(|(_, name)| *name == line) {
        Some((Order::Echo, _)) => echo(held),
        Some((Order::Reset, _)) => reset(held),
        Some((Order::Finish, _)) => finish(held),
        None => Err("unknown order".into()),
    }
}

fn open(
    held: &mut Vec<TcpStream>,
    server: SocketAddr,
    source: IpAddr,
    count: usize,
) -> Result<(), Box<dyn Error>> {
    rlimit::increase_nofile_limit(u64::MAX)?;
    let mut ports = FIRST_PORT..;
    for number in 1..=count {
        let socket = Socket::new(Domain::for_address(server), Type::STREAM, None)?;
        // A port whose last connection is in TIME-WAIT will do.
        socket.set_reuse_address(true)?;
        let bind = |port| {
            socket
                .bind(&SocketAddr::from((source, port)).into())
                .is_ok()
        };
        ports.find(|port| bind(*port)).ok_or("no port left")?;
        socket
            .connect_timeout(&server.into(), TIMEOUT)
            .map_err(|error| format!("connection {number}: {error}"))?;
        socket.set_read_timeout(Some(TIMEOUT))?;
        socket.set_write_timeout(Some(TIMEOUT))?;
        held.push(socket.into());
        if number % IN_A_ROW == 0 || number == count {
            echo(&held[held.len() - 1..])?;
        }
    }
    Ok(())
}

fn echo(held: &[TcpStream]) -> Result<(), Box<dyn Error>> {
    for (number, mut stream) in held.iter().enumerate() {
        stream.write_all(&number.to_be_bytes())?;
    }
    for (number, mut stream) in held.iter().enumerate() {
        let mut echoed = [0; size_of::<usize>()];
        stream
            .read_exact(&mut echoed)
            .map_err(|error| format!("connection {number}: {error}"))?;
        if echoed != number.to_be_bytes() {
            return Err(format!("connection {number}: wrong bytes").into());
        }
    }
    Ok(())
}

fn reset(held: &mut Vec<TcpStream>) -> Result<(), Box<dyn Error>> {
    for stream in held.drain(..) {
        SockRef::from(&stream).set_linger(Some(Duration::ZERO))?;
    }
    Ok(())
}

/// In the order in which the FINs arrive, so that no peer keeps the server waiting.
fn finish(held: &mut Vec<TcpStream>) -> Result<(), Box<dyn Error>> {
    while !held.is_empty() {
        let timeout = Timespec::try_from(TIMEOUT)?;
        let watched = |stream| PollFd::from_borrowed_fd(stream, PollFlags::IN);
        let mut polled: Vec<PollFd> = held
            .iter()
            .map(|s| watched(std::os::fd::AsFd::as_fd(s)))
            .collect();
        if poll(&mut polled, Some(&timeout))? == 0 {
            return Err("no FIN in time".into());
        }
        let ready: Vec<bool> = polled.iter().map(|fd| !fd.revents().is_empty()).collect();
        let mut ready = ready.into_iter();
        let mut outcome: Result<(), Box<dyn Error>> = Ok(());
        held.retain_mut(|stream| {
            let is_over = ready.next() == Some(true);
            if is_over && !matches!(stream.read(&mut [0]), Ok(0)) {
                outcome = Err("a byte or an error instead of FIN".into());
            }
            !is_over
        });
        outcome?;
    }
    Ok(())
}
