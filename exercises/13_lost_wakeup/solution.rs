//! Solution 13: a future that returns `Pending` has arranged to be woken.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

/// A stream that receives what the test says.
#[derive(Default)]
struct Stream {
    received: RefCell<VecDeque<u8>>,
    ended: Cell<bool>,
    waker: RefCell<Option<Waker>>,
}

impl Stream {
    /// The event: bytes have arrived.
    fn arrive(&self, bytes: &[u8]) {
        self.received.borrow_mut().extend(bytes);
        self.wake();
    }

    /// The event: the peer's FIN has arrived.
    fn end(&self) {
        self.ended.set(true);
        self.wake();
    }

    fn wake(&self) {
        if let Some(waker) = self.waker.borrow_mut().take() {
            waker.wake();
        }
    }
}

/// Reads one byte; `None` at the end.
struct ReadByte<'a>(&'a Stream);

impl Future for ReadByte<'_> {
    type Output = Option<u8>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<u8>> {
        if let Some(byte) = self.0.received.borrow_mut().pop_front() {
            return Poll::Ready(Some(byte));
        }
        if self.0.ended.get() {
            return Poll::Ready(None);
        }
        // The event finds the task by this. A later poll may come with another waker.
        *self.0.waker.borrow_mut() = Some(context.waker().clone());
        Poll::Pending
    }
}

/// The run queue of a runtime with one task.
struct Task(AtomicBool);

impl Wake for Task {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn main() {
    let (stream, echoed) = (Stream::default(), RefCell::new(Vec::new()));
    let mut echo = pin!(async {
        while let Some(byte) = ReadByte(&stream).await {
            echoed.borrow_mut().push(byte);
        }
    });
    let task = Arc::new(Task(AtomicBool::new(true)));
    let waker = Waker::from(Arc::clone(&task));
    // Polls the task if it has been woken.
    let mut run = || {
        let mut context = Context::from_waker(&waker);
        task.0.swap(false, Ordering::Relaxed) && echo.as_mut().poll(&mut context).is_ready()
    };

    assert!(!run(), "nothing has arrived");
    stream.arrive(b"Hello");
    assert!(!run(), "there may be more");
    assert_eq!(*echoed.borrow(), b"Hello");
    stream.end();
    assert!(run(), "the task has ended");
    println!("passed");
}
