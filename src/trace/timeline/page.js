// Interaction: steps, zoom, keys, pointer; and what happens when the page opens.
"use strict";

// ── stepping ────────────────────────────────────────────────────────────────────────────────────────

/** Goes to a step: marks it, brings it into view, shows its events and the state after them. */
function goToStep(number, record = -1) {
  if (steps.length === 0) return;
  view.step = Math.max(0, Math.min(steps.length - 1, number));
  view.record = record;
  bringIntoView();
  showStep();
  refresh();
}

function goToRecord(record) {
  const chosen = Math.max(0, Math.min(count - 1, record));
  goToStep(stepOf(chosen), chosen);
  showThing({ lane: records.lane[chosen], time: records.at[chosen], record: chosen, end: chosen + 1 });
  bringLaneIntoView(records.lane[chosen]);
}

/** Pans as little as possible; zooms only if the step would be too narrow to see. */
function bringIntoView() {
  const step = steps[view.step];
  const [from, to] = [view.axis.placeOf(step.from), view.axis.placeOf(step.to)];
  const width = view.to - view.from;
  if ((to - from) / width < 0.03 && view.to - view.from > 1) show(to - (to - from) * 12, to + (to - from) * 8);
  else if (from < view.from || to > view.to) show(from - width * 0.25, from + width * 0.75);
}

function bringLaneIntoView(lane) {
  if (lane === 0) return;
  const room = layout.height - layout.top - layout.loop;
  const top = (lane - 1) * layout.lane;
  if (top < chart.scrollTop) chart.scrollTop = top;
  else if (top + layout.lane > chart.scrollTop + room) chart.scrollTop = top + layout.lane - room;
}

function fitStep() {
  const step = steps[view.step];
  const [from, to] = [view.axis.placeOf(step.from), view.axis.placeOf(step.to)];
  show(from - (to - from) * 0.05, to + (to - from) * 0.05);
  refresh();
}

// ── zooming and panning ─────────────────────────────────────────────────────────────────────────────

/** Shows the part between two places, within the limits of the trace. */
function show(from, to) {
  const end = view.axis.end;
  const width = Math.max(Math.min(to - from, end), Math.min(1e-3 * view.axis.end, 200));
  view.from = Math.max(0, Math.min(from, end - width));
  view.to = view.from + width;
  view.isWhole = width >= end;
}

function zoom(factor, at = (view.from + view.to) / 2) {
  show(at - (at - view.from) * factor, at + (view.to - at) * factor);
  refresh();
}

function pan(share) {
  const way = (view.to - view.from) * share;
  show(view.from + way, view.to + way);
  refresh();
}

function fold(isFolded) {
  const times = [view.axis.timeAt(view.from), view.axis.timeAt(view.to)];
  view.axis = new Axis(isFolded);
  show(...times.map((time) => view.axis.placeOf(time)));
  byId("fold").checked = isFolded;
  refresh();
}

let isAwaited = false;

/** Requests a redraw; there is at most one per frame. */
function refresh() {
  if (isAwaited) return;
  isAwaited = true;
  requestAnimationFrame(() => {
    isAwaited = false;
    draw();
    note();
  });
}

/** Keeps the view in the URL, so that it can be shared, and in the document, for tests. */
function note() {
  const [from, to] = [view.from, view.to].map((place) => Math.round(view.axis.timeAt(place)));
  Object.assign(document.body.dataset, { step: view.step, record: view.record, from, to, folded: view.axis.isFolded });
  const event = view.record >= 0 ? `&event=${view.record - steps[view.step].first + 1}` : "";
  const range = view.isWhole ? "" : `&from=${from}&to=${to}`;
  const address = `#turn=${view.step + 1}${event}${range}${view.axis.isFolded ? "" : "&fold=no"}`;
  try {
    history.replaceState(null, "", address);
  } catch {
    // A page in an iframe may not have a URL of its own.
  }
}

// ── keys and pointer ────────────────────────────────────────────────────────────────────────────────

const KEYS = {
  ArrowRight: () => goToStep(view.step + 1),
  ArrowLeft: () => goToStep(view.step - 1),
  Home: () => goToStep(0),
  End: () => goToStep(steps.length - 1),
  n: () => goToRecord(view.record >= 0 ? view.record + 1 : steps[view.step].first),
  p: () => goToRecord(view.record >= 0 ? view.record - 1 : steps[view.step].first),
  " ": () => (playing ? pause() : play()),
  Escape: () => (endTour(), endQuiz()),
  "+": () => zoom(1 / 1.6),
  "=": () => zoom(1 / 1.6),
  "-": () => zoom(1.6),
  a: () => pan(-0.2),
  d: () => pan(0.2),
  w: () => chart.scrollBy(0, -layout.lane),
  s: () => chart.scrollBy(0, layout.lane),
  f: fitStep,
  0: () => (show(0, view.axis.end), refresh()),
  g: () => fold(!view.axis.isFolded),
};

addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const act = KEYS[event.key] ?? KEYS[event.key.toLowerCase()];
  const isOwn = event.key === " " || event.key.startsWith("Arrow") || event.key === "Home" || event.key === "End";
  if (!act || steps.length === 0 || (isOwn && event.target.matches?.("button, select, input, summary"))) return;
  event.preventDefault();
  if (event.key !== " ") pause();
  act();
});

const BUTTONS = { first: "Home", back: "ArrowLeft", forward: "ArrowRight", last: "End", in: "+", out: "-", fit: "f", whole: "0" };
for (const [id, key] of Object.entries(BUTTONS)) byId(id).addEventListener("click", () => steps.length > 0 && KEYS[key]());
byId("fold").addEventListener("change", (event) => fold(event.target.checked));
byId("earlier").addEventListener("click", () => showPage(firstRow - ROWS));
byId("later").addEventListener("click", () => firstRow + ROWS < count && showPage(firstRow + ROWS));
byId("all").addEventListener("toggle", () => showPage(steps[view.step]?.first ?? 0));
for (const table of ["events", "records"]) {
  byId(table).addEventListener("click", (event) => {
    const row = event.target.closest("tr[data-record]");
    if (row) goToRecord(Number(row.dataset.record));
  });
}

canvas.addEventListener("wheel", (event) => {
  event.preventDefault();
  if (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY)) pan((event.deltaX || event.deltaY) / layout.width);
  else zoom(Math.exp(Math.max(-0.5, Math.min(0.5, event.deltaY * 0.003))), placeAt(event.offsetX));
}, { passive: false });

/** The last position of each pointer that is down: the mouse, or fingers. */
const pointers = new Map();
let moved = 0;

canvas.addEventListener("pointerdown", (event) => {
  canvas.setPointerCapture(event.pointerId);
  pointers.set(event.pointerId, [event.offsetX, event.offsetY]);
  moved = 0;
});

canvas.addEventListener("pointermove", (event) => {
  const before = pointers.get(event.pointerId);
  if (!before) {
    const thing = thingAt(event.offsetX, event.offsetY);
    if (thing) showThing(thing);
    showTip(thing, event);
    return;
  }
  const now = [event.offsetX, event.offsetY];
  const other = [...pointers].find(([id]) => id !== event.pointerId)?.[1];
  pointers.set(event.pointerId, now);
  moved += Math.abs(now[0] - before[0]) + Math.abs(now[1] - before[1]);
  canvas.classList.toggle("dragged", moved > 4);
  if (other) {
    const [was, is] = [before, now].map((point) => Math.max(20, Math.hypot(point[0] - other[0], point[1] - other[1])));
    zoom(was / is, placeAt((now[0] + other[0]) / 2));
  } else {
    chart.scrollTop -= now[1] - before[1];
    pan((before[0] - now[0]) / (layout.width - layout.gutter));
  }
});

for (const name of ["pointerup", "pointercancel"]) {
  canvas.addEventListener(name, (event) => {
    pointers.delete(event.pointerId);
    canvas.classList.remove("dragged");
    if (name === "pointercancel" || moved > 4) return;
    const thing = thingAt(event.offsetX, event.offsetY);
    if (thing?.record !== undefined) goToRecord(thing.record);
    else if (thing && thing.end > 0) goToStep(stepOf(thing.end - 1));
    if (thing) showThing(thing);
  });
}

canvas.addEventListener("pointerleave", () => (byId("tip").hidden = true));
chart.addEventListener("scroll", refresh);
// A resized canvas is empty until it is drawn, so this does not wait for a frame.
addEventListener("resize", () => arrange() && draw());
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => (readColours(), showLegend(), refresh()));

// ── opening ─────────────────────────────────────────────────────────────────────────────────────────

/** A share in percent. What is not all or nothing is not rounded to it. */
function share(part, whole) {
  if (part <= 0 || whole <= 0) return "0 %";
  if (part >= whole) return "100 %";
  return `${Math.min(99.9, Math.max(0.1, (100 * part) / whole)).toFixed(1)} %`;
}

/** `1 connection`, `2 connections`. */
function counted(number, noun) {
  return `${number.toLocaleString("en")} ${noun}${number === 1 ? "" : "s"}`;
}

function showAbout() {
  const open = connections.length;
  const received = kinds.findIndex(({ name }) => name === "datagram_received");
  const datagrams = received < 0 ? "" : ` · ${counted(records.kind.filter((kind) => kind === received).length, "datagram")}`;
  const mode = isThreads ? "a thread for each connection" : "one thread, an event loop";
  byId("about").textContent = `${mode} · ${counted(open, "connection")}${datagrams} · ${count.toLocaleString("en")} records in ${brief(trace.end)} · asleep ${share(timeAsleep(), trace.end)} · ${header.started} · ${header.program}`;
  canvas.setAttribute("aria-label", "The lanes of the trace. The tables below contain the same as text.");
}

function showHeads() {
  const readiness = isThreads ? ["blocked"] : ["readable", "writable"];
  const kernel = header.has_buffers ? ["unread", "unacked"] : [];
  const names = ["connection", "phase", ...readiness, ...kernel, "pending", "in", "out"];
  const row = document.createElement("tr");
  for (const name of names) {
    const head = document.createElement("th");
    head.scope = "col";
    head.textContent = name;
    head.classList.toggle("number", ["unread", "unacked", "pending", "in", "out"].includes(name));
    row.append(head);
  }
  byId("states").tHead.replaceChildren(row);
}

/** Opens the place that the address names: a turn of the loop (in threads mode an event), an event in it, a range. */
function openPlace() {
  const place = new URLSearchParams(location.hash.slice(1));
  const isNamed = place.has("turn");
  if ((place.get("fold") === "no") === view.axis.isFolded) fold(!view.axis.isFolded);
  if (steps.length > 0) {
    const number = Math.max(0, Math.min(steps.length, Number(place.get("turn")) || 1) - 1);
    const event = Number(place.get("event"));
    const { first, end } = steps[number];
    if (event > 0) goToRecord(Math.min(first + event, end) - 1);
    else goToStep(number);
    if (!isNamed) show(0, view.axis.end);
  }
  if (place.has("from") && place.has("to")) {
    show(...["from", "to"].map((edge) => view.axis.placeOf(Number(place.get(edge)))));
  }
  return isNamed;
}

function begin() {
  readColours();
  showAbout();
  showLegend();
  showHeads();
  arrange();
  byId("source-pane").hidden = !source;
  show(0, view.axis.end);
  // A page beside another one, as in the lab, waits to be asked.
  if (!openPlace() && tour.stops.length > 0 && top === window) showStop(0);
  // What has been filled in since may have changed the width.
  arrange();
  draw();
  note();
  addEventListener("hashchange", () => (openPlace(), refresh()));
  document.body.dataset.readyMs = performance.now().toFixed(0);
}
