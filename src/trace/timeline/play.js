// Playing: one event after another, at a chosen speed.
"use strict";

/** Milliseconds from one event to the next at speed 1. */
const PACE = 1000;

let playing;

function play() {
  if (playing || steps.length === 0) return;
  if (view.record >= count - 1) goToStep(0);
  playing = setTimeout(playOn, 0);
  byId("play").textContent = "pause";
  byId("play").setAttribute("aria-pressed", "true");
}

function pause() {
  clearTimeout(playing);
  playing = undefined;
  byId("play").textContent = "play";
  byId("play").setAttribute("aria-pressed", "false");
}

function playOn() {
  goToRecord(view.record >= 0 ? view.record + 1 : steps[view.step].first);
  if (view.record >= count - 1) return pause();
  playing = setTimeout(playOn, PACE / Number(byId("speed").value));
}

byId("play").addEventListener("click", () => (playing ? pause() : play()));
