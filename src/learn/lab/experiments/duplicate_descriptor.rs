//! `duplicate-descriptor`: the server closes its descriptor of a socket, and a duplicate is still open elsewhere.

use crate::learn::lab::experiment::{
    Chapter, Environment, Experiment, SideBySide, VariantOutcome, VariantRun,
};
use crate::learn::lab::harness::{
    Behaviour, CloseKind, Flow, Harness, ReadResult, Registry, SocketBuffers, TestConnection,
    serve_until_signal, until,
};
use crate::learn::lab::variant::Variant;
use std::io;
use std::net::Shutdown;
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

pub(crate) const EXPERIMENT: Experiment = Experiment {
    name: "duplicate-descriptor",
    mistake: "closing a descriptor that has an open duplicate",
    chapter: Chapter::Readiness,
    prediction: "the peer gets no FIN, and events go on for a connection that is gone",
    why: "close(2) closes a descriptor. The FIN, and the end of the registration with epoll, belong to the open \
          file description behind it, and follow when its last descriptor is closed. A child process has \
          duplicates of all descriptors that are not close-on-exec, and a worker may hold one made by dup(2). \
          The peer then waits for the end of the stream, and the kernel reports events with the key of a \
          connection that the server has removed; the server cannot deregister the socket any more, since its \
          descriptor is closed. Before the close, shutdown(2) sends the FIN whatever duplicates there are, \
          and EPOLL_CTL_DEL ends the registration.",
    sources: "epoll(7), \"Will closing a file descriptor\"; shutdown(2); fork(2); src/server/kernel.rs",
    comparison: SideBySide::Mistake,
    check: Ok("half-close"),
    source: include_str!("duplicate_descriptor.rs"),
    run,
    serve: |variant, address, ready| serve_until_signal(server(variant), address, ready),
};

// ── the server ────────────────────────────────────────────────────────────────────────────────

struct HasChild {
    variant: Variant,
    /// What a child process has inherited: a duplicate of the newest descriptor.
    inherited: Option<OwnedFd>,
}

impl Behaviour for HasChild {
    fn closing(&mut self, connection: &mut TestConnection, registry: &Registry) {
        match self.variant {
            Variant::Wrong => {} // close(2) follows: it ends everything
            Variant::Right => {
                let _reset = connection.socket.shutdown(Shutdown::Both);
                let _infallible = registry.deregister(&mut connection.socket);
            }
        }
    }

    fn serve(&mut self, connection: &mut TestConnection) -> Flow {
        self.inherited = connection.socket.as_fd().try_clone_to_owned().ok();
        let mut buffer = [0; 1024];
        loop {
            match connection.read(&mut buffer) {
                ReadResult::Bytes(bytes) => connection.echo(bytes),
                ReadResult::WouldBlock => return Flow::Park,
                ReadResult::Fin => return Flow::Close,
            }
        }
    }
}

fn server(variant: Variant) -> HasChild {
    HasChild {
        variant,
        inherited: None,
    }
}

// ── the experiment ───────────────────────────────────────────────────────────────────────────────

const CLIENTS: usize = 2;
/// The longest wait for an event that must not come.
const GRACE: Duration = Duration::from_millis(50);

fn run(variant: Variant, _: &Environment) -> io::Result<VariantRun> {
    let mut harness = Harness::new(SocketBuffers::default(), server(variant))?;
    let mut fins = 0;
    for _ in 0..CLIENTS {
        let mut client = harness.connect()?;
        client.send_fin()?;
        let is_closed = |harness: &mut Harness<_>| Ok(!harness.is_open(&client));
        harness.step_until("the server has closed", is_closed)?;
        until("its FIN has arrived, if it sends one", || {
            client.receive()?;
            Ok(client.closed.is_some() || variant == Variant::Wrong)
        })?;
        fins += usize::from(client.closed == Some(CloseKind::Fin));
        // Another change of the socket.
        client.reset()?;
        harness.step(GRACE)?;
    }
    let strays = harness.server.stray_events;
    let outcome = match (fins, strays) {
        (CLIENTS, 0) => VariantOutcome::Correct,
        (0, CLIENTS) => VariantOutcome::FailedAsPredicted,
        found => VariantOutcome::unexpected(found),
    };
    let open = harness.server.keys().len();
    Ok(VariantRun::new(harness.into_trace(), outcome)
        .observe_count("connections closed by the server", CLIENTS)
        .observe_count("of these, clients that got a FIN", fins)
        .observe_count("connections that it still has", open)
        .observe_count("events for connections it closed", strays))
}
