// The trace and the queries on it. Independent of the page.
"use strict";

const trace = JSON.parse(document.getElementById("trace").textContent);
const { header, kinds, texts, records, steps, lanes } = trace;
const isThreads = header.mode === "threads";
const count = records.at.length;

/** The index of the last of `length` items whose key is at most `value`; -1 if there is none. */
function lastAtMost(length, value, key) {
  let low = 0;
  let high = length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (key(middle) <= value) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

/** The span [from, to, …] that holds at `time`, the first instant included; what holds at the end of the trace, at its end. */
function spanAt(spans, time) {
  const span = spans[lastAtMost(spans.length, time, (i) => spans[i][0])];
  return span && (time < span[1] || time === span[0] || (time === trace.end && span[1] === time)) ? span : undefined;
}

/** The lanes of connections: all but that of the loop, and that of the datagrams, which is the last. */
const connections = lanes.slice(1).filter(({ has_datagrams }) => !has_datagrams);

/** For each lane the indices of its records, and the total bytes in and out after each. */
const byLane = lanes.map(() => ({ index: [], bytesIn: [0], bytesOut: [0] }));
for (let i = 0; i < count; i++) {
  const lane = byLane[records.lane[i]];
  const kind = kinds[records.kind[i]].name;
  lane.index.push(i);
  lane.bytesIn.push(lane.bytesIn.at(-1) + (kind === "read" || kind === "datagram_received" ? records.bytes[i] : 0));
  lane.bytesOut.push(lane.bytesOut.at(-1) + (kind === "wrote" || kind === "datagram_replied" ? records.bytes[i] : 0));
}

const mostBytes = records.bytes.reduce((most, bytes) => Math.max(most, bytes), 1);
const mostUnread = lanes.reduce((most, lane) => lane.unread.reduce((m, span) => Math.max(m, span[2]), most), 1);
const mostUnacknowledged = lanes.reduce((most, lane) => lane.unacknowledged.reduce((m, span) => Math.max(m, span[2]), most), 1);
const mostPending = lanes.reduce((most, lane) => lane.pending.reduce((m, span) => Math.max(m, span[2]), most), 1);

/** The state of a connection after all records before number `end`; undefined if it was not open by then. */
function stateBefore(lane, end) {
  const { index, bytesIn, bytesOut } = byLane[lane];
  const seen = lastAtMost(index.length, end - 1, (i) => index[i]) + 1;
  if (seen === 0) return undefined;
  const last = index[seen - 1];
  const time = records.at[Math.max(end - 1, 0)];
  const spans = lanes[lane];
  const isClosed = kinds[records.kind[last]].name === "closed";
  return {
    isClosed,
    last,
    phase: isClosed ? spans.close_reason : (spanAt(spans.phases, time)?.[2] ?? "Open"),
    readable: spanAt(spans.readable, time) !== undefined,
    writable: spanAt(spans.writable, time) !== undefined,
    blocked: spanAt(spans.calls, time)?.[2],
    pending: spanAt(spans.pending, time)?.[2] ?? 0,
    unread: spanAt(spans.unread, time)?.[2] ?? 0,
    /** Undefined if it is not known. */
    unacknowledged: spanAt(spans.unacknowledged, time)?.[2],
    bytesIn: bytesIn[seen],
    bytesOut: bytesOut[seen],
  };
}

/** The step that a record belongs to. */
function stepOf(record) {
  return Math.max(0, lastAtMost(steps.length, record, (i) => steps[i].first));
}

/** A number of bytes, short enough for the label of a mark. */
function shortBytes(bytes) {
  if (bytes < 10_000) return String(bytes);
  if (bytes < 10_240_000) return `${Math.round(bytes / 1024)}Ki`;
  return `${Math.round(bytes / 1_048_576)}Mi`;
}
