//! What do twenty thousand connections cost, and is anything lost among them?
//!
//! ```console
//! $ cargo bench --bench scale
//! ```
//!
//! Servers and peers run in processes of their own: the limit on open files is one for each process. All figures come
//! from the kernel's accounting (processor time to the nanosecond, context switches, resident memory), so that other work
//! on the machine disturbs them little; comparisons are made in interleaved rounds. The result is a table in Markdown.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::cast_precision_loss,
    reason = "a benchmark that cannot run panics; its counts stay far below 2^53"
)]

mod active;
mod holder;
mod many;
mod one;
#[path = "../shared/server.rs"]
mod server;

use clap::Parser;
use mio_echo::measure::bench::Machine;
use mio_echo::server::{Mode, connections_that_fit, raise_descriptor_limit};
use server::Server;
use std::error::Error;
use std::fs;

/// Descriptors of a process that are not for the connections it holds.
const SPARE: usize = 68;

/// A holder has as many connections as fit into one process, beside its standard input and output.
const MOST_IN_ONE: usize = 19_900;

/// Measure the server with as many connections as the machine allows
#[derive(Debug, Parser)]
struct Arguments {
    /// Connections of one server [default: 19,900, or as many as fit]
    #[arg(long)]
    connections: Option<usize>,
    /// Connections of several servers that share a port
    #[arg(long, default_value_t = 60_000)]
    many: usize,
    /// Pairs of processes for the cost of a message, each measured in 20 rounds
    #[arg(long, default_value_t = 5)]
    pairs: usize,
    /// Measure only this part
    #[arg(long, value_enum)]
    only: Option<Part>,
    /// Hold connections, as standard input orders
    #[arg(long, hide = true)]
    hold: bool,
    /// What `cargo bench` adds
    #[arg(long, hide = true)]
    bench: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Part {
    /// One server with all connections that fit, in the default mode
    EventLoop,
    /// The same with a thread for each
    Threads,
    /// Processor time per message beside silent connections
    Message,
    /// Several servers that share a port
    Many,
}

/// A line of the table.
pub(crate) struct Row {
    question: String,
    answer: String,
}

impl Row {
    pub(crate) fn new(question: impl Into<String>, answer: impl Into<String>) -> Self {
        Self {
            question: question.into(),
            answer: answer.into(),
        }
    }
}

type Rows = Result<Vec<Row>, Box<dyn Error>>;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments = Arguments::parse();
    if arguments.hold {
        return Ok(holder::hold()?);
    }
    raise_descriptor_limit();
    let fit = |mode| {
        let fit = connections_that_fit(mode).saturating_sub(SPARE);
        arguments.connections.unwrap_or(MOST_IN_ONE).min(fit)
    };
    println!("{}\n", machine_line());
    let wants = |part| arguments.only.is_none_or(|only| only == part);
    if wants(Part::EventLoop) {
        let connections = fit(Mode::EventLoop);
        let title = format!("{connections} connections, one process");
        print_table(&title, &one::event_loop(connections)?);
    }
    if wants(Part::Message) {
        let silent = fit(Mode::EventLoop) - active::CONNECTIONS;
        let title = format!("{} active connections", active::CONNECTIONS);
        print_table(&title, &active::cost_per_message(silent, arguments.pairs)?);
    }
    if wants(Part::Threads) {
        let connections = fit(Mode::Threads);
        let title = format!("{connections} connections, one process, `--mode threads`");
        print_table(&title, &one::threads(connections)?);
    }
    if wants(Part::Many) {
        let title = format!(
            "{} connections, several processes on one port",
            arguments.many
        );
        print_table(
            &title,
            &many::one_port(arguments.many, fit(Mode::EventLoop))?,
        );
    }
    Ok(())
}

fn print_table(title: &str, rows: &[Row]) {
    println!("| {title} | |\n| --- | --- |");
    for Row { question, answer } in rows {
        println!("| {question} | {answer} |");
    }
    println!();
}

fn machine_line() -> String {
    let Machine {
        processor,
        cores,
        kernel,
        ..
    } = Machine::current();
    let (files, _) = rlimit::Resource::NOFILE.get().unwrap_or_default();
    let memory = memory_line("MemTotal:").unwrap_or_default() >> 30;
    format!(
        "{processor}, {cores} cores, {memory} GiB, {kernel}; {files} descriptors per process, {} memory mappings",
        fs::read_to_string("/proc/sys/vm/max_map_count")
            .unwrap_or_default()
            .trim_end()
    )
}

/// Bytes in a line of `/proc/meminfo` (proc(5)).
fn memory_line(name: &str) -> Option<u64> {
    let text = fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    let kib: u64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kib * 1024)
}

/// `mio-echo serve`, on a port of the system's choice.
fn serve(options: &[&str]) -> Result<Server, Box<dyn Error>> {
    let mut arguments = vec!["serve", "--listen", "127.0.0.1:0"];
    arguments.extend(options);
    Server::start(env!("CARGO_BIN_EXE_mio-echo"), arguments)
}
