// What must not be overlooked: the server is gone, its data are old, or it can't read the journal.

import { brief, byId, say, show } from "./dom.js";

const WORDS = {
  connecting: "Connecting to the server …",
  gone: "NO CONNECTION: the server is gone. What this page shows is old.",
  silent: "NO NEWS from the server. What this page shows is old.",
  late: "NEWS COME LATE. What this page shows is old.",
  switched: "WAITING for the answer to ALL LAMPS OFF. Until it comes nothing is known here.",
  asleep: "This page was asleep. What it shows is old.",
};

// Returns whether lamps and run can be believed.
export function warn(tick, fresh) {
  const trouble = fresh.trouble;
  const journal = tick && !trouble ? journalTrouble(tick, fresh) : null;
  const words = trouble ? WORDS[trouble] : journal;
  show(byId("banner"), Boolean(words));
  byId("banner").classList.toggle("mild", trouble === "connecting");
  say(byId("banner-words"), words ?? "");
  say(byId("banner-since"), trouble && tick ? `Last news ${brief(fresh.silence)} ago.` : "");
  say(byId("banner-help"), words && trouble !== "connecting" ? help(tick, trouble) : "");
  const read = tick !== null && tick.journal.age_s !== null;
  return { lamps: !trouble, journal: !trouble && !journal && read };
}

function journalTrouble(tick, fresh) {
  const { age_s: age, limit_s: limit, error } = tick.journal;
  // Not read since the server began: that is said where runs are shown.
  if (error) return `THE JOURNAL CAN'T BE READ: ${error}. The state of the run is not known; lamps are still read back.`;
  return age !== null && age + fresh.silence > limit
    ? `THE JOURNAL was read ${brief(age)} ago. The state of the run is not known; lamps are still read back.`
    : null;
}

function help(tick, trouble) {
  if (!trouble) return "";
  const command = tick?.by_hand.status ?? "safelight lamps status";
  return `Runs and guards continue without it. On the machine itself: ${command}`;
}
