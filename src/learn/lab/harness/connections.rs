//! The connections of a server of the lab: those that are open, and what closed ones have moved.

use super::clock::ServerClock;
use super::connection::{Counters, TestConnection};
use slab::Slab;
use std::net::SocketAddr;
use std::time::Duration;

/// The connections of one server.
#[derive(Debug, Default)]
pub(crate) struct Connections {
    /// The open ones, by their keys.
    pub(crate) open: Slab<TestConnection>,
    closed: Vec<(SocketAddr, Counters)>,
}

impl Connections {
    /// The keys of the open ones.
    pub(crate) fn keys(&self) -> Vec<usize> {
        self.open.iter().map(|(key, _)| key).collect()
    }

    /// Takes an open one out.
    pub(crate) fn remove(&mut self, key: usize) -> TestConnection {
        let connection = self.open.remove(key);
        self.closed.push((connection.address, connection.counters));
        connection
    }

    /// The open one to the client at `address`.
    pub(crate) fn to(&self, address: SocketAddr) -> Option<&TestConnection> {
        let mut connections = self.open.iter().map(|(_, connection)| connection);
        connections.find(|connection| connection.address == address)
    }

    /// What has been moved for the client at `address`: zero if there was no connection to it.
    pub(crate) fn counters(&self, address: SocketAddr) -> Counters {
        let mut closed = self.closed.iter();
        let closed = closed.find(|(other, _)| *other == address);
        match (self.to(address), closed) {
            (Some(connection), _) => connection.counters,
            (None, Some((_, counters))) => *counters,
            (None, None) => Counters::default(),
        }
    }

    /// How long a wait may take until the time of one of them is over, if each has this limit.
    pub(crate) fn timeout(&self, limit: Option<Duration>, clock: &ServerClock) -> Duration {
        let next = self.deadlines(limit).map(|(_, deadline)| deadline).min();
        next.map_or(Duration::MAX, |deadline| clock.timeout(deadline))
    }

    /// The keys of those whose time is over at `now`.
    pub(crate) fn expired(&self, limit: Option<Duration>, now: Duration) -> Vec<usize> {
        let expired = self
            .deadlines(limit)
            .filter(|(_, deadline)| *deadline <= now);
        expired.map(|(key, _)| key).collect()
    }

    fn deadlines(&self, limit: Option<Duration>) -> impl Iterator<Item = (usize, Duration)> {
        let deadline = move |one: &TestConnection| one.last_progress?.checked_add(limit?);
        let open = self.open.iter();
        open.filter_map(move |(key, one)| Some((key, deadline(one)?)))
    }
}
