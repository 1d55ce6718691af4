// Messages on their way: kept in the browser until the server has committed them, sent in order, and
// sent again under the same key until it has.

import { Declined, backoff, freshKey, pause, post, session, store } from "./wire.js";

const PLACE = "broca.outbox";

/** Each entry: `{key, text, at, state: "waiting" | "sending" | "sent" | "failed", reason}`. */
export class Outbox {
  /** `ready()` makes sure that there is a session; `changed(entry)` shows an entry. */
  constructor(ready, changed) {
    this.ready = ready;
    this.changed = changed;
    this.entries = read();
    this.busy = false;
  }

  add(text) {
    const entry = { key: freshKey(), text, at: Date.now(), state: "waiting", reason: "" };
    this.entries.push(entry);
    this.mark(entry, "waiting");
    this.flush();
    return entry;
  }

  /** The server shows the message of this key, so it is there. Gives whether it was ours. */
  arrived(key) {
    const known = this.entries.some((entry) => entry.key === key);
    this.drop(key);
    return known;
  }

  drop(key) {
    this.entries = this.entries.filter((entry) => entry.key !== key);
    this.save();
  }

  retry(key) {
    const entry = this.entries.find((other) => other.key === key);
    if (entry) this.mark(entry, "waiting");
    this.flush();
  }

  clear() {
    this.entries = [];
    this.save();
  }

  async flush() {
    if (this.busy) return;
    this.busy = true;
    let failures = 0;
    for (let entry = this.next(); entry; entry = this.next()) {
      try {
        this.mark(entry, "sending");
        await this.ready();
        await post(entry.text, entry.key);
        failures = 0;
        this.mark(entry, "sent");
      } catch (problem) {
        if (!(await this.failed(entry, problem, failures))) break;
        failures += 1;
      }
    }
    this.busy = false;
  }

  /** Gives whether to go on. */
  async failed(entry, problem, failures) {
    if (problem instanceof Declined) {
      this.mark(entry, "failed", "This chat needs its access token");
      return false;
    }
    if (problem.status === 401) session.token = null; // it has ended; the next try begins another
    if (problem.passes === false && problem.status !== 401) {
      this.mark(entry, "failed", problem.message);
      return true;
    }
    const why = problem.status === 429 ? "Too many at once" : "Not sent yet";
    this.mark(entry, "waiting", `${why}; trying again by itself`);
    if (problem.status !== 401 || failures > 2) await pause(Math.max(problem.wait || 0, backoff(failures)));
    return true;
  }

  next() {
    return this.entries.find((entry) => entry.state === "waiting");
  }

  mark(entry, state, reason = "") {
    if (!this.entries.includes(entry)) return; // the server showed it before it answered
    Object.assign(entry, { state, reason });
    if (state === "sent") this.drop(entry.key);
    else this.save();
    this.changed(entry);
  }

  save() {
    store.set(PLACE, JSON.stringify(this.entries));
  }
}

function read() {
  try {
    const entries = JSON.parse(store.get(PLACE)) || [];
    return entries.map((entry) => (entry.state === "failed" ? entry : { ...entry, state: "waiting", reason: "" }));
  } catch {
    return [];
  }
}
