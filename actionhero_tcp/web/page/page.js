/** The live page: asks the server for its state each second, and shows it. */

import { ActionHero, AnswerError } from "./actionhero.js";

const SECOND = 1000;
const KEPT = 120;
const ROWS = 50;
const at = (id) => document.getElementById(id);

/** Makes an element: text is only ever set as text, so nothing that a client sent becomes markup. */
function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "onclick") element.addEventListener("click", value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value !== undefined) element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child !== undefined));
  return element;
}

const counts = new Intl.NumberFormat("en");
const short = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });

function bytes(value) {
  for (const unit of ["bytes", "KiB", "MiB"]) {
    if (value < 1024) return `${unit === "bytes" ? value : value.toFixed(1)} ${unit}`;
    value /= 1024;
  }
  return `${value.toFixed(1)} GiB`;
}

function duration(seconds) {
  if (seconds < 60) return `${Math.round(seconds)} s`;
  if (seconds < 3600) return `${Math.round(seconds / 60)} min`;
  return seconds < 172800 ? `${(seconds / 3600).toFixed(1)} h` : `${Math.round(seconds / 86400)} days`;
}

const milliseconds = (seconds) =>
  seconds === null ? "–" : seconds < 0.001 ? `${Math.round(seconds * 1e6)} µs` : `${(seconds * 1000).toPrecision(3)} ms`;

async function ask(path, parameters = {}, method = "GET") {
  const query = new URLSearchParams(parameters);
  const response = await fetch(`state/${path}?${query}`, { method, cache: "no-store" });
  if (!response.ok) throw new Error((await response.text()).trim());
  return response.json();
}

/* Plots */

const SVG = "http://www.w3.org/2000/svg";

function shape(tag, attributes) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  return element;
}

/** Draws one or two series of the last two minutes; null leaves a gap. */
function plot(svg, series, show) {
  const width = 300;
  const height = 100;
  const values = series.flat().filter((value) => value !== null);
  const top = Math.max(...values, 0) * 1.15 || 1;
  const x = (index) => (index * width) / (KEPT - 1);
  const y = (value) => height - (value / top) * height;
  svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
  svg.setAttribute("preserveAspectRatio", "none");
  const parts = [0, 0.5].map((level) => shape("line", { x1: 0, x2: width, y1: height * level, y2: height * level }));
  parts.push(shape("line", { x1: 0, x2: width, y1: height, y2: height }));
  series.forEach((line, number) => {
    let path = "";
    let last = null;
    line.forEach((value, index) => {
      if (value !== null) path += `${last === null ? "M" : "L"}${x(index).toFixed(1)},${y(value).toFixed(1)}`;
      last = value;
    });
    const first = line.findIndex((value) => value !== null);
    if (number === 0 && series.length === 1 && first >= 0) {
      parts.push(shape("path", { class: "area", d: `${path}L${width},${height}L${x(first).toFixed(1)},${height}Z` }));
    }
    parts.push(shape("path", { class: number ? "second" : "first", d: path }));
  });
  svg.replaceChildren(...parts);
  svg.setAttribute("aria-label", `${svg.dataset.label}; now ${show}`);
}

const history = { requests: [], median: [], slow: [], connections: [], queued: [] };
for (const line of Object.values(history)) line.push(...Array(KEPT).fill(null));
for (const svg of document.querySelectorAll("figure svg")) svg.dataset.label = svg.getAttribute("aria-label");

function keep(name, value) {
  history[name].push(value);
  history[name].shift();
}

/* Overview */

let before = null;

/** The latency below which a share of the actions between two looks were answered, in seconds. */
function quantile(bounds, counted, share) {
  const total = counted.reduce((sum, count) => sum + count, 0);
  if (!total) return null;
  let left = total * share;
  for (const [index, count] of counted.entries()) {
    if (count && left <= count) {
      const end = bounds[Math.min(index, bounds.length - 1)];
      const begin = index ? bounds[index - 1] : 0;
      // As Prometheus does: within a bucket durations are taken to be spread evenly.
      return begin + (end - begin) * (left / count);
    }
    left -= count;
  }
  return bounds[bounds.length - 1];
}

function facts(list, rows) {
  list.replaceChildren(...rows.flatMap(([name, value]) => [make("dt", {}, name), make("dd", {}, value)]));
}

function showOverview(now) {
  const { server, totals } = now;
  const elapsed = before === null ? 0 : now.monotonic - before.monotonic;
  const fresh = elapsed > 0 && before.server.id === server.id;
  const rate = fresh ? (totals.requests - before.totals.requests) / elapsed : null;
  const busy = fresh ? (totals.processorSeconds - before.totals.processorSeconds) / elapsed : null;
  const ran = fresh ? now.latency.counts.map((count, index) => count - before.latency.counts[index]) : [];
  const median = fresh ? quantile(now.latency.bounds, ran, 0.5) : null;
  const slow = fresh ? quantile(now.latency.bounds, ran, 0.99) : null;
  before = now;
  keep("requests", rate);
  keep("median", median);
  keep("slow", slow);
  keep("connections", totals.connections);
  keep("queued", totals.queuedBytes);
  const shown = {
    requests: rate === null ? "–" : `${short.format(rate)}/s`,
    latency: `p50 ${milliseconds(median)} · p99 ${milliseconds(slow)}`,
    connections: counts.format(totals.connections),
    queued: bytes(totals.queuedBytes),
  };
  for (const [name, text] of Object.entries(shown)) at(`${name}-now`).value = text;
  plot(at("plot-requests"), [history.requests], shown.requests);
  plot(at("plot-latency"), [history.median, history.slow], shown.latency);
  plot(at("plot-connections"), [history.connections], shown.connections);
  plot(at("plot-queued"), [history.queued], shown.queued);
  clientPort = server.port;
  at("name").textContent = server.name;
  document.title = `${server.name} · actionhero-tcp`;
  facts(at("facts"), [
    ["Up", duration(server.uptimeSeconds)],
    ["Processor", busy === null ? "–" : `${Math.round(busy * 100)} % of a core`],
    ["Memory", bytes(totals.memoryBytes)],
    ["Requests served", counts.format(totals.requests)],
    ["Clients since the start", counts.format(totals.connectedEver)],
    ["Rooms", counts.format(totals.rooms)],
    ["Times the loop was blocked", counts.format(totals.blocked)],
    ["Workers", counts.format(server.workers)],
    ["Event loop", server.reactor],
  ]);
  const nodes = server.nodes.map((id, index) => make("li", {}, make("code", {}, id), index ? "" : " (this one)"));
  if (server.clusterError) nodes.push(make("li", { class: "hint" }, server.clusterError));
  at("nodes").replaceChildren(...nodes);
  const closed = Object.entries(now.closed).sort((one, other) => other[1] - one[1]);
  facts(at("closed"), closed.length ? closed.map(([why, count]) => [why, counts.format(count)]) : [["none yet", ""]]);
  const wrong = server.notReady;
  say(wrong.length ? `not ready: ${wrong.join("; ")}` : "ready", wrong.length ? "bad" : "good");
}

function say(text, kind) {
  const state = at("state");
  if (state.textContent !== text) state.textContent = text;
  state.className = `pill ${kind}`;
}

/* Connections */

const COLUMNS = [
  ["address", "Address"], ["id", "Id"], ["room", "Room"], ["requests", "Requests"],
  ["pending", "Running"], ["queuedBytes", "Queued"], ["connectedAt", "Since"],
];
const NUMBERS = new Set(["requests", "pending", "queuedBytes"]);
const table = { sort: "connectedAt", descending: true, offset: 0 };

function showHead() {
  const cells = COLUMNS.map(([key, title]) => {
    const sorted = table.sort === key;
    const direction = table.descending ? "descending" : "ascending";
    const arrow = sorted ? (table.descending ? " ↓" : " ↑") : "";
    const click = () => {
      table.descending = sorted ? !table.descending : NUMBERS.has(key);
      Object.assign(table, { sort: key, offset: 0 });
      showHead();
      refresh();
    };
    const kind = NUMBERS.has(key) ? "number" : undefined;
    const button = make("button", { onclick: click, id: `sort-${key}` }, title + arrow);
    return make("th", { scope: "col", class: kind, "aria-sort": sorted ? direction : undefined }, button);
  });
  const focused = document.activeElement?.id;
  at("connections-head").replaceChildren(make("tr", {}, ...cells, make("th", { scope: "col" }, make("span", {}, ""))));
  if (focused?.startsWith("sort-")) at(focused).focus();
}

async function closeConnection(row) {
  if (!confirm(`Close the connection of ${row.address}?`)) return;
  await ask("close", { id: row.id }, "POST").catch((error) => alert(error.message));
  refresh();
}

function connectionRow(row) {
  const close = make("button", { class: "small danger", "aria-label": `Close the connection of ${row.address}`, onclick: () => closeConnection(row) }, "Close");
  return make("tr", { "data-id": row.id },
    make("td", {}, row.address), make("td", { class: "code", title: row.id }, row.id.slice(0, 8)),
    make("td", {}, row.rooms.join(", ")), make("td", { class: "number" }, counts.format(row.requests)),
    make("td", { class: "number" }, counts.format(row.pending)), make("td", { class: "number" }, bytes(row.queuedBytes)),
    make("td", {}, new Date(row.connectedAt).toLocaleString()), make("td", {}, close));
}

/** Replaces rows only where they have changed, so that the focus and a selection stay. */
function replaceRows(body, rows) {
  if (body.contains(document.activeElement) && document.activeElement.matches("button")) {
    const kept = body.dataset.rows;
    if (kept === JSON.stringify(rows.map((row) => row.dataset.id ?? row.textContent))) return;
  }
  body.dataset.rows = JSON.stringify(rows.map((row) => row.dataset.id ?? row.textContent));
  body.replaceChildren(...rows);
}

async function showConnections() {
  const search = at("connections-search").value.trim();
  const found = await ask("connections", { ...table, search, limit: ROWS });
  replaceRows(at("connections-body"), found.rows.map(connectionRow));
  at("connections-count").textContent = search
    ? `${counts.format(found.matching)} of ${counts.format(found.total)} connections`
    : `${counts.format(found.total)} connections`;
  const last = Math.min(table.offset + ROWS, found.matching);
  at("connections-page").textContent = found.matching ? `${counts.format(table.offset + 1)} to ${counts.format(last)}` : "none";
  at("connections-back").disabled = table.offset === 0;
  at("connections-next").disabled = last >= found.matching;
}

/* Rooms */

let chosenRoom = null;

async function showRooms() {
  const found = await ask("rooms", { search: at("rooms-search").value.trim(), limit: 200 });
  const rows = found.rows.map(({ room, members }) => {
    const choose = () => {
      chosenRoom = room;
      showMembers();
    };
    return make("tr", { "data-id": `${room} ${members}` }, make("td", {}, make("button", { class: "link", onclick: choose }, room)), make("td", { class: "number" }, counts.format(members)));
  });
  replaceRows(at("rooms-body"), rows);
  at("rooms-count").textContent = `${counts.format(found.matching)} of ${counts.format(found.total)} rooms, the largest first`;
  if (chosenRoom !== null) await showMembers();
}

async function showMembers() {
  const found = await ask("members", { room: chosenRoom, limit: ROWS });
  const rows = found.rows.map((row) => make("li", {}, make("code", {}, row.id), ` ${row.address}`));
  const more = found.total > found.rows.length ? make("p", { class: "hint" }, `and ${counts.format(found.total - found.rows.length)} more`) : undefined;
  at("members").replaceChildren(make("h2", {}, `Members of ${chosenRoom}`), make("ul", { class: "plain" }, ...rows), more ?? "");
}

/* Actions */

const socketUrl = new URL("ws", location.href);
socketUrl.protocol = location.protocol === "https:" ? "wss:" : "ws:";
let client = null;
let clientPort = { number: 5000, secure: false };

async function connected() {
  if (client === null) client = new ActionHero(socketUrl, { reconnect: false });
  if (!client.connected) await client.connect();
  return client;
}

function value(text) {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

function codeLines(name, params) {
  const line = JSON.stringify({ action: name, params });
  const quoted = line.replaceAll("'", "'\\''");
  return {
    shell: `printf '%s\\n' '${quoted}' | ${pipe(location.hostname, clientPort)}`,
    python: `client.action(${[JSON.stringify(name), ...keywords(params)].join(", ")})`,
  };
}

/** What sends lines to the server from a shell. */
function pipe(host, { number, secure }) {
  return secure ? `openssl s_client -quiet -connect ${host}:${number}` : `nc -N ${host} ${number}`;
}

/** Params as the arguments of a call in Python. */
function keywords(params) {
  const entries = Object.entries(params);
  if (!entries.length) return [];
  if (!entries.every(([key]) => /^[A-Za-z_]\w*$/.test(key))) return [`**${python(params)}`];
  return entries.map(([key, each]) => `${key}=${python(each)}`);
}

/** A JSON value as Python writes it. */
function python(json) {
  if (json === null) return "None";
  if (typeof json === "boolean") return json ? "True" : "False";
  if (Array.isArray(json)) return `[${json.map(python).join(", ")}]`;
  if (typeof json === "object") return `{${Object.entries(json).map(([key, each]) => `${JSON.stringify(key)}: ${python(each)}`).join(", ")}}`;
  return JSON.stringify(json);
}

function typeOf(schema) {
  if (!schema) return "";
  if (schema.enum) return schema.enum.map((each) => JSON.stringify(each)).join(" | ");
  if (schema.anyOf) return schema.anyOf.map(typeOf).join(" or ");
  if (schema.$ref) return schema.$ref.split("/").pop();
  return [schema.type, schema.format && `(${schema.format})`].filter(Boolean).join(" ");
}

function field(name, required, schema) {
  const id = `input-${name}`;
  const type = typeOf(schema);
  return make("div", { class: "field" },
    make("label", { for: id, class: required ? "required" : undefined }, name),
    make("input", { id, "data-name": name, required, autocomplete: "off", spellcheck: "false" }),
    type ? make("span", { class: "type" }, type) : undefined);
}

function showAction(action) {
  for (const button of at("action-list").querySelectorAll("button")) {
    button.setAttribute("aria-current", String(button.dataset.name === action.name));
  }
  const { required, optional } = action.inputs;
  const properties = action.inputSchema?.properties ?? {};
  const fields = [...required, ...optional].map((name) => field(name, required.includes(name), properties[name]));
  const output = make("pre", { id: "response", tabindex: "0", "aria-live": "polite", "aria-label": "Response" }, "");
  const code = make("pre", { tabindex: "0", "aria-label": "The same from a shell and from Python" }, "");
  const read = () => {
    const given = [...form.querySelectorAll("input")].filter((input) => input.value !== "");
    return Object.fromEntries(given.map((input) => [input.dataset.name, value(input.value)]));
  };
  const showCode = () => {
    const lines = codeLines(action.name, read());
    code.textContent = `${lines.shell}\n${lines.python}`;
  };
  const form = make("form", { "aria-label": `Inputs of ${action.name}` }, ...fields, make("button", { class: "run" }, "Run"));
  form.addEventListener("input", showCode);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    output.textContent = "…";
    output.className = "";
    try {
      output.textContent = JSON.stringify(await (await connected()).action(action.name, read()), null, 2);
    } catch (error) {
      output.className = "error";
      output.textContent = error instanceof AnswerError ? JSON.stringify(error.answer, null, 2) : error.message;
    }
  });
  showCode();
  const schemas = action.inputSchema
    ? make("details", {}, make("summary", {}, "Schemas"), make("pre", { tabindex: "0" }, JSON.stringify({ input: action.inputSchema, output: action.outputSchema }, null, 2)))
    : "";
  const example = Object.keys(action.outputExample).length
    ? [make("h3", {}, "Example of a response"), make("pre", { tabindex: "0" }, JSON.stringify(action.outputExample, null, 2))]
    : [];
  at("action").replaceChildren(make("h2", {}, action.name), make("p", { class: "hint" }, action.description || "No description."),
    form, make("h3", {}, "Response"), output, make("h3", {}, "The same from a shell and from Python"), code, ...example, schemas);
}

async function showActions() {
  if (at("action-list").childElementCount) return;
  const actions = await ask("actions");
  const items = actions.map((action) => make("li", {}, make("button", { "data-name": action.name, onclick: () => showAction(action) }, action.name, make("small", {}, action.description))));
  at("action-list").replaceChildren(...items);
}

/* Limits and the log */

async function showLimits() {
  const rows = (await ask("limits")).map(({ name, value: most, reached, help }) =>
    make("tr", { class: reached ? "reached" : undefined }, make("td", { class: "code" }, name), make("td", { class: "number" }, counts.format(most)), make("td", { class: "number" }, counts.format(reached)), make("td", {}, help.replaceAll("`", ""))));
  at("limits-body").replaceChildren(...rows);
}

let shownEvent = null;

async function showLog() {
  const events = await ask("events");
  const latest = events[0]?.number ?? 0;
  if (latest === shownEvent) return;
  shownEvent = latest;
  const items = events.map((event) => {
    const [first, ...rest] = event.text.split("\n");
    const when = new Date(event.at);
    return make("li", { class: `card ${event.level}` }, make("time", { datetime: when.toISOString() }, when.toLocaleTimeString()), make("b", {}, event.level), first,
      rest.length ? make("pre", { tabindex: "0" }, rest.join("\n")) : undefined);
  });
  at("events").replaceChildren(...(items.length ? items : [make("li", { class: "card hint" }, "Nothing so far.")]));
}

/* Views */

const VIEWS = { overview: null, connections: showConnections, rooms: showRooms, actions: showActions, limits: showLimits, log: showLog };
const tabs = [...document.querySelectorAll("[role=tab]")];
let view = "overview";

function choose(name) {
  view = name in VIEWS ? name : "overview";
  for (const tab of tabs) {
    const chosen = tab.id === `tab-${view}`;
    tab.setAttribute("aria-selected", String(chosen));
    tab.tabIndex = chosen ? 0 : -1;
    at(tab.getAttribute("aria-controls")).hidden = !chosen;
  }
  refresh();
}

async function refresh() {
  try {
    await VIEWS[view]?.();
  } catch (error) {
    say(error.message, "bad");
  }
}

for (const [index, tab] of tabs.entries()) {
  tab.addEventListener("click", () => { location.hash = tab.id.slice(4); });
  tab.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    const next = { Home: 0, End: tabs.length - 1 }[event.key] ?? (step && (index + step + tabs.length) % tabs.length);
    if (next === undefined) return;
    event.preventDefault();
    tabs[next].focus();
    location.hash = tabs[next].id.slice(4);
  });
}
addEventListener("hashchange", () => choose(location.hash.slice(1)));
for (const name of ["connections", "rooms"]) {
  at(`${name}-form`).addEventListener("submit", (event) => event.preventDefault());
  at(`${name}-search`).addEventListener("input", () => {
    table.offset = 0;
    refresh();
  });
}
at("connections-back").addEventListener("click", () => { table.offset = Math.max(0, table.offset - ROWS); refresh(); });
at("connections-next").addEventListener("click", () => { table.offset += ROWS; refresh(); });

async function tick() {
  try {
    showOverview(await ask("overview"));
    if (view !== "overview" && !document.hidden) await refresh();
  } catch (error) {
    say(`no answer: ${error.message}`, "bad");
    before = null;
  }
  setTimeout(tick, SECOND);
}

showHead();
choose(location.hash.slice(1) || "overview");
tick();
