// The page: what is shown, and what the person does.

import { Outbox } from "./outbox.js";
import { askAccess, copyCode, hideBanner, showBanner } from "./parts.js";
import { bubble, dayRow, isOwnSign, messageRow, tellState } from "./rows.js";
import { SESSION, about, begin, follow, forget, freshKey, history, post, session } from "./wire.js";

const PAGE = 50;
const $ = (id) => document.getElementById(id);

let title = "Chat";
let longest = Infinity;
let last = 0;
let oldest = 0;
let lastDay = "";
let unread = 0;
let turn = null; // {id, since, word}
let following = null;
let starting = null;

const outbox = new Outbox(ensureSession, showEntry);

// ---- what is shown

function showMessage(message) {
  if (message.id <= last) return;
  last = message.id;
  if (!oldest) oldest = message.id;
  if (message.key) {
    outbox.arrived(message.key);
    entryRow(message.key)?.remove();
  }
  if (isOwnSign(message)) return;
  const stick = nearEnd();
  const { day, row } = dayRow(message);
  if (day !== lastDay) $("log").append(row);
  lastDay = day;
  $("log").append(messageRow(message));
  if (message.role !== "user") clearLive(message);
  $("hello").hidden = true;
  $("fresh").hidden = false;
  if (message.role !== "user" && document.hidden) countUnread();
  settleScroll(stick || message.role === "user");
}

function entryRow(key) {
  return [...$("outbox").children].find((row) => row.dataset.key === key);
}

function showEntry(entry) {
  let row = entryRow(entry.key);
  if (!row) {
    row = bubble("user", entry.text);
    row.dataset.key = entry.key;
    $("outbox").append(row);
    $("hello").hidden = true;
    settleScroll(true);
  }
  tellState(row, entry, () => outbox.retry(entry.key), () => {
    outbox.drop(entry.key);
    row.remove();
  });
}

// ---- the running turn

function showProgress({ turn: id, step, value }) {
  if (step === "over") {
    if (turn && turn.id <= id) clearLive();
    return;
  }
  const stick = nearEnd();
  if (!turn || turn.id !== id) {
    turn = { id, since: Date.now(), word: "Thinking" };
    $("live-text").hidden = true;
  }
  if (step === "thinking") turn.word = "Thinking";
  if (step === "tool") turn.word = `Using ${value}`;
  if (step === "text") {
    turn.word = "Writing";
    $("live-text").textContent = value;
    $("live-text").hidden = !value;
  }
  $("live").hidden = false;
  $("stop").hidden = false;
  tellStep();
  settleScroll(stick);
}

function tellStep() {
  if (!turn) return;
  const seconds = Math.round((Date.now() - turn.since) / 1000);
  $("live-word").textContent = seconds < 8 ? `${turn.word}…` : `${turn.word}… still working (${seconds} s)`;
}

/** Ends what is shown of a running turn; a message of another turn leaves it. */
function clearLive(message) {
  if (message && turn && message.turn && message.turn !== turn.id) return;
  if (message && message.role === "notice" && !message.turn) return;
  turn = null;
  $("live").hidden = true;
  $("live-text").textContent = "";
  $("live-text").hidden = true;
  $("stop").hidden = true;
  $("stop").disabled = false;
}

// ---- scrolling and the title

function nearEnd() {
  const main = $("scroll");
  return main.scrollHeight - main.scrollTop - main.clientHeight < 120;
}

function settleScroll(stick) {
  if (stick) $("scroll").scrollTop = $("scroll").scrollHeight;
  $("down").hidden = nearEnd();
}

function countUnread() {
  unread += 1;
  document.title = `(${unread}) ${title}`;
}

function setLink(state, word) {
  $("link").dataset.state = state;
  if ($("link").textContent !== word) $("link").textContent = word;
}

// ---- the session

/** Makes sure that there is a session and that its events are followed. */
function ensureSession() {
  if (session.token && following) return Promise.resolve();
  starting ??= startSession().finally(() => {
    starting = null;
  });
  return starting;
}

async function startSession() {
  if (!session.token) {
    stopFollowing();
    await beginSession();
    last = 0;
  }
  startFollowing();
}

async function beginSession() {
  const settings = await about();
  if (settings.access !== "token") return begin();
  for (let again = false; ; again = true) {
    const access = await askAccess(again);
    try {
      return await begin(access);
    } catch (problem) {
      if (problem.status !== 401) throw problem;
    }
  }
}

function startFollowing() {
  stopFollowing();
  following = new AbortController();
  const { token } = session;
  follow(last, token, {
    open: () => {
      setLink("on", "Connected");
      learnAbout().catch(() => {});
      outbox.flush();
    },
    lost: () => {
      setLink("off", "Connection lost; trying again…");
      clearLive();
    },
    gone: () => endOfSession(token),
    event: (name, data) => {
      if (name === "message") showMessage(data);
      if (name === "progress") showProgress(data);
    },
  }, following.signal);
}

function stopFollowing() {
  following?.abort();
  following = null;
}

function endOfSession(token) {
  if (session.token !== token) return; // another tab has begun a new one already
  session.token = null;
  stopFollowing();
  clearLive();
  setLink("on", "The earlier chat has ended; write to begin a new one");
}

async function loadHistory() {
  const { token } = session;
  try {
    const messages = await history();
    messages.forEach(showMessage);
    $("earlier").hidden = messages.length < PAGE;
  } catch (problem) {
    if (problem.status === 401) endOfSession(token);
  }
}

async function loadEarlier() {
  const messages = await history(oldest).catch(() => null);
  if (!messages) return;
  $("earlier").hidden = messages.length < PAGE;
  if (!messages.length) return;
  oldest = messages[0].id;
  const main = $("scroll");
  const fromEnd = main.scrollHeight - main.scrollTop;
  const rows = document.createDocumentFragment();
  let before = "";
  for (const message of messages.filter((other) => !isOwnSign(other))) {
    const { day, row } = dayRow(message);
    if (day !== before) rows.append(row);
    before = day;
    rows.append(messageRow(message));
  }
  $("log").setAttribute("aria-live", "off"); // old messages are not news
  $("log").prepend(rows);
  main.scrollTop = main.scrollHeight - fromEnd;
  setTimeout(() => $("log").setAttribute("aria-live", "polite"), 500);
}

async function newChat() {
  try {
    await forget();
  } catch (problem) {
    if (problem.status !== 401) return setLink("off", "Could not end this chat; please try again");
    session.token = null;
  }
  outbox.clear();
  $("outbox").replaceChildren();
  emptyLog();
  $("text").focus();
}

function emptyLog() {
  stopFollowing();
  clearLive();
  $("log").replaceChildren();
  [last, oldest, lastDay] = [0, 0, ""];
  $("hello").hidden = false;
  $("fresh").hidden = $("earlier").hidden = true;
  setLink("on", "Ready");
}

/** Another tab began or ended a chat: all tabs show the same one. */
async function changeSession() {
  emptyLog();
  if (!session.token) return;
  await loadHistory();
  if (session.token) startFollowing();
}

// ---- the banner

async function learnAbout() {
  const settings = await about();
  title = settings.title || "Chat";
  longest = settings.max_message || Infinity;
  $("title").textContent = title;
  if (!unread) document.title = title;
  showBanner(settings);
}

// ---- what the person does

function resize() {
  const text = $("text");
  if (!CSS.supports("field-sizing", "content")) {
    text.style.setProperty("height", "auto");
    text.style.setProperty("height", `${text.scrollHeight + 2}px`);
  }
  const length = [...text.value].length;
  const over = length > longest;
  $("count").textContent = over ? `Too long: ${length} of ${longest} characters` : "";
  $("send").disabled = over || !text.value.trim();
}

function sendText() {
  resize();
  if ($("send").disabled) return;
  outbox.add($("text").value);
  $("text").value = "";
  resize();
  $("text").focus();
}

async function stopTurn() {
  $("stop").disabled = true;
  try {
    await post("/stop", freshKey("stop"));
  } catch (problem) {
    $("live-word").textContent = problem.message;
    $("stop").disabled = false;
  }
}

function wireUp() {
  $("form").addEventListener("submit", (event) => {
    event.preventDefault();
    sendText();
  });
  $("text").addEventListener("input", resize);
  $("text").addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    sendText();
  });
  $("stop").addEventListener("click", stopTurn);
  $("down").addEventListener("click", () => settleScroll(true));
  $("scroll").addEventListener("scroll", () => settleScroll(false), { passive: true });
  $("scroll").addEventListener("click", (event) => {
    if (event.target.matches(".copy")) copyCode(event.target);
  });
  $("earlier").addEventListener("click", loadEarlier);
  $("fresh").addEventListener("click", () => $("ask").showModal());
  $("ask").addEventListener("close", () => $("ask").returnValue === "new" && newChat());
  $("banner-close").addEventListener("click", hideBanner);
  $("gate-close").addEventListener("click", () => $("gate").close(""));
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) return;
    unread = 0;
    document.title = title;
    learnAbout().catch(() => {});
  });
  addEventListener("storage", (event) => {
    if (event.key === SESSION) changeSession();
  });
  setInterval(tellStep, 1000);
}

async function main() {
  wireUp();
  resize();
  try {
    await learnAbout();
    setLink("on", "Ready");
  } catch {
    setLink("off", "The server cannot be reached; trying again…");
  }
  outbox.entries.forEach(showEntry);
  if (session.token) {
    await loadHistory();
    if (session.token) startFollowing();
  }
  if (outbox.next()) outbox.flush();
  if (matchMedia("(pointer: fine)").matches) $("text").focus();
}

main();
