// Smaller parts of the page: the banner, the question for the access token, copying code.

import { Declined } from "./wire.js";

const $ = (id) => document.getElementById(id);
let hidden = "";

/** Says what kind of chat this is, where that is not plain to see. */
export function showBanner({ mode }) {
  const words = {
    echo: ["Echo mode: your messages come back as they are. To connect an agent, run ",
      "broca init", ", or set ", "AGENT_ID", " and ", "AGENT_ENDPOINT", "."],
    listen: ["Your messages are kept, and nobody answers at the moment."],
  }[mode];
  $("banner").hidden = !words || hidden === mode;
  $("banner").dataset.mode = mode || "";
  $("banner-text").replaceChildren(...(words || []).map((word, place) => {
    if (place % 2 === 0) return word;
    const code = document.createElement("code");
    code.textContent = word;
    return code;
  }));
}

/** Hides the banner until the mode changes. */
export function hideBanner() {
  hidden = $("banner").dataset.mode;
  $("banner").hidden = true;
}

/** Asks for the operator's token. Fails with `Declined` where none is given. */
export function askAccess(again) {
  const gate = $("gate");
  if (again) $("gate-text").textContent = "That token was not right. Please try again.";
  $("gate-token").value = "";
  gate.returnValue = "";
  gate.showModal();
  return new Promise((given, declined) => {
    gate.addEventListener("close", () => {
      const value = $("gate-token").value.trim();
      if (gate.returnValue === "open" && value) given(value);
      else declined(new Declined());
    }, { once: true });
  });
}

/** Puts a code block on the clipboard, or selects it where there is none. */
export async function copyCode(button) {
  const text = button.closest(".code").querySelector("pre").textContent;
  try {
    await navigator.clipboard.writeText(text);
    button.textContent = "Copied";
  } catch {
    getSelection().selectAllChildren(button.closest(".code").querySelector("pre"));
    button.textContent = "Selected";
  }
  setTimeout(() => {
    button.textContent = "Copy";
  }, 2000);
}
