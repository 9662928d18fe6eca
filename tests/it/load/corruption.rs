//! Bytes that come back wrong are detected, wherever they are.

use super::{Behaviour, assert_flawless, plan, run_briefly, server};
use mio_echo::measure::load::{LoadPattern, LoadPlan, StopCondition, Verify};
use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};

/// Corrupts a chunk at the given index before it is echoed.
type Fault = fn(&mut Vec<u8>, usize);

/// Echoes, but applies `fault` at byte `at` of the connection.
fn faulty(mut peer: &TcpStream, at: u64, fault: Fault) -> io::Result<()> {
    let mut buffer = vec![0; 256 * 1024];
    let mut echoed = 0;
    loop {
        let count = peer.read(&mut buffer)?;
        if count == 0 {
            return Ok(());
        }
        let mut chunk = buffer[..count].to_vec();
        // Not at the last byte of a chunk, which has no neighbour to be swapped with.
        if (echoed..echoed + count as u64 - 1).contains(&at) {
            fault(&mut chunk, usize::try_from(at - echoed).unwrap());
        }
        echoed += count as u64;
        peer.write_all(&chunk)?;
    }
}

/// The offset of the faulty byte. Everything before it is echoed correctly.
const FAR: u64 = 100_000_000;

fn fault_found(behaviour: Behaviour) -> (u64, Option<u64>) {
    let plan = LoadPlan {
        pattern: LoadPattern::Stream,
        size: 256 * 1024,
        depth: 4,
        stop_when: StopCondition::Messages(1000),
        ..plan(server(behaviour))
    };
    let results = run_briefly(&plan);
    let offset = results.first_mismatch.map(|mismatch| mismatch.offset);
    (results.failures.corrupted, offset)
}

#[test]
fn one_corrupted_byte_in_a_hundred_million_is_found() {
    let found = fault_found(|peer| faulty(peer, FAR, |chunk, at| chunk[at] ^= 0x10));
    assert_eq!(found, (1, Some(FAR)));
}

#[test]
fn one_lost_byte_in_a_hundred_million_is_found() {
    let found = fault_found(|peer| {
        faulty(peer, FAR, |chunk, at| {
            chunk.remove(at);
        })
    });
    assert_eq!(found, (1, Some(FAR)));
}

#[test]
fn one_duplicated_byte_in_a_hundred_million_is_found() {
    let found = fault_found(|peer| faulty(peer, FAR, |chunk, at| chunk.insert(at, chunk[at])));
    assert_eq!(found, (1, Some(FAR + 1)));
}

#[test]
fn two_swapped_bytes_in_a_hundred_million_are_found() {
    let found = fault_found(|peer| faulty(peer, FAR, |chunk, at| chunk.swap(at, at + 1)));
    assert_eq!(found, (1, Some(FAR)));
}

#[test]
fn corruption_goes_unnoticed_without_verification() {
    let corrupting = |peer: &TcpStream| faulty(peer, 100, |chunk, at| chunk[at] ^= 1);
    let plan = LoadPlan {
        verify: Verify::Nothing,
        ..plan(server(corrupting))
    };
    assert_flawless(&run_briefly(&plan));
}

#[test]
fn more_than_was_sent_is_corruption() {
    let sends_more = |mut peer: &TcpStream| {
        let mut message = [0; 65];
        peer.read_exact(&mut message[..64])?;
        peer.write_all(&message)?;
        peer.shutdown(Shutdown::Write)
    };
    let results = run_briefly(&plan(server(sends_more)));
    assert_eq!(results.failures.corrupted, 1, "{results:?}");
    let mismatch = results.first_mismatch.unwrap();
    assert_eq!((mismatch.offset, mismatch.expected), (64, None));
}
