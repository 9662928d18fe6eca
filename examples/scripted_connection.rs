//! The state machine of one connection, driven by a script: no socket, no clock, no threads.
//!
//! The peer sends ten bytes and its FIN, but at first the kernel takes only four bytes of the echo. The other six wait in
//! the write queue. Until they are written the connection does not read, so that it meets the FIN last.
//!
//! ```console
//! $ cargo run --example scripted_connection
//! ```

use mio_echo::connection::{Connection, Script, TurnEnd};
use mio_echo::readiness::EventFlags;

fn main() {
    let script = Script::new()
        .reads(b"0123456789")
        .read_ends()
        .write_takes(4);
    let mut connection = Connection::new(script);
    let input = EventFlags {
        readable: true,
        ..EventFlags::default()
    };
    let fin = EventFlags {
        read_closed: true,
        ..input
    };
    let room = EventFlags {
        writable: true,
        ..EventFlags::default()
    };
    run_until_parked(&mut connection, "an event reports input", input);
    run_until_parked(&mut connection, "an event reports the peer's FIN", fin);
    run_until_parked(&mut connection, "an event reports room to write", room);
}

/// Notes an event, then gives the connection turns until it is parked or closed.
fn run_until_parked(connection: &mut Connection<Script>, event: &str, flags: EventFlags) {
    println!("{event}");
    connection.note(flags);
    let mut buffer = [0; 1024];
    loop {
        let mut print = |event| println!("    {event:?}");
        let received = connection.receive(&mut buffer, &mut print);
        let received = buffer.get(..received).unwrap_or_default();
        let end = connection.echo(received, &mut print);
        println!("    {end:?}, {} bytes pending", connection.pending());
        if end != TurnEnd::Yielded {
            return;
        }
    }
}
