//! The deadline queue, over a kernel that never reports anything, and what it is told.

use super::*;
use crate::server::clock::simulated;
use crate::server::misbehaviour::plan::{Delay, always};
use crate::server::misbehaviour::wire::{Wire, WireSocket};
use crate::server::slot::Slot;
use crate::server::stream_listener::StreamListener;
use mio::net::TcpStream;
use std::cell::RefCell;
use std::rc::Rc;

/// Keeps the timeout of the last wait, and lets this much time pass in it.
#[derive(Debug)]
struct Quiet {
    waited: Option<Duration>,
}

impl Kernel for Quiet {
    type Socket = TcpStream;
    type Listener = StreamListener;

    fn wait(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        self.waited = timeout;
        simulated::set(clock::now() + timeout.unwrap_or_default());
        Ok(())
    }

    fn events(&self) -> impl Iterator<Item = (Source, impl Into<EventFlags>)> {
        std::iter::empty::<(Source, EventFlags)>()
    }

    fn register(&mut self, _socket: &mut TcpStream, _source: Source) -> io::Result<()> {
        Ok(())
    }
}

fn wait(kernel: &mut MisbehavingKernel<Quiet>, timeout: Option<u64>) -> (Option<u64>, Vec<usize>) {
    let millis = |duration: Duration| u64::try_from(duration.as_millis()).unwrap();
    kernel.wait(timeout.map(Duration::from_millis)).unwrap();
    let keys = kernel.events().map(|(source, flags)| {
        let flags: EventFlags = flags.into();
        assert!(flags.readable && flags.writable);
        match source {
            Source::Connection(key) => key,
            _ => unreachable!("only connections have deadlines here"),
        }
    });
    (kernel.inner.waited.map(millis), keys.collect())
}

#[test]
fn a_wait_ends_with_the_next_deadline_and_reports_all_that_have_passed() {
    let mut kernel =
        MisbehavingKernel::new(Quiet { waited: None }, Misbehaviour::default(), 1 << 10);
    let start = Instant::now();
    simulated::set(start);
    assert_eq!(wait(&mut kernel, None), (None, vec![]));
    for (millis, key) in [(30, 3), (10, 1), (20, 2), (20, 4)] {
        let at = start + Duration::from_millis(millis);
        kernel.sender.send((at, key)).unwrap();
    }
    assert_eq!(wait(&mut kernel, Some(4)), (Some(4), vec![]));
    assert_eq!(wait(&mut kernel, None), (Some(6), vec![1]));
    assert_eq!(wait(&mut kernel, Some(50)), (Some(10), vec![2, 4]));
    assert_eq!(wait(&mut kernel, None), (Some(10), vec![3]));
    assert_eq!(wait(&mut kernel, None), (None, vec![]));
}

#[test]
fn a_server_that_does_not_misbehave_has_no_part_of_this_in_a_connection() {
    let plain = size_of::<Slot<TcpStream>>();
    assert!(plain <= 104, "{plain} bytes");
    assert!(size_of::<Slot<TimedSocket<TcpStream>>>() > plain);
}

/// A socket with the number 7 that misbehaves as planned, where it passes its deadlines on to, and what is behind it.
fn timed(
    misbehaviour: &Misbehaviour,
) -> (
    TimedSocket<WireSocket>,
    Receiver<SocketDeadline>,
    Rc<RefCell<Wire>>,
) {
    let wire = Rc::new(RefCell::new(Wire {
        room: 100,
        ..Wire::default()
    }));
    let mut socket = MisbehavingSocket::new(WireSocket(Rc::clone(&wire)), 50);
    socket.misbehave(misbehaviour, 1);
    let (sender, receiver) = mpsc::channel();
    let socket = TimedSocket {
        socket,
        key: 7,
        sender,
        passed_on: None,
    };
    (socket, receiver, wire)
}

#[test]
fn a_deadline_is_passed_on_once_and_delayed_bytes_are_unread() {
    let now = Instant::now();
    simulated::set(now);
    let minute = Duration::from_mins(1);
    let (mut socket, deadlines, wire) = timed(&Misbehaviour {
        delay: Some(always(Delay {
            mean: minute,
            jitter: Duration::ZERO,
        })),
        ..Misbehaviour::default()
    });
    assert_eq!(socket.unread_bytes(), Some(0));
    for passed_on in [Some((now + minute, 7)), None] {
        assert_eq!(socket.write(b"a").unwrap(), 1);
        assert_eq!(deadlines.try_recv().ok(), passed_on);
    }
    wire.borrow_mut().sent = vec![0; 3];
    assert_eq!(socket.unread_bytes(), Some(4));
}

#[test]
fn a_connection_is_woken_until_all_its_small_writes_are_made_even_if_no_time_passes() {
    let now = Instant::now();
    simulated::set(now);
    let (mut socket, deadlines, wire) = timed(&Misbehaviour {
        chunk: Some(always(1..=1)),
        ..Misbehaviour::default()
    });
    assert_eq!(socket.write(&[0; 50]).unwrap(), 50);
    let mut turns = 0;
    while let Ok(deadline) = deadlines.try_recv() {
        assert_eq!(deadline, (now, 7));
        let _would_block = socket.read(&mut [0; 50]);
        turns += 1;
    }
    assert_eq!((turns, wire.borrow().echoed.len()), (3, 50));
}
