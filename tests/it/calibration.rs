//! Promises of `mio-echo bench --calibrate`. Only figures that a busy machine does not change; all of them are measured by
//! the command itself.

use crate::harness::{Child, PROGRAM, program};
use mio_echo::measure::calibration::{CalibrationRow, Falsification, Injection, measure};
use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::thread;

fn rows(injection: Injection) -> Vec<CalibrationRow> {
    measure(injection, Path::new(PROGRAM), &AtomicBool::new(false)).unwrap()
}

#[test]
fn what_is_injected_is_found_where_it_can_be_counted() {
    let injections = [
        Injection::Starved,
        Injection::Frozen,
        Injection::Falsified(Falsification::Corrupted),
        Injection::Falsified(Falsification::Lost),
        Injection::Falsified(Falsification::Doubled),
        Injection::Falsified(Falsification::Swapped),
    ];
    thread::scope(|scope| {
        let running = injections.map(|injection| scope.spawn(move || rows(injection)));
        for rows in running.map(|running| running.join().unwrap()) {
            // The first figure of each is a number that has to be exact.
            assert!(rows[0].within_tolerance, "{}", rows[0]);
        }
    });
}

#[test]
#[cfg(target_os = "linux")]
fn what_is_injected_into_the_costs_is_found() {
    thread::scope(|scope| {
        let injections = [Injection::BurnInChild, Injection::Resident];
        let running = injections.map(|injection| scope.spawn(move || rows(injection)));
        for rows in running.map(|running| running.join().unwrap()) {
            let error = rows[0].error().unwrap();
            assert!(error.abs() < 0.15, "{}", rows[0]);
        }
    });
}

#[test]
fn a_rate_that_is_not_reached_is_blamed_on_the_side_that_is_too_slow() {
    // One after the other: a generator that is busy disturbs the other measurement.
    let [server] = &rows(Injection::Overload)[..] else {
        panic!("one row");
    };
    let error = server.error();
    assert!(
        error.is_some_and(|it| it.abs() < 0.15),
        "not blamed on the server: {server}"
    );
    let [generator] = &rows(Injection::GeneratorOverload)[..] else {
        panic!("one row");
    };
    assert!(generator.within_tolerance, "{generator}");
}

#[test]
fn a_calibration_takes_no_load_and_no_server() {
    for wrong in [["--rate", "1000"], ["--pid", "1"], ["--duration", "1s"]] {
        let command = &mut program(&["bench", "--calibrate"]);
        let exit = Child::spawn(command.args(wrong)).wait();
        assert_eq!(exit.code, Some(2), "{wrong:?}: {}", exit.stderr);
    }
}
