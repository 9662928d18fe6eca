// The marks of the events in the lanes, and the legend of them. Of all that it draws, the shape has a meaning of its own.
"use strict";

function drawMarks(lane, top, height) {
  const { index } = byLane[lane];
  const placeOf = (i) => view.axis.placeOfRecord(index[i]);
  const to = placeAt(layout.width + 8);
  const drawn = {};
  for (let i = Math.max(0, lastAtMost(index.length, placeAt(layout.gutter - 8), placeOf)); i < index.length && placeOf(i) <= to; i++) {
    const kind = kinds[records.kind[index[i]]];
    const x = xOf(placeOf(i));
    // Of marks of one kind at the same place one is enough.
    if (x - (drawn[kind.name] ?? -Infinity) < (kind.group === "kernel" ? 4 : 0.7) && index[i] !== view.record) continue;
    drawn[kind.name] = x;
    drawMark(kind, index[i], x, top, height, roomBehind(index, i, x));
  }
}

/** The distance to the next mark of the same kind, up to the width of a label. */
function roomBehind(index, i, x) {
  const { kind, bytes } = records;
  if (bytes[index[i]] === 0) return 0;
  for (let next = i + 1; next < index.length; next++) {
    const room = xOf(view.axis.placeOfRecord(index[next])) - x;
    if (room > 80 || (bytes[index[next]] > 0 && kind[index[next]] === kind[index[i]])) return room;
  }
  return 80;
}

/** Reads extend upwards from the middle line, writes downwards; their height is the logarithm of their bytes. */
function drawMark(kind, record, x, top, height, room) {
  const bytes = records.bytes[record];
  const middle = top + height / 2;
  const half = height / 2;
  pen.fillStyle = pen.strokeStyle = colours[kind.group];
  pen.lineWidth = 1.4;
  if (bytes > 0) {
    const tall = Math.max(2, (Math.log2(bytes + 1) / Math.log2(mostBytes + 1)) * half);
    const wide = Math.max(1.5, Math.min(4, room / 3));
    const up = kind.group === "in";
    pen.fillRect(x, up ? middle - tall : middle, wide, tall);
    if (height > 17) label(shortBytes(bytes), x + wide + 2, up ? middle - Math.min(half - 3, 7) : middle + Math.min(half - 3, 8), room - wide, kind.group);
  } else {
    drawSign(kind.name, x, middle, Math.min(4, height / 5), top, height);
  }
  if (record === view.record) {
    pen.strokeStyle = colours.cursor;
    pen.lineWidth = 2;
    pen.strokeRect(x - 5, top, 12, height);
  }
}

/** Strokes a path of lines through `points`, each [x, y] in units of `size` around the middle of the sign. */
function stroke(x, y, size, ...lines) {
  pen.beginPath();
  for (const [start, ...rest] of lines) {
    pen.moveTo(x + start[0] * size, y + start[1] * size);
    for (const point of rest) pen.lineTo(x + point[0] * size, y + point[1] * size);
  }
}

const DIAMOND = [[0, -1], [1, 0], [0, 1], [-1, 0], [0, -1]];
const SQUARE = [[-0.8, -0.8], [0.8, -0.8], [0.8, 0.8], [-0.8, 0.8], [-0.8, -0.8]];
const CROSS = [[[-1, -1], [1, 1]], [[-1, 1], [1, -1]]];
const BARS = [[[-0.5, -1], [-0.5, 1]], [[0.5, -1], [0.5, 1]]];

/** The signs of events that move no bytes. Each draws around (x, y); what has none is shown as a span. */
const SIGNS = {
  read_would_block: (x, y, size) => (pen.beginPath(), pen.arc(x, y, size * 0.8, 0, 2 * Math.PI), pen.stroke()),
  closed: (x, y, size) => (stroke(x, y, size, ...CROSS), pen.stroke()),
  // Ours is hollow, the peer's is full.
  peer_finished: (x, y, size) => (stroke(x, y, size, DIAMOND), pen.fill()),
  fin_sent: (x, y, size) => (stroke(x, y, size, DIAMOND), pen.stroke()),
  read_paused: (x, y, size) => (stroke(x, y, size, ...BARS), pen.stroke()),
  read_resumed: (x, y, size) => (stroke(x, y, size, [[-0.7, -1], [0.8, 0], [-0.7, 1], [-0.7, -1]]), pen.stroke()),
  yielded: (x, y, size) => {
    pen.beginPath();
    pen.arc(x, y, size * 0.8, 0.2 * Math.PI, 1.7 * Math.PI);
    pen.stroke();
    stroke(x + size * 0.5, y - size * 0.6, size * 0.6, [[-1, -0.2], [0.5, 0.3], [0.6, -1.2]]);
    pen.stroke();
  },
  stopping: (x, y, size) => (stroke(x, y, size, SQUARE), pen.fill()),
  phase_changed: (x, y, size) => (stroke(x, y, size, [[0, -1.4], [0, 1.4]], [[-0.5, 0.9], [0, 1.4], [0.5, 0.9]]), pen.stroke()),
  // A datagram may be empty: a bar without a height, above or below the middle line.
  datagram_received: (x, y, size) => pen.fillRect(x - 1, y - size, 2, size),
  datagram_replied: (x, y, size) => pen.fillRect(x - 1, y, 2, size),
  // Its bytes are not counted.
  proxy_header: (x, y, size) => pen.fillRect(x - 1, y - size, 2, size),
  trace_limit_reached: (x, y, size) => (stroke(x, y, size, SQUARE), pen.stroke()),
};
Object.assign(SIGNS, {
  write_would_block: SIGNS.read_would_block,
  refused: SIGNS.closed,
  accept_failed: SIGNS.closed,
  datagram_refused: SIGNS.closed,
  reply_lost: SIGNS.closed,
  receive_failed: SIGNS.closed,
  proxy_header_missing: SIGNS.closed,
  accept_paused: SIGNS.read_paused,
  accept_resumed: SIGNS.read_resumed,
});

function drawSign(name, x, y, size, top, height) {
  switch (name) {
    case "flags_reported":
    case "woken_by":
      stroke(x, top - 1, size, [[-0.7, 0], [0.7, 0], [0, 1]]);
      pen.fill();
      break;
    case "accepted":
      pen.fillRect(x - 1, top, 2, height);
      break;
    default:
      SIGNS[name]?.(x, y, size);
  }
}
