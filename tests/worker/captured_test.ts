import { assert, assertEquals } from "../support/assert.ts";
import type { Exceptions, PlatformUse } from "../support/platform_uses.ts";
import { ModuleSet } from "../support/platform_uses.ts";

/** What runs in threads that have apps. */
const ENTRIES = ["src/worker/main.ts", "src/worker/nested.ts"];

const EXCEPTIONS: Readonly<Record<string, Exceptions>> = {
  "src/base/buffers.ts": { elsewhere: ["BufferPool", "OutputBuffer"] },
  "src/base/captured.ts": { setUp: ["getterOf", "sealed"] },
  "src/base/log.ts": { setUp: ["ignoreBrokenPipes"], elsewhere: ["logToStderr"] },
  "src/base/runtime_modules.ts": { setUp: ["nodeProcess"], elsewhere: ["runtimeModule"] },
  "src/message/pairs.ts": { elsewhere: ["encodePairs", "writePair", "writePairBytes"] },
  "src/ring/frames.ts": { elsewhere: ["abortValue"] },
  "src/ring/request_frames.ts": { elsewhere: ["encodePeer", "writeRequest"] },
  "src/ring/response_frames.ts": { elsewhere: ["readFile"] },
  "src/ring/socket_frames.ts": { elsewhere: ["readUpgrade", "writeAdopt"] },
  "src/ring/bell.ts": { elsewhere: ["allocateBells"] },
  "src/ring/ring.ts": { elsewhere: ["allocateRing"] },
  "src/worker/app_thread.ts": { setUp: ["installAppThreads"] },
  "src/worker/decoded_bodies.ts": { setUp: ["findSlot"] },
  "src/sandbox/lockdown.ts": {
    setUp: [
      "builtin",
      "closeThreads",
      "lockBuiltins",
      "lockCommonJs",
      "lockEval",
      "lockFunctionConstructors",
      "lockImports",
      "lockTimers",
      "replace",
    ],
  },
  "src/sandbox/shared_state.ts": {
    setUp: ["divideChannels", "divideLocks", "divideSharedState", "hideCommandLine", "nameInside"],
  },
  "src/sandbox/threads.ts": { setUp: ["guardThreads"] },
  "src/worker/main.ts": { setUp: ["takeScope"] },
  "src/worker/node_timers.ts": { setUp: ["installNodeTimers"] },
  "src/worker/modules.ts": { setUp: ["installModules"] },
  "src/sandbox/descriptors.ts": { setUp: ["guardDescriptors", "guardTerminals"] },
  "src/sandbox/fatal_calls.ts": {
    setUp: [
      "checkArguments",
      "guardBitmaps",
      "guardCanvases",
      "guardDiffieHellman",
      "guardFatalCalls",
      "guardKeyPairs",
      "guardPrimes",
    ],
  },
  "src/sandbox/granted.ts": { setUp: ["isGranted"] },
  "src/sandbox/guard.ts": { setUp: ["guardThread"] },
  "src/sandbox/internals.ts": { setUp: ["lockInternals"] },
  "src/sandbox/locks.ts": { setUp: ["lazyMember", "lock", "lockIfThere", "replace"] },
  "src/sandbox/open_counts.ts": { setUp: ["countCalls", "countOpens"] },
  "src/sandbox/ports.ts": {
    setUp: ["guardHandles", "guardHttpServers", "guardOverride", "guardPorts"],
  },
  "src/sandbox/process_guard.ts": { setUp: ["guardProcess"] },
  "src/worker/response.ts": { setUp: ["installLightResponse"] },
};

/** Modules that have something apps are not to get at, or decide what they get: rings, imports. */
const GUARDED = [
  "src/base/buffers.ts",
  "src/base/captured.ts",
  "src/message/pairs.ts",
  "src/ring/bell.ts",
  "src/ring/chunks.ts",
  "src/ring/exchange_table.ts",
  "src/ring/frames.ts",
  "src/ring/known_lines.ts",
  "src/ring/request_frames.ts",
  "src/ring/response_frames.ts",
  "src/ring/ring.ts",
  "src/ring/socket_frames.ts",
  "src/base/text.ts",
  "src/worker/app_thread.ts",
  "src/worker/body_copies.ts",
  "src/worker/byte_source.ts",
  "src/worker/chunk_marks.ts",
  "src/worker/console_reports.ts",
  "src/worker/import_client.ts",
  "src/worker/main.ts",
  "src/worker/modules.ts",
  "src/worker/nested.ts",
  "src/worker/port.ts",
  "src/worker/serving/served_module.ts",
  "src/worker/text_copies.ts",
  "src/sandbox/descriptors.ts",
  "src/sandbox/fatal_calls.ts",
  "src/sandbox/locks.ts",
  "src/sandbox/open_counts.ts",
  "src/sandbox/ports.ts",
  "src/sandbox/process_guard.ts",
  "src/sandbox/shared_state.ts",
  "src/sandbox/threads.ts",
  "src/worker/request_body.ts",
];

const modules = new ModuleSet(new URL("../../", import.meta.url), ENTRIES);
const loaded = new Set(ENTRIES.flatMap((entry) => modules.loadedBy(entry)));

function shown(uses: readonly PlatformUse[]): string[] {
  return uses.map(({ place, what }) => `${place}: ${what}`);
}

Deno.test("code that shares a thread with apps takes each global aside before they can replace it", () => {
  assert(loaded.size > 30, `${loaded.size} modules`);
  const uses = [...loaded].flatMap((path) => modules.freeGlobals(path, EXCEPTIONS[path]));
  assertEquals(
    shown(uses),
    [],
    "take these aside at the top of their modules (const { Promise } = globalThis), or name the " +
      "functions in EXCEPTIONS that are called before there is an app",
  );
});

Deno.test("code that apps are to get nothing from looks nothing up on prototypes that are theirs, too", () => {
  for (const path of GUARDED) assert(loaded.has(path), path);
  const uses = GUARDED.flatMap((path) => modules.prototypeUses(path, EXCEPTIONS[path]));
  assertEquals(shown(uses), [], "see src/base/captured.ts");
});

Deno.test("exceptions are for functions and classes that there are", () => {
  for (const [path, { setUp = [], elsewhere = [] }] of Object.entries(EXCEPTIONS)) {
    assert(loaded.has(path), path);
    const source = Deno.readTextFileSync(new URL(`../../${path}`, import.meta.url));
    for (const name of [...setUp, ...elsewhere].flatMap((name) => name.split("."))) {
      assert(new RegExp(`(?:function|class|^ ) ${name}\\b`, "m").test(source), `${path}: ${name}`);
    }
  }
});

const SAMPLE = `
import { other } from "./other.ts";
import type { Unused } from "./unused.ts";
const { Map, Promise } = globalThis;
const atTop = [1].map((value) => value);
export class Sample {
  static readonly made = new Set();
  readonly field = new WeakMap();
  method(list: number[], map: { get(key: string): Unused }): void {
    new Promise(() => {});
    new Array(1);
    list.push(1);
    map.get("own");
    for (const _ of list) other();
  }
}
export function early(): void {
  Math.min(1, 2);
  return () => Math.max(1, 2);
}
export function elsewhere(bytes: Uint8Array, thing: any): number {
  thing.method();
  thing["method"]();
  const { buffer } = bytes;
  if (thing instanceof Sample) return 0;
  return bytes.length;
}
`;

Deno.test("of the uses of the platform, those are found that are made later", async () => {
  const folder = await Deno.makeTempDir();
  try {
    await Deno.mkdir(`${folder}/src`);
    await Deno.writeTextFile(`${folder}/src/sample.ts`, SAMPLE);
    await Deno.writeTextFile(`${folder}/src/other.ts`, "export const other = () => globalThis;");
    await Deno.writeTextFile(`${folder}/src/unused.ts`, "export type Unused = 1;");
    const sample = new ModuleSet(new URL(`file://${folder}/`), ["src/sample.ts"]);
    assertEquals(sample.loadedBy("src/sample.ts"), ["src/other.ts", "src/sample.ts"]);
    assertEquals(shown(sample.freeGlobals("src/other.ts")), ["src/other.ts:1: globalThis"]);
    assertEquals(shown(sample.freeGlobals("src/sample.ts", { setUp: ["early"] })), [
      "src/sample.ts:8: WeakMap",
      "src/sample.ts:11: Array",
      "src/sample.ts:19: Math",
    ]);
    assertEquals(shown(sample.prototypeUses("src/sample.ts", { setUp: ["early"] })), [
      "src/sample.ts:12: Array.push()",
      "src/sample.ts:14: an iterator",
      "src/sample.ts:19: Math.max()",
      "src/sample.ts:22: method() of something unknown",
      "src/sample.ts:23: a method of a computed name",
      "src/sample.ts:24: Uint8Array.buffer",
      "src/sample.ts:25: instanceof",
      "src/sample.ts:26: Uint8Array.length",
    ]);
    const elsewhere = ["Sample.method", "early", "elsewhere"];
    assertEquals(shown(sample.prototypeUses("src/sample.ts", { elsewhere })), []);
    assertEquals(
      shown(sample.freeGlobals("src/sample.ts", { setUp: ["Sample.method", "early"] })),
      [
        "src/sample.ts:8: WeakMap",
        "src/sample.ts:19: Math",
      ],
    );
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
