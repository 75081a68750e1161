/**
 * Checks that modules import downwards only (ARCHITECTURE.md), and that there is no import cycle.
 * Prints what is wrong, and exits 1 then.
 *
 *     deno run -A scripts/check_layers.ts
 *
 * @module
 */

/** Which parts of `src/` each part may import, besides itself. */
const MAY_IMPORT: Record<string, readonly string[]> = {
  vocabulary: [],
  codec: ["vocabulary"],
  net: ["vocabulary"],
  zmq: ["vocabulary"],
  endpoint: ["vocabulary", "codec", "net", "zmq"],
  ring: ["vocabulary"],
  sandbox: ["vocabulary"],
  worker: ["vocabulary", "ring", "loader", "sandbox"],
  loader: ["vocabulary", "codec", "worker", "sandbox"],
  pool: ["vocabulary", "ring", "worker", "sandbox"],
  config: ["vocabulary", "codec", "net"],
  gateway: [
    "vocabulary",
    "codec",
    "net",
    "zmq",
    "endpoint",
    "sandbox",
    "worker",
    "loader",
    "pool",
    "config",
  ],
  notify: ["vocabulary"],
  supervisor: ["vocabulary", "net", "config"],
  cli: [
    "vocabulary",
    "codec",
    "net",
    "zmq",
    "endpoint",
    "worker",
    "loader",
    "config",
    "gateway",
    "notify",
    "supervisor",
  ],
  top: ["vocabulary", "codec", "config", "endpoint", "zmq", "worker", "loader", "gateway", "cli"],
};

const VOCABULARY =
  /^(?:captured|embedded_files|exchange|errors|error_message|error_response|log|buffers|bytes|byte_queue|chars|pairs|passwords|fields|latin1|line_splitter|queue|restart_delays|setting_checks|setting_ranges|surroundings|text|timers|uncaught|unstable_features|workspaces|worker_limits)\.ts$|^re(?:quest|sponse)_\w+\.ts$/;
const CODEC =
  /^http1\/(?:checks|chunked|faults|limits|parser|writer)\.ts$|^fastcgi\/(?:limits|records|roles|translate|cgi_response|cgi_head)\.ts$|^mongrel2\/(?:tnetstring|message|spec|translate)\.ts$/;
const PROTOCOLS = /^(?:http1|fastcgi|mongrel2)$/;
const GATEWAY = /^(?:gateway|generations|serve|serve_options|router)\.ts$/;

function partOf(path: string): string {
  if (!path.startsWith("src/")) return "top";
  const rest = path.slice(4);
  if (VOCABULARY.test(rest)) return "vocabulary";
  if (CODEC.test(rest)) return "codec";
  if (GATEWAY.test(rest)) return "gateway";
  const folder = rest.split("/")[0];
  return PROTOCOLS.test(folder) ? "endpoint" : folder;
}

interface Module {
  specifier: string;
  dependencies?: {
    code?: { specifier?: string };
    type?: { specifier?: string };
  }[];
}

const root = new URL("../", import.meta.url).href;
const imports = new Map<string, { path: string; kind: "code" | "type" }[]>();
for (const entry of ["mod.ts", "cli.ts", "src/worker/main.ts"]) {
  const { stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["info", "--json", new URL(entry, root).pathname],
    stderr: "inherit",
  }).output();
  const graph: { modules: Module[] } = JSON.parse(new TextDecoder().decode(stdout));
  for (const module of graph.modules) {
    const path = localPath(module.specifier);
    if (path === null) continue;
    imports.set(
      path,
      (module.dependencies ?? []).flatMap(({ code, type }) => {
        const target = localPath(code?.specifier ?? type?.specifier ?? "");
        return target === null ? [] : [{ path: target, kind: code ? "code" : "type" } as const];
      }),
    );
  }
}

/** The path below the root of a module of ours, else `null`. */
function localPath(specifier: string): string | null {
  const ours = specifier.startsWith(root) && /\.tsx?$/.test(specifier) &&
    !specifier.endsWith(".d.ts");
  return ours ? specifier.slice(root.length) : null;
}

const faults: string[] = [];
for (const [path, targets] of imports) {
  const part = partOf(path);
  for (const target of targets) {
    const targetPart = partOf(target.path);
    if (part !== targetPart && !MAY_IMPORT[part]?.includes(targetPart)) {
      faults.push(`${path} (${part}) may not import ${target.path} (${targetPart})`);
    }
  }
}

const done = new Set<string>();
function findCycle(path: string, trail: readonly string[]): void {
  if (trail.includes(path)) {
    faults.push(`import cycle: ${[...trail.slice(trail.indexOf(path)), path].join(" -> ")}`);
    return;
  }
  if (done.has(path)) return;
  for (const target of imports.get(path) ?? []) {
    if (target.kind === "code") findCycle(target.path, [...trail, path]);
  }
  done.add(path);
}
for (const path of imports.keys()) findCycle(path, []);

for (const fault of faults) console.error(fault);
console.error(`${imports.size} modules checked, ${faults.length} faults`);
Deno.exit(faults.length === 0 ? 0 : 1);
