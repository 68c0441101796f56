// What happened, the newest first; and the list of runs.

import { byId, dayOf, el, replace, show, timeOf } from "./dom.js";

const ICONS = { good: "✓", warning: "!", bad: "✗", plain: "·" };
const WORDS = { good: "good", warning: "warning", bad: "bad", plain: "" };

let lines = [];

export function showLog(run) {
  lines = run.log;
  show(byId("log-part"), true);
  drawLog();
}

export function drawLog() {
  const states = byId("log-states").checked;
  const told = lines.filter((line) => states || line.kind !== "state").reverse();
  replace(byId("log"), ...told.map((line) => el("li", { "data-tone": line.tone, "data-kind": line.kind },
    el("time", { datetime: line.time, text: timeOf(line.time) }),
    el("span", { class: "icon", "aria-hidden": "true", text: ICONS[line.tone] ?? "·" }),
    el("span", { class: "unseen", text: WORDS[line.tone] ?? "" }), el("span", { text: line.words }))));
}

export function showRuns(runs, shown, choose) {
  const items = runs.map((run) => {
    const doubtful = Object.entries(run.lamps).filter(([, state]) => state !== "off").map(([lamp, state]) => `${lamp} ${state}`);
    const lamps = run.status !== "running" && doubtful.length ? `; written down last: ${doubtful.join(", ")}` : "";
    return el("li", { "data-status": run.status, "aria-current": run.run === shown ? "true" : null },
      el("button", { type: "button", class: "link", "data-key": run.run, text: run.run, on: { click: () => choose(run.run) } }),
      el("span", { class: "status", text: run.status }),
      el("span", { class: "fine", text: `${run.sequence}, ${dayOf(run.created)} ${timeOf(run.created)}, ${run.frames} of ${run.frames_asked} frames${lamps}` }));
  });
  replace(byId("runs"), ...(items.length ? items : [el("li", { class: "fine", text: "Nothing has been run here yet." })]));
}
