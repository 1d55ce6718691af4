// Markdown into elements. Text becomes text nodes only: nothing in it can become markup, load
// anything, or run. Images are shown as links, since fetching one tells its server who reads.

const DEPTH = 8;
const SAFE = /^(?:https?:\/\/|mailto:)[^\s<>]+$/i;
const FENCE = /^ {0,3}(`{3,}(?=[^`]*$)|~{3,})\s*(\S*)/;
const HEADING = /^ {0,3}(#{1,6})\s+(\S.*)$/;
const RULE = /^ {0,3}(?:(?:\*\s*){3,}|(?:-\s*){3,}|(?:_\s*){3,})$/;
const QUOTE = /^ {0,3}> ?/;
const ITEM = /^( *)([-*+]|\d{1,9}[.)])(?:\s+(.*)|$)/;
const DIVIDER = /^ {0,3}\|?\s*:?-+:?\s*(?:\|\s*:?-+:?\s*)*\|?\s*$/;

/** The elements that `text` describes. */
export function render(text) {
  const root = document.createDocumentFragment();
  blocks(root, text.replace(/\r\n?/g, "\n").replace(/\t/g, "    ").split("\n"), 0);
  return root;
}

function make(parent, name, text) {
  const element = document.createElement(name);
  if (text !== undefined) element.textContent = text;
  parent.append(element);
  return element;
}

function blocks(parent, lines, depth) {
  let at = 0;
  while (at < lines.length) {
    const line = lines[at];
    let end = at + 1;
    if (!line.trim()) { /* nothing */ }
    else if (FENCE.test(line)) end = fence(parent, lines, at);
    else if (HEADING.test(line)) heading(parent, line, depth);
    else if (RULE.test(line)) make(parent, "hr");
    else if (QUOTE.test(line) && depth < DEPTH) end = quote(parent, lines, at, depth);
    else if (ITEM.test(line) && depth < DEPTH) end = list(parent, lines, at, depth);
    else if (isTable(lines, at)) end = table(parent, lines, at, depth);
    else end = paragraph(parent, lines, at, depth);
    at = end;
  }
}

function fence(parent, lines, at) {
  const [, mark, language] = FENCE.exec(lines[at]);
  const indent = lines[at].search(/\S/);
  const closes = (line) => {
    const bare = line.trim();
    return bare.length >= mark.length && bare === mark[0].repeat(bare.length);
  };
  let end = at + 1;
  while (end < lines.length && !closes(lines[end])) end += 1;
  const body = lines.slice(at + 1, end).map((line) => line.slice(Math.min(indent, Math.max(0, line.search(/\S/)))));
  code(parent, body.join("\n"), language);
  return Math.min(end + 1, lines.length);
}

function code(parent, text, language) {
  const figure = make(parent, "figure");
  figure.className = "code";
  const bar = make(figure, "figcaption");
  make(bar, "span", language || "code");
  const copy = make(bar, "button", "Copy");
  copy.type = "button";
  copy.className = "copy";
  const pre = make(figure, "pre");
  pre.tabIndex = 0;
  make(pre, "code", text);
}

function heading(parent, line, depth) {
  const [, marks, text] = HEADING.exec(line);
  const bare = text.trimEnd().replace(/\s#+$/, "");
  inline(make(parent, `h${Math.min(6, marks.length + 2)}`), bare, depth);
}

function quote(parent, lines, at, depth) {
  let end = at;
  while (end < lines.length && QUOTE.test(lines[end])) end += 1;
  const inner = lines.slice(at, end).map((line) => line.replace(QUOTE, ""));
  blocks(make(parent, "blockquote"), inner, depth + 1);
  return end;
}

function list(parent, lines, at, depth) {
  const [, indent, first] = ITEM.exec(lines[at]);
  const ordered = /\d/.test(first);
  const root = make(parent, ordered ? "ol" : "ul");
  if (ordered && parseInt(first, 10) !== 1) root.start = parseInt(first, 10);
  let end = at;
  while (end < lines.length) {
    const item = ITEM.exec(lines[end]);
    if (!item || item[1].length > indent.length + 1 || /\d/.test(item[2]) !== ordered) break;
    if (item[1].length < indent.length || RULE.test(lines[end])) break;
    const inset = item[1].length + item[2].length + 1;
    const inner = [item[3] || ""];
    end += 1;
    while (end < lines.length && belongs(lines, end, inset)) {
      inner.push(lines[end].slice(Math.min(inset, Math.max(0, lines[end].search(/\S|$/)))));
      end += 1;
    }
    entry(make(root, "li"), inner, depth);
    if (end + 1 < lines.length && !lines[end].trim() && ITEM.test(lines[end + 1])) end += 1;
  }
  return end;
}

/** Whether a line goes on with the list item whose text begins at column `inset`. */
function belongs(lines, at, inset) {
  const column = lines[at].search(/\S/);
  if (column < 0) return at + 1 < lines.length && lines[at + 1].search(/\S/) >= inset;
  if (column >= Math.min(inset, 2) && column >= inset - 1) return true;
  return lines[at - 1].trim() !== "" && !startsBlock(lines[at]);
}

function entry(parent, lines, depth) {
  const task = /^\[([ xX])\]\s+/.exec(lines[0]);
  if (task) {
    lines[0] = lines[0].slice(task[0].length);
    make(parent, "span", task[1] === " " ? "☐ " : "☑ ");
  }
  const tight = lines.every((line) => line.trim()) && lines.slice(1).every((line) => !startsBlock(line));
  if (tight) inline(parent, lines.join("\n"), depth);
  else blocks(parent, lines, depth + 1);
}

function startsBlock(line) {
  return [FENCE, HEADING, RULE, QUOTE, ITEM].some((pattern) => pattern.test(line));
}

function isTable(lines, at) {
  return lines[at].includes("|") && at + 1 < lines.length && lines[at + 1].includes("-")
    && DIVIDER.test(lines[at + 1]) && cells(lines[at]).length === cells(lines[at + 1]).length;
}

function cells(line) {
  const inner = line.trim().replace(/^\|/, "").replace(/(?<!\\)\|$/, "");
  return inner.split(/(?<!\\)\|/).map((cell) => cell.trim().replace(/\\\|/g, "|"));
}

function table(parent, lines, at, depth) {
  const frame = make(parent, "div");
  frame.className = "table";
  frame.tabIndex = 0;
  const root = make(frame, "table");
  const sides = cells(lines[at + 1]).map((cell) => (cell.endsWith(":") ? (cell.startsWith(":") ? "middle" : "right") : ""));
  const row = (place, name, line) => {
    const values = cells(line);
    const tr = make(place, "tr");
    sides.forEach((side, column) => {
      const cell = make(tr, name);
      if (side) cell.className = side;
      inline(cell, values[column] || "", depth);
    });
  };
  row(make(root, "thead"), "th", lines[at]);
  const body = make(root, "tbody");
  let end = at + 2;
  while (end < lines.length && lines[end].includes("|") && lines[end].trim()) row(body, "td", lines[end++]);
  return end;
}

function paragraph(parent, lines, at, depth) {
  let end = at + 1;
  while (end < lines.length && lines[end].trim() && !startsBlock(lines[end]) && !isTable(lines, end)) end += 1;
  inline(make(parent, "p"), lines.slice(at, end).map((line) => line.trim()).join("\n"), depth);
  return end;
}

// Inline. `dead` remembers marks that nothing closes any more, so that odd text stays quick.
function inline(parent, text, depth, dead = new Set()) {
  let at = 0;
  let plain = "";
  const flush = () => {
    if (plain) parent.append(plain);
    plain = "";
  };
  while (at < text.length) {
    const found = span(text, at, depth, dead);
    if (found) {
      flush();
      parent.append(found.node);
      at = found.end;
    } else if (text[at] === "\\" && /[!-/:-@[-`{-~]/.test(text[at + 1] || "")) {
      plain += text[at + 1];
      at += 2;
    } else {
      const run = /^(?:[*_~`]+|.)/su.exec(text.slice(at, at + 64))[0];
      plain += run;
      at += run.length;
    }
  }
  flush();
}

function span(text, at, depth, dead) {
  const letter = text[at];
  if (letter === "\n") return { node: document.createElement("br"), end: at + 1 };
  if (letter === "`") return codeSpan(text, at, dead);
  if (depth >= DEPTH) return null;
  if (letter === "[" || (letter === "!" && text[at + 1] === "[")) return link(text, at, depth, dead);
  if (letter === "<" || letter === "h") return address(text, at);
  if (letter === "*" || letter === "_" || letter === "~") return emphasis(text, at, depth, dead);
  return null;
}

function codeSpan(text, at, dead) {
  const mark = /^`+/.exec(text.slice(at, at + 64))[0];
  if (dead.has(mark)) return null;
  let end = text.indexOf(mark, at + mark.length);
  while (end >= 0 && text[end + mark.length] === "`") {
    while (text[end] === "`") end += 1;
    end = text.indexOf(mark, end);
  }
  if (end < 0) {
    dead.add(mark);
    return null;
  }
  const node = document.createElement("code");
  const inner = text.slice(at + mark.length, end).replace(/\n/g, " ");
  node.textContent = /^ .*[^ ].* $/.test(inner) ? inner.slice(1, -1) : inner;
  return { node, end: end + mark.length };
}

function anchor(url) {
  const node = document.createElement("a");
  node.href = url;
  node.rel = "noopener noreferrer nofollow";
  node.target = "_blank";
  return node;
}

function link(text, at, depth, dead) {
  const begin = text[at] === "!" ? at + 2 : at + 1;
  const rest = text.slice(begin, begin + 3000);
  const found = /^((?:[^[\]\\\n]|\\.|\[[^[\]\n]{0,200}\]){0,1000})\]\(\s*<?((?:[^\s()<>]|\([^\s()<>]{0,200}\)){1,2000})>?(?:\s+"[^"\n]{0,200}")?\s*\)/.exec(rest);
  if (!found || !SAFE.test(found[2])) return null;
  const node = anchor(found[2]);
  if (text[at] === "!") node.append(found[1] || found[2]);
  else inline(node, found[1] || found[2], DEPTH, dead); // no link within a link
  return { node, end: begin + found[0].length };
}

function address(text, at) {
  const rest = text.slice(at, at + 2100);
  const framed = /^<((?:https?:\/\/|mailto:)[^\s<>]{1,2000})>/i.exec(rest);
  if (framed) {
    const node = anchor(framed[1]);
    node.textContent = framed[1];
    return { node, end: at + framed[0].length };
  }
  if (text[at] !== "h" || /[\w/]/.test(text[at - 1] || "")) return null;
  const bare = /^https?:\/\/[^\s<>`*|]{1,2000}/.exec(rest);
  if (!bare) return null;
  let url = bare[0].replace(/[.,:;!?'"]+$/, "");
  if (url.endsWith(")") && !url.includes("(")) url = url.replace(/\)+[.,:;!?'"]*$/, "");
  const node = anchor(url);
  node.textContent = url;
  return { node, end: at + url.length };
}

function emphasis(text, at, depth, dead) {
  const letter = text[at];
  const run = /^(?:\*+|_+|~+)/.exec(text.slice(at, at + 8))[0].length;
  const size = run >= 2 ? 2 : 1;
  if (run > 3 || (letter === "~" && run !== 2) || /\s|^$/.test(text[at + run] || "")) return null;
  if (letter === "_" && /\w/.test(text[at - 1] || "")) return null;
  const mark = letter.repeat(size);
  if (dead.has(mark)) return null;
  const end = closing(text, at + size, mark);
  if (end < 0) {
    dead.add(mark);
    return null;
  }
  const node = document.createElement(letter === "~" ? "del" : size === 2 ? "strong" : "em");
  inline(node, text.slice(at + size, end), depth + 1);
  return { node, end: end + size };
}

function closing(text, from, mark) {
  const letter = mark[0];
  for (let at = from; at < text.length; at += 1) {
    if (text[at] === "\\") at += 1;
    else if (text[at] === "`") at = skipCode(text, at);
    else if (text[at] === letter) {
      let run = 1;
      while (text[at + run] === letter) run += 1;
      const ends = at > from && !/\s/.test(text[at - 1]) && !(letter === "_" && /\w/.test(text[at + run] || ""));
      const fits = mark.length === 2 ? run >= 2 : run === 1 || run >= 3;
      if (ends && fits) return at + run - mark.length;
      at += run - 1;
    }
  }
  return -1;
}

function skipCode(text, at) {
  const mark = /^`+/.exec(text.slice(at, at + 64))[0];
  const end = text.indexOf(mark, at + mark.length);
  return end < 0 || end - at > 2000 ? at + mark.length - 1 : end + mark.length - 1;
}
