// The run's last segment in lanes: what was done, what is running, what is planned.

import { byId, clockFace, el, replace, say, svg } from "./dom.js";

const LANE = 24;
const LABEL = 92;
const AXIS = 22;
const MARK = 64;
const STEPS = [10, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 14400];

let drawn = null;
let line = null;
let scale = 1;
let open = [];

export function showTimeline(run) {
  drawn = run;
  draw();
}

// The present moment, and the progress of what is running; null: nothing is running, or nothing is known.
export function moveNow(now) {
  if (!line) return;
  line.setAttribute("visibility", now === null ? "hidden" : "visible");
  if (now === null) return;
  line.setAttribute("transform", `translate(${(LABEL + now * scale).toFixed(1)} 0)`);
  for (const [rect, from] of open) rect.setAttribute("width", Math.max((now - from) * scale, 2).toFixed(1));
}

export function watchWidth() {
  new ResizeObserver(() => drawn && draw()).observe(byId("timeline"));
}

function draw() {
  const { lanes, span_s: span, segment } = drawn.timeline;
  open = [];
  const width = Math.max(byId("timeline").clientWidth, 260);
  const height = lanes.length * LANE + AXIS;
  scale = (width - LABEL - 8) / span;
  line = svg("line", { class: "now", x1: 0, x2: 0, y1: 0, y2: height - AXIS, visibility: "hidden" });
  const picture = svg("svg", { width, height, role: "img", "aria-label": describe(drawn) }, patterns(),
    ...axis(span, height), ...lanes.flatMap(lane), line);
  replace(byId("timeline"), picture);
  const which = segment > 1 ? `Segment ${segment} of the run. ` : "";
  replace(byId("legend"), el("span", { text: which }), ...["done", "now", "planned", "lit", "failed"].map(key));
}

function lane(one, at) {
  const y = at * LANE;
  const label = svg("text", { class: "lane", x: 0, y: y + 16, text: one.name.slice(0, 15) });
  const rule = svg("line", { class: "rule", x1: LABEL, x2: "100%", y1: y + LANE - 1, y2: y + LANE - 1 });
  return [label, rule, ...one.bars.flatMap((bar) => bars(bar, y))];
}

function bars(bar, y) {
  const draw = (how, wide) => svg("rect", { class: `bar ${how}`, x: (LABEL + bar.from * scale).toFixed(1), y: y + 4,
    height: LANE - 9, width: Math.max(wide * scale, 2).toFixed(1), rx: 2 }, svg("title", { text: `${bar.words}: ${how}` }));
  if (bar.to !== null) return [draw(bar.how, bar.to - bar.from)];
  // What is running grows with the time, inside the duration that it should have. Where that is unknown, it has no end.
  const rect = draw(bar.how, drawn.running ? 0 : drawn.timeline.span_s - bar.from);
  if (drawn.running) open.push([rect, bar.from]);
  return bar.expected ? [draw("planned", bar.expected), rect] : [rect];
}

function axis(span, height) {
  const step = STEPS.find((one) => span / one <= 6 && one * scale >= MARK) ?? 28800;
  const marks = [];
  for (let at = 0; at <= span; at += step) {
    const x = (LABEL + at * scale).toFixed(1);
    // The last one ends where the picture does.
    const end = span - at < 0.6 * step ? " end" : "";
    marks.push(svg("line", { class: "rule", x1: x, x2: x, y1: 0, y2: height - AXIS }),
      svg("text", { class: `axis${end}`, x, y: height - 6, text: clockFace(at) }));
  }
  return marks;
}

// Stripes tell a failure without colour.
function patterns() {
  return svg("defs", {}, svg("pattern", { id: "stripes", width: 6, height: 6, patternUnits: "userSpaceOnUse",
    patternTransform: "rotate(45)" }, svg("rect", { class: "stripe-ground", width: 6, height: 6 }),
    svg("rect", { class: "stripe", width: 3, height: 6 })));
}

function key(how) {
  const words = { done: "done", now: "now", planned: "planned", lit: "lamp lit", failed: "failed or stopped" };
  return el("span", { class: "key" }, svg("svg", { width: 18, height: 12, "aria-hidden": "true" }, patterns(),
    svg("rect", { class: `bar ${how}`, x: 1, y: 1, width: 16, height: 10, rx: 2 })), words[how]);
}

function describe(run) {
  const now = run.timeline.lanes.flatMap((one) => one.bars.filter((bar) => bar.how === "now").map((bar) => bar.words));
  return `Timeline of ${clockFace(run.timeline.span_s)}` + (now.length ? `; now: ${now.join(", ")}` : "");
}
