import { assert, assertEquals } from "../support/assert.ts";
import { startGateway } from "../support/gateway.ts";

const APP = new URL("./attempts.ts", import.meta.url);

/** What comes of each attempt: of an app from a URL, and of one from a file. */
const DENIED = /^denied$/;
const DONE = /^done$/;
const IN_USE = /AddrInUse/;
const NO_IMPORT = /^denied$|dynamic import callback|Cannot find module|MODULE_NOT_FOUND/;
const expected: Record<string, [RegExp, RegExp]> = {
  "Deno.readTextFile": [DENIED, DENIED],
  "Deno.open": [DENIED, DENIED],
  "Deno.stat": [DENIED, DENIED],
  "Deno.readDir": [DENIED, DENIED],
  "Deno.readLink": [DENIED, DENIED],
  "Deno.watchFs": [DENIED, DENIED],
  "fetch of a file": [DENIED, DENIED],
  "node:fs": [DENIED, DENIED],
  "node:fs/promises": [DENIED, DENIED],
  "import of a file": [DENIED, DENIED],
  "import of JSON": [DENIED, DENIED],
  "import by data:": [DENIED, DENIED],
  "import in eval": [DENIED, DENIED],
  "import in Function": [DENIED, DENIED],
  "require()": [NO_IMPORT, NO_IMPORT],
  "node:vm": [NO_IMPORT, NO_IMPORT],
  "import from elsewhere": [DENIED, /./],
  "Deno.writeTextFile": [DENIED, DENIED],
  "Deno.remove": [DENIED, DENIED],
  "Deno.makeTempFile": [DENIED, DENIED],
  "Deno.symlink": [DENIED, DENIED],
  "node:sqlite": [DENIED, DENIED],
  "Deno.env.get": [DENIED, DONE],
  "Deno.env.set": [DENIED, DONE],
  "process.env": [DENIED, DONE],
  "Deno.Command": [DENIED, DENIED],
  "node:child_process": [/denied|Command failed/, /denied|Command failed/],
  "Deno.dlopen": [DENIED, DENIED],
  "process.dlopen": [DENIED, DENIED],
  "Deno.hostname": [DENIED, DENIED],
  "node:os": [DENIED, DENIED],
  "fetch of another port": [DENIED, DONE],
  "Deno.connect": [DENIED, DONE],
  // Before 2.9, this is how Deno says that it is not permitted.
  "node:net": [/denied|ECONNREFUSED/, DONE],
  "WebSocket": [DENIED, DONE],
  "Deno.listen": [DENIED, DONE],
  "Deno.listen at the gateway's port": [DENIED, IN_USE],
  "Deno.listen at the gateway's port, shared": [DENIED, IN_USE],
  "Deno.listen at the gateway's port everywhere": [DENIED, IN_USE],
  "Deno.serve": [DENIED, IN_USE],
  "a unix socket": [DENIED, DENIED],
  "a connection to a unix socket": [DENIED, DENIED],
  "a worker with more permissions": [DENIED, DENIED],
  "a worker that inherits": [DENIED, DENIED],
  "a worker that inherits by name": [DENIED, DENIED],
  "Deno.permissions.request": [DENIED, DENIED],
  "Deno.permissions.requestSync": [DENIED, DENIED],
  "Deno.kill of the gateway": [DENIED, DENIED],
  "Deno.kill of its own process": [DENIED, DENIED],
  "process.kill": [DENIED, DENIED],
  "process.kill by name": [DENIED, DENIED],
  "process.abort": [DENIED, DENIED],
  "Deno.chdir": [DENIED, DENIED],
  "Deno.chdir to the app": [DENIED, DENIED],
  "Deno.umask": [DENIED, DENIED],
  "v8 flags": [DENIED, DENIED],
  "process.setuid": [/denied|not supported in workers/, /denied|not supported in workers/],
  "the inspector": [DENIED, DENIED],
};

/** Serves the app's module, and what an app may not ask for. */
function moduleServer() {
  const source = Deno.readTextFileSync(APP);
  return Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, (request) => {
    const isModule = new URL(request.url).pathname === "/attempts.ts";
    return new Response(isModule ? source : "export default 1;", {
      headers: { "content-type": isModule ? "application/typescript" : "text/javascript" },
    });
  });
}

for (const [kind, index] of [["a URL", 0], ["a file", 1]] as const) {
  Deno.test(`an app from ${kind} gets at nothing that is not its own`, async (t) => {
    const folder = await Deno.makeTempDir();
    await using server = moduleServer();
    await using other = moduleServer();
    const app = index === 0
      ? `http://127.0.0.1:${server.addr.port}/attempts.ts`
      : `${folder}/app/attempts.ts`;
    const secret = `${folder}/secret.json`;
    await Deno.writeTextFile(secret, '{"secret":1}');
    await Deno.mkdir(`${folder}/app`);
    await Deno.copyFile(APP, `${folder}/app/attempts.ts`);
    const client = Deno.createHttpClient({});
    try {
      await using gateway = await startGateway([app, "--workers", "1"], {
        env: { NO_PROXY: "*" },
      });
      const places = JSON.stringify({
        secret,
        folder,
        port: gateway.port,
        other: other.addr.port,
        pid: gateway.pid,
      });
      for (const [name, outcomes] of Object.entries(expected)) {
        await t.step(name, async () => {
          const query = `?places=${encodeURIComponent(places)}`;
          const response = await fetch(`${gateway.url}/${encodeURIComponent(name)}${query}`, {
            client,
          });
          const outcome = await response.text();
          assert(outcomes[index].test(outcome), outcome);
          assertEquals(await (await fetch(gateway.url, { client })).text(), "alive");
        });
      }
      assertEquals(await Deno.readTextFile(secret), '{"secret":1}');
      const names = [...Deno.readDirSync(folder)].map((entry) => entry.name).sort();
      assertEquals(names, ["app", "secret.json"], "nothing was written");
      gateway.kill("SIGTERM");
      assertEquals((await gateway.status).code, 0, "the gateway still hears signals");
    } finally {
      client.close();
      await Deno.remove(folder, { recursive: true });
    }
  });
}

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
