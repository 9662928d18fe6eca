//! The system calls of the simulation: each may be interrupted, refused, cut short, or fail.

use super::link::Link;
use super::mutant::Mutant;
use super::network::{Backlog, Network};
use crate::connection::Stream;
use crate::readiness::EventFlags;
use crate::server::delivery::Deliveries;
use crate::server::kernel::{Accept, Kernel, Socket};
use crate::server::limits::FAILED_ACCEPTS_IN_A_ROW;
use crate::server::observer::ConnectionId;
use crate::server::send_queue::Delivery;
use crate::server::sources::Source;
use crate::text::address::Address;
use rustix::io::Errno;
use std::cell::RefCell;
use std::io::{self, ErrorKind, Read, Write};
use std::net::Ipv4Addr;
use std::rc::Rc;
use std::time::Duration;

/// How long the loop must leave accept(2) alone when descriptors or memory have run out, and no longer.
const PAUSE: Duration = Duration::from_millis(100);

/// The network, shared by all that the loop holds of it.
pub(super) type SharedNetwork = Rc<RefCell<Network>>;

#[derive(Debug)]
pub(super) struct SimulatedKernel {
    network: SharedNetwork,
    events: Vec<(Source, EventFlags)>,
    registered: u64,
}

#[derive(Debug)]
pub(super) struct SimulatedListener {
    network: SharedNetwork,
    number: usize,
}

#[derive(Debug)]
pub(super) struct SimulatedSocket {
    network: SharedNetwork,
    pub(super) link: usize,
}

impl SimulatedKernel {
    pub(super) fn new(network: &SharedNetwork) -> Self {
        Self {
            network: Rc::clone(network),
            events: Vec::new(),
            registered: 0,
        }
    }
}

impl Kernel for SimulatedKernel {
    type Socket = SimulatedSocket;
    type Listener = SimulatedListener;

    fn wait(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        self.events.clear();
        let mut network = self.network.borrow_mut();
        network.wait(timeout)?;
        let handed = network.handed.iter();
        self.events
            .extend(handed.map(|event| (event.source, event.flags)));
        Ok(())
    }

    fn events(&self) -> impl Iterator<Item = (Source, impl Into<EventFlags>)> {
        self.events.iter().copied()
    }

    fn register(&mut self, socket: &mut SimulatedSocket, source: Source) -> io::Result<()> {
        let mut network = self.network.borrow_mut();
        network.move_between_calls();
        if network.fault(16) {
            return Err(Errno::NOSPC.into());
        }
        let Source::Connection(key) = source else {
            unreachable!("only connections are registered by the loop");
        };
        let forgets = network.is(Mutant::ForgetInitialReadiness);
        let link = &mut network.links[socket.link];
        self.registered += 1;
        link.id = Some(ConnectionId(self.registered));
        link.key = Some(key);
        link.edge = if forgets {
            EventFlags::default()
        } else {
            link.level()
        };
        Ok(())
    }
}

impl SimulatedListener {
    pub(super) fn new(network: &SharedNetwork, number: usize) -> Self {
        let network = Rc::clone(network);
        Self { network, number }
    }
}

impl Accept for SimulatedListener {
    type Socket = SimulatedSocket;

    fn accept(&self) -> io::Result<(SimulatedSocket, Address)> {
        let mut network = self.network.borrow_mut();
        network.move_between_calls();
        network.accepts += 1;
        let listener = asked_listener(&network, self.number);
        network.backlogs[listener].passed_over = 0;
        let now = network.now;
        let may_try = network.accept_paused_until.is_none_or(|until| until <= now);
        network.require(may_try, || "accepts during a pause".to_owned());
        if let Some(errno) = accept_error(&mut network, listener) {
            return Err(errno.into());
        }
        network.failed_accepts_in_a_row = 0;
        let stop_noted = network.stop_noted.is_some();
        let backlog = &mut network.backlogs[listener];
        let Some(number) = backlog.waiting.pop_front() else {
            backlog.is_known = false;
            return Err(ErrorKind::WouldBlock.into());
        };
        backlog.drained += usize::from(stop_noted);
        count_passed_over(&mut network, listener);
        let link = &mut network.links[number];
        link.moved_at = now;
        if stop_noted {
            link.sent_before_stop = Some(link.sent);
        }
        let port = u16::try_from(number).unwrap();
        let socket = SimulatedSocket {
            network: Rc::clone(&self.network),
            link: number,
        };
        Ok((socket, Address::Inet((Ipv4Addr::LOCALHOST, port).into())))
    }
}

/// The listener that an accept takes from: the one that is asked, unless a mutant prefers another.
fn asked_listener(network: &Network, asked: usize) -> usize {
    let has_peer = |backlog: &Backlog| backlog.is_known && !backlog.waiting.is_empty();
    let first = network.backlogs.iter().position(has_peer);
    first
        .filter(|_| network.is(Mutant::NoRotation))
        .unwrap_or(asked)
}

/// An error of accept(2), if one is due; of the kind that calls for a pause, of a peer that is gone, or EINTR.
fn accept_error(network: &mut Network, listener: usize) -> Option<Errno> {
    let is_denied = network.accepts_denied > 0 && !network.is_calm();
    let errno = if is_denied {
        network.accepts_denied -= 1;
        Errno::PERM
    } else if network.fault(4) {
        let errors = [
            Errno::INTR,
            Errno::CONNABORTED,
            Errno::MFILE,
            Errno::NOBUFS,
            Errno::NOMEM,
        ];
        errors[network.decisions.choose(errors.len())]
    } else {
        return None;
    };
    if errno == Errno::CONNABORTED
        && let Some(number) = network.backlogs[listener].waiting.pop_front()
    {
        network.links[number].finished = true;
    }
    let concerns_the_peer = matches!(errno, Errno::PERM | Errno::CONNABORTED);
    network.failed_accepts_in_a_row += usize::from(concerns_the_peer);
    let is_hopeless = network.failed_accepts_in_a_row > FAILED_ACCEPTS_IN_A_ROW as usize;
    if is_hopeless || !(concerns_the_peer || errno == Errno::INTR) {
        network.failed_accepts_in_a_row = 0;
        network.accept_paused_until = Some(network.now + PAUSE);
    }
    Some(errno)
}

/// A listener whose peers the loop knows of must have its turn.
fn count_passed_over(network: &mut Network, accepted: usize) {
    let mut most = 0;
    for (number, backlog) in network.backlogs.iter_mut().enumerate() {
        let waits = number != accepted && backlog.is_known && !backlog.waiting.is_empty();
        backlog.passed_over += usize::from(waits);
        most = most.max(backlog.passed_over);
    }
    let listeners = network.backlogs.len();
    network.require(most <= listeners, || "a listener starves".to_owned());
}

impl Drop for SimulatedListener {
    fn drop(&mut self) {
        // After a panic in the simulation it is still borrowed.
        if let Ok(mut network) = self.network.try_borrow_mut() {
            let backlog = &mut network.backlogs[self.number];
            backlog.closed = true;
            for number in std::mem::take(&mut backlog.waiting) {
                network.links[number].finished = true;
                let waited = network.links[number].sent_before_stop.is_some();
                let is_kept = !waited || network.is_drain_over();
                network.require(is_kept, || {
                    format!("link {number} waited when the stop came, and is dropped")
                });
            }
        }
    }
}

impl Read for SimulatedSocket {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut network = self.network.borrow_mut();
        network.move_between_calls();
        network.links[self.link].reads += 1;
        if network.fault(12) {
            return Err(ErrorKind::Interrupted.into());
        }
        if network.fault(100) {
            network.links[self.link].error = Some(Errno::HOSTUNREACH);
        }
        let cut = network.is(Mutant::ClearWithoutEvidence) && network.decisions.one_in(4);
        let now = network.now;
        let link = &mut network.links[self.link];
        let to_mark = link
            .mark
            .map(|mark| mark - link.read)
            .filter(|left| *left > 0);
        let mut bytes = buffer
            .len()
            .min(link.unread())
            .min(to_mark.unwrap_or(usize::MAX));
        if cut && bytes > 1 {
            bytes -= 1;
        }
        if bytes > 0 {
            for (at, byte) in buffer.iter_mut().take(bytes).enumerate() {
                *byte = link.byte(link.read + at);
            }
            link.read += bytes;
            link.found_empty = false;
            link.mark = link.mark.filter(|mark| *mark >= link.read);
            // What is discarded behind our FIN is no activity.
            if !link.our_fin {
                link.moved_at = now;
            }
            return Ok(bytes);
        }
        if let Some(errno) = link.error {
            link.failed = true;
            return Err(errno.into());
        }
        if link.fin {
            return Ok(0);
        }
        link.empty_reads += 1;
        Err(ErrorKind::WouldBlock.into())
    }
}

impl Write for SimulatedSocket {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut network = self.network.borrow_mut();
        network.move_between_calls();
        let link = &mut network.links[self.link];
        link.writes += 1;
        link.room_since = None;
        let allowed = !bytes.is_empty() && !link.our_fin;
        network.require(allowed, || "writes nothing, or after its FIN".to_owned());
        if network.fault(12) {
            return Err(ErrorKind::Interrupted.into());
        }
        if network.fault(100) {
            network.links[self.link].error = Some(Errno::PIPE);
        }
        let under_pressure = network.fault(12);
        let loses_a_byte = network.is(Mutant::LoseByte);
        let now = network.now;
        let link = &mut network.links[self.link];
        if let Some(errno) = link.error {
            link.failed = true;
            return Err(errno.into());
        }
        if under_pressure {
            // No memory for a segment: refused although there is room, and reported as soon as there is memory.
            link.edge.writable = true;
            return Err(ErrorKind::WouldBlock.into());
        }
        let taken = bytes.len().min(link.room());
        link.no_space |= taken < bytes.len();
        if taken == 0 {
            return Err(ErrorKind::WouldBlock.into());
        }
        let skipped = usize::from(loses_a_byte && taken < bytes.len());
        let echoed = bytes.iter().enumerate().take(taken);
        let is_exact = echoed
            .clone()
            .all(|(at, byte)| *byte == link.byte(link.written + at));
        link.written += taken;
        link.moved_at = now;
        let (read, written) = (link.read, link.written);
        network.require(is_exact && written <= read, || {
            format!("link {} is echoed something else at {written}", self.link)
        });
        Ok(taken + skipped)
    }

    fn flush(&mut self) -> io::Result<()> {
        unreachable!("an echo has nothing to flush")
    }
}

impl Stream for SimulatedSocket {
    fn send_fin(&mut self) -> io::Result<()> {
        let mut network = self.network.borrow_mut();
        network.move_between_calls();
        let link = &mut network.links[self.link];
        link.our_fin = true;
        match link.error {
            Some(errno) => Err(errno.into()),
            None => Ok(()),
        }
    }
}

impl Socket for SimulatedSocket {
    fn unread_bytes(&self) -> Option<u32> {
        let mut network = self.network.borrow_mut();
        if !network.setup.reports_unread {
            return None;
        }
        let link = &mut network.links[self.link];
        link.found_empty |= link.unread() == 0;
        u32::try_from(link.unread()).ok()
    }

    fn delivery(&self, _deliveries: &mut Deliveries) -> Option<Delivery> {
        let network = self.network.borrow();
        let link = &network.links[self.link];
        let delivery = Delivery {
            quiet: network.now - link.taken_at,
            acknowledged: u32::try_from(link.received).unwrap(),
        };
        let reports = network.setup.reports_delivery && !network.is(Mutant::ForgetSlowReader);
        reports.then_some(delivery)
    }

    fn reset_on_close(&self) {
        let mut network = self.network.borrow_mut();
        let forgets = network.is(Mutant::FinInsteadOfReset);
        network.links[self.link].linger = !forgets;
    }
}

impl Drop for SimulatedSocket {
    fn drop(&mut self) {
        // After a panic in the simulation it is still borrowed.
        let Ok(mut network) = self.network.try_borrow_mut() else {
            return;
        };
        network.calls += 1;
        let link: &mut Link = &mut network.links[self.link];
        link.closed = true;
        link.reset = link.linger || link.unread() > 0 || link.id.is_none();
        link.edge = EventFlags::default();
        if let Some(key) = link.key
            && network.is(Mutant::StaleKey)
        {
            network.report_stale(self.link, key);
        }
    }
}
