//! Wrong usage is one line before the first measurement.

use super::run;

#[test]
fn impossible_requests_are_rejected_in_one_line_before_the_first_measurement() {
    let twice = ["--json=-", "--csv=-", "event-loop"];
    for (arguments, words) in [
        (
            twice.as_slice(),
            "two reports cannot both go to standard output",
        ),
        (
            &["event-loop", "event-loop"],
            "two contenders have the name `event-loop`",
        ),
        (
            &["--html=/nowhere/report.html"],
            "cannot write /nowhere/report.html: no such file",
        ),
        (
            &["--connections=18446744073709551615"],
            "18,446,744,073,709,551,615 connections do not fit within the limit on open files: ",
        ),
        (
            &["--fail-if=threads/other p99>1"],
            "--fail-if: no contender has the name `other`",
        ),
        (
            &["--server-cores=4000"],
            "core 4000 is none of those that may be used here: core",
        ),
        (
            &["--pattern=churn", "--rate=100"],
            "--rate does not apply to the pattern churn",
        ),
        (
            &["--pattern=idle", "--arrivals=poisson"],
            "--arrivals does not apply to the pattern idle",
        ),
        (
            &["--pattern=idle", "--sweep"],
            "--sweep does not apply to the pattern idle",
        ),
        (
            &["--udp", "--pattern=churn"],
            "--udp has no pattern churn, only echo",
        ),
        (
            &["--udp", "--depth=2", "--rate=100"],
            "--depth does not apply to --udp: at a rate, nothing holds a datagram back",
        ),
        (
            &["--udp", "--connect-rate=10"],
            "--connect-rate does not apply to --udp: there are no connections",
        ),
        (
            &["--udp", "--threads=2"],
            "the generator cannot have 2 threads over UDP: at most 1",
        ),
        (
            &["--threads=500", "--connections=300"],
            "the generator cannot have 300 threads for 300 connections: at most 128",
        ),
        (
            &["--udp", "--peers=benches/peers"],
            "--peers does not apply to --udp: the servers of a manifest speak TCP",
        ),
        (
            &["--udp", "--size=7"],
            "a datagram cannot have 7 bytes here",
        ),
        (
            &["--udp", "one=unix:/run/one"],
            "`one` is on a Unix socket, which has no UDP",
        ),
        (
            &["--udp", "one=./one --listen {socket}"],
            "`one` is on a Unix socket, which has no UDP",
        ),
        (
            &["--from=/nowhere/saved.json"],
            "cannot read /nowhere/saved.json: no such file",
        ),
        (
            &["--from=/dev/zero"],
            "cannot read /dev/zero: longer than 67108864 bytes",
        ),
        (
            &["--baseline=/dev/zero", "event-loop"],
            "cannot read /dev/zero: longer than 67108864 bytes",
        ),
    ] {
        let finished = run(arguments);
        assert_eq!(finished.code, Some(2), "{arguments:?}");
        assert_eq!(finished.stderr.lines().count(), 1, "{}", finished.stderr);
        let expected = format!("mio-echo: {words}");
        assert!(
            finished.stderr.starts_with(&expected),
            "{}",
            finished.stderr
        );
        assert!(finished.stdout.is_empty());
    }
}

#[test]
fn invalid_arguments_are_rejected_with_the_reason() {
    for (argument, words) in [
        ("unknown", "NAME=HOST:PORT"),
        ("it=./server 7", "{port}"),
        ("--connections=0", "at least 1"),
        ("--size=1GiB", "64MiB"),
        ("--rounds=0", "at least 1"),
        ("--pattern=ping", "fairness"),
        ("--duration=0s", "longer than zero"),
        ("--duration=2days", "at most 1day"),
        ("--duration=999999999days", "too long"),
        ("--depth=18446744073709551615", "at most 65536"),
        ("--margin=0", "above 0"),
        ("--rate=fast", "max or half"),
        ("--until=0", "above 0"),
        ("--fail-if=threads p99>1", "CONTENDER/CONTENDER"),
        ("--rate=0", "at least 1"),
        ("--find-rate=p98<1ms", "p99.9"),
        ("it=localhost:7,pid=x", "not the number of a process"),
    ] {
        let finished = run(&[argument]);
        assert_eq!(finished.code, Some(2), "{argument}");
        assert!(
            finished.stderr.contains(words),
            "{argument}: {}",
            finished.stderr
        );
    }
}
