//! The main thread, one step at a time: what cannot be observed through a socket.

use super::*;
use crate::server::Server;
use std::net::{self, SocketAddr};

fn threads(max_connections: usize) -> (Threads<()>, SocketAddr) {
    let config = Config {
        listen: vec!["127.0.0.1:0".parse().unwrap()],
        max_connections: Some(max_connections),
        ..Config::default()
    };
    let server = Server::bind(config).unwrap();
    let address = server.local_addrs()[0].inet().unwrap();
    let Server {
        poll,
        listeners,
        shutdown,
        max_connections,
        config,
        ..
    } = server;
    let threads = Threads::new(poll, listeners, shutdown, config, max_connections, ());
    (threads.unwrap(), address)
}

/// Both ends of a connection.
pub(super) fn pair() -> (net::TcpStream, net::TcpStream) {
    let listener = net::TcpListener::bind((net::Ipv4Addr::LOCALHOST, 0)).unwrap();
    let near = connect(listener.local_addr().unwrap());
    (near, listener.accept().unwrap().0)
}

fn connect(address: SocketAddr) -> net::TcpStream {
    net::TcpStream::connect(address).unwrap()
}

/// Waits for events, with a deadline, and notes them.
fn note_next_events(threads: &mut Threads<()>) {
    let deadline = Some(Duration::from_secs(10));
    threads.poll.poll(&mut threads.events, deadline).unwrap();
    assert!(!threads.events.is_empty(), "an edge was awaited");
    threads.note();
}

fn open(threads: &Threads<()>) -> usize {
    threads.shared.table().open.len()
}

#[test]
fn an_iteration_accepts_no_more_than_its_budget_and_the_next_one_does_not_sleep() {
    let (mut threads, address) = threads(1000);
    let _peers: Vec<_> = (0..ACCEPTS_PER_ITERATION + 5)
        .map(|_| connect(address))
        .collect();
    note_next_events(&mut threads);
    threads.admit().unwrap();
    assert_eq!(open(&threads), ACCEPTS_PER_ITERATION);
    assert!(threads.has_work(), "no edge will report the others");
    threads.admit().unwrap();
    assert_eq!(open(&threads), ACCEPTS_PER_ITERATION + 5);
}

#[test]
fn at_the_limit_the_end_of_a_connection_wakes_the_main_thread_and_before_it_does_not() {
    let (mut threads, address) = threads(2);
    let first = connect(address);
    note_next_events(&mut threads);
    threads.admit().unwrap();
    threads.request_wake_up();
    assert!(!threads.shared.table().wake_on_close);

    let _others = [connect(address), connect(address)];
    note_next_events(&mut threads);
    threads.admit().unwrap();
    assert_eq!(open(&threads), 2);
    assert!(threads.listeners.are_ready() && !threads.has_work());
    threads.request_wake_up();
    drop(first);
    note_next_events(&mut threads);
    assert!(threads.has_work(), "there is room for the one that waits");
}

#[test]
fn a_connection_that_waits_for_its_thread_is_work_and_delays_the_end() {
    let (mut threads, address) = threads(1000);
    let peer = connect(address);
    threads.unstarted = Some((Arc::new(peer.try_clone().unwrap()), address.into()));
    assert!(threads.has_work());
    threads.shutdown.stopper().stop().unwrap();
    note_next_events(&mut threads);
    threads.listeners.close();
    assert!(!threads.is_done());
    threads.note_stop(StopAction::Expire);
    assert!(threads.is_done());
}

#[test]
fn when_a_stop_expires_no_listener_is_left_open() {
    let (mut threads, _) = threads(1000);
    threads.note_stop(StopAction::Drain);
    assert!(!threads.listeners.are_closed());
    threads.note_stop(StopAction::Expire);
    assert!(threads.listeners.are_closed());
}
