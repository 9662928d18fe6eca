//! One connection: the input is a script of the kernel, and of the events between the turns.

#![no_main]

use libfuzzer_sys::fuzz_target;
use mio_echo::connection::{Connection, Deadline, Phase, Reason, Stream, TurnEnd};
use mio_echo::readiness::{EventFlags, Evidence, Readiness};
use std::io::{self, ErrorKind, Read, Write};

/// Each byte decides what one call meets. When they are used up, the peer finishes and every write is taken.
struct Script<'a> {
    bytes: &'a [u8],
    received: Vec<u8>,
    written: Vec<u8>,
    fin_sent: bool,
}

impl Script<'_> {
    fn next(&mut self) -> Option<u8> {
        let (first, rest) = self.bytes.split_first()?;
        self.bytes = rest;
        Some(*first)
    }
}

impl Read for &mut Script<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let byte = self.next().unwrap_or(0);
        let bytes = match byte % 8 {
            0 => return Ok(0),
            1 => return Err(ErrorKind::WouldBlock.into()),
            2 => return Err(ErrorKind::Interrupted.into()),
            3 if byte > 200 => return Err(ErrorKind::ConnectionReset.into()),
            _ => usize::from(byte / 8).clamp(1, buffer.len()),
        };
        for slot in &mut buffer[..bytes] {
            *slot = (self.received.len() % 251) as u8;
            self.received.push(*slot);
        }
        Ok(bytes)
    }
}

impl Write for &mut Script<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        assert!(
            !bytes.is_empty() && !self.fin_sent,
            "nothing may be written"
        );
        let byte = self.next().unwrap_or(255);
        let taken = match byte % 8 {
            1 => return Err(ErrorKind::WouldBlock.into()),
            2 => return Err(ErrorKind::Interrupted.into()),
            3 if byte > 200 => return Err(ErrorKind::BrokenPipe.into()),
            _ => usize::from(byte / 8).clamp(1, bytes.len()),
        };
        self.written.extend(&bytes[..taken]);
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Stream for &mut Script<'_> {
    fn send_fin(&mut self) -> io::Result<()> {
        self.fin_sent = true;
        Ok(())
    }
}

fuzz_target!(|bytes: &[u8]| {
    for rule in [Evidence::ShortTransfer, Evidence::WouldBlock] {
        play(bytes, rule);
    }
});

fn play(bytes: &[u8], rule: Evidence) {
    let (events, bytes) = bytes.split_at(bytes.len() / 2);
    let mut script = Script {
        bytes,
        received: Vec::new(),
        written: Vec::new(),
        fin_sent: false,
    };
    let readiness = Readiness::with_evidence(rule, rule);
    let mut connection = Connection::with_readiness(&mut script, readiness);
    let mut buffer = [0; 16];
    for event in events {
        match event {
            0..250 => {
                connection.note(flags(*event));
            }
            250 | 251 => connection.drain(u32::from(*event) - 250),
            252 | 253 => connection.probe(),
            _ => connection.time_out(Deadline::Idle),
        }
        if let TurnEnd::Closed(reason) = connection.turn(&mut buffer) {
            return check(&connection, Some(reason));
        }
        check(&connection, None);
    }
    // Now every call is worth a try, and the bytes run out: the connection must end.
    for _ in 0..bytes.len() * 2 + 200 {
        connection.note(flags(0xff));
        if let TurnEnd::Closed(reason) = connection.turn(&mut buffer) {
            return check(&connection, Some(reason));
        }
        check(&connection, None);
    }
    panic!("the connection does not end: {:?}", connection.phase());
}

fn flags(bits: u8) -> EventFlags {
    EventFlags {
        readable: bits & 1 > 0,
        writable: bits & 2 > 0,
        read_closed: bits & 4 > 0,
        write_closed: bits & 8 > 0,
        error: bits & 16 > 0,
        priority: bits & 32 > 0,
    }
}

fn check(connection: &Connection<&mut Script<'_>>, end: Option<Reason>) {
    let script = connection.stream();
    assert!(script.received.starts_with(&script.written), "order");
    assert!(
        connection.pending() <= 16,
        "no more than one read is pending"
    );
    assert_eq!(connection.bytes_out(), script.written.len() as u64);
    let failed = matches!(connection.phase(), Phase::Closed(Reason::Failed(_)));
    let kept = connection.bytes_out() + connection.pending() as u64;
    assert!(failed || connection.bytes_in() == kept, "a byte is lost");
    if end == Some(Reason::Finished) {
        assert!(!connection.is_incomplete(), "finished with bytes pending");
    }
}
