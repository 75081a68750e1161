import { assert, assertEquals } from "./support/assert.ts";

/** `import … from "node:x"`, without types. */
const RUNTIME_IMPORT = /^(?:import|export)\s+(?!type\b)(?:[^"';]*?\bfrom\s+)?"(node:[^"]+)";$/gm;

const ROOT = new URL("../", import.meta.url);
/** `import … from "./x.ts"` and `export … from "./x.ts"`, without types. */
const IMPORT = /^(?:import|export)\s+(?!type\b)(?:[^"';]*?\bfrom\s+)?"(\.[^"]+)";$/gm;

/** The modules of `src/` that are loaded with `entries`: what is imported while they run is not. */
function loadedWith(entries: readonly string[]): Set<string> {
  const loaded = new Set<string>();
  const waiting = entries.map((entry) => new URL(entry, ROOT).href);
  for (let url = waiting.pop(); url !== undefined; url = waiting.pop()) {
    const path = url.slice(ROOT.href.length);
    if (loaded.has(path)) continue;
    loaded.add(path);
    const code = Deno.readTextFileSync(new URL(url));
    for (const [, target] of code.matchAll(IMPORT)) waiting.push(new URL(target, url).href);
  }
  return loaded;
}

const COMMAND = ["cli.ts", "src/cli/serve.ts"];
const WORKERS = [...COMMAND, "src/gateway/generations.ts"];
const LOADER = ["src/loader/thread_service.ts"];
const OWN_THREAD = [...COMMAND, "src/gateway/thread_backend.ts", "src/gateway/thread_apps.ts"];
/** What few settings ask for: commands of other kinds, other protocols, and what is switched on. */
const ASKED_FOR = [
  /^src\/(?:bus|certificates|client|compression|files|load|monitor|observe|zmq)\/(?!codec\/settings)/,
  /^src\/(?:fastcgi|mongrel2)\/(?!codec\/(?:limits|\w*spec)\.ts)/,
  /^src\/config\/(?:shells\/|fronts\/(?!site_address)|\w+_help|help|man_page|(?:bench|fetch)_options|log_command)/,
  /^src\/net\/(?:tls_listener|moved_socket)\.ts$/,
  /^src\/supervisor\/(?!places|protocol)/,
  /^src\/signals\/redis\.ts$/,
];

/** What the loader's own thread does, or what a lock of the app asks for. */
const NOT_HERE = /^src\/loader\/(?:transform\/|app_lock|contents)/;

Deno.test("a start loads nothing that its settings do not ask for", () => {
  const cases: [readonly string[], readonly RegExp[]][] = [
    [["cli.ts"], [
      /^src\/(?:gateway|http1\/(?!codec\/limits)|loader|pool|ring|websocket|worker)\//,
    ]],
    // Apps are loaded in other threads.
    [WORKERS, [NOT_HERE, /^src\/worker\/(?!protocol\.ts)/]],
    // Apps without packages, and from files, need neither registries nor HTTP.
    [LOADER, [
      /^src\/(?:http1\/|loader\/(?:fetch\/plain_http|npm\/(?:installer|jsr|npmrc|registry)))/,
    ]],
    [OWN_THREAD, [NOT_HERE, /^src\/(?:pool\/(?!descriptor_watch)|ring)\//]],
  ];
  for (const [entries, others] of cases) {
    const loaded = [...loadedWith(entries)];
    assert(loaded.length > 50, entries.join());
    const needless = loaded.filter((path) => [...ASKED_FOR, ...others].some((of) => of.test(path)));
    assertEquals(needless.sort(), [], entries.join());
  }
});

Deno.test("a gateway's own thread loads no module of the runtime that takes long to load", () => {
  const quick = ["node:buffer", "node:path", "node:timers", "node:url"];
  const loaded = new Map<string, string>();
  for (const path of loadedWith(WORKERS)) {
    const code = Deno.readTextFileSync(new URL(path, ROOT));
    for (const [, name] of code.matchAll(RUNTIME_IMPORT)) loaded.set(name, path);
  }
  for (const name of quick) assert(loaded.delete(name), name);
  assertEquals([...loaded], []);
});

Deno.test("what a command that asks for all loads is seen", () => {
  const loaded = loadedWith(["src/cli/supervise.ts", "src/config/help.ts"]);
  for (const path of ["src/supervisor/supervisor.ts", "src/config/command_help.ts"]) {
    assert(loaded.has(path), path);
  }
});
