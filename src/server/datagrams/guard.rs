//! Which datagrams get no reply.
//!
//! A reply goes to whatever address the sender wrote into the datagram. A server that answers everything can be made to
//! exchange datagrams with another such server without end, with one forged datagram (CERT CA-1996-01, CVE-2024-2169),
//! or to send to a victim in the sender's place. An echo is as large as what it answers, so it does not amplify; it
//! still hides where the traffic comes from.

use super::event::Refusal;
use super::message::Message;
use super::policy::DatagramPolicy;
use super::rate::SourceRates;
use std::net::IpAddr;
use std::time::Instant;

/// The port of NFS.
const NFS: u16 = 2049;

/// Decides which datagrams are answered.
#[derive(Debug)]
pub(super) enum SourceGuard {
    /// All of them.
    Off,
    /// Those that cannot do harm, at a limited rate.
    On {
        /// The ports of this server, whatever the address: another server like this one is likely to have the same.
        own_ports: Vec<u16>,
        rate: SourceRates,
    },
}

impl SourceGuard {
    pub(super) fn new(policy: DatagramPolicy, own_ports: Vec<u16>, now: Instant) -> Self {
        match policy {
            DatagramPolicy::AnySource => Self::Off,
            DatagramPolicy::Off | DatagramPolicy::Guarded => Self::On {
                own_ports,
                rate: SourceRates::new(now),
            },
        }
    }

    /// How many datagrams of the message are answered; the others exceed the rate.
    ///
    /// # Errors
    ///
    /// None of them is.
    pub(super) fn admit(&mut self, message: &Message<'_>, now: Instant) -> Result<usize, Refusal> {
        let wanted = message.count();
        match self {
            Self::Off => Ok(wanted),
            Self::On { own_ports, rate } => match refusal(message, own_ports) {
                Some(refusal) => Err(refusal),
                None => Ok(rate.take(message.source.ip(), wanted, now)),
            },
        }
    }
}

fn refusal(message: &Message<'_>, own_ports: &[u16]) -> Option<Refusal> {
    match message.source.port() {
        0 => Some(Refusal::PortZero),
        1..=1023 => Some(Refusal::WellKnownPort),
        NFS => Some(Refusal::NfsPort),
        port if own_ports.contains(&port) => Some(Refusal::OwnPort),
        _ if !is_unicast(message.source.ip()) => Some(Refusal::SourceNotUnicast),
        _ if message.destination.is_some_and(|to| !is_unicast(to)) => {
            Some(Refusal::DestinationNotUnicast)
        }
        _ => None,
    }
}

/// This cannot recognize the broadcast address of a network. The kernel drops datagrams whose source is one, and sends
/// none from or to one unless it is asked to (socket(7), `SO_BROADCAST`).
fn is_unicast(address: IpAddr) -> bool {
    let address = address.to_canonical();
    let is_broadcast = matches!(address, IpAddr::V4(address) if address.is_broadcast());
    !(address.is_multicast() || address.is_unspecified() || is_broadcast)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(source: &str, destination: &str) -> Message<'static> {
        Message {
            source: source.parse().unwrap(),
            destination: Some(destination.parse().unwrap()),
            bytes: b"hello",
            size: 5,
        }
    }

    fn admitted(policy: DatagramPolicy, message: &Message<'_>) -> Result<usize, Refusal> {
        let now = Instant::now();
        SourceGuard::new(policy, vec![50_007], now).admit(message, now)
    }

    const CASES: [(&str, &str, Refusal); 11] = [
        ("192.0.2.1:0", "192.0.2.9", Refusal::PortZero),
        ("192.0.2.1:7", "192.0.2.9", Refusal::WellKnownPort),
        ("192.0.2.1:1023", "192.0.2.9", Refusal::WellKnownPort),
        ("192.0.2.1:2049", "192.0.2.9", Refusal::NfsPort),
        ("192.0.2.1:50007", "192.0.2.9", Refusal::OwnPort),
        ("224.0.0.1:4000", "192.0.2.9", Refusal::SourceNotUnicast),
        (
            "255.255.255.255:4000",
            "192.0.2.9",
            Refusal::SourceNotUnicast,
        ),
        ("0.0.0.0:4000", "192.0.2.9", Refusal::SourceNotUnicast),
        ("[ff02::1]:4000", "::1", Refusal::SourceNotUnicast),
        ("[::ffff:224.0.0.1]:4000", "::1", Refusal::SourceNotUnicast),
        (
            "192.0.2.1:4000",
            "255.255.255.255",
            Refusal::DestinationNotUnicast,
        ),
    ];

    #[test]
    fn a_source_that_may_be_forged_to_do_harm_is_refused() {
        for (source, destination, refusal) in CASES {
            let message = message(source, destination);
            assert_eq!(
                admitted(DatagramPolicy::Guarded, &message),
                Err(refusal),
                "{source}"
            );
        }
    }

    #[test]
    fn an_ordinary_client_is_answered() {
        for source in ["192.0.2.1:1024", "192.0.2.1:2050", "[2001:db8::1]:40000"] {
            let message = message(source, "192.0.2.9");
            assert_eq!(admitted(DatagramPolicy::Guarded, &message), Ok(1));
        }
    }

    #[test]
    fn without_the_guard_every_source_is_answered() {
        for (source, destination, _) in CASES {
            let message = message(source, destination);
            assert_eq!(admitted(DatagramPolicy::AnySource, &message), Ok(1));
        }
    }
}
