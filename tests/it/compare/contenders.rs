//! What can be compared, and in which order.

use super::{comparison, measured, measured_briefly, run_short, saved, serve, text, values};
use crate::harness::{Child, PROGRAM, skip};
use mio_echo::measure::bench::MemoryMethod;
use mio_echo::measure::compare::model::Comparison;
use mio_echo::measure::compare::report;
use mio_echo::measure::load::WarmUpEnd;
use std::fs;
use std::net::TcpStream;
use std::process::Command;

#[test]
fn without_contenders_both_modes_are_compared_and_the_first_is_measured_twice() {
    let comparison = comparison(saved());
    let names: Vec<&str> = comparison
        .contenders
        .iter()
        .map(|contender| contender.name.as_str())
        .collect();
    assert_eq!(names, ["event-loop", "threads", "event-loop (again)"]);
    assert_eq!(comparison.scenarios.len(), 2);
    let (mut messages, mut cpu) = (0, 0);
    for results in &comparison.scenarios {
        assert_eq!(results.measurements.len(), 3 * 6, "{}", results.scenario);
        for measurement in &results.measurements {
            let values = values(measurement);
            assert!(values.elapsed_ns >= 30_000_000, "{values:?}");
            messages += values.messages;
            let cost = values.server.expect("our own child is visible");
            assert!(cost.resident_bytes > 0 && cost.threads > 0, "{cost:?}");
            cpu += cost.user_ns + cost.system_ns;
        }
    }
    // A busy machine may not schedule the server during a measurement as short as these, so only the sums are checked.
    assert!(messages > 0 && cpu > 0, "{comparison:?}");
}

#[test]
fn every_round_has_all_contenders_in_an_order_that_the_seed_repeats() {
    // On a busy machine, no message may come back in a measurement as short as these. Its contender then fails and is not
    // measured again.
    let order = || {
        let complete = (0..5).find_map(|_| {
            let finished = run_short(&["--rounds=4", "--json=-"]);
            let measurements = comparison(text(&finished)).scenarios.remove(0).measurements;
            (measurements.len() == 4 * 3).then_some(measurements)
        });
        let measurements = complete.expect("one attempt without a failure");
        let order = measurements.iter().map(|one| (one.round, one.contender));
        order.collect::<Vec<_>>()
    };
    let first = order();
    assert_eq!(first, order(), "the seed is the same");
    let rounds: Vec<&[(u32, usize)]> = first.chunks(3).collect();
    for round in &rounds {
        let mut sorted = round.to_vec();
        sorted.sort_unstable();
        let number = round[0].0;
        assert_eq!(sorted, [(number, 0), (number, 1), (number, 2)]);
    }
    let orders = rounds
        .iter()
        .map(|round| round.iter().map(|one| one.1).collect::<Vec<_>>());
    let mut orders: Vec<_> = orders.collect();
    orders.dedup();
    assert!(orders.len() > 1, "the order should change: {orders:?}");
}

#[test]
fn a_command_gets_its_port_and_is_measured() {
    let program = PROGRAM;
    let contender = format!("own={program} serve --quiet --listen 127.0.0.1:{{port}}");
    let finished = measured_briefly(&["--rounds=1", "--json=-", &contender]);
    let comparison = comparison(text(&finished));
    assert_eq!(comparison.scenarios[0].measurements.len(), 2);
    assert!(comparison.contenders[0].origin.contains("{port}"));
}

#[test]
fn peers_of_a_manifest_are_compared_and_those_that_cannot_be_built_are_skipped() {
    let folder = tempfile::tempdir().unwrap();
    let own = PROGRAM;
    let manifest = format!(
        r#"{{"about": [], "peers": [
            {{"name": "here", "about": "", "source": "peers.json", "needs": ["sh"], "warm_up_seconds": 0,
              "run": ["{own}", "serve", "--quiet", "--listen", "127.0.0.1:{{port}}"]}},
            {{"name": "elsewhere", "about": "", "source": "peers.json", "needs": ["no-such-compiler"],
              "run": ["none", "{{port}}"]}}]}}"#
    );
    fs::write(folder.path().join("peers.json"), manifest).unwrap();
    let peers = format!("--peers={}", folder.path().display());
    let finished = measured_briefly(&["--rounds=1", "--json=-", "event-loop", &peers]);
    let skipped = "skipping elsewhere: no-such-compiler is not installed";
    assert!(finished.stderr.contains(skipped), "{}", finished.stderr);
    let comparison = comparison(text(&finished));
    let names: Vec<&str> = comparison
        .contenders
        .iter()
        .map(|contender| contender.name.as_str())
        .collect();
    assert_eq!(names, ["event-loop", "here", "event-loop (again)"]);
    assert_eq!(comparison.contenders[1].warm_up_ns, Some(0));
}

#[test]
fn a_contender_warms_up_for_as_long_as_it_asks_and_the_others_until_they_are_warm() {
    let finished = measured(&[
        "--duration=30ms",
        "--connections=1",
        "--rate=max",
        "--rounds=1",
        "--json=-",
        "event-loop",
        "threads,warmup=20ms",
    ]);
    let comparison = comparison(text(&finished));
    assert_eq!(comparison.contenders[1].warm_up_ns, Some(20_000_000));
    for measurement in &comparison.scenarios[0].measurements {
        let warm_up = values(measurement).warm_up.unwrap();
        let is_fixed = warm_up.end == WarmUpEnd::Fixed;
        assert_eq!(is_fixed, measurement.contender == 1, "{warm_up:?}");
        let least = if is_fixed { 20_000_000 } else { 800_000_000 };
        assert!(warm_up.lasted_ns >= least, "{warm_up:?}");
    }
    let table = report::terminal(&comparison);
    assert!(table.contains("threads 20ms as asked"), "{table}");
    assert!(table.contains("no longer fell, at most 10s"), "{table}");
}

#[test]
fn a_server_that_is_already_running_is_measured_and_left_running() {
    let address = serve(|_offset, byte| byte);
    let contender = format!("there={address}");
    let finished = measured_briefly(&["--rounds=1", "--json=-", &contender]);
    let comparison = comparison(text(&finished));
    let values = values(&comparison.scenarios[0].measurements[0]);
    assert!(
        values.elapsed_ns >= 30_000_000 && values.server.is_none(),
        "{values:?}"
    );
    TcpStream::connect(address).expect("it should still be running");
}

#[test]
#[cfg(target_os = "linux")]
fn the_costs_of_a_server_behind_a_shell_are_those_of_the_server() {
    let behind = "behind=sh -c '\"$0\" serve -q --listen 127.0.0.1:$1; :' PROGRAM {port}";
    let behind = behind.replace("PROGRAM", PROGRAM);
    let arguments = [
        "--duration=200ms",
        "--warmup=10ms",
        "--rate=max",
        "--connections=2",
        "--rounds=1",
        "--json=-",
    ];
    let finished = measured(&[&arguments[..], &[&behind]].concat());
    let comparison = comparison(text(&finished));
    let cost = |comparison: &Comparison| {
        let values = values(&comparison.scenarios[0].measurements[0]);
        (values.messages, values.server.unwrap())
    };
    let (messages, behind) = cost(&comparison);
    assert_eq!((behind.processes, behind.threads), (2, 2), "{behind:?}");
    let each = (behind.user_ns + behind.system_ns) / messages.max(1);
    assert!(each > 500, "a message takes two system calls: {each} ns");
    assert_eq!(behind.memory_method, MemoryMethod::Proportional);
}

#[test]
#[cfg(target_os = "linux")]
fn socat_forks_a_process_for_each_connection_and_all_are_counted() {
    // socat knows no --version.
    let socat = Command::new("socat").arg("-V").output();
    if !socat.is_ok_and(|it| it.status.success()) {
        skip("socat cannot be run here");
        return;
    }
    let socat = "socat=socat tcp-listen:{port},fork,reuseaddr pipe";
    let arguments = [
        "--duration=200ms",
        "--warmup=10ms",
        "--rate=max",
        "--connections=3",
        "--rounds=1",
        "--json=-",
    ];
    let finished = measured(&[&arguments[..], &[socat]].concat());
    let comparison = comparison(text(&finished));
    let values = values(&comparison.scenarios[0].measurements[0]);
    let cost = values.server.unwrap();
    assert!(
        cost.processes >= 4,
        "one listens, one for each connection: {cost:?}"
    );
    assert!(cost.is_plausible(values.messages, 1), "{values:?}");
    assert!(report::terminal(&comparison).contains("proportional (PSS)"));
}

#[test]
#[cfg(target_os = "linux")]
fn the_costs_of_a_server_that_is_already_running_are_measured_by_its_process() {
    let (server, address) = Child::serve(&["--listen=127.0.0.1:0"]);
    let contender = format!("there={address},pid={}", server.id());
    let finished = measured_briefly(&["--rounds=1", "--json=-", &contender]);
    let comparison = comparison(text(&finished));
    let values = values(&comparison.scenarios[0].measurements[0]);
    assert!(
        values.server.is_some_and(|cost| cost.processes == 1),
        "{values:?}"
    );
}
