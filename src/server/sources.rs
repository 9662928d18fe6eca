//! What an event is about: the one place that assigns tokens.

use mio::Token;

/// An event source of the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Source {
    /// The slab key of a connection. First, and used unchanged, because nearly every event is about a connection.
    Connection(usize),
    /// The number of a listener.
    Listener(usize),
    /// The number of a UDP socket.
    Datagrams(usize),
    /// The pipe that carries signals.
    Signals,
    /// The waker: a stop or a copy of the statistics was requested, or a thread has ended.
    Waker,
}

/// Tokens from here on are not slab keys: no process can have that many connections.
const LISTENERS: usize = usize::MAX / 2;
const DATAGRAMS: usize = LISTENERS + usize::MAX / 4;
const SIGNALS: usize = usize::MAX - 1;
const WAKER: usize = usize::MAX - 2;

impl From<Source> for Token {
    fn from(source: Source) -> Self {
        Self(match source {
            Source::Connection(key) => key,
            Source::Listener(number) => LISTENERS + number,
            Source::Datagrams(number) => DATAGRAMS + number,
            Source::Signals => SIGNALS,
            Source::Waker => WAKER,
        })
    }
}

impl From<Token> for Source {
    fn from(Token(token): Token) -> Self {
        match token {
            key if key < LISTENERS => Self::Connection(key),
            SIGNALS => Self::Signals,
            WAKER => Self::Waker,
            listener if listener < DATAGRAMS => Self::Listener(listener - LISTENERS),
            datagrams => Self::Datagrams(datagrams - DATAGRAMS),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_source_comes_back_from_its_token() {
        for source in [
            Source::Connection(0),
            Source::Connection(1 << 30),
            Source::Listener(0),
            Source::Listener(7),
            Source::Datagrams(0),
            Source::Datagrams(7),
            Source::Signals,
            Source::Waker,
        ] {
            assert_eq!(Source::from(Token::from(source)), source);
        }
    }
}
