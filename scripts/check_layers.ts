/**
 * Checks that folders are layers (ARCHITECTURE.md): that each module of `src/` imports from the folders
 * that its own may use, types included, and that no modules import each other in a circle. Prints
 * what is wrong, and exits with 1 then.
 *
 *     deno run -A scripts/check_layers.ts
 *
 * @module
 */

import ts from "typescript";
import { dirname, join } from "node:path/posix";

/**
 * The folders below `src/`, each with those that its modules may import besides their own. A folder
 * comes after all that it may import, so that there is no circle; what is not listed has no place.
 */
export const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  base: [],
  message: ["base"],
  limits: ["base", "message"],
  // What is known of each request, and who wants to know it.
  observe: ["base", "message"],
  // What the processes of a gateway say to each other.
  bus: ["base"],
  // What waits for what, in all of them.
  signals: ["base", "bus"],
  // Lines about requests: written, read, and summed up.
  logs: ["base", "bus", "message", "observe"],
  // Where requests belong in traces, and what is exported of it.
  traces: ["base", "message", "observe"],
  // What the gateway and its workers share.
  ring: ["base", "message"],
  sandbox: ["base"],
  // Protocols: codecs without I/O, and endpoints around them.
  // What proxies say of those whom they forward requests for.
  proxies: ["base", "message"],
  net: ["base", "message", "proxies"],
  zmq: ["base"],
  // What TLS shows clients, and where it comes from.
  "certificates/codec": ["base"],
  certificates: ["base", "message", "net", "certificates/codec"],
  "http1/codec": ["base", "message"],
  "fastcgi/codec": ["base", "message"],
  // What dispatchers and handlers say to each other: handlers belong to Mongrel2's endpoint.
  "dispatch/codec": ["base"],
  "mongrel2/codec": ["base", "message", "dispatch/codec"],
  "websocket/codec": ["base", "message"],
  "compression/codec": ["base", "message"],
  // What threads do with their time.
  profile: [],
  // What is done to responses of any protocol.
  compression: ["base", "message", "ring", "compression/codec"],
  // What HTTP connections become, so that it comes before them.
  websocket: ["base", "message", "net", "websocket/codec"],
  http1: [
    "base",
    "message",
    "limits",
    "proxies",
    "net",
    "websocket/codec",
    "websocket",
    "http1/codec",
  ],
  fastcgi: ["base", "message", "limits", "proxies", "net", "fastcgi/codec"],
  "dispatch/curve": ["base", "net", "zmq"],
  "dispatch/sticky": ["base", "message", "mongrel2/codec"],
  // Responses to Mongrel2 are HTTP/1.1.
  mongrel2: [
    "base",
    "message",
    "limits",
    "net",
    "zmq",
    "dispatch/codec",
    "websocket/codec",
    "websocket",
    "mongrel2/codec",
    "http1/codec",
  ],
  // Between Mongrel2 and handlers on many machines.
  dispatch: [
    "base",
    "message",
    "limits",
    "net",
    "zmq",
    "dispatch/codec",
    "dispatch/sticky",
    "dispatch/curve",
    "mongrel2/codec",
    "mongrel2",
  ],
  // Responses that are known beforehand.
  respond: ["base", "message"],
  // The other side of them: what asks servers, and what puts them under load.
  "client/codec": ["base", "message", "http1/codec"],
  client: [
    "base",
    "message",
    "net",
    "http1/codec",
    "fastcgi/codec",
    "websocket/codec",
    "client/codec",
  ],
  load: ["base", "message", "net", "profile", "client/codec", "client"],
  // The loader, from what lies on the disk to the thread that builds graphs.
  "loader/files": ["base"],
  "loader/names": ["base", "loader/files"],
  "loader/cache": ["base", "loader/files"],
  "loader/project": ["base", "loader/files", "loader/names"],
  "loader/graph": ["base", "loader/files", "loader/names", "loader/project"],
  "loader/fetch": [
    "base",
    "http1/codec",
    "loader/files",
    "loader/names",
    "loader/cache",
    "loader/project",
  ],
  "loader/npm": [
    "base",
    "sandbox",
    "loader/files",
    "loader/names",
    "loader/cache",
    "loader/project",
    "loader/graph",
    "loader/fetch",
  ],
  "loader/transform": [
    "base",
    "sandbox",
    "loader/files",
    "loader/names",
    "loader/project",
    "loader/graph",
  ],
  // What is sent of files, whoever orders it.
  files: ["base", "message", "net", "loader/files"],
  loader: [
    "base",
    "sandbox",
    "loader/files",
    "loader/names",
    "loader/cache",
    "loader/project",
    "loader/graph",
    "loader/fetch",
    "loader/npm",
    "loader/transform",
  ],
  // What runs beside apps: of the loader, what graphs and packages look like.
  worker: [
    "base",
    "message",
    "signals",
    "profile",
    "ring",
    "sandbox",
    "loader/names",
    "loader/graph",
    "loader/npm",
  ],
  pool: ["base", "message", "limits", "signals", "profile", "ring", "sandbox", "worker"],
  // How a gateway does: who watches it, and what is shown.
  monitor: ["base", "message", "bus", "net", "http1/codec", "http1", "pool"],
  config: [
    "base",
    "signals",
    "message",
    "logs",
    "limits",
    "proxies",
    "compression/codec",
    "net",
    "websocket/codec",
    "http1/codec",
    "fastcgi/codec",
    "mongrel2/codec",
    "dispatch/sticky",
    "respond",
  ],
  gateway: [
    "base",
    "message",
    "limits",
    "compression/codec",
    "compression",
    "bus",
    "signals",
    "observe",
    "logs",
    "traces",
    "monitor",
    "sandbox",
    "proxies",
    "net",
    "certificates/codec",
    "certificates",
    "files",
    "respond",
    "zmq",
    "websocket/codec",
    "websocket",
    "http1/codec",
    "fastcgi/codec",
    "mongrel2/codec",
    "http1",
    "fastcgi",
    "mongrel2",
    "loader/files",
    "loader/names",
    "loader/cache",
    "loader/project",
    "loader/fetch",
    "loader/npm",
    "loader/transform",
    "loader",
    "profile",
    "worker",
    "pool",
    "config",
  ],
  notify: ["base"],
  supervisor: ["base", "bus", "signals", "net", "config"],
  cli: [
    "base",
    "bus",
    "signals",
    "observe",
    "logs",
    "proxies",
    "traces",
    "net",
    "certificates/codec",
    "certificates",
    "monitor",
    "zmq",
    "fastcgi/codec",
    "mongrel2/codec",
    "mongrel2",
    "respond",
    "dispatch/sticky",
    "dispatch/curve",
    "dispatch",
    "websocket/codec",
    "client",
    "profile",
    "load",
    "loader/names",
    "loader/cache",
    "loader",
    "config",
    "gateway",
    "notify",
    "supervisor",
  ],
};

/** An import of one module by another. */
export interface Import {
  /** Path of the module that is imported, from the root. */
  readonly path: string;
  /** Whether code runs because of it; types are gone by then. */
  readonly kind: "code" | "type";
}

/** The folder of {@linkcode MAY_IMPORT} that a module below `src/` belongs to. */
function folderOf(path: string): string | null {
  for (let folder = dirname(path).slice("src/".length); folder !== "."; folder = dirname(folder)) {
    if (folder in MAY_IMPORT) return folder;
  }
  return null;
}

/** All that is wrong with `modules`: their paths from the root, and what each imports. */
export function faultsOf(modules: ReadonlyMap<string, readonly Import[]>): string[] {
  const faults: string[] = [];
  for (const [path, imports] of modules) {
    // What is beside `src/` is made of all of it.
    if (!path.startsWith("src/")) continue;
    const folder = folderOf(path);
    if (folder === null) {
      faults.push(`${path} is in no folder that scripts/check_layers.ts knows`);
      continue;
    }
    for (const target of imports) {
      const from = folderOf(target.path);
      if (from === folder || (from !== null && MAY_IMPORT[folder].includes(from))) continue;
      faults.push(`${path} (${folder}) may not import ${target.path} (${from ?? "outside"})`);
    }
  }
  return [...faults, ...circlesIn(modules)];
}

function circlesIn(modules: ReadonlyMap<string, readonly Import[]>): string[] {
  const circles: string[] = [];
  const done = new Set<string>();
  const visit = (path: string, trail: readonly string[]) => {
    if (trail.includes(path)) {
      circles.push(`import circle: ${[...trail.slice(trail.indexOf(path)), path].join(" -> ")}`);
    } else if (!done.has(path)) {
      for (const target of modules.get(path) ?? []) {
        if (target.kind === "code") visit(target.path, [...trail, path]);
      }
      done.add(path);
    }
  };
  for (const path of modules.keys()) visit(path, []);
  return circles;
}

/** What the module at `path` with this text imports of ours, wherever in it. */
export function importsOf(path: string, text: string): Import[] {
  const file = ts.createSourceFile(path, text, ts.ScriptTarget.Latest, false);
  const imports: Import[] = [];
  const add = (specifier: ts.Node | undefined, kind: Import["kind"]) => {
    if (specifier === undefined || !ts.isStringLiteralLike(specifier)) return;
    const target = specifier.text;
    const isRelative = target.startsWith("./") || target.startsWith("../");
    if (isRelative && isSource(target)) imports.push({ path: join(dirname(path), target), kind });
  };
  const look = (node: ts.Node) => {
    if (ts.isImportDeclaration(node)) {
      add(node.moduleSpecifier, node.importClause?.isTypeOnly ? "type" : "code");
    } else if (ts.isExportDeclaration(node)) {
      add(node.moduleSpecifier, node.isTypeOnly ? "type" : "code");
    } else if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)) {
      add(node.argument.literal, "type");
    } else if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
      add(node.arguments[0], "code");
    }
    ts.forEachChild(node, look);
  };
  look(file);
  return imports;
}

/** Whether `path` is that of a module in TypeScript, and not only of declarations. */
function isSource(path: string): boolean {
  return (path.endsWith(".ts") || path.endsWith(".tsx")) && !path.endsWith(".d.ts");
}

async function modulesOf(root: URL): Promise<Map<string, Import[]>> {
  const modules = new Map<string, Import[]>();
  const read = async (path: string) => {
    if (!isSource(path)) return;
    modules.set(path, importsOf(path, await Deno.readTextFile(new URL(path, root))));
  };
  const walk = async (folder: string): Promise<void> => {
    for await (const { name, isDirectory } of Deno.readDir(new URL(folder, root))) {
      const path = `${folder}/${name}`;
      await (isDirectory ? walk(path) : read(path));
    }
  };
  for (const entry of ["mod.ts", "cli.ts"]) await read(entry);
  await walk("src");
  return modules;
}

if (import.meta.main) {
  const modules = await modulesOf(new URL("../", import.meta.url));
  const faults = faultsOf(modules);
  for (const fault of faults) console.error(fault);
  console.error(`${modules.size} modules checked, ${faults.length} faults`);
  Deno.exit(faults.length === 0 ? 0 : 1);
}
