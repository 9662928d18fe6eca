// The tour: the first event of each interesting kind that this trace contains, in the order of time. Remembers nothing.
"use strict";

/** What a tour may stop at: a title, and which record it is about. */
const SIGHTS = [
  [isThreads ? "The main thread waits" : "The loop goes to sleep", (name) => name === "waiting"],
  ["A connection is accepted", (name) => name === "accepted"],
  ["An edge", (name) => name === "flags_reported"],
  ["A thread blocks", (name) => name === "blocking_call"],
  ["The first bytes", (name) => name === "read"],
  ["A partial write", (name, text) => name === "wrote" && !/^wrote (\d+) of \1$/.test(text)],
  ["WouldBlock", (name) => name.endsWith("_would_block")],
  ["A datagram", (name) => name === "datagram_received"],
  ["A datagram without a reply", (name) => name === "datagram_refused" || name === "reply_lost"],
  ["Backpressure", (name) => name === "read_paused"],
  ["A turn ends before its work", (name) => name === "yielded"],
  ["The peer has finished", (name) => name === "peer_finished"],
  ["Accepting pauses", (name) => name === "accept_paused"],
  ["The stop", (name) => name === "stopping"],
  ["Our FIN", (name) => name === "fin_sent"],
  ["A connection is over", (name) => name === "closed"],
];

/** Each sight with the number of its first record, in the order of time. */
function sights() {
  const first = SIGHTS.map(([title, isIt]) => {
    const names = kinds.map(({ name }) => name);
    const record = records.kind.findIndex((kind, i) => isIt(names[kind], texts[records.text[i]]));
    return { title, record };
  });
  return first.filter(({ record }) => record >= 0).toSorted((a, b) => a.record - b.record);
}

const tour = { stops: sights(), at: 0 };

function showStop(number) {
  tour.at = Math.max(0, Math.min(tour.stops.length - 1, number));
  const { title, record } = tour.stops[tour.at];
  byId("tour").hidden = false;
  byId("tour-title").textContent = `${title}`;
  byId("tour-place").textContent = `Tour, ${tour.at + 1} of ${tour.stops.length}`;
  byId("tour-text").textContent = kinds[records.kind[record]].meaning;
  byId("tour-back").disabled = tour.at === 0;
  byId("tour-on").textContent = tour.at + 1 < tour.stops.length ? "next" : "end";
  const step = steps[stepOf(record)];
  const [from, to] = [view.axis.placeOf(step.from), view.axis.placeOf(step.to)];
  const around = Math.max(to - from, (isThreads ? 12 : 1) * (view.axis.longest < Infinity ? view.axis.longest : to - from));
  show(from - around * 0.6, to + around * 1.2);
  goToRecord(record);
}

function endTour() {
  byId("tour").hidden = true;
}

byId("tour-start").addEventListener("click", () => tour.stops.length > 0 && showStop(0));
byId("tour-back").addEventListener("click", () => showStop(tour.at - 1));
byId("tour-on").addEventListener("click", () => (tour.at + 1 < tour.stops.length ? showStop(tour.at + 1) : endTour()));
byId("tour-end").addEventListener("click", endTour);
