//! Each layer over a socket that answers every question.

use crate::connection::Stream;
use crate::readiness::EventFlags;
use crate::server::kernel::{Accept, Kernel, Socket};
use crate::server::misbehaviour::{MisbehavingKernel, Misbehaviour};
#[cfg(feature = "preamble")]
use crate::server::preamble::{Preamble, PreambleKernel};
use crate::server::proxy_header::ProxyHeader;
use crate::server::sources::Source;
use crate::text::address::Address;
use std::cell::Cell;
use std::io::{self, Read, Stdin, Write, stdin};
use std::net::Ipv4Addr;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::rc::Rc;
use std::time::Duration;

/// A kernel that has nothing to report, and its listener.
#[derive(Debug, Default)]
struct Bottom {
    /// Whether a socket was asked to be reset.
    reset: Rc<Cell<bool>>,
}

impl Kernel for Bottom {
    type Socket = BottomSocket;
    type Listener = Self;

    fn wait(&mut self, _timeout: Option<Duration>) -> io::Result<()> {
        Ok(())
    }

    fn events(&self) -> impl Iterator<Item = (Source, impl Into<EventFlags>)> {
        std::iter::empty::<(Source, EventFlags)>()
    }

    fn register(&mut self, _socket: &mut BottomSocket, _source: Source) -> io::Result<()> {
        Ok(())
    }
}

impl Accept for Bottom {
    type Socket = BottomSocket;

    fn accept(&self) -> io::Result<(BottomSocket, Address)> {
        let reset = Rc::clone(&self.reset);
        let socket = BottomSocket(reset, stdin());
        Ok((socket, Address::Inet((Ipv4Addr::LOCALHOST, 7).into())))
    }
}

/// Its answers are unlike those of a layer. The descriptor only has to be one that is open.
struct BottomSocket(Rc<Cell<bool>>, Stdin);

impl Read for BottomSocket {
    fn read(&mut self, _buffer: &mut [u8]) -> io::Result<usize> {
        Ok(0)
    }
}

impl Write for BottomSocket {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Stream for BottomSocket {
    fn send_fin(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Socket for BottomSocket {
    fn unread_bytes(&self) -> Option<u32> {
        Some(7)
    }

    fn reset_on_close(&self) {
        self.0.set(true);
    }

    fn take_proxy_header(&mut self) -> Option<ProxyHeader> {
        Some(ProxyHeader::Unknown)
    }

    fn take_banner(&mut self) -> Option<usize> {
        Some(7)
    }

    fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        Some(self.1.as_fd())
    }
}

/// What every layer passes on.
fn assert_passes_on(socket: &impl Socket, reset: &Cell<bool>) {
    assert_eq!(socket.unread_bytes(), Some(7));
    let descriptor = socket.descriptor().map(|shown| shown.as_raw_fd());
    assert_eq!(descriptor, Some(stdin().as_raw_fd()));
    assert!(!reset.get());
    socket.reset_on_close();
    assert!(reset.get());
}

#[test]
fn a_misbehaving_socket_hides_nothing_of_the_socket_below() {
    let reset = Rc::default();
    let bottom = || Bottom {
        reset: Rc::clone(&reset),
    };
    let kernel = MisbehavingKernel::new(bottom(), Misbehaviour::default(), 8);
    let (mut socket, _) = kernel.listener(bottom()).accept().unwrap();
    assert_passes_on(&socket, &reset);
    assert_eq!(socket.take_proxy_header(), Some(ProxyHeader::Unknown));
    assert_eq!(socket.take_banner(), Some(7));
}

#[cfg(feature = "preamble")]
#[test]
fn a_socket_whose_preamble_is_over_hides_nothing_of_the_socket_below() {
    let reset = Rc::default();
    let bottom = || Bottom {
        reset: Rc::clone(&reset),
    };
    let kernel = PreambleKernel::new(bottom(), Preamble::default());
    let (socket, _) = kernel.listener(bottom()).accept().unwrap();
    assert_passes_on(&socket, &reset);
}
