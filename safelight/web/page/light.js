// The newest frame's light against its reference: a point for each image on an axis from an eighth to eight times the usual.

import { byId, replace, say, show, svg } from "./dom.js";

const [WIDE, LEFT, RIGHT, ROW, TOP] = [640, 120, 20, 22, 26];
const MARKS = [[1 / 8, "1/8"], [1 / 2, "1/2"], [1, "1"], [2, "2"], [8, "8"]];
const USUAL = [0.75, 1.33];
const WORDS = {
  good: "as it should be", suspect: "suspect", bad: "bad", trial: "a trial: another exposure time gives the counts asked for",
  none: "not judged",
};

const at = (ratio) => {
  const powers = ratio > 0 ? Math.max(-3, Math.min(3, Math.log2(ratio))) : -3;
  return LEFT + ((powers + 3) / 6) * (WIDE - LEFT - RIGHT);
};

export function showLight(light) {
  show(byId("light-part"), Boolean(light));
  if (!light) return;
  const compared = light.images.filter((image) => image.amount !== null);
  const without = light.images.length - compared.length;
  const none = without ? ` ${without === light.images.length ? "Nothing" : `${without} of ${light.images.length} images`} to compare with yet.` : "";
  say(byId("light-words"), `Light: ${WORDS[light.quality] ?? light.quality}.${light.words ? ` ${light.words}.` : ""}${none}`);
  byId("light-part").dataset.quality = light.quality;
  replace(byId("light"), ...(compared.length ? [picture(compared)] : []));
}

function picture(images) {
  const high = TOP + images.length * ROW + 6;
  const told = images.map((image) => `${image.name} ${image.amount.toFixed(2)}`).join(", ");
  const scale = MARKS.map(([ratio, words]) => [
    svg("line", { class: "light-mark", x1: at(ratio), x2: at(ratio), y1: TOP - 6, y2: high }),
    svg("text", { x: at(ratio), y: TOP - 11, "text-anchor": "middle", text: words }),
  ]).flat();
  const rows = images.map((image, row) => {
    const y = TOP + (row + 0.5) * ROW;
    const usual = image.amount >= USUAL[0] && image.amount <= USUAL[1];
    return [
      svg("text", { x: LEFT - 10, y: y + 4, "text-anchor": "end", text: image.name }),
      svg("circle", { class: usual ? "light-usual" : "light-other", cx: at(image.amount), cy: y, r: 6 },
        svg("title", { text: `${image.name}: ${image.amount.toFixed(2)} times the usual light` })),
    ];
  }).flat();
  return svg("svg", { viewBox: `0 0 ${WIDE} ${high}`, role: "img", "aria-label": `Light against its reference: ${told} times the usual` },
    svg("rect", { class: "light-band", x: at(USUAL[0]), width: at(USUAL[1]) - at(USUAL[0]), y: TOP - 6, height: high - TOP + 6 }),
    ...scale, ...rows);
}
