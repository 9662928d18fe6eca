//! Datagrams: each comes back as it was, and once.

use crate::check::datagram_probe::verify;
use crate::check::definition::{Check, Run, TrialOutcome, TrialResult};
use crate::check::symptom::{Symptom, bytes, decimal};
use crate::check::trial::{MESSAGE, Trial};
use crate::text::chapter::Chapter;
use std::time::Duration;

/// The chapter of the guide that explains all of them.
pub(super) const CHAPTER: Chapter = Chapter::Datagrams;

/// How long a second reply to one datagram is waited for.
pub(super) const SECOND_REPLY: Duration = Duration::from_millis(200);

pub(super) const SIZES: Check = Check {
    name: "datagram-sizes",
    promise: "Datagrams of 0, 1, 1,472 and 65,507 bytes come back exactly, and those around them.",
    why: "An empty datagram is a datagram. A buffer that is too small cuts a large one, without an \
          error. One of more than 1,472 bytes travels in fragments on an Ethernet.",
    hint: "Receive into a buffer of 65,535 bytes, and do not take 0 for an end: there is none.",
    chapter: CHAPTER,
    experiment: None,
    level: None,
    quick: true,
    timeouts: 2,
    pauses: Duration::ZERO,
    run: Run::OnAddress(sizes),
};

fn sizes(trial: &Trial<'_>) -> TrialResult {
    let more = [
        2, 3, 63, 64, 65, 511, 512, 513, 1023, 1024, 1025, 1471, 1473,
    ];
    let large = [2048, 4095, 4096, 4097, 8191, 8192, 9000, 16_384, 65_506];
    let between = trial.scaled(Vec::new(), [more.as_slice(), &large].concat());
    for size in [0, 1, 1472, 65_507].into_iter().chain(between) {
        let echoed = trial.exchange_datagram(trial.text(size));
        echoed.map_err(|symptom| symptom.at(bytes(size)))?;
    }
    Ok(TrialOutcome::Kept)
}

pub(super) const BYTES: Check = Check {
    name: "datagram-bytes",
    promise: "Every byte value comes back, next to every other value.",
    why: "A server that handles text alters or drops what is none.",
    hint: "Send back the bytes that were received, without decoding them.",
    chapter: CHAPTER,
    experiment: None,
    level: None,
    quick: true,
    timeouts: 2,
    pauses: Duration::ZERO,
    run: Run::OnAddress(byte_values),
};

fn byte_values(trial: &Trial<'_>) -> TrialResult {
    const SIZE: usize = 1024;
    let pairs =
        (0..=u8::MAX).flat_map(|first| (0..=u8::MAX).flat_map(move |second| [first, second]));
    let pairs: Vec<u8> = pairs.collect();
    for message in pairs.chunks(SIZE) {
        trial.exchange_datagram(message)?;
    }
    Ok(TrialOutcome::Kept)
}

pub(super) const ONCE: Check = Check {
    name: "datagram-once",
    promise: "A datagram gets one reply, and no second one.",
    why: "A server that sends more than it receives can be used to flood a third party, whose \
          address the sender writes into the datagram.",
    hint: "Send once for each datagram that was received.",
    chapter: CHAPTER,
    experiment: None,
    level: None,
    quick: true,
    timeouts: 2,
    pauses: Duration::from_secs(1),
    run: Run::OnAddress(once),
};

fn once(trial: &Trial<'_>) -> TrialResult {
    for size in [MESSAGE, 9000] {
        let mut probe = trial.exchange_datagram(trial.text(size))?;
        if probe.receives_more(SECOND_REPLY)? {
            let text = format!("a second reply to a datagram of {}", bytes(size));
            return Err(Symptom::of(text));
        }
    }
    Ok(TrialOutcome::Kept)
}

pub(super) const BOUNDARIES: Check = Check {
    name: "datagram-boundaries",
    promise: "Datagrams that wait together come back one by one, with their boundaries.",
    why: "To UDP, two datagrams of 8 bytes are not one of 16: a server that joins or splits what it \
          receives makes other messages of them.",
    hint: "Send what one receive returned as one datagram. With UDP_GRO, one receive returns \
          several, whose size is in a control message.",
    chapter: CHAPTER,
    experiment: None,
    level: None,
    quick: true,
    timeouts: 2,
    pauses: Duration::ZERO,
    run: Run::OnAddress(boundaries),
};

fn boundaries(trial: &Trial<'_>) -> TrialResult {
    let equal = [512; 8];
    let sizes = [1, 64, 0, 1000, 3, 1472, 17, 0].into_iter().chain(equal);
    let mut missing: Vec<&[u8]> = sizes.map(|size| trial.text(size)).collect();
    let count = missing.len();
    let mut probe = trial.datagram_probe()?;
    let send_all = || missing.iter().try_for_each(|message| probe.send(message));
    match trial.process {
        Some(process) => process.while_stopped(send_all)?,
        None => send_all()?,
    }
    let wait = trial.limit.wait();
    while !missing.is_empty() {
        let Some(echo) = probe.receive(&wait)? else {
            break;
        };
        match missing.iter().position(|message| *message == echo) {
            Some(index) => drop(missing.swap_remove(index)),
            None => return Err(Symptom::of(never_sent(echo))),
        }
    }
    loss(missing.len(), count)
}

pub(super) const IN_FLIGHT: Check = Check {
    name: "datagram-flight",
    promise: "Of 1,000 datagrams at a modest pace, none comes back altered or twice.",
    why: "UDP may lose a datagram, and a full buffer does. It must not invent one.",
    hint: "Keep a buffer for each datagram until it has been sent, and drop what cannot be sent.",
    chapter: CHAPTER,
    experiment: None,
    level: None,
    quick: true,
    timeouts: 2,
    pauses: Duration::from_secs(2),
    run: Run::OnAddress(in_flight),
};

/// Fifty at a time, 1,000 a second at most.
fn in_flight(trial: &Trial<'_>) -> TrialResult {
    const AT_ONCE: usize = 50;
    const PAUSE: Duration = Duration::from_millis(50);
    let count = trial.scaled(200, 1000);
    let messages: Vec<Vec<u8>> = (0..count).map(|number| numbered(trial, number)).collect();
    let mut arrivals = vec![false; count];
    let mut probe = trial.datagram_probe()?;
    for group in messages.chunks(AT_ONCE) {
        for message in group {
            probe.send(message)?;
        }
        let wait = trial.limit.wait_at_most(PAUSE);
        while !wait.is_over() {
            if let Some(echo) = probe.receive(&wait)? {
                arrive(echo, &messages, &mut arrivals)?;
            }
        }
    }
    let wait = trial.limit.wait();
    while arrivals.contains(&false)
        && let Some(echo) = probe.receive(&wait)?
    {
        arrive(echo, &messages, &mut arrivals)?;
    }
    let lost = arrivals.iter().filter(|has_arrived| !**has_arrived);
    loss(lost.count(), count)
}

/// A message that begins with its number.
fn numbered(trial: &Trial<'_>, number: usize) -> Vec<u8> {
    let mut message = format!("{number:08} ").into_bytes();
    message.extend(trial.text(MESSAGE));
    message
}

/// Finds the datagram of which this is the echo.
fn arrive(echo: &[u8], messages: &[Vec<u8>], arrivals: &mut [bool]) -> Result<(), Symptom> {
    let number = echo.get(..8).and_then(|digits| str::from_utf8(digits).ok());
    let number = number.and_then(|digits| digits.parse::<usize>().ok());
    let sent = number.and_then(|it| Some((it, messages.get(it)?, arrivals.get_mut(it)?)));
    let Some((number, message, has_arrived)) = sent else {
        return Err(Symptom::of(never_sent(echo)));
    };
    let place = format!("datagram {}", decimal(number as u64));
    if *has_arrived {
        return Err(Symptom::of("came back twice").at(place));
    }
    *has_arrived = true;
    verify(echo, message).map_err(|symptom| symptom.at(place))
}

fn never_sent(echo: &[u8]) -> String {
    let size = bytes(echo.len() as u64);
    format!("a datagram of {size} came back that was not sent")
}

/// What was lost is reported and is no broken promise, unless nothing came back at all.
pub(super) fn loss(lost: usize, sent: usize) -> TrialResult {
    let (lost_text, sent_text) = (decimal(lost as u64), decimal(sent as u64));
    match lost {
        0 => Ok(TrialOutcome::Kept),
        _ if lost == sent => Err(Symptom::of(format!(
            "none of {sent_text} datagrams came back"
        ))),
        _ => Ok(TrialOutcome::Measured(format!(
            "{lost_text} of {sent_text} were lost"
        ))),
    }
}
