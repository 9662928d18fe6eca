//! In place of `socket` in a program built without the feature `udp`: a socket type that has no value.

use super::message::Message;
use crate::server::config::Config;
use mio::{Registry, Token};
use std::io::{self, ErrorKind};
use std::iter;
use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd};

/// A socket that cannot exist. Not to be confused with that of `socket`, whose place it takes.
#[derive(Debug)]
pub(crate) enum DatagramSocket {}

impl DatagramSocket {
    pub(crate) fn bind_beside(
        _listener: impl AsFd,
        _address: SocketAddr,
        _config: &Config,
    ) -> io::Result<Self> {
        let reason = "this program was built without UDP";
        Err(io::Error::new(ErrorKind::Unsupported, reason))
    }

    pub(super) fn register(&mut self, _registry: &Registry, _token: Token) -> io::Result<()> {
        match *self {}
    }

    pub(super) fn local_addr(&self) -> io::Result<SocketAddr> {
        match *self {}
    }

    pub(super) fn messages_held(&self) -> usize {
        match *self {}
    }

    pub(super) fn receive(&self, _batch: &mut Batch) -> io::Result<usize> {
        match *self {}
    }

    pub(super) fn send_limit(&self) -> usize {
        match *self {}
    }

    pub(super) fn send_back(&self, _message: &Message<'_>) -> io::Result<()> {
        match *self {}
    }
}

impl AsFd for DatagramSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match *self {}
    }
}

/// No room, for nothing is received. Not to be confused with that of `socket`, whose place it takes.
#[derive(Debug)]
pub(super) struct Batch;

impl Batch {
    pub(super) const ROOM: usize = 1;

    pub(super) fn new() -> Self {
        Self
    }

    #[expect(clippy::unused_self, reason = "as in `socket`")]
    pub(super) fn messages(&self, _count: usize) -> impl Iterator<Item = Message<'_>> {
        iter::empty()
    }
}
