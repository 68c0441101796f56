// The run that is looked at: what was asked, how far it is, its blocks and its latest frame.

import { byId, el, legible, replace, say, show, svg, timeOf } from "./dom.js";
import { showLight } from "./light.js";

const ICONS = { done: "✓", begun: "◐", waiting: "·" };
const STATUS = {
  running: "is running", done: "is done", aborted: "was aborted", paused: "is paused", faulted: "ended with a fault",
  killed: "was killed: its process is gone", unsafe: "ended UNSAFE: a lamp was not confirmed off",
};

export function showRun(run) {
  show(byId("run-part"), true);
  say(byId("run-head"), `Run ${run.run}`);
  const bad = run.bad ? `, ${run.bad} kept aside or lost` : "";
  const part = run.segments > 1 ? `, in ${run.segments} segments` : "";
  say(byId("run-facts"), `${run.sequence} ${STATUS[run.status] ?? run.status}: ${run.good} of ${run.asked} frames${bad}${part}`
    + (run.reason ? ` — ${run.reason}` : ""));
  byId("run-part").dataset.status = run.status;
  show(byId("resume"), run.resumable);
  showBlocks(run);
  showFrame(run);
}

function showBlocks(run) {
  const boxes = run.blocks.map((block) => {
    const icon = block.now ? "▶" : ICONS[block.state];
    return el("li", { "data-state": block.now ? "now" : block.state, "aria-current": block.now ? "step" : null },
      el("span", { class: "icon", "aria-hidden": "true", text: icon }), el("span", { class: "name", text: block.name }),
      el("span", { class: "count", text: `${block.good} of ${block.frames}` }),
      el("span", { class: "unseen", text: block.now ? "now" : block.state }));
  });
  const over = !run.running;
  const unsafe = run.status === "unsafe";
  const safe = over && !unsafe && Object.values(run.lamps).every((state) => state === "off");
  const safing = el("li", { class: "safing", "data-state": safe ? "done" : unsafe ? "unsafe" : "waiting" },
    el("span", { class: "icon", "aria-hidden": "true", text: safe ? "✓" : unsafe ? "!" : "·" }),
    el("span", { class: "name", text: "all lamps off" }),
    el("span", { class: "count", text: over ? run.status : "then it ends" }));
  replace(byId("blocks"), ...boxes, safing);
}

let shown = "";

function showFrame(run) {
  const frame = run.frame;
  show(byId("frame-part"), Boolean(frame));
  if (!frame) return;
  const key = JSON.stringify([run.run, frame.number, frame.verdict]);
  if (key === shown) return;
  shown = key;
  say(byId("frame-name"), frame.frame);
  showLight(frame.light);
  const attempt = frame.attempt > 1 ? `, try ${frame.attempt}` : "";
  const reason = frame.reason ? `: ${frame.reason}` : "";
  say(byId("frame-facts"), `${frame.verdict}${attempt}${reason}; on disk ${timeOf(frame.kept)} (observatory's time)`);
  const select = byId("frame-file");
  const before = select.selectedIndex;
  replace(select, ...frame.files.map((name, at) => el("option", { value: at, text: name })));
  select.selectedIndex = before > 0 && before < frame.files.length ? before : 0;
  select.onchange = () => draw(run.run, frame, Number(select.value));
  if (frame.files.length) draw(run.run, frame, select.selectedIndex);
}

async function draw(run, frame, file) {
  const query = new URLSearchParams({ run, number: frame.number, file });
  const image = byId("frame-image");
  const trouble = byId("frame-trouble");
  say(trouble, "");
  image.alt = legible(`${frame.frame}, file ${frame.files[file]}`);
  image.onerror = () => say(trouble, "This frame can't be shown: is its file still there?");
  image.src = `/api/frame/picture?${query}`;
  try {
    const answer = await fetch(`/api/frame/spectrum?${query}`);
    if (!answer.ok) return;
    const found = await answer.json();
    replace(byId("spectrum"), spectrum(found.spectrum, frame.frame));
    say(byId("spectrum-top"), `up to ${Math.round(Math.max(...found.spectrum))} counts`);
    say(byId("frame-levels"), `black ${found.low}, white ${found.high}`);
  } catch {
    say(trouble, "The spectrum could not be loaded.");
  }
}

function spectrum(values, name) {
  const [width, height] = [640, 200];
  const low = Math.min(0, ...values);
  const span = Math.max(Math.max(...values) - low, 1);
  const points = values.map((value, at) =>
    `${((at / Math.max(values.length - 1, 1)) * width).toFixed(1)},${(height - 6 - ((value - low) / span) * (height - 12)).toFixed(1)}`);
  const top = Math.round(low + span);
  return svg("svg", { viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: "none", role: "img", "aria-label": `Spectrum of ${name}, up to ${top} counts` },
    svg("polyline", { class: "spectrum", points: points.join(" ") }));
}
