//! The echo itself: every byte, as it was sent, when it was sent.

use crate::check::definition::{Check, Level, Run, TrialOutcome, TrialResult};
use crate::check::symptom::{Symptom, bytes};
use crate::check::trial::Trial;
use crate::text::chapter::Chapter;
use std::time::Duration;

pub(super) const EXACT_SIZES: Check = Check {
    name: "exact-sizes",
    promise: "Messages from 0 bytes to 16 MiB come back exactly.",
    why: "A message that fills a buffer exactly, or exceeds it by one byte, loses or duplicates \
          bytes.",
    hint: "Echo the bytes that read returned, not the whole buffer, and write until all of them \
          are written.",
    chapter: Chapter::BlockingEcho,
    experiment: None,
    level: Some(Level::Blocking),
    quick: true,
    timeouts: 4,
    pauses: Duration::ZERO,
    run: Run::OnAddress(exact_sizes),
};

fn exact_sizes(trial: &Trial<'_>) -> TrialResult {
    let powers = trial.scaled(vec![0, 12, 16], (0..=24).collect());
    for size in sizes(&powers) {
        let at_this_size = |symptom: Symptom| symptom.at(bytes(size));
        let connection = trial.connect().map_err(at_this_size)?;
        connection.exchange(0..size).map_err(at_this_size)?;
        connection.expect_no_more(size).map_err(at_this_size)?;
    }
    Ok(TrialOutcome::Kept)
}

/// These powers of two, each less one, as it is, and one more.
fn sizes(powers: &[u32]) -> Vec<u64> {
    let powers = powers.iter().map(|exponent| 1_u64 << exponent);
    let mut sizes: Vec<u64> = powers
        .flat_map(|power| [power - 1, power, power + 1])
        .collect();
    sizes.sort_unstable();
    sizes.dedup();
    sizes
}

pub(super) const ALL_BYTE_VALUES: Check = Check {
    name: "all-byte-values",
    promise: "Every byte value comes back, next to every other value.",
    why: "A server that handles text translates line ends, stops at NUL or interprets Telnet \
          commands.",
    hint: "Handle bytes, not text: no decoding, no lines, no terminal in between.",
    chapter: Chapter::BlockingEcho,
    experiment: Some("bytes-are-not-text"),
    level: Some(Level::Blocking),
    quick: true,
    timeouts: 2,
    pauses: Duration::ZERO,
    run: Run::OnAddress(all_byte_values),
};

fn all_byte_values(trial: &Trial<'_>) -> TrialResult {
    let pairs =
        (0..=u8::MAX).flat_map(|first| (0..=u8::MAX).flat_map(move |second| [first, second]));
    let pairs: Vec<u8> = pairs.collect();
    trial
        .connect_with(&pairs)?
        .exchange(0..pairs.len() as u64)?;
    Ok(TrialOutcome::Kept)
}

pub(super) const BYTE_BY_BYTE: Check = Check {
    name: "byte-by-byte",
    promise: "A single byte comes back at once; the server does not wait for more.",
    why: "A server that waits for a line or for a full buffer hangs every client that waits for \
          its echo.",
    hint: "Write what one read returned before you read again.",
    chapter: Chapter::BlockingEcho,
    experiment: None,
    level: Some(Level::Blocking),
    quick: true,
    timeouts: 2,
    pauses: Duration::ZERO,
    run: Run::OnAddress(byte_by_byte),
};

fn byte_by_byte(trial: &Trial<'_>) -> TrialResult {
    let count = trial.scaled(64, 256);
    let connection = trial.connect()?;
    for position in 0..count {
        connection.exchange(position..position + 1)?;
    }
    for position in count..2 * count {
        connection.send(position..position + 1)?;
    }
    connection.expect_echo(count..2 * count)?;
    Ok(TrialOutcome::Kept)
}

pub(super) const SPLIT_UTF8: Check = Check {
    name: "split-utf8",
    promise: "A character whose bytes arrive one at a time comes back.",
    why: "TCP has no messages: a read may end inside a character, and a server that decodes each \
          read fails there.",
    hint: "Do not decode bytes that you only pass on.",
    chapter: Chapter::BlockingEcho,
    experiment: Some("bytes-are-not-text"),
    level: Some(Level::Blocking),
    quick: true,
    timeouts: 2,
    pauses: Duration::from_secs(1),
    run: Run::OnAddress(split_utf8),
};

fn split_utf8(trial: &Trial<'_>) -> TrialResult {
    /// Long enough for the server to read each byte by itself.
    const GAP: Duration = Duration::from_millis(5);
    let text = "汉语/漢語 Hànyǔ".as_bytes();
    let connection = trial.connect_with(text)?;
    let sent = (0..text.len() as u64).try_for_each(|position| {
        trial.limit.pause(GAP);
        connection.send(position..position + 1)
    });
    // What the server did comes before the error of a send, which is a consequence.
    connection.expect_echo(0..text.len() as u64).and(sent)?;
    Ok(TrialOutcome::Kept)
}

pub(super) const URGENT_DATA: Check = Check {
    name: "urgent-data",
    promise: "An urgent byte comes back in its place.",
    why: "RFC 862 echoes any data, and urgent data is part of the stream (RFC 9293, section \
          3.8.5). Without SO_OOBINLINE the socket takes the byte out, and a byte that was \
          acknowledged is lost. Few servers set the option; leave this check out with --skip \
          urgent-data.",
    hint: "Set SO_OOBINLINE on each connection, or on the listener where connections inherit it.",
    chapter: Chapter::EdgesAndDraining,
    experiment: None,
    level: None,
    quick: false,
    timeouts: 2,
    pauses: Duration::ZERO,
    run: Run::OnAddress(urgent_data),
};

fn urgent_data(trial: &Trial<'_>) -> TrialResult {
    const BEFORE: u64 = 4;
    if trial.address().inet().is_none() {
        let reason = "urgent data belongs to TCP";
        return Ok(TrialOutcome::NotApplicable(reason.to_owned()));
    }
    let connection = trial.connect_with(b"abcd!efgh")?;
    connection.send(0..BEFORE)?;
    connection.send_urgent(b'!')?;
    connection.send(BEFORE + 1..9)?;
    connection.finish();
    match connection.expect_echo(0..9) {
        Err(symptom) if symptom.offset == Some(BEFORE) => Err(Symptom {
            text: format!("the urgent byte, byte {BEFORE}, did not come back in its place"),
            ..symptom
        }),
        result => result.map(|()| TrialOutcome::Kept),
    }
}
