// Predict, then reveal: what does this connection do next? What comes after the question is covered until it is answered.
"use strict";

const ACTIONS = {
  read: ["read", "read_would_block", "peer_finished", "discarded"],
  write: ["wrote", "write_would_block", "fin_sent"],
  yield: ["yielded"],
};

const PARKED = "The turn is over, and nothing is left that the connection could do: it is parked until the kernel reports the next edge.";

/** What the connections did: the record, its lane and the answer; parked is a turn that ends in neither a yield nor a close. */
function decisions() {
  const found = [];
  for (const { first, end } of isThreads ? [] : steps) {
    const lastOf = new Map();
    for (let record = first; record < end; record++) {
      const name = kinds[records.kind[record]].name;
      const lane = records.lane[record];
      const answer = Object.keys(ACTIONS).find((action) => ACTIONS[action].includes(name));
      if (answer) found.push({ record, lane, answer });
      if (answer && answer !== "yield") lastOf.set(lane, record);
      if (name === "yielded" || name === "closed") lastOf.delete(lane);
    }
    for (const [lane, record] of lastOf) found.push({ record: end - 1, after: record, lane, answer: "park" });
  }
  return found.toSorted((a, b) => a.record - b.record);
}

const quiz = { asked: undefined, all: decisions() };

function ask() {
  pause();
  endTour();
  const from = view.record >= 0 ? view.record : steps[view.step].first;
  const next = quiz.all.find(({ record, answer }) => record > from || (record === from && answer === "park" && quiz.last !== record)) ?? quiz.all[0];
  if (!next) return;
  quiz.asked = next;
  quiz.last = next.answer === "park" ? next.record : undefined;
  view.veil = next.after ?? next.record - 1;
  goToRecord(Math.max(0, view.veil));
  const state = stateBefore(next.lane, view.veil + 1);
  const ready = state ? `${state.readable ? "readable" : "not readable"}, ${state.writable ? "writable" : "not writable"}, ${state.pending.toLocaleString("en")} bytes pending` : "just accepted";
  byId("predict").hidden = false;
  byId("question").textContent = `${laneName(next.lane)} is ${ready}. What does it do next?`;
  byId("answer").textContent = "";
  refresh();
}

function reveal(guess) {
  if (!quiz.asked) return;
  const { record, answer } = quiz.asked;
  quiz.asked = undefined;
  view.veil = undefined;
  goToRecord(record);
  const meaning = answer === "park" ? PARKED : `${texts[records.text[record]]}. ${kinds[records.kind[record]].meaning}`;
  byId("answer").textContent = `${guess === answer ? "Right" : "No"}: ${answer}. ${meaning}`;
}

function endQuiz() {
  quiz.asked = view.veil = undefined;
  byId("predict").hidden = true;
  if (steps.length > 0) showStep();
  refresh();
}

byId("predict-start").hidden = quiz.all.length === 0;
byId("predict-start").addEventListener("click", ask);
byId("predict-next").addEventListener("click", ask);
byId("predict-end").addEventListener("click", endQuiz);
for (const button of document.querySelectorAll("[data-guess]")) button.addEventListener("click", () => reveal(button.dataset.guess));
