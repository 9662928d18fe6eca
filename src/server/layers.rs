//! The optional layers between the event loop and its sockets. The loop is compiled once for each combination, so a layer
//! that is off costs nothing.

use super::config::Config;
use super::datagrams::Datagrams;
use super::event_loop::EventLoop;
use super::kernel::{Kernel, MioPoll};
use super::listener::Listeners;
use super::misbehaviour::MisbehavingKernel;
use super::observer::Observer;
#[cfg(feature = "preamble")]
use super::preamble::PreambleKernel;
use super::shutdown::Shutdown;
use std::io;

/// What an event loop needs beside its kernel and its listeners.
#[derive(Debug)]
pub(super) struct LoopParts {
    pub(super) datagrams: Datagrams,
    pub(super) shutdown: Shutdown,
    pub(super) config: Config,
    pub(super) max_connections: usize,
}

/// Serves over the layers that the configuration asks for.
///
/// # Errors
///
/// As [`Server::run`](super::Server::run).
pub(super) fn run<O: Observer>(
    kernel: MioPoll,
    listeners: Listeners,
    parts: LoopParts,
    observer: O,
) -> io::Result<O> {
    #[cfg(feature = "preamble")]
    if let Some(preamble) = parts.config.preamble.clone() {
        let kernel = PreambleKernel::new(kernel, preamble);
        let listeners = listeners.map(|listener| kernel.listener(listener));
        return run_misbehaving(kernel, listeners, parts, observer);
    }
    run_misbehaving(kernel, listeners, parts, observer)
}

fn run_misbehaving<K: Kernel, O: Observer>(
    kernel: K,
    listeners: Listeners<K::Listener>,
    parts: LoopParts,
    observer: O,
) -> io::Result<O> {
    let Some(misbehaviour) = parts.config.misbehaviour.clone() else {
        return run_on(kernel, listeners, parts, observer);
    };
    let kernel = MisbehavingKernel::new(kernel, misbehaviour, parts.config.read_buffer);
    let listeners = listeners.map(|listener| kernel.listener(listener));
    run_on(kernel, listeners, parts, observer)
}

fn run_on<K: Kernel, O: Observer>(
    kernel: K,
    listeners: Listeners<K::Listener>,
    parts: LoopParts,
    observer: O,
) -> io::Result<O> {
    let LoopParts {
        datagrams,
        shutdown,
        config,
        max_connections,
    } = parts;
    EventLoop::new(
        kernel,
        listeners,
        datagrams,
        shutdown,
        &config,
        max_connections,
        observer,
    )
    .run()
}

#[cfg(test)]
mod tests;
