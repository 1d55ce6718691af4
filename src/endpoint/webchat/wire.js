// Requests to the API, the session's token, and the stream of events.

/** Where the browser keeps the session's token. */
export const SESSION = "broca.session";
const SILENCE = 40_000; // the server says something every 15 s
const LONGEST = 30_000;

/** What the server refused, or that it was not reached (`status` 0). */
export class Problem extends Error {
  constructor(message, status, code = "", wait = 0) {
    super(message.charAt(0).toUpperCase() + message.slice(1));
    Object.assign(this, { status, code, wait });
  }
  /** Whether the same request may go well later. */
  get passes() {
    return this.status === 0 || this.status === 429 || this.status >= 500;
  }
}

/** The person was asked for the access token and gave none. */
export class Declined extends Error {}

/** The browser's storage, or memory where it gives none. */
export const store = (() => {
  const memory = new Map();
  const attempt = (work, other) => {
    try {
      return work();
    } catch {
      return other();
    }
  };
  return {
    get: (key) => attempt(() => localStorage.getItem(key), () => memory.get(key) ?? null),
    set: (key, value) => attempt(() => localStorage.setItem(key, value), () => memory.set(key, value)),
    remove: (key) => attempt(() => localStorage.removeItem(key), () => memory.delete(key)),
  };
})();

export const session = {
  get token() {
    return store.get(SESSION);
  },
  set token(value) {
    if (value) store.set(SESSION, value);
    else store.remove(SESSION);
  },
};

/** A random key that nobody else has. */
export function freshKey(prefix = "m") {
  const bytes = crypto.getRandomValues(new Uint8Array(12));
  return `${prefix}-${[...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("")}`;
}

async function request(method, path, { token, body, headers = {}, signal } = {}) {
  const all = { ...headers };
  if (token) all.Authorization = `Bearer ${token}`;
  if (body) all["Content-Type"] = "application/json";
  const options = { method, headers: all, signal, cache: "no-store", credentials: "omit" };
  if (body) options.body = JSON.stringify(body);
  let answer;
  try {
    answer = await fetch(`api/v1/${path}`, options);
  } catch {
    throw new Problem("The server cannot be reached.", 0);
  }
  if (answer.ok) return answer;
  const told = await answer.json().catch(() => ({}));
  const wait = Number(answer.headers.get("Retry-After") || 0) * 1000;
  throw new Problem(told.message || `The server answered ${answer.status}.`, answer.status, told.code, wait);
}

export const about = async () => (await request("GET", "about")).json();

/** Begins a session; `access` is the operator's token where one is wanted. */
export async function begin(access) {
  const told = await (await request("POST", "sessions", { token: access })).json();
  session.token = told.token;
}

export async function forget() {
  if (session.token) await request("DELETE", "sessions/current", { token: session.token });
  session.token = null;
}

export async function post(text, key) {
  const signal = AbortSignal.timeout(45_000);
  await request("POST", "messages", { token: session.token, body: { text, key }, signal });
}

export async function history(before) {
  const range = before ? `&before=${before}` : "";
  const answer = await request("GET", `history?limit=50${range}`, { token: session.token });
  return (await answer.json()).messages;
}

/** How long to wait before the `failures`-th try, in milliseconds; spread so that not all come at once. */
export function backoff(failures) {
  return Math.min(LONGEST, 500 * 2 ** Math.min(failures, 10)) * (0.75 + Math.random() / 4);
}

/** Waits, or less where the network comes back or the page is looked at again. */
export function pause(span) {
  return new Promise((done) => {
    const end = () => {
      clearTimeout(timer);
      removeEventListener("online", end);
      document.removeEventListener("visibilitychange", seen);
      done();
    };
    const seen = () => document.visibilityState === "visible" && end();
    const timer = setTimeout(end, span);
    addEventListener("online", end);
    document.addEventListener("visibilitychange", seen);
  });
}

/**
 * Follows the events after `after` of the session of `token` until it ends or `signal` aborts, connecting
 * again as often as it takes. `on` has `open()`, `lost()`, `gone()` and `event(name, data)`.
 */
export async function follow(after, token, on, signal) {
  let last = after;
  let failures = 0;
  while (!signal.aborted) {
    try {
      await listen(last, token, signal, () => {
        failures = 0;
        on.open();
      }, (name, data, id) => {
        if (id) last = id;
        on.event(name, data);
      });
    } catch (problem) {
      if (signal.aborted) return;
      if (problem.status === 401) return on.gone();
    }
    if (signal.aborted) return;
    on.lost();
    await pause(backoff(failures));
    failures += 1;
  }
}

async function listen(last, token, signal, opened, told) {
  const quiet = new AbortController();
  const cut = () => quiet.abort();
  signal.addEventListener("abort", cut);
  let timer = setTimeout(cut, SILENCE);
  try {
    const headers = { Accept: "text/event-stream", "Last-Event-ID": String(last) };
    const answer = await request("GET", "events", { token, headers, signal: quiet.signal });
    opened();
    const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
    let rest = "";
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      clearTimeout(timer);
      timer = setTimeout(cut, SILENCE);
      rest = cutEvents(rest + value, told);
    }
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", cut);
    cut();
  }
}

/** Tells each whole event in `text`, and gives back what is left. */
function cutEvents(text, told) {
  const pieces = text.split("\n\n");
  const rest = pieces.pop();
  for (const piece of pieces) {
    const fields = {};
    for (const line of piece.split("\n")) {
      const colon = line.indexOf(":");
      if (colon > 0) fields[line.slice(0, colon)] = line.slice(colon + 1).trimStart();
    }
    if (fields.data) told(fields.event || "message", JSON.parse(fields.data), Number(fields.id || 0));
  }
  return rest;
}
