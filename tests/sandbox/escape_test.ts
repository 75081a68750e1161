import { assert, assertEquals } from "../support/assert.ts";
import { FROM_SOURCE, startGateway } from "../support/gateway.ts";
import { escapeTests } from "./escapes.ts";

escapeTests({ name: "Deno's loader", command: FROM_SOURCE, args: [], refusals: /^denied$/ });
escapeTests({
  name: "own loader",
  command: FROM_SOURCE,
  args: ["--loader=own"],
  refusals: /the app may not|may not come from|remote modules cannot import/,
});

const endings: Record<string, string> = {
  "Deno.exit": "Deno.exit(0)",
  "process.exit": 'import("node:process").then((process) => process.exit(0))',
  "self.close": "self.close()",
  "an error that nobody catches": 'setTimeout(() => { throw new Error("uncaught") })',
  "messages without end": "for (let i = 0; i < 1e5; i++) self.postMessage({ i })",
  "doorbells without end": "for (let i = 0; i < 1e5; i++) self.postMessage(0)",
  "a signal that it listens to": 'Deno.addSignalListener("SIGTERM", () => {}); self.close()',
};
for (const [name, code] of Object.entries(endings)) {
  Deno.test(`${name} costs an app its worker, and nobody else anything`, async () => {
    const source = `export default (request) => {
      if (new URL(request.url).pathname === "/end") { ${code}; return new Promise(() => {}); }
      return new Response("alive");
    };`;
    const folder = await Deno.makeTempDir();
    await Deno.writeTextFile(`${folder}/app.js`, source);
    try {
      await using gateway = await startGateway([`${folder}/app.js`, "--workers", "2"]);
      const end = await fetch(`${gateway.url}/end`);
      assertEquals(end.status, 502);
      await end.body?.cancel();
      for (let i = 0; i < 10; i++) {
        assertEquals(await (await fetch(gateway.url)).text(), "alive");
      }
      await gateway.logged(/^worker \d is ready again$/);
      gateway.kill("SIGTERM");
      assertEquals((await gateway.status).code, 0);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  });
}

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
  "stolen rings": `const store = Atomics.store; Atomics.store = (array, index, value) => {
      new Uint8Array(array.buffer).fill(0x5a); return store(array, index, 0x12345678);
    }`,
};
for (const [name, code] of Object.entries(pollutions)) {
  Deno.test(`an app that spoils ${name} for itself spoils it for nobody else`, async () => {
    const folder = await Deno.makeTempDir();
    await Deno.writeTextFile(
      `${folder}/app.js`,
      `let spoilt = false;
      export default (request) => {
        if (new URL(request.url).pathname === "/spoil") { spoilt = true; ${code}; }
        return new Response("alive");
      };`,
    );
    try {
      await using gateway = await startGateway(
        [`${folder}/app.js`, "--workers", "2", "--request-timeout", "2"],
      );
      await (await fetch(`${gateway.url}/spoil`).catch(() => null))?.body?.cancel();
      // Half of them at the least are the other worker's.
      const alive: boolean[] = await Promise.all(Array.from({ length: 20 }, async () => {
        const response = await fetch(gateway.url).catch(() => null);
        return await response?.text().catch(() => "") === "alive";
      }));
      assert(alive.filter(Boolean).length >= 5, `${alive}`);
      assert(!gateway.log.some((line) => line.includes("in promise")), gateway.log.join("\n"));
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  });
}
