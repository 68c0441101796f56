// The queue: what runs, what waits and for what, and what has ended last. A request can be cancelled until it has ended.

import { byId, dayOf, el, replace, show, timeOf } from "./dom.js";

const moment = (iso) => `${dayOf(iso)} ${timeOf(iso).slice(0, 5)} UTC`;

export function showQueue(queue, cancel) {
  show(byId("queue-part"), queue.length > 0);
  replace(byId("queue"), ...queue.map((one) => row(one, cancel)));
}

function row(one, cancel) {
  const button = one.open
    ? el("button", {
      type: "button", class: "quiet", "data-key": `cancel-${one.id}`, text: "Cancel",
      "aria-label": `Cancel request ${one.id}, ${one.sequence}`, on: { click: () => cancel(one.id) },
    })
    : null;
  return el("li", { "data-state": one.state, "data-request": one.id },
    el("span", { class: "name", text: `${one.id} ${one.sequence}` }),
    el("span", { class: "state", text: one.state }),
    button,
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
