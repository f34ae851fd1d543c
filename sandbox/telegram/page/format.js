// Text and entities in, DOM nodes out. Nothing here parses HTML: every character of the
// bot ends in a text node. Offsets are UTF-16 units, the same as JavaScript's.

const WIDE = /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe4f\uff00-\uff60\uffe0-\uffe6]/u;
const COMMAND = /(^|\s)(\/[a-zA-Z][a-zA-Z0-9_]{0,31})(?![\w/])/g;
const SAFE_LINK = /^(https?|tg):/i;

const SIMPLE = {
  bold: "b", italic: "i", underline: "u", strikethrough: "s", code: "code", pre: "pre",
};

const BLOCK = new Set(["pre", "blockquote", "expandable_blockquote"]);

// Pretend time minus the browser's: the sandbox clock may stand still or jump.
let aheadMs = 0;

export function setNow(nowMs) {
  aheadMs = nowMs - Date.now();
}

export function formatted(text, entities) {
  const sorted = [...entities].sort((a, b) => a.offset - b.offset || b.length - a.length);
  const root = document.createDocumentFragment();
  fill(root, text, 0, text.length, sorted, false);
  return root;
}

function fill(parent, text, from, to, entities, verbatim) {
  let at = from;
  let index = 0;
  while (index < entities.length) {
    const entity = entities[index];
    const end = entity.offset + entity.length;
    let next = index + 1;
    while (next < entities.length && entities[next].offset < end) next += 1;
    plain(parent, text.slice(at, entity.offset), verbatim);
    const [outer, inner] = element(entity);
    const strict = verbatim || entity.type === "pre" || entity.type === "code";
    fill(inner, text, entity.offset, end, entities.slice(index + 1, next), strict);
    parent.append(outer);
    if (entity.type === "date_time") showTime(outer);
    at = end;
    // A block ends its line by itself: the line break after it is no empty line.
    if (BLOCK.has(entity.type) && at < to && text[at] === "\n") at += 1;
    index = next;
  }
  plain(parent, text.slice(at, to), verbatim);
}

function plain(parent, text, verbatim) {
  if (!text) return;
  if (verbatim) widened(parent, text);
  else linked(parent, text);
}

// In a table a Chinese character takes two cells, whatever the fallback font thinks.
function widened(parent, text) {
  for (const piece of text.split(/(?<=[\u1100-\uffe6])|(?=[\u1100-\uffe6])/u)) {
    if (!WIDE.test(piece)) {
      parent.append(piece);
      continue;
    }
    const cell = document.createElement("span");
    cell.className = "wide";
    cell.textContent = piece;
    parent.append(cell);
  }
}

function linked(parent, text) {
  let at = 0;
  for (const match of text.matchAll(COMMAND)) {
    const start = match.index + match[1].length;
    parent.append(text.slice(at, start));
    const link = document.createElement("a");
    link.dataset.command = match[2];
    link.setAttribute("role", "link");
    link.tabIndex = 0;
    link.textContent = match[2];
    parent.append(link);
    at = start + match[2].length;
  }
  parent.append(text.slice(at));
}

// Returns the node to insert and the node that takes the content.
function element(entity) {
  const kind = entity.type;
  if (SIMPLE[kind]) return same(document.createElement(SIMPLE[kind]));
  if (kind === "blockquote" || kind === "expandable_blockquote") return quote(kind);
  if (kind === "spoiler") return spoiler();
  if (kind === "text_link" && SAFE_LINK.test(entity.url)) {
    const link = document.createElement("a");
    link.href = entity.url;
    link.target = "_blank";
    link.rel = "noopener noreferrer";
    return same(link);
  }
  if (kind === "date_time") {
    const time = document.createElement("time");
    time.dataset.unix = entity.unix_time;
    time.dataset.format = entity.date_time_format ?? "";
    return same(time);
  }
  return same(document.createElement("span"));
}

const same = (node) => [node, node];

function quote(kind) {
  const outer = document.createElement("blockquote");
  const inner = document.createElement("div");
  inner.className = "inner";
  outer.append(inner);
  if (kind === "expandable_blockquote") {
    outer.classList.add("folds");
    outer.tabIndex = 0;
    outer.setAttribute("role", "button");
    outer.setAttribute("aria-expanded", "false");
  }
  return [outer, inner];
}

function spoiler() {
  const node = document.createElement("span");
  node.className = "spoiler";
  node.tabIndex = 0;
  node.setAttribute("role", "button");
  node.setAttribute("aria-expanded", "false");
  return same(node);
}

export function showTime(node) {
  const moment = new Date(Number(node.dataset.unix) * 1000);
  node.dateTime = moment.toISOString();
  node.title = moment.toLocaleString();
  if (node.dataset.format) node.textContent = timeText(moment, node.dataset.format);
}

function timeText(moment, format) {
  if (format === "r") return relative((moment - Date.now() - aheadMs) / 1000);
  const options = {};
  if (format.includes("w")) options.weekday = "short";
  if (format.includes("d")) Object.assign(options, { year: "2-digit", month: "2-digit", day: "2-digit" });
  if (format.includes("D")) Object.assign(options, { year: "numeric", month: "long", day: "numeric" });
  if (/[tT]/.test(format)) Object.assign(options, { hour: "2-digit", minute: "2-digit" });
  if (format.includes("T")) options.second = "2-digit";
  return moment.toLocaleString(undefined, { ...options, hour12: false });
}

function relative(seconds) {
  const size = Math.abs(seconds);
  const steps = [[60, 1, "second"], [3600, 60, "minute"], [86400, 3600, "hour"], [Infinity, 86400, "day"]];
  const [, unit, name] = steps.find(([limit]) => size < limit);
  const words = new Intl.RelativeTimeFormat(undefined, { numeric: "auto" });
  return words.format(Math.round(seconds / unit), name);
}
