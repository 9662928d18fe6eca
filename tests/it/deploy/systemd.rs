//! The units, as systemd-analyze(1) sees them; it needs no running systemd.

use super::changed;
use crate::harness::{PROGRAM, command, run, tool_or_skip};
use std::fs;
use std::path::PathBuf;

const INSTALLED: &str = "/usr/bin/mio-echo";

/// The units with the path of the program that was built. A template is checked as one of its instances.
fn units(dir: &tempfile::TempDir) -> Vec<PathBuf> {
    let names = [
        ("mio-echo.socket", "mio-echo.socket"),
        ("mio-echo.service", "mio-echo.service"),
        ("mio-echo@.service", "mio-echo@0.service"),
    ];
    let write = |(file, name): (&str, &str)| {
        let changes: &[_] = match name {
            "mio-echo.socket" => &[],
            _ => &[(INSTALLED, PROGRAM)],
        };
        let unit = changed(&format!("systemd/{file}"), changes);
        let path = dir.path().join(name);
        fs::write(&path, unit).unwrap();
        path
    };
    names.into_iter().map(write).collect()
}

#[test]
fn the_units_have_no_mistake_that_systemd_can_find() {
    if !tool_or_skip("systemd-analyze") {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let mut verify = command("systemd-analyze");
    // The man pages that they name are those of the package.
    let exit = run(verify.args(["verify", "--man=no"]).args(units(&dir)));
    assert_eq!((exit.code, exit.stderr.as_str()), (Some(0), ""));
}

/// The exposure goes from 0 to 10. What remains is what a server needs: sockets, the network of the machine, addresses
/// that its administrator chooses.
#[test]
fn the_services_are_sandboxed() {
    const THRESHOLD: &str = "--threshold=15";
    if !tool_or_skip("systemd-analyze") {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    for unit in units(&dir).into_iter().skip(1) {
        let mut security = command("systemd-analyze");
        security.args(["security", "--no-pager", "--offline=true", THRESHOLD]);
        let exit = run(security.arg(&unit));
        assert_eq!(exit.code, Some(0), "{}: {}", unit.display(), exit.text());
    }
}

/// A process that shares a port is started on arguments that the program understands.
#[test]
fn the_commands_of_the_services_are_understood_by_the_program() {
    for file in ["mio-echo.service", "mio-echo@.service"] {
        let unit = changed(&format!("systemd/{file}"), &[(INSTALLED, "mio-echo")]);
        let start = unit
            .lines()
            .find_map(|line| line.strip_prefix("ExecStart="));
        let (_, arguments) = start.unwrap().split_once("mio-echo ").unwrap();
        let arguments = arguments.replace("${MIO_ECHO_LISTEN}", "127.0.0.1:0");
        let mut program = crate::harness::program(&[]);
        program.args(arguments.split(' '));
        if file == "mio-echo.service" {
            program.args(["--listen", "127.0.0.1:0"]);
        }
        crate::harness::Child::spawn(&mut program).address();
    }
}
