/** What apps try in order to get at what is not theirs, whatever runs them. */

import { assert, assertEquals } from "../support/assert.ts";
import { startGateway } from "../support/gateway.ts";

/** A way to run gatehouse. */
export interface Leg {
  /** What it is called. */
  readonly name: string;
  /** Command and first arguments. */
  readonly command: readonly string[];
  /** Options. */
  readonly args: readonly string[];
  /** What else than "denied" comes of what is denied. */
  readonly refusals: RegExp;
}

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
  "Deno.hostname": [DENIED, DONE],
  "node:os": [DENIED, DONE],
  "os.setPriority": [DENIED, DENIED],
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
  "process.umask": [DENIED, DENIED],
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

/** Where apps come from, and which of the outcomes holds for them. */
const KINDS = [
  ["a URL", 0],
  ["a file", 1],
  ["a URL, with middleware from the secret's folder,", 0],
] as const;

/** Registers the tests of one leg. */
export function escapeTests(leg: Leg): void {
  for (const [kind, index] of KINDS) {
    const isMixed = kind.includes("middleware");
    // What Deno loads has its folder to read, so that this mixture is refused.
    if (isMixed && leg.args.includes("--loader=native")) continue;
    Deno.test(`an app from ${kind} gets at nothing that is not its own (${leg.name})`, async (t) => {
      const folder = await Deno.makeTempDir();
      const cache = await Deno.makeTempDir();
      await using server = moduleServer();
      await using other = moduleServer();
      const app = index === 0
        ? `http://127.0.0.1:${server.addr.port}/attempts.ts`
        : `${folder}/app/attempts.ts`;
      const secret = `${folder}/secret.json`;
      await Deno.writeTextFile(secret, '{"secret":1}');
      await Deno.mkdir(`${folder}/app`);
      await Deno.copyFile(APP, `${folder}/app/attempts.ts`);
      await Deno.writeTextFile(`${folder}/middleware.js`, "export default (next) => next;");
      const client = Deno.createHttpClient({});
      try {
        const middleware = isMixed ? [`${folder}/middleware.js`] : [];
        const words = [app, ...middleware, "--workers", "1", ...leg.args];
        await using gateway = await startGateway(words, {
          command: leg.command,
          env: { NO_PROXY: "*", GATEHOUSE_CACHE: cache },
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
            const isExpected = outcomes[index].test(outcome) ||
              outcomes[index].test("denied") && leg.refusals.test(outcome);
            assert(isExpected, outcome);
            assertEquals(await (await fetch(gateway.url, { client })).text(), "alive");
          });
        }
        assertEquals(await Deno.readTextFile(secret), '{"secret":1}');
        const names = [...Deno.readDirSync(folder)].map((entry) => entry.name).sort();
        assertEquals(names, ["app", "middleware.js", "secret.json"], "nothing was written");
        gateway.kill("SIGTERM");
        assertEquals((await gateway.status).code, 0, "the gateway still hears signals");
      } finally {
        client.close();
        await Deno.remove(folder, { recursive: true });
        await Deno.remove(cache, { recursive: true });
      }
    });
  }
}
