//! The event loop over a simulated kernel: thousands of runs, each from a seed.
//!
//! The loop is the real one, with its listeners, slots, idle clock and stop; only the [`Kernel`](super::Kernel) and the
//! clock are simulated. Edges come late, merged, in parts, or without a reason; calls are interrupted, cut short,
//! refused and fail; peers send, read slowly, half-close, reset, or fall silent; the operator stops the server at any
//! time. After every iteration, `checks` compares the state of the loop with that of the simulated kernel:
//!
//! - every byte that a peer gets back is the next one of those that it sent, and an end that looks orderly means that it
//!   has them all;
//! - no parked connection has unread input, or room for pending bytes, unless an edge is still to come;
//! - an event reaches the connection that it is about, also when its key was another's before;
//! - no more is pending than one read brings in, and no more connections are open than allowed;
//! - a connection on the run queue has its turn within as many iterations as there are connections, and a listener
//!   within as many accepts as there are listeners;
//! - calls are bounded: a turn has one read and two writes, a read that finds nothing had an event, a wait of zero
//!   length is followed by a call, a pause of the listeners has no accept in it;
//! - the loop sleeps while there is nothing to do, and without a limit while there is nothing to wait for;
//! - a stop reaches every connection, also those that come while it walks over them, and a walk ends;
//! - an idle timeout ends a connection that has waited for its peer that long, soon after; a drain timeout ends it in a stop;
//! - once the decisions of the seed are used up and all goes well, everything is echoed and the stop ends, within a
//!   bounded number of iterations.
//!
//! # Replay
//!
//! A failure prints its seed and the shortest numbers that also fail. `MIO_ECHO_SEED=17 cargo test --lib simulation`
//! plays one seed alone; `MIO_ECHO_SEEDS=10000` plays that many.
//!
//! # Proof
//!
//! `mutant` lists mistakes that can be switched on. One test shows that the promises catch each of them.

mod checks;
mod decisions;
mod kernel;
mod link;
mod moves;
mod mutant;
mod mutant_loop;
mod network;
mod setup;

use super::EventLoop;
use crate::server::config::Config;
use crate::server::datagrams::Datagrams;
use crate::server::listener::Listeners;
use crate::server::receive_buffer::ReceiveBuffer;
use crate::server::shutdown::Shutdown;
use crate::server::walk::Walk;
use checks::{Checks, Coverage, Log, Simulated, set_limits_of_sleep};
use decisions::Decisions;
use kernel::{SharedNetwork, SimulatedKernel, SimulatedListener};
use mutant::{MUTANTS, Mutant};
use network::Network;
use setup::SimulationSetup;
use std::cell::RefCell;
use std::env;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::time::Instant;

/// Seeds of a plain `cargo test`, which runs without optimization.
const SEEDS: u64 = 500;

/// Seeds within which each mutant is caught.
const SEEDS_FOR_MUTANTS: u64 = 2000;

/// Plays one run to its end. Returns what it has seen, or the promise that was broken.
fn simulate(numbers: &[u8], mutant: Option<Mutant>) -> Result<Coverage, String> {
    let mut decisions = Decisions::new(numbers);
    let setup = SimulationSetup::choose(&mut decisions);
    let (mut event_loop, network) = assemble(decisions, &setup, mutant);
    let mut checks = Checks::default();
    while !event_loop.is_done() {
        checks.begin(&mut event_loop, &network);
        set_limits_of_sleep(&event_loop, &mut network.borrow_mut());
        let iterated = match mutant {
            None => event_loop.iterate(),
            Some(mutant) => mutant_loop::iterate(&mut event_loop, mutant),
        };
        iterated.map_err(|error| format!("the loop fails: {error}"))?;
        checks.check(&event_loop, &network)?;
    }
    drop(event_loop);
    checks.at_the_end(&network)
}

fn assemble(
    decisions: Decisions,
    setup: &SimulationSetup,
    mutant: Option<Mutant>,
) -> (Simulated, SharedNetwork) {
    // Only for the waker that a stop needs; no poll waits on it.
    let poll = mio::Poll::new().unwrap();
    let shutdown = Shutdown::new(poll.registry(), setup.drain_timeout).unwrap();
    let network = Network::new(
        decisions,
        setup.clone(),
        shutdown.stopper(),
        mutant,
        Instant::now(),
    );
    let network = Rc::new(RefCell::new(network));
    let sockets = (0..setup.listeners).map(|number| SimulatedListener::new(&network, number));
    let backlog = match mutant {
        Some(Mutant::DrainWithoutEnd) => u16::MAX,
        _ => setup.backlog,
    };
    let listeners = Listeners::of_registered(sockets.collect(), backlog);
    let config = Config {
        idle_timeout: setup.idle_timeout,
        read_buffer: setup.read_buffer,
        ..Config::default()
    };
    let too_many = usize::from(mutant == Some(Mutant::OverLimit));
    let mut event_loop = EventLoop::new(
        SimulatedKernel::new(&network),
        listeners,
        Datagrams::default(),
        shutdown,
        &config,
        setup.max_connections + too_many,
        Log::default(),
    );
    event_loop.walk = Walk::new(setup.walk_step);
    event_loop.received = ReceiveBuffer::new(setup.read_budget, setup.read_buffer);
    (event_loop, network)
}

/// [`simulate`], where a panic of the loop is a broken promise too.
fn play(numbers: &[u8], mutant: Option<Mutant>) -> Result<Coverage, String> {
    catch_unwind(AssertUnwindSafe(|| simulate(numbers, mutant)))
        .unwrap_or_else(|_| Err("the loop panics".to_owned()))
}

/// The number in an environment variable, if it is set.
fn from_environment(name: &str) -> Option<u64> {
    let text = env::var(name).ok()?;
    Some(
        text.parse()
            .unwrap_or_else(|_| panic!("{name} is no number: {text}")),
    )
}

#[test]
fn the_promises_hold_whatever_the_kernel_and_the_peers_do() {
    let seeds = match from_environment("MIO_ECHO_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..from_environment("MIO_ECHO_SEEDS").unwrap_or(SEEDS),
    };
    let mut seen = Coverage::default();
    for seed in seeds.clone() {
        let numbers = decisions::of_seed(seed);
        match play(&numbers, None) {
            Ok(coverage) => seen.add(&coverage),
            Err(first) => {
                let shrunk = decisions::shrink(numbers, |numbers| play(numbers, None).is_err());
                let broken = play(&shrunk, None).unwrap_err();
                panic!("MIO_ECHO_SEED={seed} fails: {first}\nshrunk to {shrunk:?}: {broken}");
            }
        }
    }
    println!("{seen:?}");
    if seeds.end - seeds.start >= SEEDS {
        let kinds = [
            seen.finished,
            seen.failed,
            seen.idle,
            seen.drained,
            seen.expired,
            seen.walking,
        ];
        assert!(
            kinds.iter().all(|count| *count > 50),
            "too little was seen: {seen:?}"
        );
        assert!(
            seen.with_bytes_pending > 50 && seen.bytes > 10_000,
            "{seen:?}"
        );
    }
}

#[test]
fn the_promises_catch_every_mutant() {
    let catches = |mutant| {
        let seeds = 0..SEEDS_FOR_MUTANTS;
        seeds
            .map(decisions::of_seed)
            .find_map(|numbers| play(&numbers, Some(mutant)).err())
    };
    let mut survivors = Vec::new();
    for mutant in MUTANTS {
        match catches(mutant) {
            Some(broken) => println!("{mutant:?}: {broken:.100}"),
            None => survivors.push(mutant),
        }
    }
    assert!(survivors.is_empty(), "not caught: {survivors:?}");
}
