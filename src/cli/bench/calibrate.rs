//! `mio-echo bench --calibrate`, and the hidden subcommand that runs its servers.

use crate::cli::files::{check_writable, print_results, write_to};
use crate::cli::interrupt::Interrupt;
use crate::cli::output::{FAILED, NOT_STARTED, fail, print_error};
use clap::Args;
use mio_echo::measure::calibration::{
    self, Calibration, CalibrationRow, CalibrationServer, Injection,
};
use mio_echo::text::os_error;
use std::env;
use std::io;
use std::path::Path;
use std::process::ExitCode;

#[derive(Debug, Args)]
pub(crate) struct CalibrationServerArguments {
    /// What the server does
    server: CalibrationServer,
}

/// Runs a server of known truth.
pub(crate) fn serve(arguments: &CalibrationServerArguments) -> ExitCode {
    match arguments.server.serve() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(FAILED, &os_error::describe(&error)),
    }
}

/// Measures all injections and prints a row for each figure, unless the JSON goes to standard output.
pub(super) fn run(json: Option<&Path>) -> ExitCode {
    match calibrate(json) {
        Ok((_, Some(interrupted))) => ExitCode::from(interrupted),
        Ok((calibration, None)) => match write(&calibration, json) {
            Ok(()) => exit_code(&calibration),
            Err(error) => fail(FAILED, &error),
        },
        Err(error) => fail(NOT_STARTED, &error),
    }
}

/// The rows, and the exit code if a signal ended it.
fn calibrate(json: Option<&Path>) -> Result<(Calibration, Option<u8>), String> {
    json.map_or(Ok(()), check_writable)?;
    let described = |error: io::Error| os_error::describe(&error);
    let interrupt = Interrupt::catch().map_err(described)?;
    let program = env::current_exe().map_err(described)?;
    let prints = json != Some(Path::new("-"));
    if prints {
        print_results(&Calibration::header())?;
    }
    let mut calibration = Calibration::new();
    for injection in Injection::ALL {
        let rows = calibration::measure(injection, &program, interrupt.flag());
        let rows = rows.map_err(|error| format!("cannot calibrate: {}", described(error)))?;
        if interrupt.has_arrived() {
            break;
        }
        if prints {
            print_rows(&rows)?;
        }
        calibration.rows.extend(rows);
    }
    Ok((calibration, interrupt.exit_code()))
}

fn print_rows(rows: &[CalibrationRow]) -> Result<(), String> {
    let mut rows = rows.iter();
    rows.try_for_each(|row| print_results(&row.to_string()))
}

fn write(calibration: &Calibration, json: Option<&Path>) -> Result<(), String> {
    let Some(path) = json else { return Ok(()) };
    write_to(path, |file| {
        serde_json::to_writer_pretty(&mut *file, calibration)?;
        writeln!(file)
    })
}

fn exit_code(calibration: &Calibration) -> ExitCode {
    if calibration.is_within_tolerance() {
        return ExitCode::SUCCESS;
    }
    print_error("a figure is outside its tolerance");
    ExitCode::from(FAILED)
}
