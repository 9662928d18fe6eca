//! Echo servers with one known deviation each.
//!
//! Each is a process with a thread for each connection that reads, does the one thing that it is for, and writes. It
//! listens on a free port of the loopback interface and prints `listening on ADDRESS`. The constants are the truth that
//! a measurement has to find.

mod cost;
mod echo;
mod falsify;
mod timing;

use std::fmt;
use std::io;
use std::str::FromStr;

use echo::{echo, listen, swallow};

pub(super) use cost::{BURN, RESIDENT};
pub(super) use echo::READY;
pub use falsify::Falsification;
pub(super) use timing::{CEILING, DELAY, DELAYED_SHARE};

/// The hidden subcommand of this program that runs a [`CalibrationServer`].
pub const SUBCOMMAND: &str = "calibration-server";

/// The only connection that [`CalibrationServer::Starve`] does not serve, in the order of accepting.
const STARVED: u64 = 2;

/// An echo server of known truth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CalibrationServer {
    /// Echoes at once.
    Honest,
    /// Echoes every twentieth message 50 ms later.
    Delay,
    /// Never echoes on its second connection.
    Starve,
    /// Uses 200 µs of processor time for each message.
    Burn,
    /// Starts `Burn` as a child process and waits for it.
    BurnInChild,
    /// Keeps 1 MiB of memory in use for each connection.
    Resident,
    /// Echoes 2,000 messages per second over all connections.
    Ceiling,
    /// Falsifies one byte of each connection.
    Falsify(Falsification),
}

impl CalibrationServer {
    /// All of them.
    pub(super) const ALL: [Self; 11] = [
        Self::Honest,
        Self::Delay,
        Self::Starve,
        Self::Burn,
        Self::BurnInChild,
        Self::Resident,
        Self::Ceiling,
        Self::Falsify(Falsification::Corrupted),
        Self::Falsify(Falsification::Lost),
        Self::Falsify(Falsification::Doubled),
        Self::Falsify(Falsification::Swapped),
    ];

    /// Serves until the process ends.
    ///
    /// # Errors
    ///
    /// The socket cannot be bound or fails, or the child process cannot be started.
    pub fn serve(self) -> io::Result<()> {
        match self {
            Self::Honest => listen(|_, peer| echo(peer, |_, _| {})),
            Self::Delay => listen(|_, peer| timing::delay_some(peer)),
            Self::Starve => listen(|number, peer| match number {
                STARVED => swallow(peer),
                _ => echo(peer, |_, _| {}),
            }),
            Self::Burn => listen(|_, peer| cost::burn(peer)),
            Self::BurnInChild => cost::start_child(&[SUBCOMMAND, &Self::Burn.to_string()]),
            Self::Resident => listen(|_, peer| cost::occupy(peer)),
            Self::Ceiling => {
                let pace = timing::Pace::new();
                listen(move |_, peer| echo(peer, |_, _| pace.wait()))
            }
            Self::Falsify(how) => {
                listen(move |_, peer| echo(peer, |answer, offset| how.apply(answer, offset)))
            }
        }
    }
}

/// As the argument of [`SUBCOMMAND`].
impl fmt::Display for CalibrationServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Honest => "honest",
            Self::Delay => "delay",
            Self::Starve => "starve",
            Self::Burn => "burn",
            Self::BurnInChild => "burn-in-child",
            Self::Resident => "resident",
            Self::Ceiling => "ceiling",
            Self::Falsify(how) => how.name(),
        })
    }
}

impl FromStr for CalibrationServer {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let mut all = Self::ALL.into_iter();
        all.find(|server| server.to_string() == name)
            .ok_or_else(|| "not a calibration server".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_server_has_a_name_that_can_be_read_back() {
        for server in CalibrationServer::ALL {
            assert_eq!(server.to_string().parse(), Ok(server));
        }
        assert!("".parse::<CalibrationServer>().is_err());
    }
}
