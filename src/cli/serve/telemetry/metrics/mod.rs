//! `mio-echo serve --metrics`: the statistics over HTTP, for Prometheus and the programs that speak its language.
//!
//! A thread of its own serves one request at a time. The echo server is woken once per request, for a copy of its
//! statistics, and does not wait for anything.

mod exchange;
mod listener;
mod open_metrics;

pub(crate) use listener::MetricsListener;

use super::snapshots::Snapshots;
use exchange::Response;
use listener::PATH;
use mio_echo::server::Mode;
use mio_echo::text::os_error;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, SystemTime};

/// How long a peer may take to send its request, and to take the response. Until then, other requests wait.
const EXCHANGE_LIMIT: Duration = Duration::from_secs(5);

/// How long the echo server has to send its statistics. A turn of the loop is far shorter.
const SNAPSHOT_TIMEOUT: Duration = Duration::from_secs(5);

/// How long accepting pauses if it fails, for want of descriptors for example.
const ACCEPT_RETRY: Duration = Duration::from_millis(100);

/// Serves the metrics on `listener` from now on.
///
/// # Errors
///
/// One line: there is no further thread.
pub(super) fn start(
    listener: &MetricsListener,
    mode: Mode,
    snapshots: Arc<Snapshots>,
) -> Result<(), String> {
    let (socket, since) = (Arc::clone(&listener.socket), SystemTime::now());
    let serve = move || {
        loop {
            let respond = || metrics(&snapshots, mode, since);
            match socket.accept() {
                // What goes wrong in one exchange is the peer's problem.
                Ok((connection, _)) => {
                    let _ended = exchange::serve(&connection, EXCHANGE_LIMIT, PATH, respond);
                }
                Err(_) => thread::sleep(ACCEPT_RETRY),
            }
        }
    };
    let builder = thread::Builder::new().name("metrics".to_owned());
    let started = builder.spawn(serve).map(drop);
    started.map_err(|error| {
        let error = os_error::describe(&error);
        format!("cannot start a thread for --metrics: {error}")
    })
}

fn metrics(snapshots: &Snapshots, mode: Mode, since: SystemTime) -> Response {
    match snapshots.take(SNAPSHOT_TIMEOUT) {
        Some(stats) => Response {
            status: "200 OK",
            content_type: open_metrics::CONTENT_TYPE,
            body: open_metrics::render(&stats, mode, since),
        },
        None => Response::error(
            "503 Service Unavailable",
            "the server does not send its statistics",
        ),
    }
}
