//! The load generator over UDP: each message is a datagram.
//!
//! It shares the stages, the schedule, the latencies and the results with the generator of TCP, and differs where UDP
//! does. There is no connection: each client is a socket with a port of its own. A datagram carries its number, because
//! UDP may lose it, double it, or let a later one overtake it. In the closed loop, a datagram without an echo after
//! [`LoadPlan::timeout`](super::LoadPlan::timeout) is lost, and another one takes its place. In the open loop, datagrams
//! are sent when they are due, whatever is in flight: nothing in UDP makes the sender wait.
//!
//! A lost datagram is in the latencies with its age, as an unanswered message of TCP is: statistics of delay count a
//! packet that is lost as infinitely late (RFC 2679, section 5.1).

mod client;
mod generator;
mod sockets;

pub(super) use client::NUMBER;
pub(super) use generator::DatagramLoop;
