//! The thread for datagrams: it sleeps until a socket has some or a stop is requested.
//!
//! One thread serves all peers of all UDP sockets, as in the event loop. A thread for each peer would have to know when its
//! peer is gone, and no datagram tells it that.

use super::connection_table::Shared;
use crate::server::datagrams::Datagrams;
use crate::server::observer::Observer;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use std::io;
use std::sync::Arc;
use std::thread::{self, JoinHandle};

/// Starts the thread, if there is a UDP socket.
///
/// # Errors
///
/// The system allows no further thread.
pub(super) fn start<O: Observer>(
    datagrams: Datagrams,
    shared: &Arc<Shared<O>>,
) -> io::Result<Option<JoinHandle<io::Result<()>>>> {
    if datagrams.are_closed() {
        return Ok(None);
    }
    let shared = Arc::clone(shared);
    let builder = thread::Builder::new().name("datagrams".to_owned());
    builder.spawn(move || serve(datagrams, &shared)).map(Some)
}

/// Answers datagrams until a stop is requested, and then those that have been received by that time.
fn serve<O: Observer>(mut datagrams: Datagrams, shared: &Shared<O>) -> io::Result<()> {
    while !datagrams.are_closed() {
        if !datagrams.are_ready() {
            wait(&mut datagrams, shared)?;
        }
        datagrams.serve(&mut shared.table().observer);
    }
    Ok(())
}

fn wait<O: Observer>(datagrams: &mut Datagrams, shared: &Shared<O>) -> io::Result<()> {
    shared.table().observer.waiting_for_datagrams();
    let pipe = PollFd::new(&shared.shutdown_pipe, PollFlags::IN);
    let sockets = datagrams.sockets();
    let sockets = sockets.map(|socket| PollFd::from_borrowed_fd(socket, PollFlags::IN));
    let mut awaited: Vec<_> = std::iter::once(pipe).chain(sockets).collect();
    match poll(&mut awaited, None) {
        Ok(_) | Err(Errno::INTR) => {}
        Err(error) => return Err(error.into()),
    }
    let is_stopping = awaited
        .first()
        .is_some_and(|pipe| !pipe.revents().is_empty());
    drop(awaited);
    if is_stopping {
        datagrams.drain();
    } else {
        datagrams.note_input();
    }
    Ok(())
}
