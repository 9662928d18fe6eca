//! Ten thousand connections at once.

use crate::common::tools::skip;
use crate::common::{Child, connect, read};
use std::io::Write;
use std::net::TcpStream;

const PEERS: u32 = 10_000;

/// In a process of its own: one process has too few descriptors for both ends on many machines.
#[test]
fn ten_thousand_peers_are_in_at_once_and_each_gets_its_own_bytes() {
    let limit = rlimit::increase_nofile_limit(u64::MAX).unwrap();
    if limit < u64::from(PEERS) + 200 {
        skip(&format!("{limit} descriptors are too few here"));
        return;
    }
    let (server, address) = Child::serve(&[]);
    let peers: Vec<TcpStream> = (0..PEERS).map(|_| connect(address)).collect();
    for (number, mut peer) in (0..PEERS).zip(&peers) {
        peer.write_all(&number.to_be_bytes()).unwrap();
    }
    for (number, peer) in (0..PEERS).zip(&peers) {
        assert_eq!(read(peer, 4), number.to_be_bytes());
    }
    server.signal("USR1");
    server.wait_until_said("connections 10000, open 10000, bytes in 40000, bytes out 40000");
    drop(peers);
    server.signal("TERM");
    assert_eq!(server.wait().code, Some(0));
}
