//! A generator of several threads measures what one with one thread does.

use super::unanswered::{FOREVER, pausing};
use super::{assert_flawless, honest, plan, run_briefly, server};
use mio_echo::measure::load::{
    self, Arrivals, LoadObserver, LoadPattern, LoadPlan, LoadResults, Progress, StopCondition,
};
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

fn for_millis(millis: u64) -> StopCondition {
    StopCondition::Elapsed(Duration::from_millis(millis))
}

#[test]
fn a_number_of_messages_is_divided_exactly() {
    let target = server(honest);
    for (threads, connections, depth) in [(2, 2, 1), (3, 7, 4)] {
        let results = run_briefly(&LoadPlan {
            threads,
            connections,
            depth,
            stop_when: StopCondition::Messages(1000),
            ..plan(target)
        });
        assert_flawless(&results);
        assert_eq!((results.messages, results.bytes), (1000, 64_000));
        assert_eq!(results.connected, connections as u64);
        assert_eq!(results.generator.threads, threads);
        assert!(results.service.count() >= 1000, "{results:?}");
        assert!(results.generator.cpu > Duration::ZERO, "{results:?}");
    }
}

#[test]
fn every_pattern_can_be_divided() {
    let target = server(honest);
    for (pattern, stop_when) in [
        (LoadPattern::Churn, StopCondition::Messages(101)),
        (LoadPattern::Stream, StopCondition::Messages(101)),
        (LoadPattern::Idle, for_millis(50)),
    ] {
        let results = run_briefly(&LoadPlan {
            threads: 2,
            pattern,
            connections: 5,
            stop_when,
            ..plan(target)
        });
        assert_flawless(&results);
        let expected = match pattern {
            LoadPattern::Idle => 0,
            _ => 101,
        };
        assert_eq!(results.messages, expected, "{pattern}");
        assert!(results.connected >= 5, "{results:?}");
    }
}

#[test]
fn a_corrupted_byte_is_found_whichever_thread_receives_it() {
    fn corrupting(mut peer: &TcpStream) -> io::Result<()> {
        let mut message = [0; 64];
        for number in 0.. {
            peer.read_exact(&mut message)?;
            message[8] ^= u8::from(number == 15);
            peer.write_all(&message)?;
        }
        Ok(())
    }
    let results = run_briefly(&LoadPlan {
        threads: 2,
        connections: 2,
        ..plan(server(corrupting))
    });
    assert_eq!(results.failures.corrupted, 2, "{results:?}");
    let mismatch = results.first_mismatch.unwrap();
    assert_eq!(mismatch.offset, 15 * 64 + 8);
    assert!((1..=2).contains(&mismatch.connection), "{mismatch}");
}

#[test]
fn a_server_that_freezes_to_the_end_is_one_stall_with_its_age() {
    let plan = LoadPlan {
        threads: 2,
        connections: 4,
        stop_when: for_millis(300),
        timeout: Duration::from_millis(600),
        ..plan(server(|peer| pausing(peer, 5, FOREVER)))
    };
    let results = run_briefly(&plan);
    let failures = (results.failures.timed_out, results.failures.total());
    assert_eq!((results.unanswered, failures), (4, (4, 4)), "{results:?}");
    assert_eq!(results.service.unanswered(), 4);
    let (gap, oldest) = (results.longest_gap, results.service.max().unwrap());
    let gap = Duration::from_nanos(gap);
    assert!(gap >= plan.timeout / 2 && gap <= oldest, "{results:?}");
    assert!(oldest >= plan.timeout, "{results:?}");
}

#[test]
fn a_rate_is_that_of_all_threads_together() {
    for arrivals in [Arrivals::Fixed, Arrivals::Poisson { seed: 4 }] {
        let results = run_briefly(&LoadPlan {
            threads: 3,
            connections: 6,
            rate: Some(2000.0),
            arrivals,
            stop_when: for_millis(500),
            ..plan(server(honest))
        });
        assert_flawless(&results);
        let response = results.response.as_ref().unwrap();
        assert_eq!(response.count(), results.service.count());
        let lag = results.generator.lag.as_ref().unwrap();
        assert_eq!(lag.count(), response.count());
        // All that were due during the measurement, which ends late on a busy machine; as a Poisson process, 1,000 with a
        // standard deviation of 32.
        #[expect(clippy::cast_precision_loss, reason = "a few thousand")]
        let share = response.count() as f64 / (2000.0 * results.elapsed.as_secs_f64());
        let tolerance = if arrivals == Arrivals::Fixed {
            0.01
        } else {
            0.2
        };
        assert!((share - 1.0).abs() < tolerance, "{share}: {results:?}");
    }
}

/// Takes down what it is shown, and stops the run after this many reports of progress with a message.
struct Notes {
    reports_to_stop: usize,
    measurements: usize,
    most_connected: usize,
    messages: Vec<u64>,
}

impl LoadObserver for Notes {
    fn measurement_started(&mut self) {
        self.measurements += 1;
    }

    fn progress(&mut self, progress: &Progress) -> ControlFlow<()> {
        self.most_connected = self.most_connected.max(progress.connected);
        if progress.results.messages > 0 {
            self.messages.push(progress.results.messages);
        }
        if self.messages.len() < self.reports_to_stop {
            ControlFlow::Continue(())
        } else {
            ControlFlow::Break(())
        }
    }
}

#[test]
fn the_observer_sees_all_threads_as_one_and_can_stop_them() {
    let plan = LoadPlan {
        threads: 2,
        connections: 5,
        stop_when: StopCondition::Elapsed(FOREVER),
        ..plan(server(honest))
    };
    let mut notes = Notes {
        reports_to_stop: 3,
        measurements: 0,
        most_connected: 0,
        messages: Vec::new(),
    };
    let begin = Instant::now();
    let results: LoadResults = load::run(&plan, &mut notes).unwrap();
    assert!(begin.elapsed() < plan.timeout, "{results:?}");
    assert!(results.ended_early);
    assert_eq!((notes.measurements, notes.most_connected), (1, 5));
    assert!(notes.messages.is_sorted(), "{:?}", notes.messages);
    assert!(results.messages >= notes.messages[2], "{results:?}");
    assert_eq!(results.failures.total(), 0, "{results:?}");
}
