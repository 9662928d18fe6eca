//! The observer that logs what the server does.

use super::logger::TARGET;
use super::rate_limit::RateLimit;
use log::{debug, info, warn};
use mio_echo::server::{
    AcceptPause, ConnectionId, ConnectionSummary, DatagramEvent, Observer, ProxyHeader,
};
use mio_echo::text::address::Address;
use mio_echo::text::os_error;
use std::io;
use std::net::SocketAddr;
use std::time::Instant;

/// Logs connections at `debug`, problems with accepting them at `warn`, and a stop at `info`.
///
/// Peers can cause warnings at any rate, so each kind is logged at most once a second, with the number of those that were
/// left out. Clones share these numbers.
#[derive(Debug, Clone)]
pub(super) struct LogObserver {
    refusals: RateLimit,
    full: RateLimit,
    exhausted: RateLimit,
    datagrams: RateLimit,
    proxy_headers: RateLimit,
}

impl LogObserver {
    pub(super) fn new() -> Self {
        Self {
            refusals: RateLimit::of("refused connections"),
            full: RateLimit::of("the limit on connections"),
            exhausted: RateLimit::of("accept"),
            datagrams: RateLimit::of("datagrams"),
            proxy_headers: RateLimit::of("missing PROXY headers"),
        }
    }

    /// Logs how many warnings were left out and not mentioned yet.
    pub(super) fn finish(&self) {
        let Self {
            refusals,
            full,
            exhausted,
            datagrams,
            proxy_headers,
        } = self;
        for limit in [refusals, full, exhausted, datagrams, proxy_headers] {
            limit.finish();
        }
    }
}

impl Observer for LogObserver {
    const OBSERVES_CALLS: bool = false;

    fn accepted(&mut self, id: ConnectionId, peer: &Address) {
        debug!(target: TARGET, "{id} {peer} connected");
    }

    fn proxy_header(&mut self, id: ConnectionId, peer: &Address, header: ProxyHeader) {
        match header {
            ProxyHeader::Peer(real) => debug!(target: TARGET, "{id} {peer} is a proxy for {real}"),
            ProxyHeader::Unknown => {
                debug!(target: TARGET, "{id} {peer} sent a PROXY header without a peer");
            }
            ProxyHeader::Missing(error) => {
                if let Some(suppressed) = self.proxy_headers.pass(Instant::now()) {
                    warn!(target: TARGET, "{id} {peer} reset: {error}{suppressed}");
                }
            }
        }
    }

    fn closed(&mut self, summary: &ConnectionSummary) {
        let ConnectionSummary {
            id,
            peer,
            bytes_in,
            bytes_out,
            reason,
        } = summary;
        debug!(target: TARGET, "{id} {peer} disconnected: {reason}, {bytes_in} bytes in, {bytes_out} bytes out");
    }

    fn refused(&mut self, peer: &Address, error: &io::Error) {
        if let Some(suppressed) = self.refusals.pass(Instant::now()) {
            let error = os_error::describe(error);
            warn!(target: TARGET, "{peer} refused: {error}{suppressed}");
        }
    }

    fn accept_failed(&mut self, error: &io::Error) {
        debug!(target: TARGET, "accept: {}", os_error::describe(error));
    }

    fn accept_paused(&mut self, pause: &AcceptPause) {
        match pause {
            AcceptPause::Full(limit) => {
                if let Some(suppressed) = self.full.pass(Instant::now()) {
                    warn!(target: TARGET, "{limit} connections are open, the limit; new peers wait until one closes{suppressed}");
                }
            }
            AcceptPause::Exhausted(error) => {
                if let Some(suppressed) = self.exhausted.pass(Instant::now()) {
                    let error = os_error::describe(error);
                    warn!(target: TARGET, "accept: {error}; new peers wait until resources are free again{suppressed}");
                }
            }
        }
    }

    fn on_datagram(&mut self, peer: SocketAddr, event: DatagramEvent) {
        let reason = match event {
            DatagramEvent::Received { .. } | DatagramEvent::Replied { .. } => return,
            DatagramEvent::Refused(refusal) => refusal.to_string(),
            DatagramEvent::Dropped => "the send buffer is full".to_owned(),
            DatagramEvent::Failed(failure) => failure.to_string(),
        };
        if let Some(suppressed) = self.datagrams.pass(Instant::now()) {
            warn!(target: TARGET, "datagram of {peer} not answered: {reason}{suppressed}");
        }
    }

    fn receive_failed(&mut self, error: &io::Error) {
        if let Some(suppressed) = self.datagrams.pass(Instant::now()) {
            let error = os_error::describe(error);
            warn!(target: TARGET, "receiving datagrams: {error}{suppressed}");
        }
    }

    fn stopping(&mut self, open: usize) {
        info!(target: TARGET, "stopping: {open} connections to finish");
    }
}
