//! Servers that use a known amount of processor time or memory.

use super::echo::echo;
use rustix::time::{ClockId, clock_gettime};
use std::env;
use std::hint::black_box;
use std::io;
use std::net::TcpStream;
use std::process::Command;
use std::time::Duration;

/// Processor time for each message.
pub(crate) const BURN: Duration = Duration::from_micros(200);

/// Memory in use for each connection, in bytes.
pub(crate) const RESIDENT: usize = 1 << 20;

/// Uses up the processor time of each message. What reading and writing took is part of it: the thread goes on until its
/// own processor time is that of all messages so far.
pub(super) fn burn(peer: &TcpStream) -> io::Result<()> {
    let mut due = Duration::ZERO;
    echo(peer, |_, _| {
        due += BURN;
        while cpu_of_this_thread() < due {}
    })
}

fn cpu_of_this_thread() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.try_into().unwrap_or_default()
}

/// Runs this program with `arguments` as a child process, which prints the address, and waits for its end.
pub(super) fn start_child(arguments: &[&str]) -> io::Result<()> {
    let status = Command::new(env::current_exe()?).args(arguments).status()?;
    Err(io::Error::other(format!("the child ended: {status}")))
}

/// Keeps memory in use for as long as the connection lasts.
pub(super) fn occupy(peer: &TcpStream) -> io::Result<()> {
    // Bytes that are not 0 have to be written, and so are resident.
    let memory = black_box(vec![1_u8; RESIDENT]);
    let result = echo(peer, |_, _| {});
    drop(black_box(memory));
    result
}
