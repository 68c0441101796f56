// The present state: a card for each run, with its progress, the time left and what stops it.

import { brief, byId, clockFace, el, legible, replace, say, show, timeOf } from "./dom.js";

const cards = new Map();

export function showNow(tick, runs, believed, act) {
  const place = byId("now");
  const going = tick.going;
  for (const run of [...cards.keys()]) if (!going.some((one) => one.run === run)) cards.delete(run);
  for (const one of going) if (!cards.has(one.run)) cards.set(one.run, card(one.run, act));
  const wanted = going.map((one) => cards.get(one.run).root);
  byId("top").classList.toggle("idle", !wanted.length);
  if (!wanted.length) wanted.push(idle(runs[0], believed, badEnd(tick, runs)));
  if (wanted.length !== place.children.length || wanted.some((root, at) => root !== place.children[at])) {
    replace(place, ...wanted);
  }
  for (const one of going) update(cards.get(one.run), one, tick, believed);
}

const BAD_ENDS = { unsafe: "the last run ended UNSAFE", faulted: "the last run ended with a fault", killed: "the last run was killed" };

// How the last run ended, where a person has to know at once; null while one is running.
export function badEnd(tick, runs) {
  return tick.going.length || !runs.length ? null : BAD_ENDS[runs[0].status] ?? null;
}

let nothing;
function idle(last, believed, ill) {
  nothing ??= el("div", { id: "idle" }, el("p", { class: "summary" }), el("p", { class: "fine" }));
  const [now, before] = nothing.children;
  say(now, believed ? "No run is running." : "It is not known whether a run is running.");
  before.className = ill ? "bad" : "fine";
  const more = last?.resumable ? "; it can be resumed" : "";
  say(before, last ? `The last one: ${last.sequence}, ${last.status}, ${last.frames} of ${last.frames_asked} frames${more}.` : "");
  return nothing;
}

function card(run, act) {
  const part = (tag, kind) => el(tag, { class: kind });
  const button = (verb, text, title) =>
    el("button", { type: "button", class: verb, title, "data-key": `${verb} ${run}`, text, on: { click: () => act(verb, run) } });
  const made = {
    headline: part("p", "summary"),
    left: part("p", "left"),
    fast: part("p", "fine fast"),
    bar: el("progress", { max: "1000", "aria-label": "Progress of the run" }),
    active: part("ul", "active"),
    next: part("p", "fine"),
    stopping: el("p", { class: "stopping", role: "status" }),
    buttons: el("p", { class: "buttons needs-darken" },
      button("pause", "Pause", "After the frame in progress; lamps off; can be resumed"),
      button("abort", "Abort", "Now; lamps off; the frame in progress is lost; can be resumed")),
  };
  const { headline, left, fast, bar, buttons, stopping, active, next } = made;
  made.root = el("div", { class: "going" }, headline, left, fast, bar, buttons, stopping, active, next);
  return made;
}

function update(made, one, tick, believed) {
  say(made.headline, `${believed ? "Running" : "Was running"}: ${one.sequence} — ${one.good} of ${one.asked} frames`);
  say(made.left, left(one, believed));
  say(made.fast, believed ? fast(one, tick.time) : "");
  const whole = (one.elapsed_s ?? 0) + (one.left_s ?? 0);
  made.bar.value = one.left_s === null || !whole ? (1000 * one.good) / one.asked : (1000 * one.elapsed_s) / whole;
  const words = { abort: "Abort requested: lamps off first.", pause: "Pause requested: the run ends after the frame in progress." };
  say(made.stopping, words[one.stopping] ?? "");
  show(made.stopping, Boolean(one.stopping));
  while (made.active.children.length > one.active.length) made.active.lastChild.remove();
  while (made.active.children.length < one.active.length) made.active.append(row());
  one.active.forEach((state, at) => fill(made.active.children[at], state));
  say(made.next, one.next.length ? `Next: ${one.next.join(", ")}` : "");
}

function left(one, believed) {
  if (one.left_s === null || one.left_s === undefined) return "time left not known";
  const end = one.left_s > 0 ? "" : " — later than planned";
  return believed ? `${clockFace(one.left_s)} left${end}` : `${clockFace(one.left_s)} left, as last known`;
}

function fast(one, time) {
  if (one.left_s === null) return "";
  if (!(one.rate > 1)) return `Until ${timeOf(new Date(Date.parse(time) + one.left_s * 1000).toISOString()).slice(0, 5)} UTC.`;
  return `The instrument is simulated, ${one.rate} times faster than real: ${brief(one.left_s / one.rate)} from now.`;
}

const minutes = (seconds) => clockFace(seconds).replace(/^0:/, "");

const row = () => el("li", {}, el("span", { class: "what" }), el("progress", {}), el("span", { class: "fine" }));

function fill(item, state) {
  const [what, bar, time] = item.children;
  say(what, state.words + (state.attempt > 1 ? ` (try ${state.attempt})` : ""));
  bar.max = Math.max(state.expected_s, 0.1);
  bar.value = Math.min(state.seconds, bar.max);
  bar.setAttribute("aria-label", legible(state.words));
  say(time, state.expected_s ? `${minutes(state.seconds)} of ${minutes(state.expected_s)}` : brief(state.seconds));
}
