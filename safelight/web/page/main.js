// Everything comes together here: the server's events go to the parts of the page, the buttons to the server.

import { warn } from "./banner.js";
import { askToken, change, checkToken, showControl, takeToken, toggleControl, token } from "./control.js";
import { byId, clockFace, el, legible, replace, say, show, timeOf } from "./dom.js";
import { Feed } from "./feed.js";
import { showGraph, watchGraph } from "./graph.js";
import { lampViews, showInstruments, showLamps, summary } from "./lamps.js";
import { drawLog, showLog, showRuns } from "./log.js";
import { badEnd, showNow } from "./now.js";
import { showHosts, showQueue, showSchedules } from "./queue.js";
import { showRun } from "./run.js";
import { loadLibrary, placeForm, watchForm } from "./start.js";
import { moveNow, showTimeline, watchWidth } from "./timeline.js";

const SLOT_MS = 2500;
const SAID_MS = 6000;

let tick = null;
let runs = [];
let run = null;
let fresh = { trouble: "connecting", silence: Infinity };

function hear(name, value) {
  if (name === "tick") {
    if (tick && tick.boot !== value.boot) {
      loadLibrary();
      checkToken();
    }
    tick = value;
  } else if (name === "runs") {
    runs = value;
    showRuns(runs, run?.run, choose);
  } else if (name === "queue") {
    showQueue(value, cancel, move);
  } else if (name === "schedules") {
    showSchedules(value, pauseSchedule);
  } else if (name === "run") {
    if (run?.run !== value.run) showRuns(runs, value.run, choose);
    run = value;
    showRun(run);
    showGraph(run);
    showTimeline(run);
    showLog(run);
  }
}

function judge(found) {
  fresh = found;
  const believed = warn(tick, fresh);
  document.body.classList.toggle("stale", !believed.lamps);
  document.body.classList.toggle("stale-journal", !believed.journal);
  if (!tick) return;
  const views = lampViews(tick, believed.lamps, fresh.silence);
  showLamps(tick, views, believed.lamps, fresh.silence);
  const others = showInstruments(tick, believed, fresh.silence);
  showHosts(tick.hosts, believed.journal, fresh.silence);
  showNow(tick, runs, believed.journal, act);
  const one = tick.going.find((each) => each.run === run?.run);
  moveNow(one && believed.journal ? one.elapsed_s : null);
  say(byId("observatory"), tick.observatory);
  show(byId("follow"), feed.run !== null);
  say(byId("run-asof"), believed.journal ? "" : `As of ${timeOf(tick.time)} UTC; not known since.`);
  if (believed.journal) placeForm(!tick.going.length);
  showNotices();
  headline([...views, ...others], believed);
}

// Any lamp on, what runs, how long still: in sight wherever the page is scrolled to, and in the tab's title.
function headline(views, believed) {
  const [words, tone] = summary(views);
  byId("strip").dataset.tone = tone;
  say(byId("strip-lamps"), `Lamps: ${words}`);
  say(byId("strip-run"), strip(believed.journal));
  const going = tick.going[0];
  const ill = believed.journal ? badEnd(tick, runs) : null;
  const what = going && believed.journal ? `${going.sequence} ${going.good}/${going.asked}` : ill ? `safelight: ${ill}` : "safelight";
  byId("strip-run").classList.toggle("bad", Boolean(ill));
  const head = !believed.lamps ? "OLD DATA · " : tone === "off" ? "" : `${words} · `;
  const whole = legible(head + what);
  if (document.title !== whole) document.title = whole;
}

function strip(believed) {
  if (!believed) return "Runs: not known";
  const going = tick.going.map((one) => `${one.sequence}: ${one.left_s === null ? "running" : `${clockFace(one.left_s)} left`}`);
  return going.length ? going.join("; ") : badEnd(tick, runs) ?? "No run";
}

let noticed = "";
function showNotices() {
  const key = JSON.stringify(tick.notices);
  if (key === noticed) return;
  noticed = key;
  replace(byId("notices"), ...[...tick.notices].reverse().map((one) => el("div", { class: "notice" },
    el("strong", { text: `${one.what} did not begin (${timeOf(one.time)}, exit code ${one.code})` }), el("pre", { text: one.words }))));
}

function choose(name) {
  feed.open(name);
  byId("run-head").scrollIntoView({ block: "start" });
}

const SENT = { abort: "Abort requested", pause: "Pause requested", resume: "Resume is starting" };

let saying = 0;
async function act(verb, name) {
  say(byId("said"), "");
  const found = await change(verb, { run: name });
  if (!found) return;
  say(byId("said"), found.error ? `${verb}: ${found.error}` : `${SENT[verb]}: ${name}`);
  clearTimeout(saying);
  // The page itself shows the result; an error stays.
  if (!found.error) saying = setTimeout(() => say(byId("said"), ""), SAID_MS);
  if (verb === "resume" && found.pid) feed.open(null);
}

async function order(verb, asked, done) {
  say(byId("said"), "");
  const found = await change(verb, asked);
  if (!found) return;
  say(byId("said"), found.error ? `${verb}: ${found.error}` : done(found));
  clearTimeout(saying);
  if (!found.error) saying = setTimeout(() => say(byId("said"), ""), SAID_MS);
}

const cancel = (request) => order("cancel", { request }, (found) => `Request ${request} is cancelled; it was ${found.was}`);
const move = (request, before) => order("move", { request, before }, () => `Request ${request} begins before request ${before}`);
const pauseSchedule = (name, paused) => order("schedule", { name, paused }, () => `Schedule ${name} is ${paused ? "paused" : "resumed"}`);

let offs = 0;
async function lampsOff() {
  const mine = ++offs;
  const tell = ([text, tone]) => {
    if (mine !== offs) return;
    byId("off-words").className = tone;
    say(byId("off-words"), text);
  };
  let slot = 0;
  const found = await change("lamps-off", {}, (sent) => {
    clearTimeout(slot);
    tell(sent ? ["Switching every lamp off …", ""] : [`NOTHING IS SENT YET: the token is needed. ${byHand()}`, "bad"]);
    if (sent) slot = setTimeout(giveWay, SLOT_MS);
    else watch();
  });
  clearTimeout(slot);
  watch();
  tell(outcome(found));
}

function watch() {
  if (!feed.source && !document.hidden) feed.open(feed.run);
}

// A browser has six connections for all pages of a server: ours is given up where the request waits for one.
function giveWay() {
  if (fresh.trouble || !tick?.switching) feed.close("switched");
}

const byHand = () => `On the machine itself: ${tick?.by_hand.off ?? "safelight lamps off"}`;

function outcome(found) {
  if (found === null) return [`Nothing was sent: the token is needed. ${byHand()}`, "bad"];
  const also = found.aborted?.length ? ` Aborting ${found.aborted.join(", ")}.` : "";
  if (found.ok) return [`All lamps off, as read back (${new Date().toISOString().slice(11, 19)} UTC).${also}`, "good"];
  const bad = Object.entries(found.lamps ?? {}).filter(([, state]) => state !== "off").map(([lamp, state]) => `${lamp} ${state}`);
  const why = [found.error, found.abort_error, bad.join(", ")].filter(Boolean).join("; ");
  return [`NOT CONFIRMED OFF: ${why}.${also} ${byHand()}`, "bad"];
}

// A page that has failed must not look as if it knew anything.
for (const event of ["error", "unhandledrejection"]) window.addEventListener(event, () => document.body.classList.add("failed"));

// Behind a proxy, watching needs a token as well. Who does not give one is not asked again.
let asking = false;
async function refused() {
  if (asking) return;
  asking = true;
  const answer = await fetch("/api/library").catch(() => null);
  if (answer?.status === 401) {
    await checkToken();
    if (!token() && !(await askToken("Watching needs a token here."))) return;
    await checkToken();
    loadLibrary();
    watch();
  }
  asking = false;
}

const feed = new Feed(hear, (found) => judge(found), refused);
takeToken();
// The address that the server prints may be opened where the page is open already.
window.addEventListener("hashchange", () => {
  takeToken();
  showControl();
  checkToken();
});
showControl();
checkToken();
watchWidth();
watchGraph();
loadLibrary();
watchForm(() => feed.open(null));
byId("lamps-off").addEventListener("click", lampsOff);
byId("control").addEventListener("click", toggleControl);
byId("resume").addEventListener("click", () => act("resume", run.run));
byId("follow").addEventListener("click", () => feed.open(null));
byId("log-states").addEventListener("change", drawLog);
if (!document.hidden) feed.open(null);
