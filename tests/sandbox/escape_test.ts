import { assert, assertEquals } from "../support/assert.ts";
import { FROM_SOURCE, startGateway } from "../support/gateway.ts";
import type { GatewayProcess } from "../support/gateway.ts";
import { escapeTests } from "./escapes.ts";

escapeTests({
  name: "Deno's loader",
  command: FROM_SOURCE,
  args: ["--loader=native"],
  refusals: /^denied$/,
});
escapeTests({
  name: "built-in loader",
  command: FROM_SOURCE,
  args: ["--loader=own"],
  refusals: /the app may not|may not come from|remote modules cannot import/,
});

const endings: Record<string, string> = {
  "Deno.exit": "Deno.exit(0)",
  "process.exit": 'import("node:process").then((process) => process.exit(0))',
  "self.close": "self.close()",
  "an error that nobody catches": 'setTimeout(() => { throw new Error("uncaught") })',
  "a signal that it listens to": 'Deno.addSignalListener("SIGTERM", () => {}); self.close()',
};
Deno.test("what ends an app costs it its worker, and nobody else anything", (test) =>
  withNewApps(test, endings, ["--workers", "2"], (code) =>
    `export default (request) => {
      if (new URL(request.url).pathname === "/end") { ${code}; return new Promise(() => {}); }
      return new Response("alive");
    };`, async (gateway, before) => {
    const end = await fetch(`${gateway.url}/end`);
    assertEquals(end.status, 502);
    await end.body?.cancel();
    for (let i = 0; i < 10; i++) {
      assertEquals(await (await fetch(gateway.url)).text(), "alive");
    }
    await gateway.logged(/^worker \d of generation \d+ is ready again$/, { before });
  }));

const pollutions: Record<string, string> = {
  "Array.prototype":
    "for (const k of ['push','slice','indexOf','map','forEach']) Array.prototype[k] = () => { throw 1 }",
  "Object.prototype":
    "Object.prototype.kind = 'closed'; Object.prototype.imported = 1; Object.prototype.value = 5; Object.prototype.get = () => 1",
  "Map.prototype":
    "Map.prototype.get = () => undefined; Map.prototype.set = Map.prototype.delete = () => {}",
  "Uint8Array.prototype.set":
    "Object.getPrototypeOf(Uint8Array.prototype).set = function () { this.fill(255) }",
  "Atomics": "Atomics.store = () => 0; Atomics.load = () => 99999999; Atomics.exchange = () => 1",
  "Promise.prototype.then": "Promise.prototype.then = () => {}",
  "String.prototype":
    "String.prototype.charCodeAt = () => 13; String.prototype.toLowerCase = () => '\\r\\n'",
  "Function.prototype":
    "Function.prototype.call = Function.prototype.apply = Function.prototype.bind = () => 7",
  "iterators":
    "Array.prototype[Symbol.iterator] = function* () { yield 1 }; Map.prototype[Symbol.iterator] = () => 1",
  "the prototype of all objects":
    "for (const k of ['kind', 'message', 'file', 'type', 'data', 'then', 'status', 'id']) Object.defineProperty(Object.prototype, k, { get: () => 1, set() {}, configurable: true })",
  "JSON and decoders":
    "JSON.parse = JSON.stringify = () => ({}); TextDecoder.prototype.decode = () => 5; TextEncoder.prototype.encodeInto = () => ({})",
  "the constructors of promises":
    "Object.defineProperty(Promise.prototype, 'constructor', { get: () => Object })",
  "species":
    "Object.defineProperty(Object.getPrototypeOf(Uint8Array), Symbol.species, { get: () => Array })",
  "stolen rings": `const store = Atomics.store; Atomics.store = (array, index, value) => {
      new Uint8Array(array.buffer).fill(0x5a); return store(array, index, 0x12345678);
    }`,
};
Deno.test("an app that spoils the platform for itself spoils it for nobody else", (test) =>
  withNewApps(
    test,
    pollutions,
    ["--workers", "2", "--request-timeout", "2"],
    (code) =>
      `let spoilt = false;
    export default (request) => {
      if (new URL(request.url).pathname === "/spoil") { spoilt = true; ${code}; }
      return new Response("alive");
    };`,
    async (gateway, before) => {
      await (await fetch(`${gateway.url}/spoil`).catch(() => null))?.body?.cancel();
      // The other worker may still be on its way; then half of them at the least are its.
      let alive: boolean[] = [];
      for (let round = 0; round < 50 && alive.filter(Boolean).length < 5; round++) {
        alive = await Promise.all(Array.from({ length: 20 }, async () => {
          const response = await fetch(gateway.url).catch(() => null);
          return await response?.text().catch(() => "") === "alive";
        }));
      }
      assert(alive.filter(Boolean).length >= 5, `${alive}`);
      // Its worker may die of it, but nothing of the gateway's fails.
      const isOwnFault = (line: string) => /in promise/.test(line) && !/worker \d/.test(line);
      const log = gateway.log.slice(before);
      assert(!log.some(isOwnFault), log.join("\n"));
    },
  ));

/**
 * Makes a step of each of `cases`, with one gateway for all, which loads a new app for each: what the one
 * before has done to its workers has to end with them. The gateway still hears signals in the end.
 */
async function withNewApps(
  test: Deno.TestContext,
  cases: Readonly<Record<string, string>>,
  args: readonly string[],
  appOf: (code: string) => string,
  check: (gateway: GatewayProcess, before: number) => Promise<void>,
): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await Deno.writeTextFile(`${folder}/app.js`, appOf(""));
    await using gateway = await startGateway([`${folder}/app.js`, ...args]);
    for (const [name, code] of Object.entries(cases)) {
      await test.step(name, async () => {
        await Deno.writeTextFile(`${folder}/app.js`, appOf(code));
        const before = gateway.log.length;
        gateway.kill("SIGHUP");
        await gateway.logged(/^generation \d+ serves$/, { before });
        await check(gateway, before);
      });
    }
    gateway.kill("SIGTERM");
    assertEquals((await gateway.status).code, 0);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}
