//! Ten thousand connections at once.

use crate::harness::machine::descriptors_or_skip;
use crate::harness::{Child, Signal, connect, read};
use std::io::Write;
use std::net::TcpStream;

const PEERS: u32 = 10_000;

/// The server is a process of its own: on many machines one process has too few descriptors for both ends.
#[test]
fn each_of_ten_thousand_peers_at_once_gets_its_own_bytes() {
    let Some(_descriptors) = descriptors_or_skip(PEERS) else {
        return;
    };
    let (server, address) = Child::serve(&[]);
    let peers: Vec<TcpStream> = (0..PEERS).map(|_| connect(address)).collect();
    for (number, mut peer) in (0..PEERS).zip(&peers) {
        peer.write_all(&number.to_be_bytes()).unwrap();
    }
    for (number, peer) in (0..PEERS).zip(&peers) {
        assert_eq!(read(peer, 4), number.to_be_bytes());
    }
    server.signal(Signal::USR1);
    server.wait_for_log("connections 10000, open 10000, bytes in 40000, bytes out 40000");
    drop(peers);
    server.signal(Signal::TERM);
    assert_eq!(server.wait().code, Some(0));
}
