// The state graph as it is walked: a picture that the server draws, fetched anew when something has happened.

import { byId, legible, say, show } from "./dom.js";

const BETWEEN_MS = 2000;

let wanted = null;
let timer = 0;
let last = 0;

export function showGraph(run) {
  show(byId("graph-part"), true);
  wanted = run;
  later();
}

export function watchGraph() {
  // On a phone it is too small to read before somebody asks for it.
  if (matchMedia("(max-width: 40rem)").matches) byId("graph-part").open = false;
  byId("graph-part").addEventListener("toggle", later);
  byId("graph-whole").addEventListener("change", () => {
    last = 0;
    later();
  });
}

// At most every few seconds, and only where somebody looks.
function later() {
  if (timer || !wanted || !byId("graph-part").open) return;
  timer = setTimeout(draw, Math.max(0, last + BETWEEN_MS - performance.now()));
}

function draw() {
  timer = 0;
  last = performance.now();
  const { run, sequence } = wanted;
  const query = new URLSearchParams({ run, detail: byId("graph-whole").checked ? "states" : "blocks", at: Math.round(last) });
  const image = new Image();
  image.alt = legible(`State graph of ${sequence}, as executed`);
  image.onload = () => {
    say(byId("graph-trouble"), "");
    byId("graph-alone").href = image.src;
    show(byId("graph-alone"), true);
    byId("graph").replaceChildren(image);
  };
  image.onerror = () => say(byId("graph-trouble"), "The graph could not be drawn again.");
  image.src = `/api/graph?${query}`;
}
