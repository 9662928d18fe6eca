//! A pair of observers sees what each of the two would see alone.

use super::*;
use std::cell::RefCell;
use std::net::Ipv4Addr;
use std::os::fd::AsFd;

/// Notes the name of each method that is called.
#[derive(Debug, Clone, Default)]
struct Names {
    called: RefCell<Vec<&'static str>>,
    wants_sockets: bool,
}

impl Names {
    fn wanting_sockets(wants_sockets: bool) -> Self {
        Self {
            wants_sockets,
            ..Self::default()
        }
    }
}

macro_rules! note_calls {
    ($($method:ident($($argument:ty),*);)*) => {
        $(fn $method(&mut self, $(_: $argument),*) {
            self.called.borrow_mut().push(stringify!($method));
        })*
    };
}

impl Observer for Names {
    note_calls! {
        merge(Self);
        waiting(Option<Duration>);
        woke(usize);
        woken_by(WakeSource);
        phase_entered(LoopPhase);
        socket_accepted(ConnectionId, BorrowedFd<'_>);
        accepted(ConnectionId, &Address);
        proxy_header(ConnectionId, &Address, ProxyHeader);
        banner_sent(ConnectionId, usize);
        socket_seen(ConnectionId, BorrowedFd<'_>);
        flags_reported(ConnectionId, EventFlags);
        on_event(ConnectionId, ConnectionEvent);
        readiness_changed(ConnectionId, Readiness);
        phase_changed(ConnectionId, Phase);
        yielded(ConnectionId);
        blocking_call(ConnectionId, BlockingCall);
        closed(&ConnectionSummary);
        refused(&Address, &io::Error);
        accept_failed(&io::Error);
        accept_paused(&AcceptPause);
        accept_resumed();
        on_datagram(SocketAddr, DatagramEvent);
        waiting_for_datagrams();
        receive_failed(&io::Error);
        stopping(usize);
        heartbeat();
        reopen_logs();
    }

    fn observes_sockets(&self) -> bool {
        self.wants_sockets
    }

    fn report(&self) {
        self.called.borrow_mut().push("report");
    }

    fn publish(&self) {
        self.called.borrow_mut().push("publish");
    }
}

/// Calls every method, and returns their names in that order.
fn call_everything(observer: &mut impl Observer) -> Vec<&'static str> {
    let id = ConnectionId(1);
    let source = SocketAddr::from((Ipv4Addr::LOCALHOST, 7));
    let peer = Address::from(source);
    let error = io::Error::other("a test");
    let socket = io::stdin();
    let summary = ConnectionSummary {
        id,
        peer: peer.clone(),
        bytes_in: 0,
        bytes_out: 0,
        reason: Reason::Finished,
    };
    let mut names = Vec::new();
    macro_rules! call {
        ($($method:ident($($argument:expr),*);)*) => {
            $(observer.$method($($argument),*); names.push(stringify!($method));)*
        };
    }
    call! {
        waiting(None);
        woke(1);
        woken_by(WakeSource::Listener);
        phase_entered(LoopPhase::Admit);
        socket_accepted(id, socket.as_fd());
        accepted(id, &peer);
        proxy_header(id, &peer, ProxyHeader::Unknown);
        banner_sent(id, 1);
        socket_seen(id, socket.as_fd());
        flags_reported(id, EventFlags::default());
        on_event(id, ConnectionEvent::FinSent);
        readiness_changed(id, Readiness::default());
        phase_changed(id, Phase::Open);
        yielded(id);
        blocking_call(id, BlockingCall::Read);
        closed(&summary);
        refused(&peer, &error);
        accept_failed(&error);
        accept_paused(&AcceptPause::Full(1));
        accept_resumed();
        on_datagram(source, DatagramEvent::Dropped);
        waiting_for_datagrams();
        receive_failed(&error);
        stopping(1);
        heartbeat();
        report();
        publish();
        reopen_logs();
    }
    let forked = observer.fork();
    observer.merge(forked);
    names.push("merge");
    names
}

#[test]
fn both_observers_of_a_pair_are_notified_of_everything() {
    let mut pair = (Names::default(), Names::default());
    let called = call_everything(&mut pair);
    assert_eq!(pair.0.called.into_inner(), called);
    assert_eq!(pair.1.called.into_inner(), called);
}

#[test]
fn a_pair_observes_sockets_or_calls_if_one_of_the_two_does() {
    for (first, second) in [(false, false), (false, true), (true, false), (true, true)] {
        let pair = (
            Names::wanting_sockets(first),
            Names::wanting_sockets(second),
        );
        assert_eq!(pair.observes_sockets(), first || second);
    }
    assert!(!().observes_sockets());
    const { assert!(<(Names, ())>::OBSERVES_CALLS && <((), Names)>::OBSERVES_CALLS) };
    const { assert!(!<((), ())>::OBSERVES_CALLS) };
}

#[test]
fn a_connection_is_shown_as_its_number() {
    assert_eq!(ConnectionId(7).to_string(), "#7");
    assert_eq!(ConnectionId(7).next(), ConnectionId(8));
}
