//! Who takes part, as it is written on a command line.

use super::model::{Contender, Role};
use crate::measure::process::CommandLine;
use crate::server::Mode;
use crate::text::endpoint::Endpoint;
use std::str::FromStr;

/// Stands in a command for the port to listen on.
const PORT: &str = "{port}";

/// What a contender's name gets behind it when it is measured a second time.
const AGAIN: &str = "(again)";

/// Somebody to be compared.
///
/// ```
/// use mio_echo::measure::compare::{Entry, Origin};
///
/// let entry: Entry = "socat=socat tcp-listen:{port},fork,reuseaddr exec:cat".parse()?;
/// assert_eq!(entry.name, "socat");
/// assert!(matches!(entry.origin, Origin::Command(_)));
/// # Ok::<(), String>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// Its name in the reports.
    pub name: String,
    /// Where its server comes from.
    pub origin: Origin,
}

/// Where a contender's server comes from.
#[derive(Debug, Clone, PartialEq)]
pub enum Origin {
    /// `mio-echo serve`, in this mode.
    Ours(Mode),
    /// It is running already, and goes on running.
    Running(Endpoint),
    /// It is started with this command, which has to name `{port}`.
    Command(CommandLine),
}

/// The modes of our own server, in the order in which they are compared if nobody is named.
pub const MODES: [Mode; 2] = [Mode::EventLoop, Mode::Threads];

impl Entry {
    /// Our own server in one of its modes.
    pub fn ours(mode: Mode) -> Self {
        Self {
            name: mode.to_string(),
            origin: Origin::Ours(mode),
        }
    }

    /// A command, as its words; one of them names `{port}`.
    ///
    /// # Errors
    ///
    /// None of them does; in one line.
    pub fn command(name: impl Into<String>, command: CommandLine) -> Result<Self, String> {
        let name = name.into();
        if !command.contains(PORT) {
            return Err(format!(
                "the command of `{name}` does not say where the port goes: {PORT}"
            ));
        }
        Ok(Self {
            name,
            origin: Origin::Command(command),
        })
    }

    /// What a report says of it.
    pub(super) fn contender(&self, role: Role) -> Contender {
        Contender {
            name: match role {
                Role::Base | Role::Other => self.name.clone(),
                Role::Again => format!("{} {AGAIN}", self.name),
            },
            origin: match &self.origin {
                Origin::Ours(mode) => format!("mio-echo serve --mode {mode}"),
                Origin::Running(endpoint) => format!("already running at {endpoint}"),
                Origin::Command(command) => command.to_string(),
            },
            role,
        }
    }
}

/// The command of a contender, told to listen on `port`.
pub(super) fn told_its_port(command: &CommandLine, port: u16) -> CommandLine {
    command.replace(PORT, &port.to_string())
}

impl FromStr for Entry {
    type Err = String;

    /// `event-loop`, `threads`, `NAME=HOST:PORT` or `NAME=COMMAND`, whose words are told apart as a shell
    /// would.
    fn from_str(text: &str) -> Result<Self, String> {
        let Some((name, what)) = text.split_once('=') else {
            let mode = MODES.into_iter().find(|mode| mode.to_string() == text);
            return mode.map(Self::ours).ok_or_else(|| {
                "expected event-loop, threads, NAME=HOST:PORT or NAME='COMMAND … {port} …'"
                    .to_owned()
            });
        };
        if name.is_empty() {
            return Err("the name before the = is missing".to_owned());
        }
        if let Ok(endpoint) = what.parse()
            && !what.contains([' ', '{', '/'])
        {
            let (name, origin) = (name.to_owned(), Origin::Running(endpoint));
            return Ok(Self { name, origin });
        }
        let words = shlex::split(what).ok_or("a quote is not closed")?;
        let mut words = words.into_iter();
        let program = words.next().ok_or("the command behind the = is missing")?;
        Self::command(name, CommandLine::new(program, words))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_four_ways_to_name_a_contender_are_told_apart() {
        let origin = |text: &str| text.parse::<Entry>().unwrap().origin;
        assert_eq!(origin("threads"), Origin::Ours(Mode::Threads));
        let running = Origin::Running("[::1]:7".parse().unwrap());
        assert_eq!(origin("it=[::1]:7"), running);
        assert_eq!(
            origin("it='./my echo' --listen=:{port}"),
            Origin::Command(CommandLine::new("./my echo", ["--listen=:{port}"]))
        );
        let with_equals = origin("it=env A=1 ./echo {port}");
        assert!(matches!(with_equals, Origin::Command(_)), "{with_equals:?}");
    }

    #[test]
    fn what_is_no_contender_is_refused_with_the_reason() {
        for (text, reason) in [
            ("nobody", "event-loop, threads"),
            ("=localhost:7", "name before"),
            ("it=", "missing"),
            ("it=./echo 7", "{port}"),
            ("it='./echo {port}", "quote"),
        ] {
            let said = text.parse::<Entry>().unwrap_err();
            assert!(said.contains(reason), "{text}: {said}");
        }
    }
}
