//! The load generator against servers that follow RFC 862, and against servers that do not.

mod corruption;
pub(crate) mod datagrams;
mod open_loop;
mod threads;
mod unanswered;

use crate::harness::refusing_port;
use mio_echo::measure::load::{self, LoadPattern, LoadPlan, LoadResults, StopCondition, WarmUpEnd};
use mio_echo::text::address::Address;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
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

fn plan(target: impl Into<Address>) -> LoadPlan {
    LoadPlan {
        warm_up: Duration::ZERO,
        stop_when: StopCondition::Messages(2000),
        timeout: Duration::from_mins(1),
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
    assert!(begin.elapsed() < Duration::from_secs(50), "{results:?}");
    results
}

fn assert_flawless(results: &LoadResults) {
    assert_eq!(results.failures.total(), 0, "{results:?}");
    // That a connection has no echo in a measurement this short is no flaw: on a busy machine, its thread may be late.
    assert_eq!(results.unanswered, 0);
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
        assert!(connections > 1 || results.starved == 0, "{results:?}");
        assert_eq!(results.bytes, messages * size as u64);
        assert_eq!(results.connected, connections as u64);
        assert_eq!(
            results.service.count(),
            messages + (connections * depth - 1) as u64,
            "one latency per message, and one for each that was still in flight with the last"
        );
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
fn a_warm_up_lasts_until_the_observer_finds_the_server_warm() {
    struct Third(Vec<(Duration, u64)>);
    impl load::LoadObserver for Third {
        fn is_warm(&mut self, lasted: Duration, messages: u64) -> bool {
            self.0.push((lasted, messages));
            self.0.len() == 3
        }
    }
    let plan = LoadPlan {
        warm_up: Duration::from_millis(20),
        warm_up_extension: Duration::from_mins(1),
        ..plan(server(honest))
    };
    let mut observer = Third(Vec::new());
    let results = load::run(&plan, &mut observer).unwrap();
    assert_flawless(&results);
    let asked = observer.0;
    assert_eq!(asked.len(), 3, "{asked:?}");
    assert!(asked.is_sorted_by(|a, b| a < b), "{asked:?}");
    assert_eq!(results.warm_up.lasted, asked[2].0);
    assert_eq!(results.warm_up.end, WarmUpEnd::Warm);
}

#[test]
fn a_server_that_never_gets_warm_is_measured_after_the_longest_warm_up() {
    struct Never;
    impl load::LoadObserver for Never {
        fn is_warm(&mut self, _lasted: Duration, _messages: u64) -> bool {
            false
        }
    }
    let plan = LoadPlan {
        warm_up_extension: Duration::from_millis(1),
        ..plan(server(honest))
    };
    let results = load::run(&plan, &mut Never).unwrap();
    assert_flawless(&results);
    assert_eq!(results.warm_up.end, WarmUpEnd::NotWarm);
    assert_eq!(run(&self::plan(plan.target)).warm_up.end, WarmUpEnd::Fixed);
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
    // On a busy machine the measurement ends late, and more are due.
    assert!(response.count() >= 999, "{}", response.count());
    assert_eq!(response.count(), results.service.count());
    assert!(response.max() >= results.service.max());
    assert!(results.generator.lag.unwrap().count() >= 999);
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
    let (_bound, target) = refusing_port();
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
fn a_load_that_cannot_be_generated_is_an_error_before_the_first_connection() {
    let target = server(honest);
    for plan in [
        LoadPlan {
            connections: usize::MAX,
            ..plan(target)
        },
        LoadPlan {
            depth: usize::MAX,
            ..plan(target)
        },
        LoadPlan {
            size: usize::MAX,
            ..plan(target)
        },
        LoadPlan {
            rate: Some(f64::INFINITY),
            ..plan(target)
        },
        LoadPlan {
            connect_rate: Some(1e-300),
            ..plan(target)
        },
        LoadPlan {
            warm_up: Duration::MAX,
            ..plan(target)
        },
        LoadPlan {
            timeout: Duration::MAX,
            ..plan(target)
        },
        LoadPlan {
            stop_when: StopCondition::Messages(u64::MAX),
            ..plan(target)
        },
    ] {
        let error = load::run(&plan, &mut ()).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput, "{plan:?}");
    }
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
