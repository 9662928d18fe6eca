//! Building a server with the tools that are installed.

use crate::measure::process::CommandLine;
use crate::text::os_error;
use std::env;
use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{self, Stdio};
use std::time::SystemTime;

/// Where servers are installed, which is not in every user's PATH.
const SYSTEM_FOLDERS: [&str; 2] = ["/usr/sbin", "/sbin"];

/// Whether PATH or a folder of the system's servers contains a program of this name.
pub(super) fn has_program(name: &str) -> bool {
    let path = env::var_os("PATH").unwrap_or_default();
    let system = SYSTEM_FOLDERS.map(PathBuf::from);
    let mut folders = env::split_paths(&path).chain(system);
    folders.any(|folder| folder.join(name).is_file())
}

/// Whether the compiler finds a header file.
pub(super) fn has_header(name: &str) -> bool {
    let status = process::Command::new("gcc")
        .args(["-fsyntax-only", "-include", name, "-x", "c", "/dev/null"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    status.is_ok_and(|status| status.success())
}

/// Whether `product` exists and is not older than `source`.
pub(super) fn is_fresh(product: &Path, source: Option<&Path>) -> bool {
    let modified = |path: &Path| -> io::Result<SystemTime> { fs::metadata(path)?.modified() };
    match (modified(product), source.map(modified)) {
        (Ok(product), Some(Ok(source))) => product >= source,
        (product, None) => product.is_ok(),
        (Err(_), Some(_)) | (Ok(_), Some(Err(_))) => false,
    }
}

/// Creates the folder of `product`.
pub(super) fn create_parent(product: &Path) -> Result<(), String> {
    let Some(folder) = product.parent() else {
        return Ok(());
    };
    fs::create_dir_all(folder).map_err(|error| {
        let reason = os_error::describe(&error);
        format!("cannot create {}: {reason}", folder.display())
    })
}

/// Runs a command in `folder`. The error is one line that names the cause.
pub(super) fn run(command: &CommandLine, folder: &Path) -> Result<(), String> {
    let output = process::Command::new(&command.program)
        .args(&command.arguments)
        .current_dir(folder)
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("{command}: {}", os_error::describe(&error)))?;
    if output.status.success() {
        return Ok(());
    }
    let program = Path::new(&command.program).file_name();
    let program = program.map(OsStr::to_string_lossy).unwrap_or_default();
    let stderr = String::from_utf8_lossy(&output.stderr);
    Err(match reason_in(&stderr) {
        Some(reason) => format!("{program}: {reason}"),
        None => format!("{program}: {}", output.status),
    })
}

/// Compilers print the cause in a line with the word "error" and then show where it is; other programs print the
/// cause last.
fn reason_in(stderr: &str) -> Option<&str> {
    let lines = || {
        stderr
            .lines()
            .map(str::trim)
            .filter(|line| !line.is_empty())
    };
    lines()
        .find(|line| line.contains("error"))
        .or_else(|| lines().next_back())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reason_is_the_first_line_with_an_error_or_else_the_last() {
        let gcc = "x.c: In function f:\nx.c:1:2: error: expected ;\n  1 | int\n    |  ^\n";
        assert_eq!(reason_in(gcc), Some("x.c:1:2: error: expected ;"));
        assert_eq!(
            reason_in("trying\nno space left\n\n"),
            Some("no space left")
        );
        assert_eq!(reason_in(" \n"), None);
    }
}
