//! The deadline queue, over a kernel that never reports anything.

use super::*;
use crate::server::clock::simulated;
use crate::server::slot::Slot;
use crate::server::stream_listener::StreamListener;
use mio::net::TcpStream;

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
