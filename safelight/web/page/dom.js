// Making elements. Text is always set as text: whatever a name contains, it is never read as markup. What can't be seen,
// or turns the direction of writing, has a sign in its place: no name changes the meaning of the words next to it.

const SVG = "http://www.w3.org/2000/svg";

const UNSEEN = /[^\P{C}\n\t]|[\p{Zl}\p{Zp}]/gu;

export const legible = (words) => String(words).replace(UNSEEN, "\uFFFD");

export const byId = (id) => document.getElementById(id);

export function el(tag, facts = {}, ...children) {
  return fill(document.createElement(tag), facts, children);
}

export function svg(tag, facts = {}, ...children) {
  return fill(document.createElementNS(SVG, tag), facts, children);
}

function fill(element, facts, children) {
  for (const [name, value] of Object.entries(facts)) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "text") element.textContent = legible(value);
    else if (name === "on") for (const [event, act] of Object.entries(value)) element.addEventListener(event, act);
    else element.setAttribute(name, value === true ? "" : name === "value" ? String(value) : legible(value));
  }
  element.append(...children.filter((child) => child !== null));
  return element;
}

// Set a text only where it has changed, so that screen readers do not read the same again.
export function say(element, words) {
  const clean = legible(words);
  if (element.textContent !== clean) element.textContent = clean;
}

export function show(element, visible) {
  if (element.hidden === visible) element.hidden = !visible;
}

// New children, with the focus where it was.
export function replace(parent, ...children) {
  const key = parent.contains(document.activeElement) ? document.activeElement.dataset.key : undefined;
  parent.replaceChildren(...children);
  if (key !== undefined) [...parent.querySelectorAll("[data-key]")].find((one) => one.dataset.key === key)?.focus();
}

export function clockFace(seconds) {
  const whole = Math.max(0, Math.round(seconds));
  const two = (number) => String(number).padStart(2, "0");
  return `${Math.floor(whole / 3600)}:${two(Math.floor(whole / 60) % 60)}:${two(whole % 60)}`;
}

export function brief(seconds) {
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 120) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${String(whole % 60).padStart(2, "0")} s`;
  if (whole < 172800) return `${Math.floor(whole / 3600)} h ${String(Math.floor(whole / 60) % 60).padStart(2, "0")} min`;
  return `${Math.floor(whole / 86400)} days`;
}

// Times are UTC throughout, as in headers and logs.
export const timeOf = (iso) => iso.slice(11, 19);
export const dayOf = (iso) => iso.slice(0, 10);
export const secondsBetween = (since, until) => (Date.parse(until) - Date.parse(since)) / 1000;
