//! The load generator against servers that keep the promise of RFC 862, and against those that do not.

use mio_echo::measure::load::{self, LoadPattern, LoadPlan, LoadResults, StopCondition, Verify};
use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

/// How a server treats a peer.
type Conversation = fn(&TcpStream) -> io::Result<()>;

/// A server on a port of its own, with a thread for each connection that runs `converse`. It lives as long
/// as the test.
fn server(converse: Conversation) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for peer in listener.incoming() {
            let peer = peer.unwrap();
            peer.set_nodelay(true).unwrap();
            thread::spawn(move || converse(&peer));
        }
    });
    address
}

fn honest(mut peer: &TcpStream) -> io::Result<()> {
    io::copy(&mut { peer }, &mut peer).map(drop)
}

/// What may happen to a chunk that is to be echoed, at the place of one byte in it.
type Harm = fn(&mut Vec<u8>, usize);

/// Echoes, but for what `harm` does at byte `at` of the connection.
fn harmful(mut peer: &TcpStream, at: u64, harm: Harm) -> io::Result<()> {
    let mut buffer = vec![0; 256 * 1024];
    let mut echoed = 0;
    loop {
        let count = peer.read(&mut buffer)?;
        if count == 0 {
            return Ok(());
        }
        let mut chunk = buffer[..count].to_vec();
        // Not at the end of a chunk, where a byte has no neighbour to be swapped with.
        if (echoed..echoed + count as u64 - 1).contains(&at) {
            harm(&mut chunk, usize::try_from(at - echoed).unwrap());
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

/// Runs what has to end by itself, well before the patience.
fn run_briefly(plan: &LoadPlan) -> LoadResults {
    let begin = Instant::now();
    let outcome = run(plan);
    assert!(begin.elapsed() < Duration::from_secs(15), "{outcome:?}");
    outcome
}

fn assert_flawless(outcome: &LoadResults) {
    assert_eq!(outcome.failures.total(), 0, "{outcome:?}");
    assert_eq!(outcome.starved, 0);
    assert_eq!(
        (outcome.first_mismatch, outcome.first_timeout),
        (None, None)
    );
    assert!(!outcome.ended_early);
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
        let outcome = run_briefly(&plan);
        assert_flawless(&outcome);
        assert_eq!(outcome.messages, messages);
        assert_eq!(outcome.bytes, messages * size as u64);
        assert_eq!(outcome.connected, connections as u64);
        assert_eq!(outcome.service.count(), messages, "each has its latency");
    }
}

#[test]
fn a_measurement_by_time_takes_that_time() {
    let plan = LoadPlan {
        connections: 3,
        warm_up: Duration::from_millis(50),
        stop_when: StopCondition::Elapsed(Duration::from_millis(300)),
        ..plan(server(honest))
    };
    let outcome = run_briefly(&plan);
    assert_flawless(&outcome);
    assert!(outcome.elapsed >= Duration::from_millis(300));
    assert!(outcome.messages > 0);
    assert!(outcome.generator.cpu > Duration::ZERO);
    assert!(outcome.generator.cpu <= outcome.elapsed);
}

#[test]
fn connections_that_come_and_go_are_counted_one_by_one() {
    let plan = LoadPlan {
        pattern: LoadPattern::Churn,
        connections: 8,
        ..plan(server(honest))
    };
    let outcome = run_briefly(&plan);
    assert_flawless(&outcome);
    assert_eq!(outcome.messages, 2000);
    assert!(outcome.connected >= 2000);
}

#[test]
fn idle_connections_are_held_after_one_message_each() {
    struct Held(usize);
    impl load::LoadObserver for Held {
        fn progress(&mut self, so_far: &load::Progress) -> std::ops::ControlFlow<()> {
            self.0 = self.0.max(so_far.connected);
            std::ops::ControlFlow::Continue(())
        }
    }
    let plan = LoadPlan {
        pattern: LoadPattern::Idle,
        connections: 200,
        stop_when: StopCondition::Elapsed(Duration::from_millis(250)),
        ..plan(server(honest))
    };
    let mut held = Held(0);
    let outcome = load::run(&plan, &mut held).unwrap();
    assert_flawless(&outcome);
    assert_eq!((outcome.connected, held.0), (200, 200));
    assert_eq!(outcome.messages, 0, "they are silent while it counts");
}

#[test]
fn with_a_rate_so_many_messages_are_due() {
    let plan = LoadPlan {
        connections: 10,
        rate: Some(2000.0),
        stop_when: StopCondition::Elapsed(Duration::from_millis(500)),
        ..plan(server(honest))
    };
    let outcome = run_briefly(&plan);
    assert_flawless(&outcome);
    assert_eq!(outcome.unanswered, 0);
    let response = outcome.response.unwrap();
    let due = 999..=1020; // the last turn of the loop may begin a little late on a busy machine
    assert!(response.count() >= *due.start(), "{}", response.count());
    assert_eq!(response.count(), outcome.service.count());
    assert!(response.max() >= outcome.service.max());
    assert!(outcome.generator.lag.unwrap().count() >= *due.start());
}

#[test]
fn connections_are_opened_at_the_rate_that_was_asked_for() {
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
        "twenty in a fifth of a second"
    );
}

/// One byte in a hundred million goes wrong, and everything is echoed until then.
const FAR: u64 = 100_000_000;

fn harm_found(converse: Conversation) -> (u64, Option<u64>) {
    let plan = LoadPlan {
        pattern: LoadPattern::Stream,
        size: 256 * 1024,
        depth: 4,
        stop_when: StopCondition::Messages(1000),
        ..plan(server(converse))
    };
    let outcome = run_briefly(&plan);
    let offset = outcome.first_mismatch.map(|mismatch| mismatch.offset);
    (outcome.failures.corrupted, offset)
}

#[test]
fn one_corrupted_byte_in_a_hundred_million_is_found() {
    let found = harm_found(|peer| harmful(peer, FAR, |chunk, at| chunk[at] ^= 0x10));
    assert_eq!(found, (1, Some(FAR)));
}

#[test]
fn one_lost_byte_in_a_hundred_million_is_found() {
    let found = harm_found(|peer| {
        harmful(peer, FAR, |chunk, at| {
            chunk.remove(at);
        })
    });
    assert_eq!(found, (1, Some(FAR)));
}

#[test]
fn one_doubled_byte_in_a_hundred_million_is_found() {
    let found = harm_found(|peer| harmful(peer, FAR, |chunk, at| chunk.insert(at, chunk[at])));
    assert_eq!(found, (1, Some(FAR + 1)));
}

#[test]
fn two_swapped_bytes_in_a_hundred_million_are_found() {
    let found = harm_found(|peer| harmful(peer, FAR, |chunk, at| chunk.swap(at, at + 1)));
    assert_eq!(found, (1, Some(FAR)));
}

#[test]
fn unverified_corruption_passes() {
    let corrupting = |peer: &TcpStream| harmful(peer, 100, |chunk, at| chunk[at] ^= 1);
    let plan = LoadPlan {
        verify: Verify::Nothing,
        ..plan(server(corrupting))
    };
    assert_flawless(&run_briefly(&plan));
}

#[test]
fn a_server_that_finishes_early_is_not_replaced() {
    let one_only = |mut peer: &TcpStream| {
        let mut message = [0; 64];
        peer.read_exact(&mut message)?;
        peer.write_all(&message)
    };
    let plan = LoadPlan {
        connections: 5,
        ..plan(server(one_only))
    };
    let outcome = run_briefly(&plan);
    assert_eq!(
        outcome.failures.closed_early + outcome.failures.reset,
        5,
        "{outcome:?}"
    );
    assert_eq!(outcome.messages, 5);
    assert!(outcome.ended_early);
}

#[test]
fn a_server_that_resets_is_told_apart() {
    let resets = |mut peer: &TcpStream| {
        let mut message = [0; 1];
        // Closing over unread input makes the kernel send RST.
        peer.read_exact(&mut message)
    };
    let plan = LoadPlan {
        connections: 5,
        ..plan(server(resets))
    };
    let outcome = run_briefly(&plan);
    assert_eq!(outcome.failures.reset, 5, "{outcome:?}");
}

#[test]
fn nobody_there_is_a_refusal() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let target = listener.local_addr().unwrap();
    drop(listener);
    for pattern in [LoadPattern::Echo, LoadPattern::Churn, LoadPattern::Idle] {
        let plan = LoadPlan {
            pattern,
            connections: 3,
            ..plan(target)
        };
        let outcome = run_briefly(&plan);
        assert!(outcome.failures.refused >= 3, "{outcome:?}");
        assert_eq!(outcome.failures.refused, outcome.failures.total());
        assert!(outcome.ended_early);
    }
}

#[test]
fn a_server_that_swallows_is_given_up_with_what_it_owes() {
    let swallows = |mut peer: &TcpStream| {
        let mut message = [0; 64];
        peer.read_exact(&mut message)?;
        peer.write_all(&message[..63])?;
        let mut rest = Vec::new();
        peer.read_to_end(&mut rest).map(drop)
    };
    let plan = LoadPlan {
        connections: 2,
        timeout: Duration::from_millis(300),
        ..plan(server(swallows))
    };
    let outcome = run_briefly(&plan);
    assert_eq!(outcome.failures.timed_out, 2, "{outcome:?}");
    let silence = outcome.first_timeout.unwrap();
    assert_eq!((silence.sent, silence.received), (64, 63));
}

#[test]
fn who_never_has_an_answer_is_starved() {
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
    let outcome = run_briefly(&plan);
    assert_eq!(outcome.starved, 1, "{outcome:?}");
    assert_eq!(
        outcome.failures.total(),
        0,
        "its patience is not at its end"
    );
}

#[test]
fn nothing_new_is_sent_while_the_last_answers_are_awaited() {
    use std::sync::atomic::{AtomicU64, Ordering};
    static PEERS: AtomicU64 = AtomicU64::new(0);
    static HEARD: AtomicU64 = AtomicU64::new(0);
    let one_is_late = |mut peer: &TcpStream| {
        let mut is_late = PEERS.fetch_add(1, Ordering::Relaxed) == 0;
        let mut message = [0; 64];
        loop {
            peer.read_exact(&mut message)?;
            HEARD.fetch_add(1, Ordering::Relaxed);
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
    let outcome = run_briefly(&plan);
    assert_flawless(&outcome);
    let counted = outcome.response.unwrap().count();
    let heard = HEARD.load(Ordering::Relaxed);
    // Those of the first turn were due before it counted.
    assert!(
        (counted..=counted + 10).contains(&heard),
        "{heard} for {counted}"
    );
}

#[test]
fn the_time_that_the_watch_takes_to_look_is_not_measured() {
    struct Slow;
    impl load::LoadObserver for Slow {
        fn measurement_started(&mut self) {
            thread::sleep(Duration::from_millis(300));
        }
    }
    let begin = Instant::now();
    let outcome = load::run(&plan(server(honest)), &mut Slow).unwrap();
    assert_flawless(&outcome);
    let looked = begin.elapsed().saturating_sub(outcome.elapsed);
    assert!(
        looked >= Duration::from_millis(300),
        "{looked:?} besides the measured"
    );
}

#[test]
fn more_than_was_sent_is_corruption() {
    let talkative = |mut peer: &TcpStream| {
        let mut message = [0; 65];
        peer.read_exact(&mut message[..64])?;
        peer.write_all(&message)?;
        peer.shutdown(Shutdown::Write)
    };
    let outcome = run_briefly(&plan(server(talkative)));
    assert_eq!(outcome.failures.corrupted, 1, "{outcome:?}");
    let mismatch = outcome.first_mismatch.unwrap();
    assert_eq!((mismatch.offset, mismatch.expected), (64, None));
}

/// Echoes, but every second does nothing for 200 ms.
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
