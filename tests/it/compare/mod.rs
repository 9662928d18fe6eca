//! Promises of `mio-echo compare`: every contender is a row, a failure is reported with its cause, and all reports
//! agree.

mod contenders;
#[cfg(feature = "udp")]
mod datagrams;
mod equal_load;
mod failures;
mod page;
mod patterns;
mod reports;
mod saving;
mod usage;

use crate::harness::{self, Exit, in_some_attempt, program};
use mio_echo::measure::bench::Values;
use mio_echo::measure::compare::model::{Comparison, Measurement, MeasurementStatus};
use mio_echo::measure::compare::report;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::Command;
use std::sync::OnceLock;
use std::sync::mpsc::Sender;
use std::thread;

/// A measurement that is short, but long enough for a message; unless the machine is busy, see [`measured`].
const SHORT: [&str; 5] = [
    "--duration=30ms",
    "--warmup=10ms",
    "--connections=1",
    "--rate=max",
    "--seed=7",
];

fn compare(arguments: &[&str]) -> Command {
    program(&[&["compare"], arguments].concat())
}

fn run(arguments: &[&str]) -> Exit {
    harness::run(&mut compare(arguments))
}

fn run_short(arguments: &[&str]) -> Exit {
    run(&[&SHORT, arguments].concat())
}

/// Runs a comparison in which every contender is measured. On a busy machine no message may come back in a measurement as
/// short as these, and then its contender fails.
fn measured(arguments: &[&str]) -> Exit {
    in_some_attempt(|| match run(arguments) {
        finished if finished.code == Some(0) => Ok(finished),
        failed => Err(format!("{}{}", text(&failed), failed.stderr)),
    })
}

fn measured_briefly(arguments: &[&str]) -> Exit {
    measured(&[&SHORT, arguments].concat())
}

fn text(finished: &Exit) -> &str {
    std::str::from_utf8(&finished.stdout).unwrap()
}

/// The JSON of one short run with two scenarios, shared by several tests.
fn saved() -> &'static str {
    static SAVED: OnceLock<String> = OnceLock::new();
    SAVED.get_or_init(|| {
        let two = ["--connections=1,3", "--rate=max", "--warmup=10ms"];
        let short = ["--duration=30ms", "--rounds=6", "--json=-"];
        text(&measured(&[two, short].concat())).to_owned()
    })
}

fn comparison(json: &str) -> Comparison {
    report::from_json(json).unwrap_or_else(|error| panic!("{error}: {json}"))
}

/// The values of a measurement that has succeeded.
fn values(measurement: &Measurement) -> &Values {
    match &measurement.status {
        MeasurementStatus::Measured(values) => values,
        MeasurementStatus::Failed(failure) => panic!("{failure}"),
    }
}

/// A server on a thread, which sends back `reply` of each byte and its offset in the connection.
fn serve(reply: fn(u64, u8) -> u8) -> SocketAddr {
    serve_and_report(reply, None)
}

/// As [`serve`], and reports each connection.
fn serve_and_report(reply: fn(u64, u8) -> u8, connected: Option<Sender<()>>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let _received_or_not = connected.as_ref().map(|connected| connected.send(()));
            thread::spawn(move || serve_connection(stream, reply));
        }
    });
    address
}

fn serve_connection(mut stream: TcpStream, reply: fn(u64, u8) -> u8) {
    stream.set_nodelay(true).unwrap();
    let (mut offset, mut buffer) = (0, [0; 4096]);
    while let Ok(count @ 1..) = stream.read(&mut buffer) {
        for byte in &mut buffer[..count] {
            *byte = reply(offset, *byte);
            offset += 1;
        }
        if stream.write_all(&buffer[..count]).is_err() {
            return;
        }
    }
}
