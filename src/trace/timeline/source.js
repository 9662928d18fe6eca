// The source pane: the lines of the server that the selected step or event comes from.
"use strict";

const source = trace.source;

/** The lines of the events from `first` to before `end`: for each function, in the order of execution, which lines. */
function executed(first, end) {
  const functions = new Map();
  for (let i = first; i < end; i++) {
    const place = source.of[i];
    if (!place) continue;
    const [number, line] = place;
    if (!functions.has(number)) functions.set(number, new Set());
    functions.get(number).add(line);
  }
  return functions;
}

function sourceLine(text, className) {
  const line = document.createElement("span");
  line.textContent = `${text}\n`;
  line.className = className;
  return line;
}

function showSource() {
  if (!source) return;
  const step = steps[view.step];
  const now = view.record >= 0 ? source.of[view.record] : undefined;
  const parts = [];
  for (const [number, lines] of executed(step.first, shownEnd(step.end))) {
    const { file, name, lines: text } = source.functions[number];
    const title = document.createElement("h3");
    title.textContent = `${file}, ${name}`;
    const code = document.createElement("pre");
    text.forEach((line, i) => {
      const isNow = now !== undefined && now !== null && now[0] === number && now[1] === i;
      code.append(sourceLine(line, isNow ? "now" : lines.has(i) ? "ran" : ""));
    });
    parts.push(title, code);
  }
  if (parts.length === 0) parts.push("No single line of the source stands for this event.");
  byId("source").replaceChildren(...parts);
  const line = byId("source").querySelector(".now") ?? byId("source").querySelector(".ran");
  if (line) byId("source").scrollTop = line.offsetTop - byId("source").offsetTop - 60;
}
