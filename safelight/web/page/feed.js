// The server's events, and whether they can still be believed. A page that has heard nothing for a few seconds knows
// nothing: an old "off" must never be taken for the truth.

const SILENT_S = 3.5;
const LATE_S = 4;
const LOOK_MS = 250;
const AFRESH_S = 10;

export class Feed {
  constructor(hear, judge, refused) {
    this.hear = hear;
    this.judge = judge;
    this.refused = refused;
    this.run = null;
    this.source = null;
    this.tick = null;
    this.broken = "connecting";
    this.lost = now();
    setInterval(() => this.look(), LOOK_MS);
    document.addEventListener("visibilitychange", () => (document.hidden ? this.close("asleep") : this.open(this.run)));
    window.addEventListener("pageshow", (event) => event.persisted && this.open(this.run));
    window.addEventListener("pagehide", () => this.close("asleep"));
    window.addEventListener("offline", () => this.close("gone"));
    window.addEventListener("online", () => this.open(this.run));
  }

  // Connect, for the run that is to be looked at; null: the present one.
  open(run) {
    this.close(this.tick ? this.broken ?? "switching" : "connecting");
    this.run = run;
    this.offset = null;
    this.opened = now();
    const source = new EventSource("/api/stream" + (run ? `?run=${encodeURIComponent(run)}` : ""));
    this.source = source;
    for (const name of ["tick", "runs", "queue", "schedules", "run"]) {
      source.addEventListener(name, (event) => this.source === source && this.take(name, JSON.parse(event.data)));
    }
    source.onerror = () => this.source === source && this.fail();
    this.look();
  }

  // Hidden pages hold no connection: a browser has six for all of them, and a button needs one.
  close(why) {
    // Closed by us, it is silent for a reason; what was wrong before stays wrong.
    const cause = why === "switched" ? this.trouble ?? why : why;
    this.source?.close();
    this.source = null;
    if (why !== "switching") this.breakOff(cause);
    this.look();
  }

  fail() {
    this.breakOff("gone");
    // The browser tries again by itself, unless the server has refused.
    if (this.source?.readyState === EventSource.CLOSED) {
      this.refused();
      setTimeout(() => document.hidden || this.open(this.run), 1000);
    }
    this.look();
  }

  breakOff(why) {
    if (!this.broken) this.lost = now();
    this.broken = why;
  }

  take(name, value) {
    if (name === "tick") {
      const offset = Date.now() - Date.parse(value.time);
      // Events that come ever later have been held up on the way.
      this.offset = this.offset === null ? offset : Math.min(this.offset, offset);
      this.late = (offset - this.offset) / 1000;
      this.tick = value;
      this.heard = now();
      this.heardWall = Date.now();
      this.broken = null;
    }
    this.hear(name, value);
    this.look();
  }

  // Seconds since the last tick; a computer that has slept is noticed by the clock on the wall.
  get silence() {
    if (!this.tick) return Infinity;
    return Math.max(now() - this.heard, (Date.now() - this.heardWall) / 1000, 0) + Math.max(0, this.late);
  }

  get trouble() {
    if (this.broken) return this.broken;
    if (now() - this.heard > SILENT_S || (Date.now() - this.heardWall) / 1000 > SILENT_S) return "silent";
    return this.late > LATE_S ? "late" : null;
  }

  look() {
    // Was it the news that came late, or a clock that was set? A new connection tells: it can't deliver old ones.
    if (this.trouble === "late" && now() - this.opened > AFRESH_S) return this.open(this.run);
    // The dead man's switch in style.css: put off for as long as this script runs.
    for (const one of document.getAnimations()) if (one.animationName === "doubt") one.currentTime = 0;
    return this.judge({ trouble: this.trouble, silence: this.silence, lost: now() - this.lost });
  }
}

const now = () => performance.now() / 1000;
