// Time: the axis, which folds long gaps, its ticks, and times as text. Independent of the picture.
"use strict";

/** Whether nothing of the server runs at `time`: its loop waits, or its main thread and all others are blocked. */
function isAsleep(time) {
  if (!isThreads) {
    const step = steps[lastAtMost(steps.length, time, (i) => steps[i].from)];
    return step !== undefined && time < step.woke && !step.polls;
  }
  return lanes.every(({ calls, phases, has_datagrams }) => has_datagrams || spanAt(calls, time) || (phases.length > 0 && !spanAt(phases, time)));
}

/**
 * The axis: maps times to places and back. Nothing happens between two records, so a long gap between them
 * may be folded to a short distance. A gap in which the server sleeps is long if it exceeds five times the median
 * gap; one in which it works, ten times that, because work that takes long should look long.
 */
class Axis {
  constructor(isFolded) {
    this.isFolded = isFolded;
    this.times = new Float64Array(count + 1);
    this.times.set(records.at, 1);
    this.times[0] = records.at[0] ?? 0;
    const gaps = this.times.slice(1).map((time, i) => time - this.times[i]);
    const sorted = gaps.filter((gap) => gap > 0).toSorted();
    this.longest = isFolded && sorted.length > 0 ? 5 * sorted[sorted.length >> 1] : Infinity;
    this.places = new Float64Array(this.times.length);
    gaps.forEach((gap, i) => (this.places[i + 1] = this.places[i] + (this.#isFold(gap, i) ? this.longest : gap)));
    this.end = Math.max(this.places.at(-1), 1);
  }

  #isFold(gap, i) {
    return gap > this.longest && (gap > 10 * this.longest || isAsleep(this.times[i] + gap / 2));
  }

  /** The place of a record, without a search. */
  placeOfRecord(record) {
    return this.places[record + 1];
  }

  placeOf(time) {
    return this.#between(this.times, this.places, time);
  }

  timeAt(place) {
    return this.#between(this.places, this.times, place);
  }

  /** The folded gaps between two places: their edges, how long they are, and whether the server slept. */
  folds(from, to) {
    const found = [];
    if (!this.isFolded) return found;
    const first = Math.max(0, lastAtMost(this.places.length, from, (i) => this.places[i]));
    for (let i = first; i + 1 < this.places.length && this.places[i] < to; i++) {
      const gap = this.times[i + 1] - this.times[i];
      if (!this.#isFold(gap, i)) continue;
      found.push({ from: this.places[i], to: this.places[i + 1], start: this.times[i], gap, asleep: isAsleep(this.times[i] + gap / 2) });
    }
    return found;
  }

  #between(from, to, value) {
    if (from.length < 2) return 0;
    const known = lastAtMost(from.length, value, (i) => from[i]);
    const i = Math.min(Math.max(known, 0), from.length - 2);
    const whole = from[i + 1] - from[i];
    return whole > 0 ? to[i] + ((value - from[i]) * (to[i + 1] - to[i])) / whole : to[i + 1];
  }
}

/** How long the server slept, in nanoseconds. */
function timeAsleep() {
  let asleep = 0;
  let before = 0;
  for (const at of records.at) {
    if (at > before && isAsleep((before + at) / 2)) asleep += at - before;
    before = at;
  }
  return asleep;
}

/** A duration in nanoseconds, as text with three digits and the unit that fits. */
function brief(nanos) {
  if (nanos >= 999.5e9) return `${Math.round(nanos / 1e9)} s`;
  // What rounds to a thousand of a unit is one of the next.
  for (const [size, unit] of [[1e9, "s"], [1e6, "ms"], [1e3, "µs"]]) {
    if (nanos >= 0.9995 * size) return `${(nanos / size).toPrecision(3).replace(/e.*/, "")} ${unit}`;
  }
  return `${Math.round(nanos)} ns`;
}

/** A point in time, as milliseconds with the decimals that distinguish times `distance` nanoseconds apart. */
function pointInTime(nanos, distance = 1e3) {
  const decimals = Math.min(6, Math.max(0, Math.ceil(6 - Math.log10(Math.max(distance, 1)))));
  return `${(nanos / 1e6).toFixed(decimals)} ms`;
}

/** What the server did in a fold, and for how long; the shorter texts are for less room. */
function foldLabels({ asleep, gap, number }) {
  const label = `${asleep ? "asleep" : "busy"} ${brief(gap)}`;
  return number > 1 ? [`${label}, ${number} times`, label, brief(gap)] : [label, brief(gap)];
}
