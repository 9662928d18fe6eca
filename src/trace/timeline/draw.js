// The picture: lanes on a canvas. Draws only what is in view; independent of keys and pointer.
"use strict";

const canvas = document.querySelector("canvas");
const chart = document.getElementById("chart");
const pen = canvas.getContext("2d");

/** The part of the axis that is in view, and the selected step and record. */
const view = { axis: new Axis(true), from: 0, to: 1, step: 0, record: -1 };

/** Sizes in pixels, computed anew when the window changes. */
const layout = { width: 0, height: 0, gutter: 0, top: 26, loop: 46, lane: 30 };

let colours = {};

function readColours() {
  const style = getComputedStyle(document.documentElement);
  colours = new Proxy({}, { get: (known, name) => (known[name] ??= style.getPropertyValue(`--${name}`).trim()) });
}

/** Fits the canvas to the window. Returns whether that changed its size, which also clears it. */
function arrange() {
  const before = JSON.stringify(layout) + devicePixelRatio;
  layout.width = chart.clientWidth;
  layout.gutter = layout.width < 640 ? 58 : 168;
  const room = Math.max(220, Math.min(innerHeight * 0.62, 900)) - layout.top - layout.loop;
  const others = Math.max(lanes.length - 1, 1);
  layout.lane = Math.max(24, Math.min(66, Math.floor(room / others)));
  const all = layout.lane * (lanes.length - 1);
  layout.height = Math.round(layout.top + layout.loop + Math.min(all, room) + 4);
  document.getElementById("height").style.height = `${Math.max(0, all - room)}px`;
  if (JSON.stringify(layout) + devicePixelRatio === before) return false;
  canvas.style.height = `${layout.height}px`;
  canvas.width = Math.round(layout.width * devicePixelRatio);
  canvas.height = Math.round(layout.height * devicePixelRatio);
  return true;
}

function xOf(place) {
  return layout.gutter + ((place - view.from) / (view.to - view.from)) * (layout.width - layout.gutter);
}

function xAt(time) {
  return xOf(view.axis.placeOf(time));
}

function placeAt(x) {
  return view.from + ((x - layout.gutter) / (layout.width - layout.gutter)) * (view.to - view.from);
}

function topOf(lane) {
  if (lane === 0) return layout.top;
  return layout.top + layout.loop + (lane - 1) * layout.lane - chart.scrollTop;
}

/** Draws everything anew. */
function draw() {
  const began = performance.now();
  pen.setTransform(devicePixelRatio, 0, 0, devicePixelRatio, 0, 0);
  pen.font = "11.5px ui-monospace, SF Mono, Menlo, Consolas, DejaVu Sans Mono, monospace";
  pen.textBaseline = "middle";
  fill("paper", 0, 0, layout.width, layout.height);
  const time = { from: view.axis.timeAt(view.from), to: view.axis.timeAt(view.to) };
  const visible = Math.ceil((layout.height - layout.top - layout.loop) / layout.lane) + 1;
  const first = 1 + Math.floor(chart.scrollTop / layout.lane);
  for (let lane = first; lane < Math.min(lanes.length, first + visible); lane++) drawConnection(lane, time);
  fill("paper", 0, 0, layout.width, layout.top + layout.loop);
  drawLoop(time);
  drawStep();
  drawAxis();
  drawNames(first, visible);
  document.body.dataset.drawMs = (performance.now() - began).toFixed(1);
}

function fill(colour, x, y, width, height) {
  pen.fillStyle = colours[colour];
  pen.fillRect(x, y, width, height);
}

/** The first span from index `i` on that ends after the pixel at `x`; those before it are not visible. */
function skipTo(x, i, length, endOf) {
  const time = view.axis.timeAt(placeAt(x));
  return i < length && endOf(i) <= time ? lastAtMost(length, time, endOf) + 1 : i;
}

/** Calls `each` with each span in view, its left edge and its width; of spans that share a pixel only with one. */
function spansInView(spans, time, each) {
  const endOf = (i) => spans[i][1];
  let i = skipTo(layout.gutter, 0, spans.length, endOf);
  while (i < spans.length && spans[i][0] <= time.to) {
    const left = Math.max(xAt(spans[i][0]), layout.gutter - 1);
    const width = Math.max(Math.min(xAt(spans[i][1]), layout.width + 1) - left, 1);
    each(spans[i], left, width);
    i = skipTo(left + width + 0.5, i + 1, spans.length, endOf);
  }
}

function label(text, x, y, room, colour) {
  if (room < text.length * 7 + 4) return;
  pen.fillStyle = colours[colour];
  pen.fillText(text, x, y);
}

// ── the loop ────────────────────────────────────────────────────────────────────────────────────────

function drawLoop(time) {
  const [top, height] = [layout.top + 4, layout.loop - 10];
  if (isThreads) {
    drawCalls(0, time, top, height);
    drawMarks(0, top, height);
    return;
  }
  const endOf = (i) => steps[i].to;
  let i = skipTo(layout.gutter, 0, steps.length, endOf);
  while (i < steps.length && steps[i].from <= time.to) {
    drawIteration(steps[i], top, height);
    i = skipTo(xAt(steps[i].to) + 0.3, i + 1, steps.length, endOf);
  }
}

function drawIteration(step, top, height) {
  const starts = [[step.from, "wait"], [step.woke, "note"], ...step.phases];
  starts.forEach(([from, name], i) => {
    const to = starts[i + 1]?.[0] ?? step.to;
    const left = Math.max(xAt(from), layout.gutter - 1);
    const width = Math.max(xAt(to) - left, 0.6);
    if (left + width < layout.gutter || left > layout.width) return;
    const isWait = name === "wait";
    fill(name, left, isWait ? top + height / 4 : top, width - (width > 4 ? 0.7 : 0), isWait ? height / 2 : height);
    const text = isWait ? `waiting ${brief(to - from)}` : name;
    const visible = Math.min(width, layout.width - left);
    label(visible < text.length * 7 + 4 && isWait ? brief(to - from) : text, left + 3, top + height / 2, visible, isWait ? "faint" : "paper");
  });
}

// ── connections ─────────────────────────────────────────────────────────────────────────────────────

function drawConnection(lane, time) {
  const [top, height] = [topOf(lane) + 1, layout.lane - 3];
  const { phases, readable, writable, pending } = lanes[lane];
  const tints = { Open: "lane", Draining: "draining", Lingering: "lingering" };
  spansInView(phases, time, ([, , name], x, width) => {
    fill(tints[name], x, top, width, height);
    if (name !== "Open") label(name, x + 4, top + height - 7, width, "faint");
  });
  const strip = isThreads ? 0 : Math.max(3, Math.round(height * 0.13));
  spansInView(readable, time, (_, x, width) => fill("readable", x, top, width, strip));
  spansInView(writable, time, (_, x, width) => fill("writable", x, top + strip + 1, width, strip));
  const below = isThreads ? 0 : 2 * strip + 3;
  drawCalls(lane, time, top, height);
  pen.globalAlpha = 0.45;
  spansInView(pending, time, ([, , bytes], x, width) => {
    const tall = Math.max(2, (bytes / mostPending) * (height - below));
    fill("pending", x, top + height - tall, width, tall);
  });
  pen.globalAlpha = 1;
  drawMarks(lane, top + below, height - below);
}

/** The calls in which a thread is blocked. */
function drawCalls(lane, time, top, height) {
  const colour = { read: "blocked-read", write: "blocked-write", poll: "wait" };
  spansInView(lanes[lane].calls, time, ([from, to, call], x, width) => {
    fill(colour[call], x, top + height * 0.2, width, height * 0.6);
    // To the right of the mark of the event before it, which has a label of its own.
    const begin = x > layout.gutter && lane > 0 ? 46 : 4;
    label(`in ${call}, ${brief(to - from)}`, x + begin, top + height / 2, Math.min(width, layout.width - x) - begin, "faint");
  });
}

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

function drawSign(name, x, y, size, top, height) {
  pen.beginPath();
  switch (name) {
    case "flags_reported":
    case "woken_by":
      pen.moveTo(x - size * 0.7, top - 1);
      pen.lineTo(x + size * 0.7, top - 1);
      pen.lineTo(x, top + size * 0.9);
      pen.fill();
      break;
    case "read_would_block":
    case "write_would_block":
      pen.arc(x, y, size * 0.8, 0, 2 * Math.PI);
      pen.stroke();
      break;
    case "accepted":
      pen.fillRect(x - 1, top, 2, height);
      break;
    case "closed":
    case "refused":
    case "accept_failed":
      pen.moveTo(x - size, y - size);
      pen.lineTo(x + size, y + size);
      pen.moveTo(x - size, y + size);
      pen.lineTo(x + size, y - size);
      pen.stroke();
      break;
    case "peer_finished":
    case "fin_sent":
    case "phase_changed":
    case "stopping":
      pen.moveTo(x, y - size);
      pen.lineTo(x + size, y);
      pen.lineTo(x, y + size);
      pen.lineTo(x - size, y);
      pen.fill();
      break;
    case "yielded":
    case "read_paused":
    case "read_resumed":
    case "accept_paused":
    case "accept_resumed":
    case "trace_limit_reached":
      pen.rect(x - size * 0.7, y - size * 0.7, size * 1.4, size * 1.4);
      pen.stroke();
      break;
    default: // shown as a span: waiting, phase_entered, readiness_changed, blocking_call, queued, …
  }
}

// ── around the lanes ────────────────────────────────────────────────────────────────────────────────

function drawStep() {
  const step = steps[view.step];
  if (!step) return;
  const [left, right] = [xAt(step.from), xAt(step.to)];
  fill("step", Math.max(left, layout.gutter), layout.top, Math.max(2, right - Math.max(left, layout.gutter)), layout.height);
  if (right >= layout.gutter) fill("cursor", right - 0.5, layout.top - 5, 1.4, layout.height);
}

function drawAxis() {
  const distance = layout.width < 640 ? 90 : 120;
  const near = (view.axis.timeAt(view.to) - view.axis.timeAt(view.from)) / 1000;
  for (let x = layout.gutter + distance / 2; x < layout.width - 30; x += distance) {
    const time = view.axis.timeAt(placeAt(x));
    fill("line", x, layout.top - 6, 1, 6);
    pen.textAlign = "center";
    pen.fillStyle = colours.faint;
    pen.fillText(pointInTime(time, near), x, 11);
    pen.textAlign = "left";
  }
  const folds = view.axis.folds(view.from, view.to);
  for (const [from, to] of folds.length < layout.width / 12 ? folds : []) {
    const [left, right] = [xOf(from), xOf(to)];
    pen.strokeStyle = colours.faint;
    pen.lineWidth = 1;
    pen.beginPath();
    const middle = (left + right) / 2;
    pen.moveTo(middle - 4, layout.top + 1);
    pen.lineTo(middle, layout.top - 5);
    pen.moveTo(middle, layout.top + 1);
    pen.lineTo(middle + 4, layout.top - 5);
    pen.stroke();
  }
}

function drawNames(first, visible) {
  fill("paper", 0, layout.top + layout.loop, layout.gutter - 1, layout.height);
  fill("line", layout.gutter - 1, layout.top, 1, layout.height);
  pen.fillStyle = colours.ink;
  for (let lane = first; lane < Math.min(lanes.length, first + visible); lane++) drawName(lane, topOf(lane) + layout.lane / 2);
  fill("paper", 0, layout.top - 4, layout.gutter - 1, layout.loop + 3);
  drawName(0, layout.top + layout.loop / 2 - 1);
}

function drawName(lane, y) {
  const { name, peer } = lanes[lane];
  pen.fillStyle = colours.ink;
  pen.fillText(name, 6, y);
  if (peer && layout.gutter > 100) {
    pen.fillStyle = colours.faint;
    pen.fillText(peer.length > 17 ? `…${peer.slice(-16)}` : peer, 6 + Math.max(4, name.length + 1) * 7, y);
  }
}

/** What is at a point of the canvas: a record, or only a lane and a time. */
function thingAt(x, y) {
  const lane = y < layout.top + layout.loop ? 0 : 1 + Math.floor((y - layout.top - layout.loop + chart.scrollTop) / layout.lane);
  if (x < layout.gutter || y < layout.top || lane >= lanes.length) return undefined;
  const { index } = byLane[lane];
  const time = view.axis.timeAt(placeAt(x));
  const before = lastAtMost(index.length, time, (i) => records.at[index[i]]);
  const isDrawn = (record) => !["waiting", "phase_entered", "readiness_changed", "blocking_call", "woke", "queued"].includes(kinds[records.kind[record]].name);
  const near = index.slice(Math.max(0, before - 6), before + 7).filter(isDrawn);
  const distance = (record) => Math.abs(xOf(view.axis.placeOfRecord(record)) + 1 - x);
  const nearest = near.toSorted((a, b) => distance(a) - distance(b))[0];
  const record = nearest !== undefined && distance(nearest) < 7 ? nearest : undefined;
  return { lane, time, record, end: lastAtMost(count, time, (i) => records.at[i]) + 1 };
}
