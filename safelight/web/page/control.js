// Changes: the token, and requests that carry it.

import { byId, say } from "./dom.js";

const KEY = "safelight-token";
const WAIT_MS = 15000;
const LAMPS_WAIT_MS = 120000;

// The address that `safelight serve` prints carries the token behind the #, which is never sent anywhere.
export function takeToken() {
  const found = /^#token=([\w-]+)$/.exec(location.hash);
  if (!found) return;
  sessionStorage.setItem(KEY, found[1]);
  history.replaceState(null, "", location.pathname);
}

export const token = () => sessionStorage.getItem(KEY) ?? "";

const MAY = { watch: "may watch", darken: "may switch lamps off, pause and abort", run: "may do everything" };

// Whose token it is; null: not known yet, or that of the server's start.
let holder = null;

export function showControl() {
  const has = Boolean(token());
  const mine = holder?.name ? `${holder.name} ${MAY[holder.may]}` : "You can control this run";
  say(byId("control-words"), has ? mine : "Watching only");
  // What a person may not do is not offered. The server decides in any case.
  document.body.dataset.may = has ? holder?.may ?? "run" : "run";
  say(byId("control"), has ? "Sign out" : "Enter the token");
}

async function send(verb, asked) {
  const wait = verb === "lamps-off" ? LAMPS_WAIT_MS : WAIT_MS;
  const answer = await fetch(`/api/${verb}`, {
    method: "POST",
    headers: { "Content-Type": "application/json", Authorization: `Bearer ${token()}` },
    body: JSON.stringify(asked),
    signal: AbortSignal.timeout(wait),
  });
  const found = await answer.json().catch(() => ({ error: `the server answered ${answer.status}` }));
  return { status: answer.status, ...found };
}

// Ask for a change; asks for the token where it is missing or wrong. Returns null where the person gave up. `sends` is
// called whenever something is really sent (true), and whenever the token has to come first (false).
export async function change(verb, asked = {}, sends = () => {}) {
  for (let trouble = ""; ; trouble = "This token is not right (that of the server changes at every start).") {
    if (!token()) {
      sends(false);
      if (!(await askToken(trouble))) return null;
      checkToken();
    }
    sends(true);
    const found = await send(verb, asked).catch((error) => ({ error: lost(error) }));
    if (found.status !== 401) return found;
    sessionStorage.removeItem(KEY);
    showControl();
  }
}

function lost(error) {
  return error.name === "TimeoutError" ? "the server does not answer; it may have heard: look before you ask again" : "the server can't be reached";
}

let giveUp = () => {};

// The dialog lies next to the page, not over it: the lamps can be switched off while it is open.
export function askToken(trouble) {
  giveUp();
  const dialog = byId("token-dialog");
  const field = byId("token");
  say(byId("token-trouble"), trouble);
  field.value = "";
  dialog.show();
  field.focus();
  return new Promise((resolve) => {
    const end = (given) => {
      giveUp = () => {};
      field.value = "";
      dialog.close();
      if (given) sessionStorage.setItem(KEY, given);
      showControl();
      resolve(Boolean(given));
    };
    giveUp = () => end("");
    byId("token-form").onsubmit = (event) => {
      event.preventDefault();
      end(field.value.trim());
    };
    byId("token-cancel").onclick = giveUp;
    dialog.onkeydown = (event) => {
      if (event.key === "Escape") giveUp();
    };
  });
}

// Every start of the server makes a new token: an old one is forgotten before somebody relies on it.
export async function checkToken() {
  const asked = token();
  if (!asked) return;
  const found = await send("token", {}).catch(() => ({}));
  // Another may have been entered meanwhile.
  if (token() !== asked) return;
  if (found.status === 401) sessionStorage.removeItem(KEY);
  if (found.status === 401 || found.status === 200) holder = found.status === 200 ? found : null;
  showControl();
}

export async function toggleControl() {
  if (token()) {
    // Behind a proxy, the server lets this browser read no more.
    await send("sign-out", {}).catch(() => ({}));
    sessionStorage.removeItem(KEY);
    holder = null;
    showControl();
    return;
  }
  if (await askToken("")) {
    await change("token");
    await checkToken();
  }
}
