//! The checks, a file for each subject.

mod connections;
mod datagram_peers;
mod datagrams;
mod echo;
mod endings;
mod flow;
mod limits;
mod quiet;
mod stop;

use crate::check::definition::Check;

/// All checks, in the order in which they run: in the order of the course, then those that no step asks for.
pub const CHECKS: [Check; 29] = [
    // One client at a time, blocking.
    echo::EXACT_SIZES,
    echo::ALL_BYTE_VALUES,
    echo::BYTE_BY_BYTE,
    echo::SPLIT_UTF8,
    connections::CONNECT_AND_LEAVE,
    endings::HALF_CLOSE,
    endings::HALF_CLOSE_BULK,
    endings::HALF_CLOSE_READ_LATE,
    // Several clients.
    connections::SEVERAL_CLIENTS,
    quiet::STAYS_OPEN,
    quiet::ALIVE_AFTER_PAUSE,
    // Sleeping.
    quiet::IDLE_CPU,
    // Partial writes.
    flow::BOTH_DIRECTIONS_FULL,
    flow::STALLED_READER,
    flow::SLOW_BESIDE_QUICK,
    flow::STALLED_CPU,
    // Edges.
    endings::FIN_WITH_DATA,
    connections::BURST,
    connections::CONNECTIONS_150,
    connections::CHURN,
    // A server.
    flow::STALLED_MEMORY,
    flow::FLOOD,
    endings::RESET_MIDWAY,
    connections::CONNECTIONS_1000,
    limits::DESCRIPTOR_LIMIT,
    limits::DESCRIPTOR_LEAK,
    stop::STOP_WITHOUT_LOSS,
    // Beyond the course.
    echo::URGENT_DATA,
    limits::UNREAD_LOG,
];

/// All checks of a server that replies to datagrams, in the order in which they run.
pub const DATAGRAM_CHECKS: [Check; 10] = [
    datagrams::SIZES,
    datagrams::BYTES,
    datagrams::ONCE,
    datagrams::BOUNDARIES,
    datagram_peers::CLIENTS,
    datagram_peers::ADDRESS,
    datagrams::IN_FLIGHT,
    // A process.
    datagram_peers::IDLE_CPU,
    datagram_peers::STOP,
    // Beyond RFC 862.
    datagram_peers::LOOP,
];
