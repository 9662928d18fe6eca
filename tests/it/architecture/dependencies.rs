//! Each dependency is named only where it belongs.

use super::{assert_none, sources};
use std::fs;

/// Which files may name a dependency.
const DEPENDENCIES: &[(&str, &[&str])] = &[
    (
        "mio",
        &[
            "readiness/event_flags.rs",
            "learn/lab/harness/",
            "measure/load/",
            "server/",
        ],
    ),
    (
        "slab",
        &[
            "learn/lab/harness/connections.rs",
            "measure/load/connection_pool.rs",
            "server/event_loop.rs",
            "server/reserve.rs",
            "server/threads/connection_table.rs",
        ],
    ),
    ("clap", &["cli/"]),
    ("clap_complete", &["cli/manual.rs"]),
    ("clap_mangen", &["cli/manual.rs"]),
    (
        "log",
        &[
            "cli/",
            "client",
            "measure/compare/",
            "server/bind.rs",
            "server/mod.rs",
            "server/slot.rs",
            "server/unix_socket.rs",
            "trace/recorder.rs",
        ],
    ),
    ("listenfd", &["cli/serve/activation.rs"]),
    ("simple_logger", &["cli/logger.rs"]),
    (
        "socket2",
        &[
            "check/probe.rs",
            "cli/serve/telemetry/metrics/",
            "learn/lab/harness/client.rs",
            "learn/lab/harness/listener.rs",
            "measure/compare/run/fairness.rs",
            "measure/load/dialer.rs",
            "measure/load/feasible.rs",
            "measure/process/port.rs",
            "client/",
            "server/datagrams/socket.rs",
            "server/bind.rs",
            "server/inherited.rs",
            "server/kernel.rs",
            "server/stream_listener.rs",
            "server/unix_socket.rs",
            "text/address.rs",
            "text/connect.rs",
        ],
    ),
    (
        "signal_hook",
        &[
            "cli/interrupt.rs",
            "learn/lab/harness/signals.rs",
            "measure/process/failure.rs",
            "server/shutdown.rs",
        ],
    ),
    ("signal_hook_mio", &["server/shutdown.rs"]),
    (
        "rlimit",
        &[
            "learn/lab/harness/descriptors.rs",
            "server/limits.rs",
            "server/capacity.rs",
        ],
    ),
    (
        "rustix",
        &[
            "check/",
            "cli/check.rs",
            "cli/lab.rs",
            "cli/output.rs",
            "cli/serve/notices.rs",
            "measure/bench/machine.rs",
            "learn/lab/harness/connection.rs",
            "learn/lab/harness/descriptors.rs",
            "learn/lab/harness/socket_probe.rs",
            "learn/lab/harness/wait.rs",
            "measure/calibration/",
            "measure/load/timer.rs",
            "measure/load/dialer.rs",
            "measure/load/feasible.rs",
            "measure/load/recorder.rs",
            "measure/process/",
            "server/datagrams/socket.rs",
            "server/threads/datagram_thread.rs",
            "server/threads/shutdown_pipe.rs",
            "server/bind.rs",
            "server/event_loop/simulation/",
            "server/listener.rs",
            "server/memory.rs",
            "server/preamble/header.rs",
            "server/send_queue.rs",
            "server/unix_socket.rs",
            "server/unread.rs",
        ],
    ),
    (
        "humantime",
        &[
            "cli/",
            "measure/bench/",
            "client/error.rs",
            "measure/compare/",
            "server/stats.rs",
            "trace/header.rs",
        ],
    ),
    ("bytesize", &["cli/"]),
    ("httparse", &["cli/serve/telemetry/metrics/exchange.rs"]),
    ("strsim", &["text/nearest.rs"]),
    (
        "tempfile",
        &[
            "measure/process/listening.rs",
            "measure/process/place.rs",
            "measure/process/tools/profiler.rs",
        ],
    ),
    ("inferno", &["measure/process/tools/flame_graph.rs"]),
    (
        "hdrhistogram",
        &["measure/bench/latency_log.rs", "measure/load/latency.rs"],
    ),
    (
        "serde",
        &[
            "check/",
            "cli/serve/telemetry/",
            "text/address.rs",
            "text/chapter.rs",
            "measure/bench/",
            "measure/calibration/row.rs",
            "measure/compare/",
            "measure/load/",
            "measure/process/placement.rs",
            "measure/process/tools/hardware.rs",
            "readiness/event_flags.rs",
            "server/mode.rs",
            "server/observer.rs",
            "trace/",
            "server/mode.rs",
        ],
    ),
    (
        "serde_json",
        &["check/report/", "cli/", "measure/compare/", "trace/"],
    ),
    (
        "comfy_table",
        &[
            "check/report/table.rs",
            "measure/compare/report/terminal.rs",
        ],
    ),
    (
        "maud",
        &[
            "learn/lab/",
            "learn/slides/",
            "measure/bench/page.rs",
            "measure/compare/report/",
            "text/page.rs",
            "trace/timeline/",
        ],
    ),
    ("quick_xml", &["check/report/junit.rs"]),
    // build.rs needs it too.
    ("similar", &["learn/lab/report/code.rs"]),
    ("shlex", &["measure/compare/contender.rs"]),
    ("indicatif", &["cli/"]),
    (
        "nix",
        &[
            "cli/serve/privileges.rs",
            "measure/process/proc.rs",
            "server/datagrams/socket.rs",
        ],
    ),
    ("ppp", &["server/preamble/header.rs"]),
    ("quinn_udp", &["server/datagrams/socket.rs"]),
    ("pulldown_cmark", &["learn/slides/outline.rs"]),
];

#[test]
fn each_dependency_is_named_only_where_it_belongs() {
    let mut wrong = Vec::new();
    for (file, source) in sources::read() {
        for (dependency, homes) in DEPENDENCIES.iter().copied() {
            if !homes.iter().any(|home| file.starts_with(home)) {
                let lines = source.code.iter();
                let named = lines.filter(|line| names(line, dependency));
                wrong.extend(named.map(|line| format!("{file} names {dependency}: {line}")));
            }
        }
    }
    assert_none(&wrong);
}

#[test]
fn each_dependency_of_the_manifest_has_a_home() {
    let manifest = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml")).unwrap();
    let mut sections = 0;
    for section in manifest.split("\n[").filter(|section| {
        let header = section.lines().next().unwrap();
        header.ends_with("dependencies]") && !header.starts_with("dev-")
    }) {
        sections += 1;
        for line in section.lines().skip(1).filter(|line| line.contains(" = ")) {
            let name = line.split(' ').next().unwrap().replace('-', "_");
            let known = DEPENDENCIES
                .iter()
                .any(|(dependency, _)| *dependency == name);
            assert!(known, "{name} has no home");
        }
    }
    assert_eq!(sections, 4, "the test has lost sight of the manifest");
}

/// Whether `line` names the crate or path `name` as a whole word.
fn names(line: &str, name: &str) -> bool {
    line.match_indices(&format!("{name}::")).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        !before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == ':')
    })
}
