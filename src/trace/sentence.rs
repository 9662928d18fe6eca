//! Each event as a sentence, and the system call that it comes from, for readers who meet them for the first time.

use super::display::brief;
use super::record::{Event, PhaseName};
use crate::server::{BlockingCall, LoopPhase, WakeSource};
use std::os::fd::RawFd;

/// The system call that `event` reports, as strace(1) would show it on Linux; empty if it reports none. Without its
/// descriptor a call is shown with `…`.
pub(super) fn system_call(event: &Event, descriptor: Option<RawFd>) -> String {
    let socket = descriptor.map_or_else(|| "…".to_owned(), |number| number.to_string());
    match event {
        Event::Waiting { timeout_ns } => match timeout_ns {
            None => "epoll_wait(-1)".to_owned(),
            Some(0) => "epoll_wait(0)".to_owned(),
            Some(nanos) => format!("epoll_wait({})", brief(*nanos)),
        },
        Event::Woke { events } => format!("epoll_wait() = {events}"),
        Event::Accepted { .. } => format!("accept4() = {socket}"),
        Event::Unread { bytes } => format!("ioctl({socket}, FIONREAD) = {bytes}"),
        Event::Unacknowledged { bytes } => format!("sock_diag({socket}) = {bytes}"),
        Event::BlockingCall { call } => match call {
            BlockingCall::Read => format!("recvfrom({socket}) …"),
            BlockingCall::Write => format!("sendto({socket}) …"),
        },
        Event::Read { bytes } | Event::Discarded { bytes } => {
            format!("recvfrom({socket}) = {bytes}")
        }
        Event::ReadWouldBlock => format!("recvfrom({socket}) = EAGAIN"),
        Event::PeerFinished => format!("recvfrom({socket}) = 0"),
        Event::Wrote { bytes, offered } => format!("sendto({socket}, {offered}) = {bytes}"),
        Event::WriteWouldBlock => format!("sendto({socket}) = EAGAIN"),
        Event::DatagramReceived { bytes, .. } => format!("recvmmsg(…) = {bytes} bytes"),
        Event::DatagramReplied { bytes, .. } => format!("sendmsg(…) = {bytes}"),
        Event::FinSent => format!("shutdown({socket}, SHUT_WR)"),
        Event::Closed { .. } => format!("close({socket})"),
        _ => String::new(),
    }
}

/// What happened, as a sentence. `waited` is the time in nanoseconds since the loop last began to wait.
#[expect(clippy::too_many_lines, reason = "a table with a row for each event")]
pub(super) fn sentence(event: &Event, waited: Option<u64>) -> String {
    match event {
        Event::Waiting { timeout_ns: None } => {
            "Nothing is left to do: sleep until the kernel reports an event.".to_owned()
        }
        Event::Waiting {
            timeout_ns: Some(0),
        } => "Some connection still has work: collect new events without sleeping.".to_owned(),
        Event::Waiting {
            timeout_ns: Some(nanos),
        } => {
            let longest = brief(*nanos);
            format!("Sleep until an event, but for {longest} at most: then a deadline is due.")
        }
        Event::Woke { events } => {
            let after = waited.map_or_else(String::new, |nanos| format!(" after {}", brief(nanos)));
            match events {
                0 => format!("The wait is over{after}, without an event."),
                1 => format!("The wait is over{after}: the kernel reports one event."),
                events => format!("The wait is over{after}: the kernel reports {events} events."),
            }
        }
        Event::WokenBy { source } => match source {
            WakeSource::Listener => "An event says that peers wait in the backlog.",
            WakeSource::Datagrams => "An event says that datagrams have arrived.",
            WakeSource::Signals => "An event says that a signal has arrived.",
            WakeSource::Waker => "Another thread has woken this one.",
        }
        .to_owned(),
        Event::PhaseEntered { phase } => match phase {
            LoopPhase::Admit => "Now new peers are accepted.",
            LoopPhase::Read => "Now every connection with work reads, once.",
            LoopPhase::Write => "Now each of them writes what it has read.",
            LoopPhase::Datagrams => "Now datagrams are answered.",
        }
        .to_owned(),
        Event::AcceptFailed { error } => format!("A peer is gone before it was accepted: {error}."),
        Event::Refused { peer, error } => {
            format!("{peer} cannot be served and is closed: {error}.")
        }
        Event::AcceptPaused { reason } => format!("No peer is accepted for now: {reason}."),
        Event::DatagramReceived { peer, bytes } => {
            format!("A datagram of {bytes} bytes says that it comes from {peer}.")
        }
        Event::DatagramReplied { peer, bytes } => {
            format!("Its {bytes} bytes were sent back to {peer}, as a datagram.")
        }
        Event::DatagramRefused { peer, reason } => {
            format!("The datagram of {peer} gets no reply: {reason}.")
        }
        Event::ReplyLost { peer, reason } => {
            format!("The reply to {peer} is lost, and not sent again: {reason}.")
        }
        Event::ReceiveFailed { error } => format!("A UDP socket reports an error: {error}."),
        Event::AcceptResumed => "The backlog is empty: accepting goes on as usual.".to_owned(),
        Event::Stopping { open_connections } => {
            format!("A stop was requested; connections to finish: {open_connections}.")
        }
        Event::Ended => "The server has ended.".to_owned(),
        Event::TraceLimitReached { records } => {
            format!("The trace ends here, after {records} records; the server goes on.")
        }
        Event::Accepted { peer } => {
            format!("The connection from {peer} is accepted and has a socket of its own.")
        }
        Event::ProxyHeader { peer: Some(peer) } => {
            format!("The PROXY header says that the proxy has connected for {peer}.")
        }
        Event::ProxyHeader { peer: None } => {
            "The PROXY header names no peer: the address of the socket stands.".to_owned()
        }
        Event::ProxyHeaderMissing { reason } => {
            format!("The connection did not begin with a PROXY header and is reset: {reason}.")
        }
        Event::BannerSent { bytes } => {
            format!("The {bytes} bytes of the banner are written; the echo can begin.")
        }
        Event::FlagsReported { flags } => format!("The kernel reports an edge: {flags}."),
        Event::ReadinessChanged { readable, writable } => {
            let worth = |is_worth| if is_worth { "worth" } else { "not worth" };
            format!(
                "From here on a read is {} a call, and a write {}.",
                worth(*readable),
                worth(*writable)
            )
        }
        Event::PhaseChanged { to, .. } => match to {
            PhaseName::Open => "Both sides may send.",
            PhaseName::Draining => "What has been received by now is still echoed.",
            PhaseName::Lingering => "All is echoed and our FIN is sent; the peer's is awaited.",
        }
        .to_owned(),
        Event::BlockingCall { call } => match call {
            BlockingCall::Read => "The thread sleeps in this call until bytes arrive.",
            BlockingCall::Write => "The thread sleeps in this call if the send buffer is full.",
        }
        .to_owned(),
        Event::Unread { bytes: 0 } => "All that the kernel has received has been read.".to_owned(),
        Event::Unread { bytes } => {
            format!("The kernel holds {bytes} bytes that no read has taken.")
        }
        Event::Unacknowledged { bytes: 0 } => {
            "The peer's kernel has acknowledged all that was written.".to_owned()
        }
        Event::Unacknowledged { bytes } => {
            format!("The kernel holds {bytes} bytes that the peer's has not acknowledged.")
        }
        Event::Read { bytes } => format!("{bytes} bytes were read; they are to be echoed."),
        Event::ReadWouldBlock => "There is nothing to read until the next edge.".to_owned(),
        Event::PeerFinished => "The peer has sent its FIN: it will send no more.".to_owned(),
        Event::Wrote { bytes, offered } if bytes == offered => {
            format!("All {bytes} bytes were written.")
        }
        Event::Wrote { bytes, offered } => {
            format!("Only {bytes} of {offered} bytes fit: the send buffer is full.")
        }
        Event::WriteWouldBlock => "The send buffer is full; an edge will report room.".to_owned(),
        Event::Queued { bytes } => format!("{bytes} bytes are kept until there is room."),
        Event::ReadPaused => "Until they are written, this connection reads no more.".to_owned(),
        Event::ReadResumed => "Nothing is pending any more: reading goes on.".to_owned(),
        Event::Yielded => {
            "Its turn is over, its work is not: it goes to the back of the run queue.".to_owned()
        }
        Event::Discarded { bytes } => {
            format!("{bytes} bytes arrived after our FIN; they are read and dropped.")
        }
        Event::FinSent => "All is echoed: our FIN says that nothing more will come.".to_owned(),
        Event::Closed {
            reason,
            bytes_in,
            bytes_out,
        } => {
            format!(
                "The connection is closed ({reason}); {bytes_in} bytes came in, {bytes_out} went out."
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::json_lines::Trace;
    use super::*;

    #[test]
    fn every_event_is_one_sentence() {
        let sample = include_str!("every_event.jsonl");
        let trace = Trace::read(&mut sample.as_bytes()).unwrap();
        for record in trace.records {
            let sentence = sentence(&record.event, Some(1_000));
            let first = sentence.chars().next().unwrap();
            assert!(
                !first.is_lowercase() && sentence.ends_with('.'),
                "{sentence}"
            );
            assert!(!sentence.contains('\n'), "{sentence}");
        }
    }

    #[test]
    fn a_system_call_has_its_descriptor_and_its_result() {
        let call = |event| system_call(&event, Some(8));
        assert_eq!(call(Event::Read { bytes: 12 }), "recvfrom(8) = 12");
        assert_eq!(call(Event::WriteWouldBlock), "sendto(8) = EAGAIN");
        assert_eq!(call(Event::Yielded), "");
        assert_eq!(system_call(&Event::PeerFinished, None), "recvfrom(…) = 0");
    }
}
