//! Messages that come back late or not at all: they are waited for, counted, and never left out of the latencies.

use super::{honest, plan, run, run_briefly, server};
use crate::harness::in_some_attempt;
use mio_echo::measure::load::{self, LoadPattern, LoadPlan, StopCondition};
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

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
        stop_when: StopCondition::Elapsed(Duration::from_millis(500)),
        timeout: Duration::from_secs(3),
        ..plan(server(unfair))
    };
    let results = run_briefly(&plan);
    assert_eq!(results.starved, 1, "{results:?}");
    assert_eq!((results.failures.timed_out, results.unanswered), (1, 1));
    assert!(
        results.elapsed < plan.timeout,
        "the measurement does not wait for it: {results:?}"
    );
}

/// Echoes `messages` messages of 64 bytes, pauses for `pause`, and goes on.
pub(super) fn pausing(mut peer: &TcpStream, messages: u64, pause: Duration) -> io::Result<()> {
    let mut message = [0; 64];
    for number in 0_u64.. {
        peer.read_exact(&mut message)?;
        if number == messages {
            thread::sleep(pause);
        }
        peer.write_all(&message)?;
    }
    Ok(())
}

/// Longer than any test waits.
pub(super) const FOREVER: Duration = Duration::from_hours(1);

#[test]
fn a_server_that_freezes_to_the_end_shows_in_the_maximum_and_as_a_failure() {
    let plan = LoadPlan {
        connections: 3,
        stop_when: StopCondition::Elapsed(Duration::from_millis(500)),
        timeout: Duration::from_millis(800),
        ..plan(server(|peer| pausing(peer, 5, FOREVER)))
    };
    let results = run_briefly(&plan);
    assert_eq!(results.messages, 15, "{results:?}");
    assert_eq!((results.unanswered, results.failures.timed_out), (3, 3));
    let service = &results.service;
    assert_eq!((service.count(), service.unanswered()), (18, 3));
    assert!(service.max() >= Some(plan.timeout), "{results:?}");
    assert!(service.lower_bound_from() >= Some(plan.timeout));
    let gap = Duration::from_nanos(results.longest_gap);
    assert!(gap >= plan.timeout, "{results:?}");
}

#[test]
fn an_echo_after_the_end_of_the_measurement_is_waited_for() {
    let plan = LoadPlan {
        connections: 3,
        stop_when: StopCondition::Elapsed(Duration::from_millis(500)),
        ..plan(server(|peer| pausing(peer, 5, Duration::from_millis(1500))))
    };
    let results = run_briefly(&plan);
    assert_eq!(results.failures.total(), 0, "{results:?}");
    assert_eq!((results.messages, results.unanswered), (15, 0));
    assert_eq!(results.service.count(), 18);
    assert!(results.service.max() >= Some(Duration::from_millis(1500)));
    assert!(
        results.longest_gap >= 1_000_000_000,
        "a stall of all connections: {results:?}"
    );
}

#[test]
fn messages_of_the_schedule_that_never_come_back_are_in_the_response_time() {
    let plan = LoadPlan {
        rate: Some(1000.0),
        stop_when: StopCondition::Elapsed(Duration::from_millis(500)),
        timeout: Duration::from_millis(400),
        ..plan(server(|peer| pausing(peer, 100, FOREVER)))
    };
    let results = run_briefly(&plan);
    let response = results.response.as_ref().unwrap();
    assert_eq!(results.failures.timed_out, 1, "{results:?}");
    assert_eq!(response.unanswered(), results.unanswered);
    assert!(response.count() >= 499, "all that were due: {results:?}");
    assert!(results.unanswered >= 390, "{results:?}");
    let least = results.service.lower_bound_from();
    assert!(
        least >= Some(plan.timeout),
        "only one was sent: {results:?}"
    );
    assert_eq!(results.service.unanswered(), 1);
    assert!(response.max() >= least);
    let lag = results.generator.lag.as_ref().unwrap();
    // 100 come back. On a busy machine, as many more are due as it is late, one each millisecond.
    let late = lag.max().map_or(0, |max| max.as_millis() + 1);
    assert!(
        u128::from(lag.count()) <= 109 + late,
        "waiting for the server is not the generator's lateness: {lag:?}"
    );
}

#[test]
fn a_server_that_never_echoes_fails_short_lived_connections_within_one_timeout() {
    let silent = |mut peer: &TcpStream| io::copy(&mut peer, &mut io::sink()).map(drop);
    let target = server(silent);
    for stop_when in [
        StopCondition::Elapsed(Duration::from_millis(100)),
        StopCondition::Messages(10),
    ] {
        let plan = LoadPlan {
            pattern: LoadPattern::Churn,
            connections: 4,
            stop_when,
            timeout: Duration::from_millis(500),
            ..plan(target)
        };
        let results = run(&plan);
        // Each of the four has waited for one timeout, and none was tried again.
        assert_eq!((results.messages, results.failures.timed_out), (0, 4));
        assert!(results.unanswered >= 4, "{results:?}");
        assert!(results.first_timeout.is_some());
    }
}

#[test]
fn a_run_that_is_stopped_does_not_wait_for_a_frozen_server() {
    /// What the server echoes before it freezes.
    const ECHOED: u64 = 20;
    struct StopWhenFrozen;
    impl load::LoadObserver for StopWhenFrozen {
        fn progress(&mut self, progress: &load::Progress) -> std::ops::ControlFlow<()> {
            match progress.results.messages {
                ECHOED => std::ops::ControlFlow::Break(()),
                _ => std::ops::ControlFlow::Continue(()),
            }
        }
    }
    let plan = LoadPlan {
        stop_when: StopCondition::Elapsed(FOREVER),
        ..plan(server(|peer| pausing(peer, ECHOED, FOREVER)))
    };
    let begin = Instant::now();
    let results = load::run(&plan, &mut StopWhenFrozen).unwrap();
    assert!(begin.elapsed() < plan.timeout, "{results:?}");
    assert!(results.ended_early);
    assert_eq!((results.messages, results.unanswered), (ECHOED, 1));
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
    assert_eq!(results.failures.total(), 0, "{results:?}");
    assert_eq!((results.starved, results.unanswered), (1, 0), "one is late");
    let counted = results.response.unwrap().count();
    let received = RECEIVED.load(Ordering::Relaxed);
    // The messages of the first turn were due before the measurement started; on a busy machine, as many more as it is
    // late, one each 5 ms.
    let late = results.generator.lag.unwrap().max().unwrap_or_default();
    let most = counted + 10 + u64::try_from(late.as_millis() / 5).unwrap();
    assert!(
        (counted..=most).contains(&received),
        "{received} for {counted}"
    );
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
fn a_number_of_messages_is_measured_until_the_last_of_them_is_echoed() {
    let plan = LoadPlan {
        stop_when: StopCondition::Messages(1),
        ..plan(server(honest))
    };
    in_some_attempt(|| {
        let results = run(&plan);
        let last = results.service.max().unwrap();
        match results.elapsed.saturating_sub(last) {
            late if late < Duration::from_millis(20) => Ok(()),
            late => Err(format!("it went on for {late:?}")),
        }
    });
}

#[test]
fn a_stall_that_the_closed_loop_hides_shows_in_the_response_time() {
    let closed = LoadPlan {
        stop_when: StopCondition::Elapsed(Duration::from_millis(1200)),
        ..plan(server(stalling))
    };
    let p99 = |latency: &load::Latency| latency.quantile(0.99).unwrap();
    in_some_attempt(|| {
        let hidden = run(&closed);
        assert!(hidden.service.max().unwrap() >= Duration::from_millis(200));
        assert!(hidden.longest_gap >= 200_000_000, "{hidden:?}");
        match p99(&hidden.service) {
            p99 if p99 < Duration::from_millis(50) => Ok(()),
            p99 => Err(format!("p99 is {p99:?}")),
        }
    });
    let shown = run(&LoadPlan {
        rate: Some(1000.0),
        ..closed
    });
    assert!(p99(&shown.response.unwrap()) >= Duration::from_millis(100));
}
