/** Apps that serve themselves, whatever runs them. */

import { assert, assertEquals } from "../support/assert.ts";
import { startGateway } from "../support/gateway.ts";

/** A way to run gatehouse. */
export interface ServingLeg {
  /** What it is called. */
  readonly name: string;
  /** Command and first arguments. */
  readonly command: readonly string[];
  /** Options. */
  readonly args: readonly string[];
}

/** A module that serves itself, and what it answers at its mount. */
interface Row {
  readonly code: string;
  readonly answer: string | RegExp;
}

/** What modules tell of themselves in the handler. */
const TOLD = `new Response(JSON.stringify([
  info.remoteAddr.hostname, info.completed instanceof Promise, typeof info.waitUntil,
]))`;

const ROWS: Readonly<Record<string, Row>> = {
  "Deno.serve(handler)": {
    code: `Deno.serve((request, info) => ${TOLD});`,
    answer: '["127.0.0.1",true,"function"]',
  },
  "Deno.serve(options, handler)": {
    code: `Deno.serve({ port: 27531, hostname: "0.0.0.0" }, (_, info) => ${TOLD});`,
    answer: '["127.0.0.1",true,"function"]',
  },
  "Deno.serve({ handler })": {
    code: `Deno.serve({ port: 27531, handler: (_, info) => ${TOLD} });`,
    answer: '["127.0.0.1",true,"function"]',
  },
  "Deno.serve of a socket's path": {
    code: `Deno.serve({ path: "/nowhere/app.sock" }, () => new Response("unix"));`,
    answer: "unix",
  },
  "Deno.serve over TLS": {
    code: `Deno.serve({ cert: "CERT", key: "KEY" }, () => new Response("tls"));`,
    answer: "tls",
  },
  "Deno.serve and its end": {
    code: `const server = Deno.serve(() => new Response("awaited"));
      await server.finished;`,
    answer: "awaited",
  },
  "Deno.serve and its beginning": {
    code: `const address = await new Promise((onListen) => {
        Deno.serve({ onListen, port: 27531 }, () => new Response("port " + address.port));
      });`,
    answer: /^port PORT$/,
  },
  "the address of the server": {
    code: `const { addr, ref, unref } = Deno.serve(() => new Response(JSON.stringify(addr)));
      ref(); unref();`,
    answer: /"port":PORT\b/,
  },
  "a server that is disposed of": {
    code: `const server = Deno.serve(() => new Response("open"));
      await server[Symbol.asyncDispose]();`,
    answer: "The app has shut its server down.\n",
  },
  "a server of node:https": {
    code: `import https from "node:https";
      const server = https.createServer({}, (req, res) => res.end("encrypted: " + req.socket.encrypted));
      server.listen({ port: 27531 }, () => console.error("port", server.address().port));`,
    answer: "encrypted: false",
  },
  "a server of node:http at a socket's path, of a class of its own": {
    code: `import { Server } from "node:http";
      class Own extends Server {}
      const server = new Own();
      server.listen("/nowhere/app.sock").on("request", (_, res) => res.end("own"));
      export const other = 1;`,
    answer: "own",
  },
  "a server of node:http beside another class of responses": {
    code: `import http from "node:http";
      const Native = Response;
      globalThis.Response = class extends Native {
        get body() { throw new Error("not the platform's"); }
      };
      http.createServer((_, res) => { res.write("an"); res.end("other"); }).listen(27531);
      globalThis.Response = Native;`,
    answer: "another",
  },
  "a server of node:http that is closed": {
    code: `import http from "node:http";
      const server = http.createServer((_, res) => res.end("open")).listen();
      await new Promise((resolve) => server.close(resolve));`,
    answer: "The app has shut its server down.\n",
  },
  "a server of node:http that is closed, and listens again": {
    code: `import http from "node:http";
      const server = http.createServer((_, res) => res.end("open")).listen(27531);
      await new Promise((resolve) => server.close(resolve));
      await new Promise((resolve) => server.listen(27531, resolve));`,
    answer: "open",
  },
  "a server that is shut down, and another one after it": {
    code: `await Deno.serve(() => new Response("first")).shutdown();
      Deno.serve(() => new Response("second"));`,
    answer: "second",
  },
  "onError": {
    code: `Deno.serve({
        onError: async (error) => new Response("mended " + error.message),
        handler() { throw new Error("fault"); },
      });`,
    answer: "mended fault",
  },
  "a second server": {
    code: `const app = Deno.serve({ port: 27531 }, () => new Response("first"));
      const metrics = Deno.serve({ port: 27532, onListen() { throw new Error("never"); } }, () => {});
      await Promise.all([app.finished, metrics.finished]);`,
    answer: "first",
  },
  "a server that comes late": {
    code: `async function main() {
        await new Promise((resolve) => setTimeout(resolve, 50));
        Deno.serve(() => new Response("late"));
      }
      main();`,
    answer: "late",
  },
  "a default export, with a server beside it": {
    code: `Deno.serve({ port: 27532 }, () => new Response("metrics"));
      await 0;
      export default { fetch: () => new Response("exported") };`,
    answer: "exported",
  },
  "a server of a main module": {
    code: `const main = import.meta.main;
      Deno.serve(() => new Response(String(main)));`,
    answer: /^MAIN$/,
  },
  "a server with other exports": {
    code: `export const handler = () => new Response("handler"); Deno.serve(handler);`,
    answer: "handler",
  },
  "what a server shut down answers": {
    code: `const server = Deno.serve(() => new Response("open"));
      await server.shutdown(); await server.finished;`,
    answer: "The app has shut its server down.\n",
  },
  "what a server answers whose signal was aborted": {
    code: `Deno.serve({ signal: AbortSignal.abort() }, () => new Response("open"));`,
    answer: "The app has shut its server down.\n",
  },
  "fetch events": {
    code: `addEventListener("fetch", (event) => {
        event.waitUntil(Promise.resolve());
        event.respondWith(new Response(event.type + " " + new URL(event.request.url).pathname));
      });`,
    answer: /^fetch \/\d+$/,
  },
  "fetch events with an asynchronous answer": {
    code: `self.addEventListener("fetch", { handleEvent: (event) => {
        event.passThroughOnException();
        event.respondWith((async () => { await 0; return new Response("later"); })());
      } });`,
    answer: "later",
  },
};

/** Registers the tests of one leg. All modules are loaded at a time: none is taken for another one. */
export function servingTests({ name, command, args }: ServingLeg): void {
  // Deno's loader knows of one main module alone, that of the worker.
  const isMain = !args.includes("--loader=native");
  Deno.test(`apps that serve themselves are served by the gateway (${name})`, async (test) => {
    const folder = await Deno.makeTempDir();
    try {
      const rows = Object.entries(ROWS);
      const mounts: string[] = [];
      for (const [index, [, { code }]] of rows.entries()) {
        await Deno.writeTextFile(`${folder}/${index}.ts`, code);
        mounts.push(`--mount=/${index}=${folder}/${index}.ts`);
      }
      await using gateway = await startGateway([...mounts, ...args], {
        command,
        env: { GATEHOUSE_CACHE: `${folder}/cache` },
      });
      const { port, url, log } = gateway;
      for (const [index, [what, { answer }]] of rows.entries()) {
        await test.step(what, async () => {
          for (let i = 0; i < 2; i++) {
            const text = await (await fetch(`${url}/${index}`)).text();
            if (typeof answer === "string") assertEquals(text, answer);
            else {
              const source = answer.source.replace("PORT", `${port}`).replace("MAIN", `${isMain}`);
              assert(new RegExp(source).test(text), text);
            }
          }
        });
      }
      await test.step("and nothing else listens", async () => {
        for (const other of [27531, 27532]) {
          const connecting = Deno.connect({ hostname: "127.0.0.1", port: other });
          const refused = await connecting.then((conn) => conn.close(), (error: Error) => error);
          assert(refused instanceof Deno.errors.ConnectionRefused, `${other}`);
        }
      });
      await test.step("what is not served is said once", async () => {
        const at = (what: string) => `/${Object.keys(ROWS).indexOf(what)}\\.ts`;
        const expected = [
          `${at("Deno.serve over TLS")} gives Deno.serve.. is not used: gatehouse takes it with`,
          `${
            at("a second server")
          } serves again, with Deno.serve.. at port 27532, and only its first`,
          `${
            at("a default export, with a server beside it")
          } serves by itself is not served: its de`,
        ];
        for (const pattern of expected) await gateway.logged(new RegExp(pattern));
        const warnings = log.filter((line) => /^warning: .*\d\.ts/.test(line));
        assertEquals(warnings.length, expected.length, warnings.join("\n"));
      });
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  });
}
