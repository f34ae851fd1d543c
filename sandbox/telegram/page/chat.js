import { formatted, setNow, showTime } from "./format.js";

const TOAST_MS = 3500;
const RETIME_MS = 10_000;
const NEAR_BOTTOM_PX = 80;

const $ = (id) => document.getElementById(id);
const list = $("messages");
const box = $("text");

const state = {
  user: Number(new URLSearchParams(location.search).get("user")) || 1001,
  users: [],
  seen: {},
  newest: {},
  messages: new Map(),
  commands: [],
  isStarted: true,
  about: "",
  replyTo: null,
  busy: new Set(),
};

let stream = null;
let toastTimer = 0;

// --- server ---------------------------------------------------------------------

function connect() {
  stream?.close();
  stream = new EventSource(`chat/events?user=${state.user}`);
  const on = (name, act) => stream.addEventListener(name, (event) => act(JSON.parse(event.data)));
  on("hello", greet);
  on("message", receive);
  on("other", (note) => { state.newest[note.user] = note.newest; showUsers(); });
  on("commands", (note) => { state.commands = note.commands; fillMenu(); });
  stream.onerror = () => { $("status").textContent = "connecting…"; };
}

async function post(path, body) {
  const response = await fetch(path, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ user: state.user, ...body }),
  });
  if (!response.ok) throw new Error(await response.text());
  return response.json();
}

function greet(hello) {
  if (hello.user !== state.user) return;
  const stay = list.dataset.user === String(state.user) && !isNearBottom();
  setNow(hello.now_ms);
  state.users = hello.users;
  state.newest = hello.newest;
  state.commands = hello.commands;
  state.isStarted = hello.is_started;
  state.about = hello.about;
  state.messages = new Map(hello.messages.map((one) => [one.id, one]));
  list.dataset.user = state.user;
  $("status").textContent = "bot";
  const top = list.scrollTop;
  showAll();
  list.scrollTop = stay ? top : list.scrollHeight;
  fillMenu();
}

function receive(message) {
  const old = state.messages.get(message.id);
  const follow = !old || isNearBottom();
  if (message.deleted) {
    state.messages.delete(message.id);
    node(message.id)?.remove();
  } else {
    state.messages.set(message.id, message);
    if (!message.is_from_bot) state.isStarted = true;
    if (message.is_from_bot) state.newest[state.user] = Math.max(state.newest[state.user] ?? 0, message.id);
    place(message, !old);
  }
  if (message.asks_reply && !old) replyTo(message);
  showFoot();
  showUsers();
  if (follow) showNewest(old ? null : node(message.id));
}

// --- messages -------------------------------------------------------------------

const node = (id) => list.querySelector(`[data-message-id="${CSS.escape(String(id))}"]`);
const isNearBottom = () => list.scrollHeight - list.scrollTop - list.clientHeight < NEAR_BOTTOM_PX;

// A new message that is taller than the screen is shown from its beginning.
function showNewest(fresh) {
  list.scrollTop = list.scrollHeight;
  if (!fresh || fresh.offsetHeight <= list.clientHeight) return;
  fresh.scrollIntoView({ block: "start" });
}

function showAll() {
  list.replaceChildren();
  for (const message of state.messages.values()) place(message, false);
  if (!state.messages.size) list.append(aboutCard());
  showFoot();
  showUsers();
}

function aboutCard() {
  const card = make("div", "about");
  card.append(make("b", "", "What can this bot do?"), state.about || "Finds, shows and trades funding spreads.\nEverything here is pretend.");
  return card;
}

function place(message, isFresh) {
  list.querySelector(".about")?.remove();
  const drawn = draw(message);
  const old = node(message.id);
  if (old) {
    const unfolded = [...old.querySelectorAll(".folds")].map((one) => one.ariaExpanded);
    drawn.querySelectorAll(".folds").forEach((one, index) => { one.ariaExpanded = unfolded[index] ?? "false"; });
    const focused = document.activeElement?.closest(".keys button");
    const spot = focused && old.contains(focused) ? [focused.dataset.row, focused.dataset.col] : null;
    old.replaceWith(drawn);
    if (spot) drawn.querySelector(`[data-row="${spot[0]}"][data-col="${spot[1]}"]`)?.focus({ preventScroll: true });
    return;
  }
  if (isFresh) drawn.classList.add("fresh");
  const day = new Date(message.date * 1000).toLocaleDateString(undefined, { day: "numeric", month: "long" });
  if (list.dataset.day !== day || !list.children.length) {
    list.dataset.day = day;
    list.append(make("div", "day", day));
  }
  list.append(drawn);
}

function draw(message) {
  const article = make("article", `message ${message.is_from_bot ? "theirs" : "mine"}`);
  article.dataset.messageId = message.id;
  article.dataset.edited = message.edited_at ?? "";
  article.setAttribute("aria-label", message.is_from_bot ? "carrybot" : "you");
  const bubble = make("div", "bubble");
  const quoted = state.messages.get(message.reply_to);
  if (quoted) bubble.append(make("span", "quoted", quoted.text));
  const body = make("div", "body");
  if (message.attachment) body.append(attached(message.attachment));
  body.append(formatted(message.text, message.entities));
  body.append(meta(message));
  bubble.append(body);
  article.append(bubble);
  if (message.attachment?.kind === "photo") article.classList.add("with-picture");
  if (message.entities.some((one) => one.type === "pre")) article.classList.add("with-table");
  if (message.rows.length) {
    article.classList.add("with-keys");
    article.append(keys(message));
  }
  return article;
}

function attached(file) {
  if (file.kind === "photo") {
    const picture = make("img", "picture");
    Object.assign(picture, { src: file.url, alt: "picture", width: file.width, height: file.height });
    // files live as long as the sandbox runs
    picture.addEventListener("error", () => picture.replaceWith(make("div", "quoted", "📎 picture")));
    return picture;
  }
  const link = make("a", "file", `📎 ${file.name}`);
  Object.assign(link, { href: file.url, download: file.name });
  return link;
}

function meta(message) {
  const line = make("span", "meta");
  if (message.silent) line.append(labelled("🔕", "sent silently"));
  if (message.protected) line.append(labelled("🔒", "protected from forwarding"));
  if (message.edited_at) line.append(make("span", "", "edited"));
  const moment = new Date(message.date * 1000);
  const time = make("time", "", moment.toLocaleTimeString(undefined, { hour: "2-digit", minute: "2-digit", hour12: false }));
  time.dateTime = moment.toISOString();
  line.append(time);
  return line;
}

function labelled(sign, words) {
  const span = make("span", "", sign);
  span.title = words;
  span.setAttribute("aria-label", words);
  return span;
}

function keys(message) {
  const grid = make("div", "keys");
  message.rows.forEach((row, rowIndex) => {
    const line = make("div");
    row.forEach((button, colIndex) => line.append(key(message, button, rowIndex, colIndex)));
    grid.append(line);
  });
  return grid;
}

function key(message, button, row, col) {
  const drawn = make("button", "", button.label);
  drawn.type = "button";
  drawn.title = button.label;
  Object.assign(drawn.dataset, { button: button.label, row, col, style: button.style ?? "", action: button.action });
  if (button.data !== null) drawn.dataset.callback = button.data;
  drawn.setAttribute("aria-busy", state.busy.has(`${message.id}/${row}/${col}`));
  drawn.addEventListener("click", () => press(message, button, row, col));
  return drawn;
}

async function press(message, button, row, col) {
  if (button.action === "copy_text") {
    await navigator.clipboard?.writeText(button.value);
    toast("Copied");
    return;
  }
  if (button.action !== "callback_data") {
    toast(button.value);
    return;
  }
  const spot = `${message.id}/${row}/${col}`;
  setBusy(spot, true);
  try {
    const answer = await post("chat/tap", { message_id: message.id, row, col });
    if (answer.text && answer.alert) showAlert(answer.text);
    else if (answer.text) toast(answer.text);
  } catch (error) {
    toast(error.message);
  } finally {
    setBusy(spot, false);
  }
}

function setBusy(spot, isBusy) {
  if (isBusy) state.busy.add(spot);
  else state.busy.delete(spot);
  const [id, row, col] = spot.split("/");
  node(id)?.querySelector(`.keys [data-row="${row}"][data-col="${col}"]`)?.setAttribute("aria-busy", isBusy);
}

// --- toast and dialog -------------------------------------------------------------

function toast(words) {
  const pill = $("toast");
  pill.hidden = true;
  pill.textContent = words;
  pill.hidden = false;
  clearTimeout(toastTimer);
  toastTimer = setTimeout(() => { pill.hidden = true; }, TOAST_MS);
}

function showAlert(words) {
  $("alert-text").textContent = words;
  if (!$("alert").open) $("alert").showModal();
}

// --- people -----------------------------------------------------------------------

function showUsers() {
  state.seen[state.user] = state.newest[state.user] ?? 0;
  const buttons = state.users.map((user) => {
    const button = make("button", "", user.name);
    button.type = "button";
    button.dataset.user = user.id;
    button.setAttribute("aria-pressed", user.id === state.user);
    if (user.name.toLowerCase() !== user.role) button.append(make("small", "", user.role));
    else button.append(make("small", "", "no rights"));
    if ((state.newest[user.id] ?? 0) > (state.seen[user.id] ?? 0)) {
      const dot = make("span", "unread");
      dot.setAttribute("aria-label", "unread");
      button.append(dot);
    }
    button.addEventListener("click", () => become(user.id));
    return button;
  });
  const held = document.activeElement?.dataset?.user;
  $("users").replaceChildren(...buttons);
  if (held) $("users").querySelector(`[data-user="${held}"]`)?.focus();
}

function become(user) {
  if (user === state.user) return;
  state.user = user;
  state.messages.clear();
  state.busy.clear();
  stopReply();
  $("toast").hidden = true;
  history.replaceState(null, "", `?user=${user}`);
  closeMenu();
  connect();
}

// --- writing ----------------------------------------------------------------------

function showFoot() {
  $("start").hidden = state.isStarted;
  $("composer").hidden = !state.isStarted;
}

async function say(text) {
  const words = text.trim();
  if (!words) return;
  const reply = state.replyTo;
  closeMenu();
  stopReply();
  try {
    await post("chat/send", { text: words, reply_to: reply });
  } catch (error) {
    toast(error.message);
  }
}

function submit() {
  const text = box.value;
  box.value = "";
  grow();
  say(text);
}

function grow() {
  box.style.height = "38px";
  box.style.height = `${Math.min(box.scrollHeight + 2, 120)}px`;
}

function replyTo(message) {
  state.replyTo = message.id;
  $("replying-to").textContent = `Reply to: ${message.text}`;
  $("replying").hidden = false;
  box.focus();
}

function stopReply() {
  state.replyTo = null;
  $("replying").hidden = true;
}

// --- command menu -----------------------------------------------------------------

function fillMenu() {
  const typed = box.value.startsWith("/") ? box.value.slice(1).toLowerCase() : "";
  const fitting = state.commands.filter((one) => one.command.startsWith(typed));
  $("menu").replaceChildren(...fitting.map(commandLine));
  if (!fitting.length) $("menu").append(make("li", "none", "No commands for you here"));
}

function commandLine(command, index) {
  const line = make("li");
  line.dataset.command = `/${command.command}`;
  line.setAttribute("role", "option");
  line.setAttribute("aria-selected", index === 0);
  line.append(make("b", "", `/${command.command}`), make("span", "", command.description));
  line.addEventListener("click", () => { box.value = ""; grow(); say(line.dataset.command); });
  return line;
}

function openMenu() {
  fillMenu();
  $("menu").hidden = false;
  $("menu-button").setAttribute("aria-expanded", "true");
}

function closeMenu() {
  $("menu").hidden = true;
  $("menu-button").setAttribute("aria-expanded", "false");
}

function moveInMenu(step) {
  const lines = [...$("menu").querySelectorAll("[role=option]")];
  const now = lines.findIndex((one) => one.ariaSelected === "true");
  const next = lines[(now + step + lines.length) % lines.length];
  lines.forEach((one) => one.setAttribute("aria-selected", one === next));
  next?.scrollIntoView({ block: "nearest" });
}

function onKey(event) {
  const isOpen = !$("menu").hidden;
  if (event.key === "Escape") closeMenu();
  if (isOpen && (event.key === "ArrowDown" || event.key === "ArrowUp")) {
    event.preventDefault();
    moveInMenu(event.key === "ArrowDown" ? 1 : -1);
  }
  if (isOpen && event.key === "Tab") {
    const chosen = $("menu").querySelector("[aria-selected=true]");
    if (chosen) { event.preventDefault(); box.value = `${chosen.dataset.command} `; closeMenu(); }
  }
  if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
    event.preventDefault();
    submit();
  }
}

// --- small things -----------------------------------------------------------------

function make(tag, className = "", text = "") {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text) made.textContent = text;
  return made;
}

function activate(target) {
  const fold = target.closest(".folds, .spoiler");
  if (fold) fold.setAttribute("aria-expanded", fold.getAttribute("aria-expanded") !== "true");
  const command = target.closest("a[data-command]");
  if (command) say(command.dataset.command);
}

list.addEventListener("click", (event) => activate(event.target));
list.addEventListener("keydown", (event) => {
  if (event.key === "Enter" || event.key === " ") {
    if (event.target.matches(".folds, .spoiler, a[data-command]")) { event.preventDefault(); activate(event.target); }
  }
});
list.addEventListener("scroll", () => { $("down").hidden = isNearBottom(); }, { passive: true });
new ResizeObserver(() => { if ($("down").hidden) list.scrollTop = list.scrollHeight; }).observe(list);
$("down").addEventListener("click", () => { list.scrollTo({ top: list.scrollHeight, behavior: "smooth" }); });
$("composer").addEventListener("submit", (event) => { event.preventDefault(); submit(); });
$("start").addEventListener("click", () => say("/start"));
$("menu-button").addEventListener("click", () => ($("menu").hidden ? openMenu() : closeMenu()));
$("replying-stop").addEventListener("click", stopReply);
box.addEventListener("keydown", onKey);
box.addEventListener("input", () => {
  grow();
  if (/^\/\w*$/.test(box.value)) openMenu();
  else closeMenu();
});
document.addEventListener("click", (event) => { if (!event.target.closest(".foot")) closeMenu(); });
setInterval(() => { list.querySelectorAll("time[data-format='r']").forEach(showTime); }, RETIME_MS);
connect();
