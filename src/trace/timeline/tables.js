// The text of the page: the events, the state of each connection, and explanations. It contains everything
// that the picture shows, for readers who cannot see it.
"use strict";

/** The most rows that a table shows. */
const ROWS = 200;

/** The phases of the loop, as the picture's colours name them. */
const PHASE_TITLES = { note: "note", admit: "admit", read: "read pass", write: "write pass", datagrams: "datagrams" };

/** Why one gauge may be empty. */
const NOT_KNOWN = "How many bytes the peer's kernel has not acknowledged is reported by Linux, for an open TCP socket (sock_diag(7)). A Unix socket has no send queue: what is written to it is in its peer's receive queue at once.";

const byId = (id) => document.getElementById(id);

// ── tables ──────────────────────────────────────────────────────────────────────────────────────────

function cell(text, className = "") {
  const cell = document.createElement("td");
  cell.textContent = text;
  cell.className = className;
  return cell;
}

function laneName(lane) {
  const { name, peer } = lanes[lane];
  return peer ? `${name} ${peer}` : name;
}

function recordRow(record) {
  const row = document.createElement("tr");
  const kind = kinds[records.kind[record]];
  row.dataset.record = record;
  row.title = kind.meaning;
  row.classList.toggle("now", record === view.record || (isThreads && record === view.step));
  const lane = cell(lanes[records.lane[record]].name);
  lane.title = laneName(records.lane[record]);
  row.append(cell(pointInTime(records.at[record]), "number"), lane, cell(texts[records.text[record]], kind.group));
  return row;
}

/** The end of what may be shown: an open question hides what comes after it. */
function shownEnd(end) {
  return view.veil === undefined ? end : Math.min(end, view.veil + 1);
}

function fillRows(table, from, to) {
  const rows = [];
  const end = shownEnd(to);
  for (let i = from; i < Math.min(end, from + ROWS); i++) rows.push(recordRow(i));
  if (end > from + ROWS) {
    const row = document.createElement("tr");
    row.append(cell(""), cell(""), cell(`… and ${end - from - ROWS} more`, "own"));
    rows.push(row);
  }
  byId(table).tBodies[0].replaceChildren(...rows);
}

function showStep() {
  const step = steps[view.step];
  const events = step.end - step.first;
  const unit = isThreads ? "event" : "iteration";
  byId("position").textContent = `${unit} ${view.step + 1} of ${steps.length}`;
  byId("events-title").textContent = isThreads ? "This event and its neighbours" : `Events of this iteration (${events}, ${brief(step.to - step.woke)} of work)`;
  if (isThreads) fillRows("events", Math.max(0, step.first - 5), Math.min(count, step.end + 5));
  else fillRows("events", step.first, step.end);
  showStates(step);
  showSource();
}

function showStates(step) {
  const end = view.record >= 0 ? view.record + 1 : step.end;
  byId("states-title").textContent = `Connections after this ${isThreads || view.record >= 0 ? "event" : "iteration"}`;
  const rows = [];
  let others = 0;
  for (let lane = 1; lane <= connections.length; lane++) {
    const state = stateBefore(lane, end);
    if (!state || (state.isClosed && state.last < step.first)) continue;
    if (rows.length < ROWS) rows.push(stateRow(lane, state, step));
    else others++;
  }
  if (others > 0) {
    const row = document.createElement("tr");
    row.append(cell(`… and ${others} more`, "own"));
    rows.push(row);
  }
  if (rows.length === 0) {
    const row = document.createElement("tr");
    row.append(cell("no connections", "own"));
    rows.push(row);
  }
  byId("states").tBodies[0].replaceChildren(...rows);
}

function stateRow(lane, state, step) {
  const row = document.createElement("tr");
  const yes = (is, group) => (is && !state.isClosed ? cell("yes", group) : cell("no", "own"));
  const blocked = state.blocked ? `in ${state.blocked}` : "";
  const readiness = isThreads ? [cell(blocked, state.blocked === "write" ? "held" : "in")] : [yes(state.readable, "in"), yes(state.writable, "out")];
  const count = (bytes, className) => cell(bytes.toLocaleString("en"), `number ${bytes === 0 ? "own" : className}`);
  const kernel = header.has_buffers ? [count(state.unread, "kernel"), unacknowledgedCell(state, count)] : [];
  row.append(cell(laneName(lane)), cell(state.phase), ...readiness, ...kernel, count(state.pending, "held"), count(state.bytesIn, "in"), count(state.bytesOut, "out"));
  row.classList.toggle("now", state.last >= step.first);
  row.classList.toggle("over", state.isClosed);
  return row;
}

function unacknowledgedCell({ unacknowledged }, count) {
  if (unacknowledged !== undefined) return count(unacknowledged, "kernel");
  const unknown = cell("not known", "number own");
  unknown.title = NOT_KNOWN;
  return unknown;
}

// ── explanations ────────────────────────────────────────────────────────────────────────────────────

/** What holds at a point between two events, with the kind of event that explains it. */
function spanThere({ lane, time, end }) {
  const named = (name) => kinds.find((kind) => kind.name === name);
  if (lane === 0 && !isThreads) {
    const step = steps[lastAtMost(steps.length, time, (i) => steps[i].from)];
    if (!step) return undefined;
    if (time < step.woke) return { title: `waiting, ${brief(step.woke - step.from)}`, kind: named("waiting") };
    const phase = step.phases.findLast(([at]) => at <= time)?.[1] ?? "note";
    return { title: PHASE_TITLES[phase], kind: named(phase === "note" ? "woke" : "phase_entered") };
  }
  const spans = lanes[lane];
  const call = spanAt(spans.calls, time);
  if (call) return { title: `in ${call[2]}, ${brief(call[1] - call[0])}`, kind: named(lane === 0 ? "waiting" : "blocking_call") };
  const phase = spanAt(spans.phases, time);
  if (!phase) return undefined;
  const pending = spanAt(spans.pending, time);
  const ready = [spanAt(spans.readable, time) && "readable", spanAt(spans.writable, time) && "writable"].filter(Boolean);
  const readiness = isThreads ? "" : `, ${ready.join(" and ") || "not ready"}`;
  const title = `${phase[2]}${readiness}${pending ? `, ${pending[2]} pending` : ""}`;
  return { title, kind: named(pending ? "queued" : "readiness_changed") ?? lastKind(lane, end) };
}

/** The kind of the last event of a lane before record number `end`. */
function lastKind(lane, end) {
  const { index } = byLane[lane];
  return kinds[records.kind[index[lastAtMost(index.length, end - 1, (i) => index[i])]]];
}

function describe(thing) {
  if (thing.record === undefined) return { ...spanThere(thing), time: thing.time, lane: thing.lane };
  const { record } = thing;
  return { title: texts[records.text[record]], kind: kinds[records.kind[record]], time: records.at[record], lane: thing.lane };
}

function showThing(thing) {
  const { title, kind, time, lane } = describe(thing);
  if (!kind) return;
  const line = (className, ...parts) => {
    const line = document.createElement("p");
    line.className = className;
    line.append(...parts);
    return line;
  };
  const code = document.createElement("code");
  code.textContent = kind.file;
  byId("detail").replaceChildren(
    line(`event ${kind.group}`, title),
    line("where", `${laneName(lane)}, at ${pointInTime(time)}`),
    line("", kind.meaning),
    line("where", "Source: ", code, ". Guide: ", chapterOf(kind), "."),
  );
}

/** The chapter's title, as a link if the page has the URL of the guide. */
function chapterOf({ chapter: { title, module } }) {
  if (!trace.guide) return title;
  const link = document.createElement("a");
  link.href = `${trace.guide.replace(/\/$/, "")}/${module}/index.html`;
  link.textContent = title;
  return link;
}

/** Shows a short text beside the pointer; the panel has the full explanation. */
function showTip(thing, event) {
  const tip = byId("tip");
  const { title, time, kind } = thing ? describe(thing) : {};
  tip.hidden = !kind;
  if (!kind) return;
  tip.textContent = `${title} · ${pointInTime(time)}`;
  tip.style.left = `${Math.min(event.pageX + 14, scrollX + innerWidth - tip.offsetWidth - 12)}px`;
  tip.style.top = `${event.pageY + 16}px`;
}

// ── the whole trace as text ─────────────────────────────────────────────────────────────────────────

let firstRow = 0;

function showPage(first) {
  firstRow = Math.max(0, Math.min(first, count - 1));
  const end = Math.min(count, firstRow + ROWS);
  fillRows("records", firstRow, end);
  byId("page").textContent = `records ${firstRow + 1} to ${end} of ${count}`;
}
