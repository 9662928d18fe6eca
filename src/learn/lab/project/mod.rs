//! An experiment as a small project to be repaired: the server of the experiment in one file, the harness that it needs
//! beside it, and the check that shows whether the repair works.
//!
//! The files of the harness are those of this program, except that `vocabulary.rs` replaces everything else.

use super::experiment::Experiment;
use super::variant::Variant;
use std::fs;
use std::io::{self, ErrorKind};
use std::path::Path;

/// The files that are the same in every project.
const FILES: [(&str, &str); 16] = [
    ("Cargo.lock", include_str!("../../../../Cargo.lock")),
    ("src/harness/mod.rs", include_str!("harness.rs.txt")),
    (
        "src/harness/vocabulary.rs",
        include_str!("vocabulary.rs.txt"),
    ),
    ("src/harness/clock.rs", include_str!("../harness/clock.rs")),
    (
        "src/harness/connections.rs",
        include_str!("../harness/connections.rs"),
    ),
    (
        "src/harness/connection.rs",
        include_str!("../harness/connection.rs"),
    ),
    (
        "src/harness/event_flags.rs",
        include_str!("../../../readiness/event_flags.rs"),
    ),
    (
        "src/harness/listener.rs",
        include_str!("../harness/listener.rs"),
    ),
    (
        "src/harness/server.rs",
        include_str!("../harness/server.rs"),
    ),
    (
        "src/harness/serving.rs",
        include_str!("../harness/serving.rs"),
    ),
    (
        "src/harness/signals.rs",
        include_str!("../harness/signals.rs"),
    ),
    (
        "src/harness/socket_buffers.rs",
        include_str!("../harness/socket_buffers.rs"),
    ),
    (
        "src/harness/socket_probe.rs",
        include_str!("../harness/socket_probe.rs"),
    ),
    (
        "src/harness/trace_buffer.rs",
        include_str!("../harness/trace_buffer.rs"),
    ),
    ("src/harness/wait.rs", include_str!("../harness/wait.rs")),
    (
        "src/harness/worker.rs",
        include_str!("../harness/worker.rs"),
    ),
];

/// The project of an experiment.
#[derive(Debug, Clone)]
pub struct Project {
    experiment: Experiment,
    /// The check that the server fails before it is repaired, and passes afterwards.
    check: &'static str,
}

impl Project {
    /// The project of `experiment`.
    ///
    /// # Errors
    ///
    /// No check tells its two servers apart, for the reason given, so nothing would show whether a repair is one.
    pub fn of(experiment: &Experiment) -> Result<Self, &'static str> {
        let experiment = *experiment;
        let check = experiment.check?;
        Ok(Self { experiment, check })
    }

    /// Writes the project, with the wrong server in it, into the folder `folder`, which is created.
    ///
    /// # Errors
    ///
    /// The folder exists and is not empty, or something cannot be written.
    pub fn write(&self, folder: &Path) -> io::Result<()> {
        fs::create_dir_all(folder.join("src/harness")).and_then(|()| {
            let written = fs::read_dir(folder)?.count();
            match written {
                1 => Ok(()),
                _ => Err(io::Error::new(
                    ErrorKind::AlreadyExists,
                    "the folder is not empty",
                )),
            }
        })?;
        let own = [
            ("Cargo.toml", self.manifest()),
            ("README.md", self.readme()),
            ("src/main.rs", self.program(Variant::Wrong)),
        ];
        for (name, text) in &own {
            fs::write(folder.join(name), text)?;
        }
        for (name, text) in FILES {
            fs::write(folder.join(name), text)?;
        }
        Ok(())
    }

    /// The command that shows whether the server in the project's folder has been repaired.
    pub fn check_command(&self) -> String {
        let (check, name) = (self.check, self.experiment.name);
        format!("mio-echo check --only {check} -- target/debug/{name} 127.0.0.1:{{port}}")
    }

    /// `src/main.rs` with one of the two servers.
    pub fn program(&self, variant: Variant) -> String {
        let (name, mistake) = (self.experiment.name, self.experiment.mistake);
        let code = self.experiment.code(variant);
        let server = if code.lines().any(|line| line.starts_with("fn server(")) {
            "server()".to_owned()
        } else {
            "ServeWith(serve)".to_owned()
        };
        format!(
            "//! `{name}`: {mistake}. See README.md.\n\n\
             mod harness;\n\n\
             use harness::*;\n\n\
             {code}\n\
             fn main() -> io::Result<()> {{\n    harness::run({server})\n}}\n"
        )
    }

    fn manifest(&self) -> String {
        include_str!("manifest.toml.txt").replace("NAME", self.experiment.name)
    }

    fn readme(&self) -> String {
        let Experiment {
            name,
            mistake,
            why,
            prediction,
            ..
        } = self.experiment;
        let (command, see_also) = (self.check_command(), self.experiment.see_also());
        format!(
            "# {name}\n\n\
             An echo server with a mistake: {mistake}. How it fails: {prediction}.\n\n\
             `src/main.rs` contains the mistake. `src/harness` is what the server stands on: the poll, the listener and the\n\
             connections. It is correct, and there is nothing to change in it.\n\n\
             1. Build the server, and see it fail:\n\n   \
             ```sh\n   cargo build\n   {command}\n   ```\n\n\
             2. Repair `src/main.rs`.\n\
             3. Run the same two commands until the check passes.\n\n\
             `cargo run -- 127.0.0.1:50007` starts the server for other programs: nc, strace, a browser.\n\n\
             <details><summary>Why it fails</summary>\n\n{why}\n\n{see_also}\n\n</details>\n\n\
             `mio-echo lab {name}` shows the repaired server beside this one.\n"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::learn::lab::{EXPERIMENTS, find};

    #[test]
    fn a_project_is_not_written_into_a_folder_that_holds_something() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("mine"), "precious").unwrap();
        let project = Project::of(&find("read-once").unwrap()).unwrap();
        let error = project.write(folder.path()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::AlreadyExists);
    }

    #[test]
    fn every_check_that_an_experiment_names_exists() {
        for experiment in EXPERIMENTS {
            if let Ok(check) = experiment.check {
                let known = crate::check::CHECKS.iter().any(|one| one.name == check);
                assert!(known, "{}: {check}", experiment.name);
            }
        }
    }
}
