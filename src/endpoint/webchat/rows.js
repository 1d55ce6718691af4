// Rows of the conversation.

import { render } from "./markdown.js";

const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
const calendar = new Intl.DateTimeFormat(undefined, { weekday: "long", day: "numeric", month: "long" });

/** A message's frame: what is said, and an empty line below it. */
export function bubble(role, text) {
  const article = document.createElement("article");
  article.className = role;
  const box = document.createElement("div");
  box.className = "bubble";
  if (role === "user") box.textContent = text;
  else box.append(render(text));
  const meta = document.createElement("p");
  meta.className = "meta";
  article.append(box, meta);
  return article;
}

const WHO = { user: "You", agent: "Agent", operator: "Operator", notice: "Notice", error: "Problem" };

/** A message that is there, with its time. */
export function messageRow(message) {
  const row = bubble(message.role, message.text);
  const who = document.createElement("span");
  who.className = "unseen";
  who.textContent = `${WHO[message.role] || "Agent"}: `;
  row.prepend(who);
  const time = document.createElement("time");
  const at = new Date(message.at);
  time.dateTime = at.toISOString();
  time.title = at.toLocaleString();
  time.textContent = (message.role === "operator" ? "Operator · " : "") + clock.format(at);
  row.lastChild.append(time);
  return row;
}

/** Whether it is what the Stop button said, which is no part of the conversation. */
export const isOwnSign = (message) => message.role === "user" && /^stop-/.test(message.key || "");

/** The message's day, and a row that says it. */
export function dayRow(message) {
  const day = calendar.format(new Date(message.at));
  const row = document.createElement("p");
  row.className = "day";
  row.textContent = day;
  return { day, row };
}

const STATES = { waiting: "Waiting…", sending: "Sending…", sent: "Sent", failed: "Not sent" };

/** Shows under its row how far a message on its way is. */
export function tellState(row, entry, retry, discard) {
  const word = document.createElement("span");
  word.textContent = entry.reason || STATES[entry.state];
  row.lastChild.replaceChildren(word);
  if (entry.state !== "failed") return;
  word.className = "bad";
  for (const [name, work] of [["Retry", retry], ["Discard", discard]]) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "quiet";
    button.textContent = name;
    button.addEventListener("click", work);
    row.lastChild.append(button);
  }
}
