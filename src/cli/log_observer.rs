//! The observer that logs what the server does.

use super::logger::TARGET;
use log::{debug, info, warn};
use mio_echo::server::{AcceptPause, ConnectionId, ConnectionSummary, Observer};
use mio_echo::text::os_error;
use std::io;
use std::net::SocketAddr;

/// Logs connections at `debug`, trouble with accepting them at `warn`, and a stop at `info`.
#[derive(Debug, Clone, Default)]
pub(super) struct LogObserver {
    /// Whether a refusal was logged since the last connection closed. Of a series of refusals, only the first is logged.
    refusal_logged: bool,
}

impl Observer for LogObserver {
    const OBSERVES_CALLS: bool = false;

    fn accepted(&mut self, id: ConnectionId, peer: SocketAddr) {
        debug!(target: TARGET, "{id} {peer} connected");
    }

    fn closed(&mut self, summary: &ConnectionSummary) {
        self.refusal_logged = false;
        let ConnectionSummary {
            id,
            peer,
            bytes_in,
            bytes_out,
            reason,
        } = summary;
        debug!(target: TARGET, "{id} {peer} disconnected: {reason}, {bytes_in} bytes in, {bytes_out} bytes out");
    }

    fn refused(&mut self, peer: SocketAddr, error: &io::Error) {
        if !self.refusal_logged {
            self.refusal_logged = true;
            let error = os_error::in_words(error);
            warn!(target: TARGET, "{peer} refused: {error}; further refusals are not logged");
        }
    }

    fn accept_failed(&mut self, error: &io::Error) {
        debug!(target: TARGET, "accept: {}", os_error::in_words(error));
    }

    fn accept_paused(&mut self, pause: &AcceptPause) {
        match pause {
            AcceptPause::Full(limit) => {
                warn!(target: TARGET, "{limit} connections are open, the limit; new peers wait until one closes");
            }
            AcceptPause::Exhausted(error) => {
                let error = os_error::in_words(error);
                warn!(target: TARGET, "accept: {error}; new peers wait until resources are free again");
            }
        }
    }

    fn stopping(&mut self, open: usize) {
        info!(target: TARGET, "stopping: {open} connections to finish");
    }
}
