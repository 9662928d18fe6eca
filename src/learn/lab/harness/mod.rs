//! The harness: steps one server and its clients, all on one thread.
//!
//! The experiment lets a client send and then steps the server, so the order of events is written in the experiment
//! and does not depend on timing. The sockets are real: server and client share nothing but the kernel.
//!
//! That a connection has stalled is not inferred from a timeout but proved by asking the kernel: see
//! [`Harness::detect_stall`].
//!
//! Read `server` first, the server with the parts that an experiment can replace; then the [`Harness`], in `stepper`.

mod client;
mod clock;
mod connection;
mod connections;
mod datagram_servers;
mod deadline;
mod descriptors;
mod echo_server;
mod echo_waits;
mod idle_cost;
mod late_accept;
mod listener;
mod many_loops;
mod server;
mod serving;
mod signals;
mod socket_buffers;
pub(super) mod socket_probe;
mod stepper;
mod trace_buffer;
mod vocabulary;
mod wait;
mod worker;

pub(super) use client::{CloseKind, TestClient, payload};
pub(super) use clock::ServerClock;
pub(super) use connection::{Flow, ReadResult, TestConnection};
pub(super) use datagram_servers::{DatagramServers, serve_datagrams};
pub(super) use deadline::until;
pub(super) use echo_server::{MeasuredServer, connect, ping, serve_in_mode, trace_pings};
pub(super) use echo_waits::{first_wait, nearest_rank, waits_in};
pub(super) use idle_cost::{IdleCost, MANY, round_trip_cost};
pub(super) use late_accept::LateAccept;
pub(super) use many_loops::{
    LOOPBACK, ManyLoops, listener_for_all, listener_for_each, serve_in_loops,
};
pub(super) use mio::net::TcpListener;
pub(super) use mio::{Interest, Registry};
pub(super) use server::{Behaviour, TestServer};
pub(super) use serving::{Correct, serve_until_signal};
pub(super) use signals::{SIGPIPE, restore_default_action};
pub(super) use socket_buffers::SocketBuffers;
pub(super) use stepper::{ExchangeEnd, Harness, ServeVariant};
pub(super) use wait::Trigger;
pub(super) use worker::Worker;
