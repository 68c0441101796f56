// Choosing and starting a sequence; what is wrong with it is shown before anything is touched.

import { byId, clockFace, el, replace, say, show } from "./dom.js";
import { change } from "./control.js";

let offered = [];
let chosen = false;

export async function loadLibrary() {
  try {
    const answer = await fetch("/api/library");
    const told = await answer.json();
    offered = told.sequences ?? [];
    for (const option of ["no_point", "park"]) show(byId(option).closest("label"), told.telescopes !== false);
  } catch {
    offered = [];
  }
  const select = byId("library");
  // It may come late: what a person has chosen meanwhile stays.
  const before = chosen || byId("document").value ? select.value : null;
  replace(select, ...choices(), el("option", { value: "", text: "a pasted document" }));
  const free = [...select.options].filter((one) => !one.disabled);
  select.value = before !== null && free.some((one) => one.value === before) ? before : free[0].value;
  tell();
}

// The site's own sequences first; the library's only where they can be run here.
function choices() {
  const option = (one) => el("option", { value: one.name, text: one.error ? `${one.name} (can't be run)` : one.name, disabled: Boolean(one.error) });
  const own = offered.filter((one) => one.origin === "site").map(option);
  const library = offered.filter((one) => one.origin !== "site" && !one.error).map(option);
  if (!own.length) return library;
  const groups = [el("optgroup", { label: "this site's" }, ...own)];
  return library.length ? [...groups, el("optgroup", { label: "safelight's library" }, ...library)] : groups;
}

function tell() {
  const one = offered.find((each) => each.name === byId("library").value);
  show(byId("document-part"), !one);
  const frames = one ? `${one.frames} ${one.frames === 1 ? "frame" : "frames"} in ${clockFace(one.total_s)}` : "";
  const what = one?.description.trim().replace(/\.$/, "");
  say(byId("library-words"), one ? (what ? `${what}. ${frames}.` : `${frames}.`) : "");
}

function asked() {
  const name = byId("library").value;
  const what = name ? { library: name } : { document: byId("document").value };
  for (const option of ["no_overlap", "no_point", "park", "take_over"]) what[option] = byId(option).checked;
  what.priority = Math.trunc(Number(byId("priority").value)) || 0;
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
  const begun = found.pid ? "Starting" : found.request ? `Request ${found.request} is in the queue` : "It can be run";
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

// With nothing to watch, the form comes right after the lamps; it does not move under the hands of a person.
export function placeForm(idle) {
  const form = byId("start-part");
  const wanted = byId(idle ? "run-part" : "runs-part");
  if (form.nextElementSibling !== wanted && !form.contains(document.activeElement)) wanted.before(form);
}

export function watchForm(started) {
  byId("library").addEventListener("change", () => {
    chosen = true;
    replace(byId("checked"));
    tell();
  });
  byId("check").addEventListener("click", () => submit("check"));
  byId("add").addEventListener("click", () => submit("add"));
  byId("start-form").addEventListener("submit", async (event) => {
    event.preventDefault();
    const found = await submit("start");
    if (found?.pid) started(found);
  });
}
