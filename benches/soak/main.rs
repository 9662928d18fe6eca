//! Does the server, under a mixture of everything that peers do, lose a byte, a descriptor or memory over time?
//!
//! ```console
//! $ cargo bench --bench soak -- --minutes 30
//! ```
//!
//! The server runs in a process of its own. Peers connect, reset, read slowly, flood, half-close, send urgent data, stay
//! silent and leave; every echoed byte is verified. The load is bounded in rate and in connections: about a third of a
//! core in all. Resident memory and descriptors of the server are sampled all the time. The run fails if a byte is
//! wrong, a peer is not served, memory or descriptors grow, or descriptors are still open when all peers are gone.
//! `--stand-in` shows that it can fail.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::cast_precision_loss,
    reason = "a benchmark that cannot run panics; its counts stay far below 2^53"
)]

mod mixture;
mod peer;
mod report;
#[path = "../shared/server.rs"]
mod server;
mod stand_in;
mod trend;

use clap::{Parser, ValueEnum};
use mio_echo::rng::SplitMix64;
use mixture::{Kind, MIXTURE, Worker};
use peer::Payload;
use report::{MemoryNoise, Report, Sample, Tally};
use server::Server;
use stand_in::Fault;
use std::error::Error;
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

const PROGRAM: &str = env!("CARGO_BIN_EXE_mio-echo");

/// The part of a run that is not judged: the allocator and the socket buffers find their sizes.
const WARM_UP: f64 = 0.2;

/// How many samples a run takes, and how far apart they are at most.
const SAMPLES: u32 = 240;
const SAMPLE_INTERVAL: Duration = Duration::from_secs(5);

/// How long the descriptors of connections that are gone may stay open.
const CLOSING: Duration = Duration::from_secs(20);

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Mode {
    EventLoop,
    Threads,
}

impl Mode {
    fn memory_noise(self) -> MemoryNoise {
        match self {
            Self::EventLoop => MemoryNoise::ONE_THREAD,
            Self::Threads => MemoryNoise::THREADS,
        }
    }
}

/// Soak a server: a verified mixture of connections, with memory and descriptors watched
#[derive(Debug, Parser)]
struct Arguments {
    /// How long to run, per mode
    #[arg(long, default_value_t = 1.0)]
    minutes: f64,
    /// Which server [default: one after the other]
    #[arg(long, value_enum)]
    mode: Option<Mode>,
    /// Decides the order and the content of the episodes
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Multiplies the rate of every kind of episode
    #[arg(long, default_value_t = 1.0)]
    load: f64,
    /// Soak a small server with a known fault instead
    #[arg(long, value_enum)]
    stand_in: Option<Fault>,
    /// Be that server
    #[arg(long, value_enum, hide = true)]
    serve: Option<Fault>,
    /// What `cargo bench` adds
    #[arg(long, hide = true)]
    bench: bool,
}

impl Arguments {
    fn duration(&self) -> Duration {
        Duration::from_secs_f64(self.minutes * 60.0)
    }
}

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let arguments = Arguments::parse();
    if let Some(fault) = arguments.serve {
        stand_in::serve(fault)?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut all_held = true;
    if let Some(fault) = arguments.stand_in {
        let name = fault.name();
        let program = std::env::current_exe()?;
        let server = Server::start(program, ["--serve", &name])?;
        let title = format!("stand-in, fault {name}");
        all_held &= soak(&arguments, server, &title, MemoryNoise::THREADS)?;
    } else {
        let modes = match arguments.mode {
            Some(mode) => vec![mode],
            None => Mode::value_variants().to_vec(),
        };
        for mode in modes {
            let name = mode.to_possible_value().expect("no mode is hidden");
            let options = [
                "serve",
                "--listen",
                "127.0.0.1:0",
                "--mode",
                name.get_name(),
            ];
            let server = Server::start(PROGRAM, options)?;
            let title = format!("mio-echo serve --mode {}", name.get_name());
            all_held &= soak(&arguments, server, &title, mode.memory_noise())?;
        }
    }
    Ok(ExitCode::from(u8::from(!all_held)))
}

/// One run against one server. Returns whether everything held.
fn soak(
    arguments: &Arguments,
    mut server: Server,
    title: &str,
    memory_noise: MemoryNoise,
) -> Result<bool, Box<dyn Error>> {
    let seed = arguments.seed;
    println!("soak of {title} for {} min, seed {seed}", arguments.minutes);
    let payload = Payload::new();
    let descriptors_at_start = descriptors_without_peers(&server, &payload)?;
    let before = server.usage()?;
    let tallies = MIXTURE.map(|(kind, ..)| (kind, Mutex::new(Tally::default())));

    let samples = thread::scope(|scope| {
        let mut stops = Vec::new();
        let mut stream = 0;
        for ((kind, workers, rate), (_, tally)) in MIXTURE.iter().zip(&tallies) {
            for _ in 0..*workers {
                let (stop, stopped) = mpsc::channel();
                stops.push(stop);
                stream += 1;
                let worker = Worker {
                    address: server.address,
                    payload: &payload,
                    held: Vec::new(),
                };
                let rate = rate * arguments.load / f64::from(*workers);
                let pace = Pace { seed, stream, rate };
                scope.spawn(move || work(worker, *kind, &pace, tally, &stopped));
            }
        }
        // Dropping `stops` at the end, also of an error, stops the workers.
        watch(arguments.duration(), &mut server)
    })?;

    let elapsed = arguments.duration();
    let cpu = server.cpu_since(&before)?;
    let descriptors_at_end = wait_for_descriptors(&server, descriptors_at_start)?;
    let stop = match arguments.stand_in {
        Some(_) => None,
        None => Some(server.stop().map_err(|error| error.to_string())),
    };
    let report = Report {
        tallies: tallies.map(|(kind, tally)| (kind, tally.into_inner().unwrap())),
        samples,
        memory_noise,
        warm_up: WARM_UP * elapsed.as_secs_f64(),
        cores: cpu.as_secs_f64() / elapsed.as_secs_f64(),
        descriptors_at_start,
        descriptors_at_end,
        stop,
    };
    print!("{report}");
    Ok(report.held())
}

/// When the episodes of one worker begin, and what happens in them.
struct Pace {
    seed: u64,
    /// The number of the worker: each has random numbers of its own.
    stream: u64,
    /// Episodes per second.
    rate: f64,
}

fn work(
    mut worker: Worker<'_>,
    kind: Kind,
    pace: &Pace,
    tally: &Mutex<Tally>,
    stopped: &Receiver<()>,
) {
    let interval = 1.0 / pace.rate;
    for episode in 1_u64.. {
        let number = (pace.stream << 40) + episode;
        let mut rng = SplitMix64::new(SplitMix64::new(pace.seed).next_u64() ^ number);
        let start = Instant::now();
        let outcome = worker.episode(kind, &mut rng);
        tally.lock().unwrap().count(outcome, number);
        // Half the interval to one and a half: no two workers keep step.
        let pause = interval * (0.5 + rng.below(1000) as f64 / 1000.0);
        let pause = Duration::from_secs_f64(pause).saturating_sub(start.elapsed());
        if stopped.recv_timeout(pause) != Err(RecvTimeoutError::Timeout) {
            return;
        }
    }
}

/// Samples the server for `duration`.
fn watch(duration: Duration, server: &mut Server) -> Result<Vec<Sample>, Box<dyn Error>> {
    let interval = (duration / SAMPLES).min(SAMPLE_INTERVAL);
    let start = Instant::now();
    let mut samples = Vec::new();
    while start.elapsed() < duration {
        thread::sleep(interval);
        if let Some(failure) = server.early_exit() {
            return Err(failure.into());
        }
        samples.push(Sample {
            seconds: start.elapsed().as_secs_f64(),
            resident: server.usage()?.resident,
            descriptors: server.descriptors()?,
        });
    }
    Ok(samples)
}

/// Open descriptors once the server has served a first peer and closed its connection.
fn descriptors_without_peers(server: &Server, payload: &Payload) -> Result<usize, Box<dyn Error>> {
    let mut peer = peer::Peer::connect(server.address, payload, 0, None)?;
    peer.round_trip(1)?;
    peer.finish()?;
    let mut fewest = usize::MAX;
    for _ in 0..20 {
        thread::sleep(Duration::from_millis(10));
        fewest = fewest.min(server.descriptors()?);
    }
    Ok(fewest)
}

/// Waits until no more descriptors are open than `expected`, or for [`CLOSING`]. Returns how many are open.
fn wait_for_descriptors(server: &Server, expected: usize) -> Result<usize, Box<dyn Error>> {
    let deadline = Instant::now() + CLOSING;
    loop {
        let open = server.descriptors()?;
        if open <= expected || Instant::now() > deadline {
            return Ok(open);
        }
        thread::sleep(Duration::from_millis(20));
    }
}
