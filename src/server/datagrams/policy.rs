//! Which datagrams are answered.

/// Which datagrams a server answers, if any.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DatagramPolicy {
    /// There is no UDP socket.
    #[default]
    Off,
    /// Those of sources that are not likely to be forged, at a limited rate per source; see
    /// [`Refusal`](super::event::Refusal).
    Guarded,
    /// All of them, at any rate. One forged datagram can then start an endless exchange with another server.
    AnySource,
}
