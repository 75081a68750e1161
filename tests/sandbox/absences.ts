/** What apps look for that may not see it, whatever runs them. */

import { assertEquals } from "../support/assert.ts";
import { startGateway } from "../support/gateway.ts";

/** A way to run gatehouse. */
export interface AbsenceLeg {
  /** What it is called. */
  readonly name: string;
  /** Command and first arguments. */
  readonly command: readonly string[];
}

/** An app that looks, each time anew, and tells what it finds. */
const APP = `
import fs, { exists, existsSync } from "node:fs";
import process, { env } from "node:process";
import { promisify } from "node:util";
const looks = {
  "process.env": () => process.env.NODE_ENV,
  "a destructured process.env": () => { const { NODE_ENV } = process.env; return NODE_ENV; },
  "env of node:process": () => env.NODE_ENV,
  "in process.env": () => "NODE_ENV" in process.env,
  "Deno.env.get": () => Deno.env.get("NODE_ENV"),
  "Deno.env.has": () => Deno.env.has("NODE_ENV"),
  "another variable": () => process.env.HOME,
  "fs.existsSync": () => fs.existsSync("/etc/passwd"),
  "existsSync": () => existsSync("/etc/passwd"),
  "existsSync of a URL": () => existsSync(new URL("file:///etc/passwd")),
  "exists": () => new Promise((resolve) => exists("/etc/passwd", resolve)),
  "promisified exists": () => promisify(exists)("/etc/passwd"),
  "exists without a callback": () => exists("/etc/passwd"),
  "readFileSync": () => fs.readFileSync("/etc/passwd"),
};
export default async (request) => {
  const name = decodeURIComponent(new URL(request.url).pathname.slice(1));
  if (name === "set") process.env.NODE_ENV = "test";
  if (name === "delete") delete process.env.NODE_ENV;
  try {
    return Response.json((await looks[name]?.()) ?? null);
  } catch (error) {
    return Response.json(error.name);
  }
};`;

/** What comes of it: of an app from a URL, and of one from a file. */
const EXPECTED: Record<string, [remote: unknown, local: unknown]> = {
  "process.env": [null, "outside"],
  "a destructured process.env": [null, "outside"],
  "env of node:process": [null, "outside"],
  "in process.env": [false, true],
  "Deno.env.get": [null, "outside"],
  "Deno.env.has": [false, true],
  "another variable": ["NotCapable", Deno.env.get("HOME") ?? null],
  "fs.existsSync": [false, false],
  "existsSync": [false, false],
  "existsSync of a URL": [false, false],
  "exists": [false, false],
  "promisified exists": [false, false],
  "exists without a callback": ["TypeError", "TypeError"],
  "readFileSync": ["NotCapable", "NotCapable"],
};

/** Registers the tests of one leg. */
export function absenceTests({ name, command }: AbsenceLeg): void {
  for (const [kind, index] of [["a URL", 0], ["a file", 1]] as const) {
    Deno.test(`what an app from ${kind} may not see is not there for it (${name})`, async (test) => {
      const folder = await Deno.makeTempDir();
      await Deno.writeTextFile(`${folder}/app.js`, APP);
      await using server = Deno.serve(
        { hostname: "127.0.0.1", port: 0, onListen() {} },
        () => new Response(APP, { headers: { "content-type": "text/javascript" } }),
      );
      const app = index === 0 ? `http://127.0.0.1:${server.addr.port}/app.js` : `${folder}/app.js`;
      await using gateway = await startGateway([app, "--workers=2"], {
        command,
        env: { NODE_ENV: "outside", NO_PROXY: "*", GATEHOUSE_CACHE: `${folder}/cache` },
      });
      const ask = async (path: string) =>
        await (await fetch(`${gateway.url}/${encodeURIComponent(path)}`)).json();
      for (const [look, outcomes] of Object.entries(EXPECTED)) {
        await test.step(look, async () => assertEquals(await ask(look), outcomes[index]));
      }
      if (index === 0) {
        await test.step("what an app sets is for itself alone", async () => {
          await ask("set");
          const modes = new Set<unknown>();
          for (let i = 0; i < 20; i++) modes.add(await ask("process.env"));
          assertEquals([...modes].filter((mode) => mode !== null && mode !== "test"), []);
          assertEquals(await ask("delete"), null);
        });
      }
      await gateway[Symbol.asyncDispose]();
      await Deno.remove(folder, { recursive: true });
    });
  }
}
