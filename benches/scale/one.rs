//! One server with all the connections that fit into a process.

use super::holder::{Holder, Order};
use super::server::Server;
use super::{Row, Rows, serve};
use rustix::process::Signal;
use std::error::Error;
use std::net::{IpAddr, Ipv4Addr};
use std::thread;
use std::time::{Duration, Instant};

/// Where the peers come from.
const SOURCE: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 1, 1));

/// Where the connections come from that are there before the others.
const OTHER_SOURCE: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 1, 3));

/// How long the server may take to close what was reset.
const TIMEOUT: Duration = Duration::from_mins(1);

/// Reports requested for one figure.
const REPORTS: u32 = 20;

const SECOND: Duration = Duration::from_secs(1);

pub(crate) fn event_loop(connections: usize) -> Rows {
    let mut rows = coming_and_going(connections, &[])?;
    rows.push(idle_tick(connections)?);
    rows.extend(stop(connections, &[])?);
    Ok(rows)
}

pub(crate) fn threads(connections: usize) -> Rows {
    let options = ["--mode", "threads"];
    let mut rows = coming_and_going(connections, &options)?;
    rows.extend(stop(connections, &options)?);
    Ok(rows)
}

/// All connect, echo and are reset, twice; what the silent ones cost in between.
fn coming_and_going(connections: usize, options: &[&str]) -> Rows {
    let server = serve(options)?;
    // What is allocated once, at the first connection, does not count.
    drop(Holder::open(server.address, OTHER_SOURCE, 1)?);
    thread::sleep(SECOND);
    let empty = server.usage()?;
    let descriptors = server.descriptors()?;
    let report_of_none = cpu_of_a_report(&server)?;

    let start = Instant::now();
    let mut holder = Holder::open(server.address, SOURCE, connections)?;
    let opened = start.elapsed();
    holder.carry_out(Order::Echo)?;
    wait_until_quiet(&server)?;
    let full = server.usage()?;
    let bytes = full.resident.saturating_sub(empty.resident) as f64 / connections as f64;
    let report = cpu_of_a_report(&server)?;
    let silence = wait_until_quiet(&server)?;

    let mut rows = vec![
        Row::new(
            "each echoes once",
            format!("all bytes right; opened in {opened:.1?}"),
        ),
        Row::new(
            "resident memory per idle connection",
            format!("{bytes:.0} bytes"),
        ),
        Row::new("wake-ups of the server in a second of silence", silence),
        Row::new(
            "processor time of a report (SIGUSR1)",
            format!("{report:.1?}; with no connection {report_of_none:.1?}"),
        ),
    ];
    let before = server.usage()?;
    let start = Instant::now();
    holder.carry_out(Order::Reset)?;
    wait_for_descriptors(&server, descriptors)?;
    let (gone, cpu) = (start.elapsed(), server.cpu_since(&before)?);
    rows.push(Row::new(
        "all are reset at once",
        format!(
            "all closed after {gone:.1?}, {} of processor time each",
            per(cpu, connections)
        ),
    ));
    drop(holder);
    let mut holder = Holder::open(server.address, SOURCE, connections)?;
    holder.carry_out(Order::Echo)?;
    holder.carry_out(Order::Reset)?;
    wait_for_descriptors(&server, descriptors)?;
    rows.push(Row::new("the same again", "all bytes right, all closed"));
    server.stop()?;
    Ok(rows)
}

/// The walk over all connections that looks for idle ones.
fn idle_tick(connections: usize) -> Result<Row, Box<dyn Error>> {
    // Eight ticks per timeout. No connection is silent for that long here.
    let tick = 4 * SECOND;
    let server = serve(&["--idle-timeout", "32s"])?;
    let _one = Holder::open(server.address, OTHER_SOURCE, 1)?;
    let without = cpu_within(&server, 2 * tick)? / 2;
    let descriptors = server.descriptors()?;
    let holder = Holder::open(server.address, SOURCE, connections - 1)?;
    let with = cpu_within(&server, 4 * tick)? / 4;
    let open = server.descriptors()? - descriptors + 1;
    assert_eq!(open, connections, "some have expired");
    drop(holder);
    server.stop()?;
    let walk = with.saturating_sub(without);
    Ok(Row::new(
        "processor time of an idle tick",
        format!(
            "{with:.1?}, {} per connection; with one connection {without:.1?}",
            per(walk, connections)
        ),
    ))
}

/// Stops: with peers that close when they receive the FIN, and with peers that never do.
fn stop(connections: usize, options: &[&str]) -> Rows {
    let server = serve(options)?;
    let mut holder = Holder::open(server.address, SOURCE, connections)?;
    holder.carry_out(Order::Echo)?;
    wait_until_quiet(&server)?;
    let finishing = thread::spawn(move || {
        let finished = holder
            .carry_out(Order::Finish)
            .map_err(|error| error.to_string());
        (holder, finished)
    });
    let time = server.stop()?;
    let (holder, finished) = finishing.join().expect("the thread panicked");
    finished?;
    drop(holder);
    let polite = Row::new(
        "stop, peers that close on FIN",
        format!("{time:.1?}, all received FIN"),
    );

    let mut with_timeout = options.to_vec();
    with_timeout.extend(["--drain-timeout", "8s"]);
    let server = serve(&with_timeout)?;
    let mut holder = Holder::open(server.address, SOURCE, connections)?;
    holder.carry_out(Order::Echo)?;
    wait_until_quiet(&server)?;
    let before = server.usage()?;
    server.signal(Signal::TERM)?;
    let start = Instant::now();
    // Long before the timeout: the usage of thousands of threads takes a while to read.
    thread::sleep(3 * SECOND);
    let drain = server.cpu_since(&before)?;
    server.wait_for_exit()?;
    let time = start.elapsed();
    drop(holder);
    Ok(vec![
        polite,
        Row::new(
            "stop, peers that never close, `--drain-timeout 8s`",
            format!(
                "{time:.2?}; to drain them, {drain:.1?} of processor time, {} each",
                per(drain, connections)
            ),
        ),
    ])
}

/// Processor time of one report, on average.
fn cpu_of_a_report(server: &Server) -> Result<Duration, Box<dyn Error>> {
    let before = server.usage()?;
    for _ in 0..REPORTS {
        server.signal(Signal::USR1)?;
        thread::sleep(Duration::from_millis(20));
    }
    Ok(server.cpu_since(&before)? / REPORTS)
}

fn cpu_within(server: &Server, time: Duration) -> Result<Duration, Box<dyn Error>> {
    let before = server.usage()?;
    thread::sleep(time);
    Ok(server.cpu_since(&before)?)
}

/// Waits for a second in which the server does not run at all, and reports it.
fn wait_until_quiet(server: &Server) -> Result<String, Box<dyn Error>> {
    let deadline = Instant::now() + TIMEOUT;
    loop {
        let before = server.usage()?;
        thread::sleep(SECOND);
        let used = server.usage()?.since(&before);
        let wake_ups = used.voluntary_switches + used.involuntary_switches;
        if (wake_ups == 0 && used.cpu().is_zero()) || Instant::now() > deadline {
            return Ok(format!("{wake_ups}, {:?} of processor time", used.cpu()));
        }
    }
}

pub(crate) fn wait_for_descriptors(server: &Server, expected: usize) -> Result<(), Box<dyn Error>> {
    let deadline = Instant::now() + TIMEOUT;
    while server.descriptors()? > expected {
        if Instant::now() > deadline {
            return Err("descriptors are not closed".into());
        }
        thread::sleep(Duration::from_millis(1));
    }
    Ok(())
}

/// A share of a time, to the nanosecond.
fn per(time: Duration, count: usize) -> String {
    format!("{:.0} ns", time.as_nanos() as f64 / count as f64)
}
