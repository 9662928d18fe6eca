//! The server of datagrams: to which client it replies, from which address, and what it does meanwhile.

use super::datagrams::{CHAPTER, SECOND_REPLY, loss};
use super::quiet;
use crate::check::datagram_probe::DatagramProbe;
use crate::check::definition::{Check, Run, TrialOutcome, TrialResult};
use crate::check::process::ServerProcess;
use crate::check::server::LaunchSetup;
use crate::check::symptom::Symptom;
use crate::check::trial::{MESSAGE, Trial};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

/// Long enough for what has been received already.
const SOON: Duration = Duration::from_millis(1);

pub(super) const CLIENTS: Check = Check {
    name: "datagram-clients",
    promise: "Of twenty clients that send at once, each gets the reply to its own datagram.",
    why: "One socket receives from every client. A server that mixes up their addresses sends the \
          data of one client to another.",
    hint: "Reply to the address that came with the datagram, and keep none for the next one.",
    chapter: CHAPTER,
    experiment: None,
    level: None,
    quick: true,
    timeouts: 2,
    pauses: Duration::ZERO,
    run: Run::OnAddress(clients),
};

fn clients(trial: &Trial<'_>) -> TrialResult {
    const CLIENTS: usize = 20;
    let client = |_| Ok((trial.datagram_probe()?, trial.text(MESSAGE)));
    let clients = (0..CLIENTS).map(client);
    let mut clients = clients.collect::<Result<Vec<(DatagramProbe<'_>, &[u8])>, Symptom>>()?;
    for (probe, message) in &clients {
        probe.send(message)?;
    }
    let wait = trial.limit.wait();
    let mut lost = 0;
    for (index, (probe, message)) in clients.iter_mut().enumerate() {
        let received = probe.receives_echo(message, &wait);
        let place = format!("client {} of {CLIENTS}", index + 1);
        lost += usize::from(!received.map_err(|symptom| symptom.at(place))?);
    }
    loss(lost, CLIENTS)
}

pub(super) const ADDRESS: Check = Check {
    name: "datagram-address",
    promise: "The reply comes from the address that the datagram was sent to, also where the server \
              listens on all addresses.",
    why: "A client takes datagrams from the address that it has asked, and a firewall lets no \
          others in. A machine with two addresses then seems to be silent on one of them.",
    hint: "Receive the destination with the datagram and send from it (IP_PKTINFO), or bind a \
          socket to each address.",
    chapter: CHAPTER,
    experiment: None,
    level: None,
    quick: true,
    timeouts: 3,
    pauses: Duration::ZERO,
    run: Run::OnAddress(address),
};

/// The probe receives from nowhere else. On the loopback interface, all of 127.0.0.0/8 are addresses of this machine.
fn address(trial: &Trial<'_>) -> TrialResult {
    trial.exchange_datagram(trial.text(MESSAGE))?;
    let other: SocketAddr = match trial.inet_address()? {
        SocketAddr::V4(server) if server.ip().is_loopback() => {
            (Ipv4Addr::new(127, 0, 0, 2), server.port()).into()
        }
        asked => return Ok(TrialOutcome::Measured(format!("from {}", asked.ip()))),
    };
    if !listens_on(trial, other) {
        let text = format!("it does not listen on {}", other.ip());
        return Ok(TrialOutcome::Measured(text));
    }
    let exchanged = trial.exchange_datagram_with(&other.into(), trial.text(MESSAGE));
    exchanged.map_err(|symptom| symptom.at(format!("asked on {}", other.ip())))?;
    Ok(TrialOutcome::Measured(format!("also on {}", other.ip())))
}

/// Whether a socket is bound there: if not, the system reports that with the next call (udp(7), `ECONNREFUSED`).
fn listens_on(trial: &Trial<'_>, address: SocketAddr) -> bool {
    let Ok(mut probe) = DatagramProbe::open(address, trial.limit) else {
        return false;
    };
    let soon = Duration::from_millis(100);
    probe.send(trial.text(MESSAGE)).is_ok() && probe.receives_more(soon).is_ok()
}

pub(super) const IDLE_CPU: Check = Check {
    name: "datagram-idle-cpu",
    promise: "The server uses no processor time while no datagram arrives.",
    why: "A loop that spins takes a core from everything else on the machine.",
    hint: "Sleep in recvfrom, poll or epoll_wait without a timeout.",
    chapter: CHAPTER,
    experiment: None,
    level: None,
    quick: false,
    timeouts: 2,
    pauses: quiet::RESTING,
    run: Run::OnProcess(idle_cpu),
};

fn idle_cpu(trial: &Trial<'_>, process: &ServerProcess) -> TrialResult {
    trial.exchange_datagram(trial.text(MESSAGE))?;
    quiet::expect_rest(trial, process)
}

pub(super) const STOP: Check = Check {
    name: "datagram-stop",
    promise: "On SIGTERM, the server ends.",
    why: "A server that blocks in recvfrom and takes no notice of the signal has to be killed.",
    hint: "Leave SIGTERM its default action, or make it an event of the loop.",
    chapter: CHAPTER,
    experiment: None,
    level: None,
    quick: false,
    timeouts: 3,
    pauses: Duration::ZERO,
    run: Run::OnProcess(stop),
};

fn stop(trial: &Trial<'_>, process: &ServerProcess) -> TrialResult {
    const WAITING: usize = 10;
    let mut server = match trial.start_another(process, LaunchSetup::Ordinary) {
        Ok(server) => server,
        Err(reason) => return Ok(TrialOutcome::NotApplicable(reason)),
    };
    let message = trial.text(MESSAGE);
    let mut probe = trial.exchange_datagram_with(server.address(), message)?;
    if let Some(stopping) = server.process() {
        stopping.while_stopped(|| {
            let sent = (0..WAITING).try_for_each(|_| probe.send(message));
            stopping.terminate();
            sent
        })?;
    }
    if !trial.limit.eventually(|| server.has_ended()) {
        return Err(Symptom::of("the server does not end"));
    }
    let answered = (0..WAITING).take_while(|_| matches!(probe.receives_more(SOON), Ok(true)));
    Ok(TrialOutcome::Measured(format!(
        "{} of {WAITING} datagrams that waited then were answered",
        answered.count()
    )))
}

pub(super) const LOOP: Check = Check {
    name: "datagram-loop",
    promise: "A datagram from the server's own port on another address, or from port 2049, gets no \
              reply.",
    why: "Two servers that answer each other never stop, and one datagram with a forged source \
          starts them (CERT CA-1996-01, CVE-2024-2169). Few servers keep this promise, and between \
          unprivileged ports that differ no server can: only a limit on the rate helps there. Leave \
          this check out with --skip datagram-loop.",
    hint: "Reply neither to your own port, whatever the address, nor to ports of services that answer \
           everything: those below 1024, and 2049.",
    chapter: CHAPTER,
    experiment: Some("echo-loop"),
    level: None,
    quick: false,
    timeouts: 2,
    pauses: Duration::from_secs(1),
    run: Run::OnAddress(no_loop),
};

/// Only what can be proven without privileges: ports below 1024 cannot be bound.
fn no_loop(trial: &Trial<'_>) -> TrialResult {
    const NFS: u16 = 2049;
    let server = trial.inet_address()?;
    let host = match server.ip() {
        IpAddr::V4(host) if host.is_loopback() => Ipv4Addr::new(127, 0, 0, 2).into(),
        IpAddr::V6(host) if host.is_loopback() => host.into(),
        IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        IpAddr::V6(_) => IpAddr::from(Ipv6Addr::UNSPECIFIED),
    };
    let mut tried = Vec::new();
    for port in [server.port(), NFS] {
        let Ok(mut probe) = DatagramProbe::open_at((host, port).into(), server, trial.limit) else {
            continue;
        };
        probe.send(trial.text(MESSAGE))?;
        // This one comes later, and is answered.
        trial.exchange_datagram(trial.text(MESSAGE))?;
        if probe.receives_more(SECOND_REPLY)? {
            let text = format!("replies to a datagram from port {port}");
            return Err(Symptom::of(text));
        }
        tried.push(format!("{port}"));
    }
    Ok(match tried.as_slice() {
        [] => TrialOutcome::NotApplicable("none of these ports is free on this machine".to_owned()),
        ports => TrialOutcome::Measured(format!("no reply to port {}", ports.join(" and "))),
    })
}
