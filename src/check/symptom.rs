//! How a promise was broken, in one line.

use super::time_limit::EndOfWait;
use crate::text::{os_error, units};
use std::io;
use std::time::Duration;

/// A broken promise, as the client saw it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Symptom {
    pub(super) text: String,
    /// The first byte of the echo that is wrong or missing, counted from 0.
    pub(super) offset: Option<u64>,
}

/// What came in place of the next byte.
#[derive(Debug)]
pub(super) enum EndOfEcho {
    /// The server's FIN.
    Closed,
    /// An error of the connection, usually the server's RST.
    Failed(io::Error),
    /// Nothing.
    Nothing(EndOfWait),
}

impl Symptom {
    /// A symptom that concerns no particular byte of the echo.
    pub(super) fn of(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            offset: None,
        }
    }

    pub(super) fn cannot_connect(error: &io::Error) -> Self {
        Self::of(format!("cannot connect: {}", os_error::describe(error)))
    }

    pub(super) fn cannot_send(error: &io::Error) -> Self {
        Self::of(format!("cannot send: {}", os_error::describe(error)))
    }

    /// Not a single byte came back.
    pub(super) fn no_echo(end: &EndOfEcho) -> Self {
        Self::of(match end {
            EndOfEcho::Closed => {
                "it does not echo: it closed the connection without a byte".to_owned()
            }
            EndOfEcho::Failed(error) => {
                format!("it does not echo: {}", os_error::describe(error))
            }
            EndOfEcho::Nothing(_) => {
                "it does not echo: nothing came back for a line, nor for the FIN after it"
                    .to_owned()
            }
        })
    }

    /// The first difference between what was received and what was sent, both from `offset` on; `None` if there is none.
    pub(super) fn of_difference(offset: u64, sent: &[u8], received: &[u8]) -> Option<Self> {
        // Of megabytes, nearly all are right.
        if received == sent {
            return None;
        }
        let differs = |(received, sent): (&u8, &u8)| received != sent;
        let at = received.iter().zip(sent).position(differs)?;
        let (sent, received) = (sent.get(at..)?, received.get(at..)?);
        let (expected, got) = (sent.first()?, received.first()?);
        // A single wrong byte says all there is.
        let is_other_text = received.get(1) != sent.get(1);
        let line = is_other_text.then(|| printable_line(received)).flatten();
        let line = line.map_or(String::new(), |line| format!(" ({line:?})"));
        let offset = offset + at as u64;
        Some(Self {
            text: format!("byte {offset} differs: sent {expected:#04x}, received {got:#04x}{line}"),
            offset: Some(offset),
        })
    }

    /// More came back than the `sent` bytes.
    pub(super) fn superfluous(sent: u64) -> Self {
        Self {
            text: format!("more came back than the {} sent", bytes(sent)),
            offset: Some(sent),
        }
    }

    /// The echo of `expected` bytes ended after `received` of them.
    pub(super) fn incomplete(end: &EndOfEcho, received: u64, expected: u64) -> Self {
        let progress = format!("{} of {}", decimal(received), bytes(expected));
        let text = match end {
            EndOfEcho::Closed => format!("closed after {progress}"),
            EndOfEcho::Failed(error) => format!("{} after {progress}", os_error::describe(error)),
            EndOfEcho::Nothing(EndOfWait::Silence(time)) => {
                format!("silent for {} after {progress}", seconds(*time))
            }
            EndOfEcho::Nothing(EndOfWait::TimeIsUp) => {
                format!("too slow: the time was up after {progress}")
            }
        };
        Self {
            text,
            offset: Some(received),
        }
    }

    /// All `received` bytes came back, but no FIN followed them.
    pub(super) fn not_closed(instead: &EndOfEcho, received: u64) -> Self {
        let sent = bytes(received);
        Self::of(match instead {
            EndOfEcho::Closed | EndOfEcho::Nothing(_) => {
                format!("echoed all {sent}, but did not close after the client's FIN")
            }
            EndOfEcho::Failed(error) => {
                let error = os_error::describe(error);
                format!("echoed all {sent}, then {error} instead of a FIN")
            }
        })
    }

    /// The same symptom, with its place before it: `connection 3 of 150: …`.
    pub(super) fn at(mut self, place: impl AsRef<str>) -> Self {
        self.text = format!("{}: {}", place.as_ref(), self.text);
        self
    }

    /// The same symptom, with the state of the kernel if that may be its cause: `buffers` are the bytes in the buffers of all
    /// TCP sockets, and `pressure` is where the kernel begins to save memory.
    pub(super) fn beside(self, buffers: Option<u64>, pressure: Option<u64>) -> Self {
        let is_short = buffers.zip(pressure).is_some_and(|(now, most)| now > most);
        if is_short {
            self.and("the kernel is short of memory for TCP (tcp_mem), perhaps because of other programs")
        } else {
            self
        }
    }

    /// The same symptom, with what became of the server after it.
    pub(super) fn and(mut self, remark: &str) -> Self {
        self.text = format!("{}; {remark}", self.text);
        self
    }
}

/// The first line of what was received, if it is text: a greeting or an error message tells more than its first byte.
fn printable_line(received: &[u8]) -> Option<String> {
    const LONGEST: usize = 60;
    let line = received.split(|byte| *byte == b'\n').next()?;
    let line = str::from_utf8(line).ok()?.trim_end();
    let is_text = line.len() > 1 && !line.contains(char::is_control);
    is_text.then(|| line.chars().take(LONGEST).collect())
}

/// `1 byte`, `4,096 bytes`.
pub(super) fn bytes(count: u64) -> String {
    match count {
        1 => "1 byte".to_owned(),
        _ => format!("{} bytes", decimal(count)),
    }
}

/// `1,000`.
pub(super) fn decimal(count: u64) -> String {
    units::count(usize::try_from(count).unwrap_or(usize::MAX))
}

/// `5.00 s`.
pub(super) fn seconds(time: Duration) -> String {
    units::value(time.as_secs_f64(), units::TIME)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn difference(sent: &str, received: &str) -> Option<String> {
        let symptom = Symptom::of_difference(7, sent.as_bytes(), received.as_bytes())?;
        Some(symptom.text)
    }

    #[test]
    fn text_in_place_of_the_echo_is_shown() {
        let banner = difference("CDEFGHIJKLMNO", "220 ready\r\nCD");
        let expected = "byte 7 differs: sent 0x43, received 0x32 (\"220 ready\")";
        assert_eq!(banner.as_deref(), Some(expected));
    }

    #[test]
    fn a_kernel_that_is_short_of_memory_is_named() {
        let text = |buffers| Symptom::of("silent").beside(buffers, Some(100)).text;
        assert_eq!(text(Some(100)), "silent");
        assert_eq!(text(None), "silent");
        let remark = "silent; the kernel is short of memory for TCP (tcp_mem), ";
        assert!(text(Some(101)).starts_with(remark));
    }

    #[test]
    fn a_single_wrong_byte_and_what_is_no_text_are_shown_as_numbers() {
        let expected = "byte 9 differs: sent 0x45, received 0x58";
        assert_eq!(difference("CDEFG", "CDXFG").as_deref(), Some(expected));
        let expected = "byte 7 differs: sent 0x43, received 0x1b";
        assert_eq!(difference("CDE", "\x1b[3").as_deref(), Some(expected));
        assert_eq!(difference("CDE", "CD"), None);
    }
}
