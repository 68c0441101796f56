// The lamps as the server reads them back; unknown as soon as the reading is too old.

import { brief, byId, el, replace, say, secondsBetween, show, timeOf } from "./dom.js";

const ICONS = { on: "☀", off: "○", unknown: "?" };

// What can be said of one lamp now.
function view(lamp, tick, believed, silence) {
  const { age_s: age, limit_s: limit, time } = tick.lamps;
  if (believed && age !== null && age + silence <= limit && lamp.state !== "unknown") {
    const seconds = secondsBetween(lamp.since, tick.time) + silence;
    const at = `since ${timeOf(lamp.since)}${lamp.exact ? "" : " or before"}`;
    return { name: lamp.name, state: lamp.state, words: lamp.state === "on" ? `for ${brief(seconds)}, ${at}` : at };
  }
  const last = lamp.state === "unknown" ? lamp.last : { state: lamp.state, time };
  if (!last) return { name: lamp.name, state: "unknown", words: "never read back" };
  const ago = secondsBetween(last.time, tick.time) + silence;
  return { name: lamp.name, state: "unknown", words: `last seen ${last.state} ${brief(ago)} ago` };
}

export function lampViews(tick, believed, silence) {
  return tick.lamps.lamps.map((lamp) => view(lamp, tick, believed, silence));
}

export function showLamps(tick, views, believed, silence) {
  const list = byId("lamps");
  if (list.children.length !== views.length) replace(list, ...views.map(card));
  views.forEach((lamp, place) => update(list.children[place], lamp));
  const [words, tone] = summary(views);
  say(byId("lamps-summary"), words);
  byId("lamps-part").dataset.tone = tone;
  say(byId("lamps-age"), age(tick, believed, silence));
  say(byId("guards"), guards(tick, believed));
}

function card() {
  return el("li", {}, el("span", { class: "icon", "aria-hidden": "true" }), el("span", { class: "name" }),
    el("strong", { class: "state" }), el("span", { class: "fine since" }));
}

function update(item, lamp) {
  const [icon, name, state, since] = item.children;
  if (item.dataset.state !== lamp.state) item.dataset.state = lamp.state;
  item.dataset.lamp = lamp.name;
  say(icon, ICONS[lamp.state]);
  say(name, lamp.name);
  say(state, lamp.state === "off" ? "off" : lamp.state.toUpperCase());
  say(since, lamp.words);
}

export function summary(views) {
  const names = (state) => views.filter((lamp) => lamp.state === state).map((lamp) => lamp.name);
  const on = names("on");
  const unknown = names("unknown");
  const all = unknown.length === views.length ? "every lamp" : unknown.join(", ");
  if (on.length && unknown.length) return [`ON: ${on.join(", ")}; UNKNOWN: ${unknown.join(", ")}`, "on"];
  if (on.length) return [`ON: ${on.join(", ")}`, "on"];
  if (unknown.length) return [`UNKNOWN: ${all}`, "unknown"];
  const many = ["", "Off", "Both off"][views.length];
  return [many || `All ${views.length} off`, "off"];
}

// Other instruments, side by side: their lamps in one line, and what runs there. Returns their lamps.
export function showInstruments(tick, believed, silence) {
  const list = byId("instruments");
  show(byId("instruments-part"), tick.others.length > 0);
  if (list.children.length !== tick.others.length) replace(list, ...tick.others.map(instrument));
  return tick.others.flatMap((one, place) => {
    const views = lampViews({ ...tick, lamps: one.lamps }, believed.lamps, silence);
    const [words, tone] = summary(views);
    const going = tick.going.find((each) => each.observatory === one.name);
    const [name, lamps, run, trouble] = list.children[place].children;
    list.children[place].dataset.tone = tone;
    list.children[place].dataset.observatory = one.name;
    say(name, one.name);
    say(lamps, `Lamps: ${words}`);
    say(run, !believed.journal ? "Runs: not known" : going ? `${going.sequence}: ${going.good} of ${going.asked} frames` : "No run");
    say(trouble, one.lamps.error ? `The last reading failed: ${one.lamps.error}` : "");
    return views.map((lamp) => ({ ...lamp, name: `${one.name} ${lamp.name}` }));
  });
}

const instrument = () => el("li", {}, el("strong", { class: "name" }), el("span", { class: "lamps" }), el("span", { class: "fine" }), el("span", { class: "fine trouble" }));

function age(tick, believed, silence) {
  const { age_s: seconds, time, error } = tick.lamps;
  if (seconds === null) return "Not read yet.";
  if (error) return `The last reading failed: ${error}`;
  return believed ? `Read back ${timeOf(time)}. All times are UTC.` : `Read back last ${brief(seconds + silence)} ago.`;
}

function guards(tick, believed) {
  if (!believed) return "";
  const watching = tick.guards.filter((guard) => guard.doing === "watching").length;
  const others = tick.guards.filter((guard) => guard.doing !== "watching");
  const words = watching ? [`${watching} guard processes watch the lamps.`] : [];
  return words.concat(others.map((guard) => `Guard ${guard.pid} of ${guard.run}: ${guard.doing}.`)).join(" ");
}
