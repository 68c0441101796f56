// The queue: what runs, what waits and for what, and what has ended last. A request can be cancelled until it has ended.

import { brief, byId, dayOf, el, replace, say, show, timeOf } from "./dom.js";

const moment = (iso) => `${dayOf(iso)} ${timeOf(iso).slice(0, 5)} UTC`;

export function showQueue(queue, cancel, move) {
  show(byId("queue-part"), queue.length > 0);
  replace(byId("queue"), ...queue.map((one, at) => row(one, cancel, ahead(queue, at), move)));
}

// The waiting request of the same observatory right before this one, which it can be moved before.
const ahead = (queue, at) => queue[at].state !== "waiting" ? null
  : queue.slice(0, at).findLast((one) => one.state === "waiting" && one.observatory === queue[at].observatory) ?? null;

const button = (key, text, label, click) => el("button", {
  type: "button", class: "quiet needs-run", "data-key": key, text, "aria-label": label, on: { click },
});

function row(one, cancel, before, move) {
  const buttons = el("span", { class: "buttons-of-row" },
    before && button(`move-${one.id}`, "Earlier", `Move request ${one.id}, ${one.sequence}, before request ${before.id}`, () => move(one.id, before.id)),
    one.open ? button(`cancel-${one.id}`, "Cancel", `Cancel request ${one.id}, ${one.sequence}`, () => cancel(one.id)) : null);
  return el("li", { "data-state": one.state, "data-request": one.id },
    el("span", { class: "name", text: `${one.id} ${one.sequence}` }),
    el("span", { class: "state", text: one.state }),
    buttons,
    el("span", { class: "fine why", text: why(one) }));
}

function why(one) {
  const waiting = one.state === "waiting";
  return [
    one.observatory,
    one.schedule ? `schedule ${one.schedule}` : null,
    waiting && one.priority ? `priority ${one.priority}` : null,
    waiting && one.after !== null ? `after request ${one.after}` : null,
    waiting && one.not_before ? `from ${moment(one.not_before)}` : null,
    waiting && one.not_after ? `until ${moment(one.not_after)}` : null,
    one.reason,
  ].filter(Boolean).join(", ");
}

export function showSchedules(schedules, pause) {
  show(byId("schedules-part"), schedules.length > 0);
  replace(byId("schedules"), ...schedules.map((one) => schedule(one, pause)));
}

function schedule(one, pause) {
  const act = one.paused ? "Resume" : "Pause";
  const when = one.paused ? "paused" : one.next ? `next ${moment(one.next)}` : "never";
  const facts = [one.observatory, one.rule, one.until ? `until ${one.until}` : null, ...one.requires.map((name) => `if ${name}`)];
  return el("li", { "data-schedule": one.name },
    el("span", { class: "name", text: `${one.name}: ${one.sequence}` }),
    el("span", { class: "state", text: when }),
    el("span", { class: "buttons-of-row" }, button(`schedule-${one.name}`, act, `${act} schedule ${one.name}`, () => pause(one.name, !one.paused))),
    el("span", { class: "fine why", text: facts.filter(Boolean).join(", ") }));
}

const LOST_S = 20;

// A process gives a sign of life every 5 s. Rows are kept, so that only the changing words are changed.
export function showHosts(hosts, believed, silence) {
  const list = byId("hosts");
  show(byId("hosts-part"), hosts.length > 0);
  const key = JSON.stringify(hosts.map((one) => [one.host, one.what, one.observatory]));
  if (list.dataset.shown !== key) {
    list.dataset.shown = key;
    replace(list, ...hosts.map((one) => el("li", { "data-host": one.host },
      el("span", { class: "name", text: one.host }), el("span", { class: "state" }),
      el("span", { class: "fine why", text: `${one.what === "guard" ? "guard of other hosts" : one.what}, ${one.observatory}` }))));
  }
  hosts.forEach((one, at) => {
    const item = list.children[at];
    const age = one.age_s + silence;
    const lost = believed && age > LOST_S;
    item.dataset.state = !believed ? "unknown" : lost ? "lost" : "alive";
    say(item.querySelector(".state"), !believed ? "not known" : lost ? `no sign of life for ${brief(age)}` : `alive, ${brief(age)} ago`);
  });
}
