//! A contender as the command line names it, and where its server comes from.

use super::model::{Contender, Launch, Role};
use crate::measure::bench::Origin;
use crate::measure::process::{CommandLine, ListenPlace, PORT, SOCKET};
use crate::server::Mode;
use crate::text::endpoint::Endpoint;
use crate::text::one_line;
use crate::text::units::nanoseconds;
use std::str::FromStr;
use std::time::Duration;

/// Suffix of the baseline's name when it is measured a second time.
pub(super) const AGAIN: &str = " (again)";

/// A server to compare.
///
/// ```
/// use mio_echo::measure::bench::Origin;
/// use mio_echo::measure::compare::ContenderSpec;
///
/// let spec: ContenderSpec = "socat=socat tcp-listen:{port},fork,reuseaddr exec:cat".parse()?;
/// assert_eq!(spec.name, "socat");
/// assert!(matches!(spec.origin, Origin::Command(_)));
/// # Ok::<(), String>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct ContenderSpec {
    /// Its name in the reports.
    pub name: String,
    /// Where its server comes from.
    pub origin: Origin,
    /// The length of its warm-up; `None` for that of all.
    pub warm_up: Option<Duration>,
}

/// What separates a name from the warm-up that its contender asks for.
const WARM_UP: &str = ",warmup=";

/// The longest warm-up that a contender may ask for.
const LONGEST_WARM_UP: Duration = Duration::from_hours(1);

/// The modes of `mio-echo serve`, in the order in which they are compared by default.
pub const MODES: [Mode; 2] = [Mode::EventLoop, Mode::Threads];

impl ContenderSpec {
    /// `mio-echo serve` in `mode`.
    pub fn own(mode: Mode) -> Self {
        Self {
            name: mode.to_string(),
            origin: Origin::Own(mode),
            warm_up: None,
        }
    }

    /// A command that contains `{port}` or `{socket}`.
    ///
    /// # Errors
    ///
    /// It contains neither. The error is one line of text.
    pub fn command(name: impl Into<String>, command: CommandLine) -> Result<Self, String> {
        let name = name.into();
        if !ListenPlace::is_in(&command) {
            let name = one_line::escaped(&name);
            return Err(format!(
                "the command of `{name}` contains neither {PORT} nor {SOCKET}"
            ));
        }
        Ok(Self {
            name,
            origin: Origin::Command(command),
            warm_up: None,
        })
    }

    /// Whether its server is reached through a Unix socket.
    pub(super) fn is_on_unix_socket(&self) -> bool {
        match &self.origin {
            Origin::Own(_) => false,
            Origin::Running { endpoint, .. } => endpoint.unix_name().is_some(),
            Origin::Command(command) => command.contains(SOCKET),
        }
    }

    /// The contender as the reports show it.
    pub(super) fn contender(&self, role: Role) -> Contender {
        Contender {
            name: match role {
                Role::Baseline | Role::Other => self.name.clone(),
                Role::Again => format!("{}{AGAIN}", self.name),
            },
            origin: match &self.origin {
                Origin::Own(mode) => format!("mio-echo serve --mode {mode}"),
                Origin::Running {
                    endpoint,
                    pid: None,
                } => format!("already running at {endpoint}"),
                Origin::Running {
                    endpoint,
                    pid: Some(pid),
                } => format!("already running at {endpoint}, process {pid}"),
                Origin::Command(command) => command.to_string(),
            },
            role,
            launch: match &self.origin {
                Origin::Running { .. } => Launch::Running,
                Origin::Own(_) | Origin::Command(_) => Launch::Started,
            },
            warm_up_ns: self.warm_up.map(nanoseconds),
        }
    }
}

impl FromStr for ContenderSpec {
    type Err = String;

    /// Parses `event-loop`, `threads`, `NAME=HOST:PORT`, `NAME=unix:PATH`, either of them with `,pid=N`, or
    /// `NAME=COMMAND`, which is split into words as a shell splits it. Before the `=`, or after a mode, a warm-up may
    /// stand: `NAME,warmup=4s=COMMAND`.
    fn from_str(text: &str) -> Result<Self, String> {
        if let Some((name, rest)) = text.split_once(WARM_UP)
            && !name.contains('=')
        {
            return with_warm_up(name, rest);
        }
        let Some((name, origin)) = text.split_once('=') else {
            let mode = MODES.into_iter().find(|mode| mode.to_string() == text);
            return mode.map(Self::own).ok_or_else(|| {
                "expected event-loop, threads, NAME=HOST:PORT or NAME='COMMAND … {port} …'"
                    .to_owned()
            });
        };
        if name.is_empty() {
            return Err("the name before the = is missing".to_owned());
        }
        if let Some(origin) = running(origin)? {
            let name = name.to_owned();
            return Ok(Self {
                name,
                origin,
                warm_up: None,
            });
        }
        let words = shlex::split(origin).ok_or("a quote is not closed")?;
        let mut words = words.into_iter();
        let program = words.next().ok_or("the command after the = is missing")?;
        if program.starts_with("unix:") {
            // It would print as the address of a running server.
            let error = program.parse::<Endpoint>().err();
            return Err(error.unwrap_or_else(|| "a command cannot begin with unix:".to_owned()));
        }
        Self::command(name, CommandLine::new(program, words))
    }
}

/// The contender `name` with what follows [`WARM_UP`]: a time, and unless `name` is a mode, its origin after a `=`.
fn with_warm_up(name: &str, rest: &str) -> Result<ContenderSpec, String> {
    let (time, origin) = match rest.split_once('=') {
        Some((time, origin)) => (time, Some(origin)),
        None => (rest, None),
    };
    let warm_up = humantime::parse_duration(time).ok();
    let Some(warm_up) = warm_up.filter(|time| *time <= LONGEST_WARM_UP) else {
        let time = time.escape_debug();
        return Err(format!("warmup: `{time}` is no time up to 1h, as in 4s"));
    };
    let text = origin.map_or_else(|| name.to_owned(), |origin| format!("{name}={origin}"));
    Ok(ContenderSpec {
        warm_up: Some(warm_up),
        ..text.parse()?
    })
}

/// `HOST:PORT` or `unix:PATH`, each also with `,pid=N`; `None` if it is neither, but a command.
fn running(text: &str) -> Result<Option<Origin>, String> {
    let (endpoint, pid) = match text.split_once(",pid=") {
        Some((endpoint, pid)) => (endpoint, Some(pid)),
        None => (text, None),
    };
    let Ok(endpoint) = endpoint.parse::<Endpoint>() else {
        return Ok(None);
    };
    if endpoint.unix_name().is_none() && text.contains([' ', '{', '/']) {
        return Ok(None);
    }
    let number = |pid: &str| match pid.parse() {
        Ok(0) | Err(_) => {
            let pid = pid.escape_debug();
            Err(format!("`{pid}` is not the number of a process"))
        }
        Ok(pid) => Ok(pid),
    };
    let pid = pid.map(number).transpose()?;
    Ok(Some(Origin::Running { endpoint, pid }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_four_kinds_of_contender_are_told_apart() {
        let origin = |text: &str| text.parse::<ContenderSpec>().unwrap().origin;
        assert_eq!(origin("threads"), Origin::Own(Mode::Threads));
        let running = |pid| Origin::Running {
            endpoint: "[::1]:7".parse().unwrap(),
            pid,
        };
        assert_eq!(origin("it=[::1]:7"), running(None));
        assert_eq!(origin("it=[::1]:7,pid=42"), running(Some(42)));
        let on_unix = Origin::Running {
            endpoint: "unix:/run/an echo".parse().unwrap(),
            pid: Some(42),
        };
        assert_eq!(origin("it=unix:/run/an echo,pid=42"), on_unix);
        assert_eq!(
            origin("it='./my echo' --listen=:{port}"),
            Origin::Command(CommandLine::new("./my echo", ["--listen=:{port}"]))
        );
        let with_equals = origin("it=env A=1 ./echo {port}");
        assert!(matches!(with_equals, Origin::Command(_)), "{with_equals:?}");
    }

    #[test]
    fn a_contender_of_any_kind_may_ask_for_a_warm_up() {
        for (text, same) in [
            ("threads,warmup=4s", "threads"),
            ("it,warmup=4s=[::1]:7,pid=42", "it=[::1]:7,pid=42"),
            (
                "it,warmup=4s=./echo {port} a,warmup=b=c",
                "it=./echo {port} a,warmup=b=c",
            ),
        ] {
            let spec: ContenderSpec = text.parse().unwrap();
            let without = same.parse::<ContenderSpec>().unwrap();
            assert_eq!(spec.warm_up, Some(Duration::from_secs(4)), "{text}");
            assert_eq!((spec.name, spec.origin), (without.name, without.origin));
            assert_eq!(without.warm_up, None);
        }
    }

    #[test]
    fn invalid_contenders_are_rejected_with_the_reason() {
        for (text, reason) in [
            ("unknown", "event-loop, threads"),
            ("=localhost:7", "name before"),
            ("it=", "missing"),
            ("it=./echo 7", "{port}"),
            ("it='./echo {port}", "quote"),
            ("it=localhost:7,pid=0", "`0` is not the number of a process"),
            ("it,warmup=4=./echo {port}", "`4` is no time up to 1h"),
            ("it,warmup=2h=./echo {port}", "`2h` is no time up to 1h"),
            ("it,warmup=2s", "event-loop, threads"),
            ("it=localhost:7,pid=x", "`x` is not the number of a process"),
            ("it=unix:@", "missing"),
            ("it='unix:a' {port}", "cannot begin with unix:"),
            ("it=unix:a\t{port}", "cannot begin with unix:"),
        ] {
            let error = text.parse::<ContenderSpec>().unwrap_err();
            assert!(error.contains(reason), "{text}: {error}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_a_contender_whose_origin_reads_back_or_an_error_of_one_line(
            text in prop_oneof![any::<String>(), "[a-c\n]{0,2}(,warmup=[0-9]s)?=?[a-c:7 '\"\\\\\n]{0,9}(\\{port\\})?"],
        ) {
            let spec = match text.parse::<ContenderSpec>() {
                Ok(spec) => spec,
                Err(error) => {
                    prop_assert!(!error.contains('\n'), "{}", error);
                    return Ok(());
                }
            };
            let name = match spec.warm_up {
                Some(time) => format!("{},warmup={}ns", spec.name, time.as_nanos()),
                None => spec.name.clone(),
            };
            let again = match &spec.origin {
                Origin::Own(_) => name,
                Origin::Running { endpoint, pid } => {
                    let pid = pid.map(|pid| format!(",pid={pid}")).unwrap_or_default();
                    format!("{name}={endpoint}{pid}")
                }
                Origin::Command(command) => format!("{name}={command}"),
            };
            prop_assert_eq!(again.parse(), Ok(spec));
        }
    }
}
