// Choosing and starting a sequence; what is wrong with it is shown before anything is touched.

import { byId, clockFace, el, replace, say, show } from "./dom.js";
import { change } from "./control.js";

let offered = [];
let chosen = false;

export async function loadLibrary() {
  try {
    const answer = await fetch("/api/library");
    offered = (await answer.json()).sequences ?? [];
  } catch {
    offered = [];
  }
  const select = byId("library");
  // It may come late: what a person has chosen meanwhile stays.
  const before = chosen || byId("document").value ? select.value : null;
  const options = offered.map((one) => el("option", { value: one.name, text: one.name, disabled: Boolean(one.error) }));
  replace(select, ...options, el("option", { value: "", text: "a pasted document" }));
  if (before !== null && [...select.options].some((one) => one.value === before)) select.value = before;
  tell();
}

function tell() {
  const one = offered.find((each) => each.name === byId("library").value);
  show(byId("document-part"), !one);
  say(byId("library-words"), one ? `${one.description} ${one.frames} frames in ${clockFace(one.total_s)}.` : "");
}

function asked() {
  const name = byId("library").value;
  const what = name ? { library: name } : { document: byId("document").value };
  for (const option of ["no_overlap", "no_point", "park"]) what[option] = byId(option).checked;
  return what;
}

function tellChecked(found) {
  if (found === null) return replace(byId("checked"));
  const problems = found.error ? [found.error] : found.problems ?? [];
  if (problems.length) {
    return replace(byId("checked"), el("p", { class: "bad", text: "It can't be run:" }),
      el("ul", { class: "problems" }, ...problems.map((text) => el("li", { text }))));
  }
  const lamps = Object.entries(found.lamps).map(([lamp, seconds]) => `${lamp} ${clockFace(seconds)}`).join(", ");
  const begun = found.pid ? "Starting" : "It can be run";
  return replace(byId("checked"),
    el("p", { class: "good", text: `${begun}: ${found.name}, ${found.frames} frames in ${clockFace(found.total_s)}; lamps lit: ${lamps || "none"}` }),
    ...found.warnings.map((text) => el("p", { class: "fine", text: `Note: ${text}` })));
}

async function submit(verb) {
  const button = byId(verb);
  button.disabled = true;
  try {
    const found = await change(verb, asked());
    tellChecked(found);
    return found;
  } finally {
    button.disabled = false;
  }
}

export function watchForm(started) {
  byId("library").addEventListener("change", () => {
    chosen = true;
    replace(byId("checked"));
    tell();
  });
  byId("check").addEventListener("click", () => submit("check"));
  byId("start-form").addEventListener("submit", async (event) => {
    event.preventDefault();
    const found = await submit("start");
    if (found?.pid) started(found);
  });
}
