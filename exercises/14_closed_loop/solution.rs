//! Solution 14: messages are due on a schedule, and latency is counted from when they are due.

const SECOND: u64 = 1_000_000; // µs, of virtual time
const INTERVAL: usize = 1000;

/// The server takes 100 µs for a message, and stalls for the first 200 ms of every second. It is busy until `free_at`.
fn echoed_at(arrival: u64, free_at: u64) -> u64 {
    let begin = arrival.max(free_at);
    let stalled_for = 200_000_u64.saturating_sub(begin % SECOND);
    begin + stalled_for + 100
}

/// The latency of each message during ten seconds.
fn latencies() -> Vec<u64> {
    let mut latencies = Vec::new();
    let mut free_at = 0;
    for due in (0..10 * SECOND).step_by(INTERVAL) {
        free_at = echoed_at(due, free_at);
        latencies.push(free_at - due);
    }
    latencies
}

fn main() {
    let mut latencies = latencies();
    latencies.sort_unstable();
    let p99 = latencies
        .get(latencies.len() * 99 / 100)
        .copied()
        .unwrap_or(0);
    println!("{} messages, p99 {p99} µs", latencies.len());
    // A peer that sends every millisecond meets the stall with one message in five.
    assert_eq!(latencies.len(), 10_000, "messages were never sent");
    assert!(p99 > 185_000, "the stall does not show");
    println!("passed");
}
