//! The load generator against servers that follow RFC 862, and against servers that do not.

use mio_echo::measure::load::{self, LoadPattern, LoadPlan, LoadResults, StopCondition, Verify};
use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

/// What a server does with one connection.
type Behaviour = fn(&TcpStream) -> io::Result<()>;

/// Starts a server on a free port, with a thread per connection that runs `behaviour`. It lives as long as the
/// test program.
fn server(behaviour: Behaviour) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for peer in listener.incoming() {
            let peer = peer.unwrap();
            peer.set_nodelay(true).unwrap();
            thread::spawn(move || behaviour(&peer));
        }
    });
    address
}

fn honest(mut peer: &TcpStream) -> io::Result<()> {
    io::copy(&mut { peer }, &mut peer).map(drop)
}

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

fn plan(target: SocketAddr) -> LoadPlan {
    LoadPlan {
        warm_up: Duration::ZERO,
        stop_when: StopCondition::Messages(2000),
        timeout: Duration::from_secs(20),
        ..LoadPlan::new(target)
    }
}

fn run(plan: &LoadPlan) -> LoadResults {
    load::run(plan, &mut ()).unwrap()
}

/// Runs a plan that has to end by itself, well before its timeout.
fn run_briefly(plan: &LoadPlan) -> LoadResults {
    let begin = Instant::now();
    let results = run(plan);
    assert!(begin.elapsed() < Duration::from_secs(15), "{results:?}");
    results
}

fn assert_flawless(results: &LoadResults) {
    assert_eq!(results.failures.total(), 0, "{results:?}");
    assert_eq!(results.starved, 0);
    assert_eq!(
        (results.first_mismatch, results.first_timeout),
        (None, None)
    );
    assert!(!results.ended_early);
}

#[test]
fn messages_of_every_size_and_depth_come_back() {
    let target = server(honest);
    for (size, depth, connections) in [
        (1, 1, 1),
        (64, 1, 50),
        (64, 16, 7),
        (4096, 3, 5),
        (300_000, 2, 3),
        (5_000_000, 2, 1),
    ] {
        let messages = (20_000_000 / size).clamp(4, 5000) as u64;
        let plan = LoadPlan {
            size,
            depth,
            connections,
            stop_when: StopCondition::Messages(messages),
            ..plan(target)
        };
        let results = run_briefly(&plan);
        assert_flawless(&results);
        assert_eq!(results.messages, messages);
        assert_eq!(results.bytes, messages * size as u64);
        assert_eq!(results.connected, connections as u64);
        assert_eq!(results.service.count(), messages, "one latency per message");
    }
}

#[test]
fn a_measurement_takes_the_time_of_its_stop_condition() {
    let plan = LoadPlan {
        connections: 3,
        warm_up: Duration::from_millis(50),
        stop_when: StopCondition::Elapsed(Duration::from_millis(300)),
        ..plan(server(honest))
    };
    let results = run_briefly(&plan);
    assert_flawless(&results);
    assert!(results.elapsed >= Duration::from_millis(300));
    assert!(results.messages > 0);
    assert!(results.generator.cpu > Duration::ZERO);
    assert!(results.generator.cpu <= results.elapsed);
}

#[test]
fn churned_connections_are_counted_one_by_one() {
    let plan = LoadPlan {
        pattern: LoadPattern::Churn,
        connections: 8,
        ..plan(server(honest))
    };
    let results = run_briefly(&plan);
    assert_flawless(&results);
    assert_eq!(results.messages, 2000);
    assert!(results.connected >= 2000);
}

#[test]
fn idle_connections_stay_open_after_one_message_each() {
    struct MostConnected(usize);
    impl load::LoadObserver for MostConnected {
        fn progress(&mut self, progress: &load::Progress) -> std::ops::ControlFlow<()> {
            self.0 = self.0.max(progress.connected);
            std::ops::ControlFlow::Continue(())
        }
    }
    let plan = LoadPlan {
        pattern: LoadPattern::Idle,
        connections: 200,
        stop_when: StopCondition::Elapsed(Duration::from_millis(250)),
        ..plan(server(honest))
    };
    let mut most = MostConnected(0);
    let results = load::run(&plan, &mut most).unwrap();
    assert_flawless(&results);
    assert_eq!((results.connected, most.0), (200, 200));
    assert_eq!(results.messages, 0, "no traffic during the measurement");
}

#[test]
fn a_rate_determines_how_many_messages_are_due() {
    let plan = LoadPlan {
        connections: 10,
        rate: Some(2000.0),
        stop_when: StopCondition::Elapsed(Duration::from_millis(500)),
        ..plan(server(honest))
    };
    let results = run_briefly(&plan);
    assert_flawless(&results);
    assert_eq!(results.unanswered, 0);
    let response = results.response.unwrap();
    let due = 999..=1020; // on a busy machine the last turn of the loop may begin late
    assert!(response.count() >= *due.start(), "{}", response.count());
    assert_eq!(response.count(), results.service.count());
    assert!(response.max() >= results.service.max());
    assert!(results.generator.lag.unwrap().count() >= *due.start());
}

#[test]
fn connections_are_opened_at_the_requested_rate() {
    let plan = LoadPlan {
        connections: 20,
        connect_rate: Some(100.0),
        stop_when: StopCondition::Messages(20),
        ..plan(server(honest))
    };
    let begin = Instant::now();
    assert_flawless(&run(&plan));
    assert!(
        begin.elapsed() >= Duration::from_millis(190),
        "twenty connections take a fifth of a second"
    );
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
fn a_connection_that_the_server_closes_early_is_not_replaced() {
    let one_only = |mut peer: &TcpStream| {
        let mut message = [0; 64];
        peer.read_exact(&mut message)?;
        peer.write_all(&message)
    };
    let plan = LoadPlan {
        connections: 5,
        ..plan(server(one_only))
    };
    let results = run_briefly(&plan);
    assert_eq!(
        results.failures.closed_early + results.failures.reset,
        5,
        "{results:?}"
    );
    assert_eq!(results.messages, 5);
    assert!(results.ended_early);
}

#[test]
fn a_reset_is_counted_as_a_reset() {
    let resets = |mut peer: &TcpStream| {
        let mut message = [0; 1];
        // Closing with unread input makes the kernel send RST.
        peer.read_exact(&mut message)
    };
    let plan = LoadPlan {
        connections: 5,
        ..plan(server(resets))
    };
    let results = run_briefly(&plan);
    assert_eq!(results.failures.reset, 5, "{results:?}");
}

#[test]
fn without_a_listener_connections_are_refused() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let target = listener.local_addr().unwrap();
    drop(listener);
    for pattern in [LoadPattern::Echo, LoadPattern::Churn, LoadPattern::Idle] {
        let plan = LoadPlan {
            pattern,
            connections: 3,
            ..plan(target)
        };
        let results = run_briefly(&plan);
        assert!(results.failures.refused >= 3, "{results:?}");
        assert_eq!(results.failures.refused, results.failures.total());
        assert!(results.ended_early);
    }
}

#[test]
fn a_connection_without_a_complete_echo_times_out_with_its_byte_counts() {
    let keeps_one_byte = |mut peer: &TcpStream| {
        let mut message = [0; 64];
        peer.read_exact(&mut message)?;
        peer.write_all(&message[..63])?;
        let mut rest = Vec::new();
        peer.read_to_end(&mut rest).map(drop)
    };
    let plan = LoadPlan {
        connections: 2,
        timeout: Duration::from_millis(300),
        ..plan(server(keeps_one_byte))
    };
    let results = run_briefly(&plan);
    assert_eq!(results.failures.timed_out, 2, "{results:?}");
    let first = results.first_timeout.unwrap();
    assert_eq!((first.sent, first.received), (64, 63));
}

#[test]
fn a_connection_that_never_receives_an_echo_is_starved() {
    use std::sync::atomic::{AtomicU64, Ordering};
    static PEERS: AtomicU64 = AtomicU64::new(0);
    let unfair = |mut peer: &TcpStream| match PEERS.fetch_add(1, Ordering::Relaxed) {
        0 => io::copy(&mut peer, &mut io::sink()).map(drop),
        _ => honest(peer),
    };
    let plan = LoadPlan {
        connections: 3,
        stop_when: StopCondition::Elapsed(Duration::from_millis(1200)),
        ..plan(server(unfair))
    };
    let results = run_briefly(&plan);
    assert_eq!(results.starved, 1, "{results:?}");
    assert_eq!(results.failures.total(), 0, "no timeout has passed yet");
}

#[test]
fn nothing_new_is_sent_while_the_last_echoes_are_outstanding() {
    use std::sync::atomic::{AtomicU64, Ordering};
    static PEERS: AtomicU64 = AtomicU64::new(0);
    static RECEIVED: AtomicU64 = AtomicU64::new(0);
    let one_is_late = |mut peer: &TcpStream| {
        let mut is_late = PEERS.fetch_add(1, Ordering::Relaxed) == 0;
        let mut message = [0; 64];
        loop {
            peer.read_exact(&mut message)?;
            RECEIVED.fetch_add(1, Ordering::Relaxed);
            if std::mem::take(&mut is_late) {
                thread::sleep(Duration::from_millis(900));
            }
            peer.write_all(&message)?;
        }
    };
    let plan = LoadPlan {
        connections: 2,
        rate: Some(200.0),
        stop_when: StopCondition::Elapsed(Duration::from_millis(300)),
        ..plan(server(one_is_late))
    };
    let results = run_briefly(&plan);
    assert_flawless(&results);
    let counted = results.response.unwrap().count();
    let received = RECEIVED.load(Ordering::Relaxed);
    // The messages of the first turn were due before the measurement started.
    assert!(
        (counted..=counted + 10).contains(&received),
        "{received} for {counted}"
    );
}

#[test]
fn the_time_that_the_observer_takes_is_not_measured() {
    struct Slow;
    impl load::LoadObserver for Slow {
        fn measurement_started(&mut self) {
            thread::sleep(Duration::from_millis(300));
        }
    }
    let begin = Instant::now();
    let results = load::run(&plan(server(honest)), &mut Slow).unwrap();
    assert_flawless(&results);
    let unmeasured = begin.elapsed().saturating_sub(results.elapsed);
    assert!(
        unmeasured >= Duration::from_millis(300),
        "only {unmeasured:?} were not measured"
    );
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

/// Echoes, but stalls for 200 ms every second.
fn stalling(mut peer: &TcpStream) -> io::Result<()> {
    let mut message = [0; 64];
    let begin = Instant::now();
    let mut stalls = 0;
    loop {
        peer.read_exact(&mut message)?;
        if begin.elapsed() >= Duration::from_secs(stalls) + Duration::from_millis(500) {
            stalls += 1;
            thread::sleep(Duration::from_millis(200));
        }
        peer.write_all(&message)?;
    }
}

#[test]
fn a_stall_that_the_closed_loop_hides_shows_in_the_response_time() {
    let closed = LoadPlan {
        stop_when: StopCondition::Elapsed(Duration::from_secs(2)),
        ..plan(server(stalling))
    };
    let hidden = run(&closed);
    let open = LoadPlan {
        rate: Some(1000.0),
        ..closed.clone()
    };
    let shown = run(&open);
    assert!(hidden.service.max().unwrap() >= Duration::from_millis(200));
    let p99 = |latency: &load::Latency| latency.quantile(0.99).unwrap();
    assert!(
        p99(&hidden.service) < Duration::from_millis(50),
        "{hidden:?}"
    );
    assert!(p99(&shown.response.unwrap()) >= Duration::from_millis(100));
}
