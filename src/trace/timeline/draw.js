// The picture: lanes on a canvas. Draws only what is in view; independent of keys and pointer.
"use strict";

const canvas = document.querySelector("canvas");
const chart = document.getElementById("chart");
/** What draws: the context of the picture, or for a moment that of a sign in the legend. */
let pen = canvas.getContext("2d");

/** The part of the axis that is in view, and the selected step and record. */
const view = { axis: new Axis(true), from: 0, to: 1, step: 0, record: -1 };

/** Sizes in pixels, computed anew when the window changes. */
const layout = { width: 0, height: 0, gutter: 0, top: 34, loop: 46, lane: 30 };

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
  const end = Math.min(lanes.length, first + visible);
  for (let lane = first; lane < end; lane++) drawSpans(lane, time);
  drawCuts(layout.top, layout.height);
  for (let lane = first; lane < end; lane++) drawMarks(lane, ...marksOf(lane));
  fill("paper", 0, 0, layout.width, layout.top + layout.loop);
  drawLoop(time);
  drawCuts(layout.top, layout.top + layout.loop);
  if (isThreads) drawMarks(0, layout.top + 4, layout.loop - 10);
  drawNotchLabels();
  drawStep();
  drawVeil();
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
    if (isWait && step.polls) return fill("note", left, top, Math.max(0.6, width), height);
    fill(name, left, isWait ? top + height / 4 : top, width - (width > 4 ? 0.7 : 0), isWait ? height / 2 : height);
    const text = isWait ? `asleep ${brief(to - from)}` : name;
    const visible = Math.min(width, layout.width - left);
    label(visible < text.length * 7 + 4 && isWait ? brief(to - from) : text, left + 3, top + height / 2, visible, isWait ? "faint" : "paper");
  });
}

// ── connections ─────────────────────────────────────────────────────────────────────────────────────

/** The heights of the strips that show readiness, and where the marks of a lane begin and how tall they may be. */
function stripOf() {
  return isThreads ? 0 : Math.max(3, Math.round((layout.lane - 3) * 0.13));
}

function marksOf(lane) {
  const below = isThreads ? 0 : 2 * stripOf() + 3;
  return [topOf(lane) + 1 + below, layout.lane - 3 - below];
}

/** What holds for a time: phases, readiness, calls and pending bytes. */
function drawSpans(lane, time) {
  const [top, height] = [topOf(lane) + 1, layout.lane - 3];
  const { phases, readable, writable, pending } = lanes[lane];
  const tints = { Open: "lane", Draining: "draining", Lingering: "lingering" };
  spansInView(phases, time, ([, , name], x, width) => {
    fill(tints[name], x, top, width, height);
    if (name !== "Open") label(name, x + 4, top + height - 7, width, "faint");
  });
  const strip = stripOf();
  spansInView(readable, time, (_, x, width) => fill("readable", x, top, width, strip));
  spansInView(writable, time, (_, x, width) => fill("writable", x, top + strip + 1, width, strip));
  const [, room] = marksOf(lane);
  drawCalls(lane, time, top, height);
  pen.globalAlpha = 0.45;
  spansInView(lanes[lane].unread, time, ([, , bytes], x, width) => {
    const tall = Math.max(2, (bytes / mostUnread) * room * 0.5);
    fill("unread", x, top + height - room, width, tall);
  });
  spansInView(pending, time, ([, , bytes], x, width) => {
    const tall = Math.max(2, (bytes / mostPending) * room);
    fill("pending", x, top + height - tall, width, tall);
  });
  pen.globalAlpha = 1;
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

// ── around the lanes ────────────────────────────────────────────────────────────────────────────────

/** Covers what comes after the record of an open question. */
function drawVeil() {
  if (view.veil === undefined) return;
  const left = Math.max(layout.gutter, xOf(view.axis.placeOfRecord(view.veil)) + 5);
  fill("panel", left, layout.top, layout.width - left, layout.height);
}

function drawStep() {
  const step = steps[view.step];
  if (!step) return;
  const [left, right] = [xAt(step.from), xAt(step.to)];
  fill("step", Math.max(left, layout.gutter), layout.top, Math.max(2, right - Math.max(left, layout.gutter)), layout.height);
  if (right >= layout.gutter) fill("cursor", right - 0.5, layout.top - 5, 1.4, layout.height);
}

/** The labels of the axis: where they are, and their texts, no two of which are the same. */
function ticks() {
  const found = [];
  const folds = view.axis.folds(view.from, view.to);
  const measure = pen.measureText(pointInTime(view.axis.timeAt(view.to), 1)).width;
  let least = layout.gutter + 4;
  for (let x = layout.gutter + 40; x < layout.width - 20; x += 40) {
    // Within a fold time passes too fast to be read off; the next instant after it is shown instead.
    const fold = folds.find(({ from, to }) => xOf(from) < x && x < xOf(to));
    const place = fold ? fold.to : placeAt(x);
    const at = xOf(place);
    if (at - measure / 2 < least || at + measure / 2 > layout.width) continue;
    found.push({ x: at, time: view.axis.timeAt(place) });
    least = at + measure / 2 + 12;
  }
  for (let distance = 1e6; ; distance /= 10) {
    const texts = found.map(({ time }) => pointInTime(time, distance));
    if (distance <= 1 || new Set(texts).size === texts.length) {
      return found.map((tick, i) => ({ ...tick, text: texts[i] })).filter(({ text }, i) => text !== texts[i - 1]);
    }
  }
}

function drawAxis() {
  pen.textAlign = "center";
  for (const { x, text } of ticks()) {
    fill("faint", x - 0.5, layout.top - 20, 1, 4);
    pen.fillStyle = colours.faint;
    pen.fillText(text, x, 8);
  }
  pen.textAlign = "left";
}

/** The folds in view with their labels. Those too close to each other for a label each share one, which counts the sleep. */
function notches() {
  const groups = [];
  for (const { from, to, gap, asleep } of view.axis.folds(view.from, view.to)) {
    const left = Math.max(xOf(from), layout.gutter);
    if (xOf(to) <= left) continue;
    const last = groups.at(-1);
    if (!last || left - last.x >= 96) groups.push({ x: left, gap, asleep, number: 1 });
    else if (asleep === last.asleep) Object.assign(last, { gap: last.gap + gap, number: last.number + 1 });
    else if (asleep) Object.assign(last, { gap, asleep, number: 1 });
  }
  // A label begins at its notch, or before it if the next one is too close.
  let free = layout.gutter;
  return groups.map((group, i) => {
    const end = Math.min(groups[i + 1]?.x ?? layout.width, layout.width) - 6;
    const places = foldLabels(group).map((text) => {
      const width = pen.measureText(text).width;
      return { text, x: Math.max(free, Math.min(group.x, end - width)), width };
    });
    const { text, x, width } = places.find((place) => place.x + place.width <= end + 1) ?? { text: "", x: group.x, width: 0 };
    free = Math.max(free, x + width + 10);
    return { ...group, text, x };
  });
}

/** Cuts the folded gaps out of everything between `top` and `bottom`. */
function drawCuts(top, bottom) {
  for (const { from, to, asleep } of view.axis.folds(view.from, view.to)) {
    drawCut(Math.max(xOf(from), layout.gutter), Math.min(xOf(to), layout.width), top, bottom, asleep);
  }
}

/** Says above the lanes how long the folded gaps were. */
function drawNotchLabels() {
  for (const { text, x } of notches()) {
    pen.fillStyle = colours.ink;
    pen.fillText(text, x + 2, layout.top - 7);
  }
}

function drawCut(left, right, top, bottom, asleep) {
  const width = right - left;
  if (width < 0.5) return;
  fill("cut", left, top, width, bottom - top);
  if (width < 5) return;
  pen.save();
  pen.beginPath();
  pen.rect(left, top, width, bottom - top);
  pen.clip();
  pen.strokeStyle = colours[asleep ? "faint" : "busy"];
  pen.globalAlpha = 0.4;
  pen.lineWidth = 1;
  pen.beginPath();
  for (let y = top - width; y < bottom + width; y += 9) {
    pen.moveTo(left, y);
    pen.lineTo(right, y + width);
  }
  pen.stroke();
  pen.restore();
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
  drawGauges(lane);
  pen.fillStyle = colours.ink;
  pen.fillText(name, 6, y);
  if (peer && layout.gutter > 100) {
    const room = header.has_buffers ? 14 : 17;
    pen.fillStyle = colours.faint;
    pen.fillText(peer.length > room ? `…${peer.slice(1 - room)}` : peer, 6 + Math.max(4, name.length + 1) * 7, y);
  }
}

/**
 * The gauges beside a lane, for the selected instant: bytes unread in the kernel, bytes pending in the server, and bytes
 * that the peer's kernel has not acknowledged. A gauge of dashes: not known.
 */
function drawGauges(lane) {
  const step = steps[view.step];
  if (!header.has_buffers || !step || lane === 0) return;
  const state = stateBefore(lane, view.record >= 0 ? view.record + 1 : step.end);
  const [top, height] = [topOf(lane) + 3, layout.lane - 7];
  const gauge = (x, colour, share) => {
    pen.strokeStyle = colours.faint;
    pen.lineWidth = 1;
    pen.setLineDash(share === undefined ? [2, 2] : []);
    pen.strokeRect(x + 0.5, top + 0.5, 5, height);
    pen.setLineDash([]);
    const tall = Math.max(share > 0 ? 2 : 0, Math.min(1, share ?? 0) * height);
    fill(colour, x + 1, top + height - tall, 4, tall);
  };
  const isOpen = state && !state.isClosed;
  gauge(layout.gutter - 27, "unread", isOpen ? state.unread / mostUnread : 0);
  gauge(layout.gutter - 18, "pending", isOpen ? state.pending / mostPending : 0);
  const unacknowledged = state?.unacknowledged;
  gauge(layout.gutter - 9, "unacknowledged", unacknowledged === undefined ? undefined : unacknowledged / mostUnacknowledged);
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
