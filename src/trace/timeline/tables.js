// The words of the page: what happened, how everybody stands, what a thing means. For whoever does not see
// the picture they say the same.
"use strict";

/** Rows that a table shows at most. */
const ROWS = 200;

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
  row.title = kind.why;
  row.classList.toggle("now", record === view.record || (isThreads && record === view.step));
  const lane = cell(lanes[records.lane[record]].name);
  lane.title = laneName(records.lane[record]);
  row.append(cell(pointInTime(records.at[record]), "number"), lane, cell(words[records.word[record]], kind.group));
  return row;
}

function fillRows(table, from, end) {
  const rows = [];
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
  const facts = step.end - step.first;
  const unit = isThreads ? "fact" : "turn";
  byId("position").textContent = `${unit} ${view.step + 1} of ${steps.length}`;
  byId("facts-title").textContent = isThreads ? "This fact and its neighbours" : `Facts of this turn (${facts}, ${brief(step.to - step.woke)} of work)`;
  if (isThreads) fillRows("facts", Math.max(0, step.first - 5), Math.min(count, step.end + 5));
  else fillRows("facts", step.first, step.end);
  showStates(step);
}

function showStates(step) {
  const end = view.record >= 0 ? view.record + 1 : step.end;
  byId("states-title").textContent = view.record >= 0 ? "Every connection, after this fact" : `Every connection, after this ${isThreads ? "fact" : "turn"}`;
  const rows = [];
  let others = 0;
  for (let lane = 1; lane < lanes.length; lane++) {
    const state = stateBefore(lane, end);
    if (!state || (state.isOver && state.last < step.first)) continue;
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
    row.append(cell("nobody is connected", "own"));
    rows.push(row);
  }
  byId("states").tBodies[0].replaceChildren(...rows);
}

function stateRow(lane, state, step) {
  const row = document.createElement("tr");
  const yes = (is, group) => (is && !state.isOver ? cell("yes", group) : cell("no", "own"));
  const asleep = state.asleep ? `in ${state.asleep}` : "";
  const belief = isThreads ? [cell(asleep, state.asleep === "write" ? "held" : "in")] : [yes(state.readable, "in"), yes(state.writable, "out")];
  const count = (bytes, className) => cell(bytes.toLocaleString("en"), `number ${bytes === 0 ? "own" : className}`);
  row.append(cell(laneName(lane)), cell(state.phase), ...belief, count(state.owed, "held"), count(state.bytesIn, "in"), count(state.bytesOut, "out"));
  row.classList.toggle("now", state.last >= step.first);
  row.classList.toggle("over", state.isOver);
  return row;
}

// ── what is this? ───────────────────────────────────────────────────────────────────────────────────

/** What held at a point where nothing happened: said in the words of what began it. */
function kindOfRest({ lane, time }) {
  const named = (name) => kinds.find((kind) => kind.name === name);
  if (lane === 0 && !isThreads) {
    const step = steps[lastAtMost(steps.length, time, (i) => steps[i].from)];
    if (!step) return undefined;
    if (time < step.woke) return { title: `waits, ${brief(step.woke - step.from)}`, kind: named("waits") };
    const part = step.parts.findLast(([at]) => at <= time)?.[1] ?? "note";
    return { title: part, kind: named(part === "note" ? "woke" : "enters") };
  }
  const spans = lanes[lane];
  const call = spanAt(spans.calls, time);
  if (call) return { title: `in ${call[2]}, ${brief(call[1] - call[0])}`, kind: named(lane === 0 ? "waits" : "calls") };
  const phase = spanAt(spans.phases, time);
  if (!phase) return undefined;
  const owed = spanAt(spans.owed, time);
  const ready = [spanAt(spans.readable, time) && "readable", spanAt(spans.writable, time) && "writable"].filter(Boolean);
  const belief = isThreads ? "" : `, believed ${ready.join(" and ") || "not ready"}`;
  return { title: `${phase[2]}${belief}${owed ? `, owes ${owed[2]}` : ""}`, kind: named(owed ? "queued" : "believes") };
}

function describe(thing) {
  if (thing.record === undefined) return { ...kindOfRest(thing), time: thing.time, lane: thing.lane };
  const { record } = thing;
  return { title: words[records.word[record]], kind: kinds[records.kind[record]], time: records.at[record], lane: thing.lane };
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
    line(`fact ${kind.group}`, title),
    line("where", `${laneName(lane)}, at ${pointInTime(time)}`),
    line("", kind.why),
    line("where", "Read ", code, ", and in the guide: ", chapterOf(kind), "."),
  );
}

/** The chapter's title, and a link to it where the page knows where the guide is. */
function chapterOf({ chapter: { title, module } }) {
  if (!trace.guide) return title;
  const link = document.createElement("a");
  link.href = `${trace.guide.replace(/\/$/, "")}/${module}/index.html`;
  link.textContent = title;
  return link;
}

/** A word beside the pointer; the panel has the whole story. */
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
