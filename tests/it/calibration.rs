//! Promises of `mio-echo bench --calibrate`. Only figures that a busy machine does not change; all of them are measured by
//! the command itself.

use crate::harness::{Child, PROGRAM, in_some_attempt, program};
use mio_echo::measure::calibration::{CalibrationRow, Falsification, Injection, measure};
use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::thread;

fn rows(injection: Injection) -> Vec<CalibrationRow> {
    measure(injection, Path::new(PROGRAM), &AtomicBool::new(false)).unwrap()
}

/// Measures these injections side by side, each until its first figure is right: the other tests may disturb it, but not
/// each time.
fn expect_each(injections: &[Injection], is_right: fn(&CalibrationRow) -> bool) {
    thread::scope(|scope| {
        for &injection in injections {
            scope.spawn(move || {
                in_some_attempt(|| {
                    let row = &rows(injection)[0];
                    is_right(row).then_some(()).ok_or(row.to_string())
                });
            });
        }
    });
}

/// Whether a figure deviates little, although the machine is busy.
fn is_close(row: &CalibrationRow) -> bool {
    row.error().is_some_and(|error| error.abs() < 0.15)
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
    // The first figure of each is a number that has to be exact.
    expect_each(&injections, |row| row.within_tolerance);
}

#[test]
#[cfg(target_os = "linux")]
fn what_is_injected_into_the_costs_is_found() {
    expect_each(&[Injection::BurnInChild, Injection::Resident], is_close);
}

#[test]
fn a_rate_that_is_not_reached_is_blamed_on_the_side_that_is_too_slow() {
    // One after the other: a generator that is busy disturbs the other measurement.
    expect_each(&[Injection::Overload], is_close);
    expect_each(&[Injection::GeneratorOverload], |row| row.within_tolerance);
}

#[test]
fn a_calibration_takes_no_load_and_no_server() {
    for wrong in [["--rate", "1000"], ["--pid", "1"], ["--duration", "1s"]] {
        let command = &mut program(&["bench", "--calibrate"]);
        let exit = Child::spawn(command.args(wrong)).wait();
        assert_eq!(exit.code, Some(2), "{wrong:?}: {}", exit.stderr);
    }
}
