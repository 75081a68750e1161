/**
 * The script of the status page. It asks for `/status.json` every second, and puts in all that it shows as
 * text, never as HTML: targets and messages come from clients and apps.
 *
 * @module
 */

/** The script. */
export const PAGE_SCRIPT = String.raw`"use strict";
(() => {
  const INTERVAL_MS = 1000;
  const MAX_POINTS = 300;
  const SVG = "http://www.w3.org/2000/svg";
  const byId = (id) => document.getElementById(id);
  let points = [];
  let columns = [];
  let isBusy = false;

  function element(name, className, text) {
    const made = document.createElement(name);
    if (className) made.className = className;
    if (text !== undefined) made.textContent = text;
    return made;
  }

  function svg(name, attributes) {
    const made = document.createElementNS(SVG, name);
    for (const key of Object.keys(attributes)) made.setAttribute(key, attributes[key]);
    return made;
  }

  function number(value) {
    if (value === null || value === undefined) return "–";
    if (value >= 1e6) return (value / 1e6).toPrecision(3) + " M";
    if (value >= 1e4) return (value / 1e3).toPrecision(3) + " k";
    if (value >= 100 || Number.isInteger(value)) return String(Math.round(value));
    return value.toPrecision(2);
  }

  function bytes(value) {
    if (value === null || value === undefined) return "–";
    const units = ["B", "KiB", "MiB", "GiB", "TiB"];
    let unit = 0;
    while (value >= 1000 && unit < units.length - 1) {
      value /= 1024;
      unit++;
    }
    return (unit === 0 || value >= 100 ? Math.round(value) : value.toPrecision(3)) + " " + units[unit];
  }

  function duration(ms) {
    if (ms === null || ms === undefined) return "–";
    if (ms < 1) return Math.round(ms * 1000) + " µs";
    if (ms < 100) return ms.toPrecision(2) + " ms";
    if (ms < 1000) return Math.round(ms) + " ms";
    const seconds = ms / 1000;
    if (seconds < 120) return seconds.toFixed(seconds < 10 ? 1 : 0) + " s";
    const minutes = Math.floor(seconds / 60);
    if (minutes < 120) return minutes + " min";
    const hours = Math.floor(minutes / 60);
    return hours < 48 ? hours + " h" : Math.floor(hours / 24) + " days";
  }

  function tiles(status) {
    const last = lastPoint();
    const rss = status.processes.reduce((sum, each) => sum + each.rssBytes, 0);
    const all = [
      ["requests/s", number(last.requestsPerSecond)],
      ["failures/s", number(last.failuresPerSecond), last.failuresPerSecond > 0 ? "bad" : ""],
      ["median", duration(status.latencyMs.p50)],
      ["p99", duration(status.latencyMs.p99)],
      ["slowest, 1 min", duration(status.latencyMs.max)],
      ["in flight", number(status.inFlight)],
      ["connections", number(status.connections)],
      ["memory", bytes(rss)],
      ["requests", number(status.totals.requests)],
    ];
    byId("tiles").replaceChildren(...all.map(([label, value, kind]) => {
      const tile = element("div", "tile");
      tile.append(element("b", kind, value), element("span", "quiet", label));
      return tile;
    }));
  }

  function lastPoint() {
    const last = points[points.length - 1] || [];
    return Object.fromEntries(columns.map((name, index) => [name, last[index] ?? null]));
  }

  /* The next number of the form 1, 2 or 5 times a power of ten, in units that are powers of the base. */
  function ceiling(value, base) {
    if (!(value > 0)) return 1;
    const unit = base ** Math.max(0, Math.floor(Math.log(value) / Math.log(base)));
    const power = unit * 10 ** Math.floor(Math.log10(value / unit));
    return [1, 2, 5, 10].map((each) => each * power).find((each) => each >= value);
  }

  function plot(title, format, lines) {
    const figure = element("figure");
    const caption = element("figcaption", "", title);
    const keys = element("span", "key");
    const times = points.map((point) => point[0]);
    const end = times[times.length - 1] || 0;
    const shown = Math.min(MAX_POINTS, Math.max(60, points.length));
    const start = end - shown * INTERVAL_MS;
    const values = lines.map(({ column }) => {
      const at = columns.indexOf(column);
      return points.map((point) => point[at]);
    });
    const highest = Math.max(0, ...values.flat().filter((value) => value !== null));
    const top = ceiling(highest, format === bytes ? 1024 : 1000);
    const image = svg("svg", {
      viewBox: "0 0 300 100",
      preserveAspectRatio: "none",
      role: "img",
      "aria-label": title,
    });
    for (const y of [0.5, 50, 99.5]) {
      image.append(svg("line", { class: "grid", x1: 0, x2: 300, y1: y, y2: y }));
    }
    lines.forEach(({ label, kind }, index) => {
      let path = "";
      let isDown = false;
      values[index].forEach((value, place) => {
        const x = (times[place] - start) / (end - start) * 300;
        if (value === null || x < 0) {
          isDown = false;
          return;
        }
        const y = 99 - value / top * 98;
        path += (isDown ? "L" : "M") + x.toFixed(1) + " " + y.toFixed(1);
        isDown = true;
      });
      image.append(svg("path", { class: kind, d: path }));
      const last = values[index][values[index].length - 1];
      keys.append(element("span", kind, label + " " + format(last) + "  "));
    });
    caption.append(keys);
    const axis = element("div", "axis");
    axis.append(
      element("span", "", shown < 120 ? shown + " s ago" : Math.round(shown / 60) + " min ago"),
      element("span", "", "top " + format(top)),
      element("span", "", "now"),
    );
    figure.append(caption, image, axis);
    return figure;
  }

  function plots() {
    byId("plots").replaceChildren(
      plot("Requests per second", number, [
        { label: "all", column: "requestsPerSecond", kind: "main" },
        { label: "failed", column: "failuresPerSecond", kind: "second" },
      ]),
      plot("Durations, last minute", duration, [
        { label: "p50", column: "p50Ms", kind: "main" },
        { label: "p99", column: "p99Ms", kind: "second" },
      ]),
      plot("Open now", number, [
        { label: "connections", column: "connections", kind: "main" },
        { label: "requests", column: "inFlight", kind: "second" },
      ]),
      plot("Bytes per second", bytes, [
        { label: "out", column: "bytesOutPerSecond", kind: "main" },
        { label: "in", column: "bytesInPerSecond", kind: "second" },
      ]),
      plot("Memory", bytes, [{ label: "all processes", column: "rssBytes", kind: "main" }]),
      plot("Event loop delay", duration, [
        { label: "gateway", column: "loopDelayMs", kind: "main" },
        { label: "workers", column: "workerDelayMs", kind: "second" },
      ]),
    );
  }

  /* A table of cells: [text, kind of cell, colour], or an element. */
  function table(id, heads, rows, none) {
    const place = byId(id);
    if (rows.length === 0) {
      place.replaceChildren(element("p", "none", none));
      return;
    }
    const made = element("table", "cards");
    const head = element("thead");
    const headRow = element("tr");
    for (const [text, kind] of heads) headRow.append(element("th", kind, text));
    head.append(headRow);
    const body = element("tbody");
    for (const cells of rows) {
      const row = element("tr");
      cells.forEach((cell, index) => {
        const [label, kind] = heads[index];
        const data = element("td", kind);
        if (label && kind !== "text") data.dataset.label = label;
        if (cell instanceof Node) data.append(cell);
        else if (Array.isArray(cell)) data.append(element("span", cell[1], cell[0]));
        else data.append(element("span", "", cell));
        row.append(data);
      });
      body.append(row);
    }
    made.append(head, body);
    const scroll = element("div", "scroll");
    scroll.append(made);
    place.replaceChildren(scroll);
  }

  function workers(status) {
    const rows = [];
    for (const { process, generations } of status.processes) {
      for (const generation of generations) {
        for (const pool of generation.pools) {
          for (const worker of pool.workers) {
            const isServing = generation.state === "serving" && worker.state === "serving";
            const state = worker.isBlocked ? "blocked" : isServing ? "serving"
              : generation.state === "serving" ? worker.state : generation.state;
            const colour = worker.isBlocked ? "bad" : isServing ? "good" : "warn";
            const oldest = status.requests.find((each) => each.process === process &&
              each.worker === worker.number && each.generation === generation.number);
            rows.push([
              (process > 0 ? process + "." : "") + worker.number + " " + pool.mounts.join(" "),
              [state, colour],
              String(generation.number),
              number(worker.inFlight),
              number(worker.sockets),
              oldest ? duration(oldest.ageMs) : "–",
              number(worker.requests),
              bytes(worker.memoryBytes),
              duration(worker.delayMs),
              duration(worker.ageMs),
              isServing && status.isControllable ? retireButton(process, pool.mounts[0], worker.number) : "",
            ]);
          }
        }
      }
    }
    table("workers", [
      ["worker", "short"],
      ["state", "short"],
      ["generation", "number"],
      ["in flight", "number"],
      ["sockets", "number"],
      ["oldest", "number"],
      ["requests", "number"],
      ["memory", "number"],
      ["delay", "number"],
      ["age", "number"],
      ["", "short"],
    ], rows, "None: apps run on a gateway's own thread, or in the handlers of a dispatcher.");
  }

  function retireButton(process, mount, worker) {
    const button = element("button", "", "Retire");
    button.type = "button";
    button.addEventListener("click", () => act("retire", { process, mount, worker }));
    return button;
  }

  function requests(status) {
    table("requests", [
      ["age", "number"],
      ["method", "short"],
      ["target", "long"],
      ["app", "short"],
      ["worker", "number"],
    ], status.requests.map((each) => [
      duration(each.ageMs),
      each.method,
      each.target,
      each.mount || "–",
      each.worker === 0 ? "–" : (each.process > 0 ? each.process + "." : "") + each.worker,
    ]), "There are none.");
  }

  function endpoints(status) {
    const rows = status.processes.flatMap(({ process, endpoints }) => endpoints.map((each) => [
      each.url,
      process > 0 ? String(process) : "–",
      number(each.connections),
      each.protocol === "mongrel2" ? "–" : number(each.accepted),
      number(each.unanswered),
    ]));
    table("endpoints", [
      ["address", "long"],
      ["process", "number"],
      ["connections", "number"],
      ["accepted", "number"],
      ["in flight", "number"],
    ], rows, "None is open yet.");
  }

  function processes(status) {
    table("processes", [
      ["process", "short"],
      ["state", "short"],
      ["generations", "long"],
      ["memory", "number"],
      ["heap", "number"],
      ["loop delay, mean", "number"],
      ["at the most", "number"],
      ["age", "number"],
    ], status.processes.map((each) => [
      (each.process > 0 ? each.process + " (" : "(") + each.pid + ")",
      [each.state + (each.isAlive || each.state !== "serving" ? "" : ", no worker"),
        each.state === "serving" && each.isAlive ? "good" : "warn"],
      each.generations.map(({ number, state }) => number + " " + state).join(", ") || "–",
      bytes(each.rssBytes),
      bytes(each.heapBytes),
      duration(each.loopDelayMs.mean),
      duration(each.loopDelayMs.max),
      duration(status.nowMs - each.startedAtMs),
    ]), "None has reported yet.");
  }

  function errors(status) {
    table("errors", [["when", "short"], ["level", "short"], ["message", "text"]],
      status.errors.map((each) => [
        new Date(each.atMs).toLocaleTimeString() + (each.process > 0 ? " [" + each.process + "]" : ""),
        [each.level, each.level === "error" ? "bad" : "warn"],
        each.text,
      ]), "There were none.");
  }

  function show(status) {
    const state = byId("state");
    state.textContent = status.isReady ? "ready" : status.reason;
    state.className = "badge " + (status.isReady ? "good" : "warn");
    byId("about").textContent = "version " + status.version + ", Deno " + status.deno +
      ", up for " + duration(status.nowMs - status.startedAtMs);
    byId("control").hidden = !status.isControllable;
    columns = status.history.columns;
    points = points.concat(status.history.points).slice(-MAX_POINTS);
    tiles(status);
    plots();
    /* A button that is about to be pressed is not to be replaced. */
    if (!byId("workers").contains(document.activeElement)) workers(status);
    requests(status);
    endpoints(status);
    processes(status);
    errors(status);
  }

  async function act(action, parameters) {
    const outcome = byId("outcome");
    const token = byId("token").value.trim();
    if (document.activeElement instanceof HTMLElement) document.activeElement.blur();
    if (token === "") {
      outcome.textContent = "Enter the token first.";
      byId("token").focus();
      return;
    }
    if (action === "drain" && !confirm("Let the gateway finish its requests, and end?")) return;
    try {
      const response = await fetch("control/" + action + "?" + new URLSearchParams(parameters), {
        method: "POST",
        headers: { authorization: "Bearer " + token },
      });
      outcome.textContent = action + ": " + (await response.text()).trim();
    } catch (error) {
      outcome.textContent = action + ": " + error.message;
    }
  }

  async function update() {
    if (isBusy) return;
    isBusy = true;
    try {
      const since = points.length === 0 ? 0 : points[points.length - 1][0];
      const ask = (headers) => fetch("status.json?since=" + since, { cache: "no-store", headers });
      const token = byId("token").value.trim();
      let response = await ask(/^[!-~]+$/.test(token) ? { authorization: "Bearer " + token } : {});
      /* It may be half typed. */
      if (response.status === 401) response = await ask({});
      if (!response.ok) throw new Error("status " + response.status);
      show(await response.json());
    } catch (error) {
      const state = byId("state");
      state.textContent = "no answer";
      state.className = "badge bad";
    } finally {
      isBusy = false;
    }
  }

  for (const button of document.querySelectorAll("button[data-action]")) {
    button.addEventListener("click", () => act(button.dataset.action, {}));
  }
  byId("keys").addEventListener("submit", (event) => event.preventDefault());
  update();
  setInterval(() => {
    if (!document.hidden) update();
  }, INTERVAL_MS);
})();
`;
