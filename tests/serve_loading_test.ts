import { ConfigError, LoadError, serve, SettingsError } from "gatehouse";
import type { Log, ServeOptions, Server } from "gatehouse";
import { assert, assertEquals, assertRejects, assertStringIncludes } from "./support/assert.ts";
import { LoaderLab } from "./support/loader_lab.ts";
import { lockHere } from "./support/loading_here.ts";
import { inFolder } from "./support/processes.ts";

const http = "127.0.0.1:0";
const silent: Log = () => {};
const PROJECT = {
  "deno.json": '{ "imports": { "words": "./words.ts" } }',
  "words.ts": 'export const word = "one";',
  "app.ts": 'import { word } from "words";\nexport default () => new Response(word);',
};

function textOf(server: Server): Promise<string> {
  const { port } = server.addresses[0] as Deno.NetAddr;
  return fetch(`http://127.0.0.1:${port}/`).then((response) => response.text());
}

/** Waits until the app answers with `text`: a test that hangs has failed. */
async function answers(server: Server, text: string): Promise<void> {
  while (await textOf(server) !== text) await new Promise((resolve) => setTimeout(resolve, 20));
}

Deno.test("serve() loads apps by their own deno.json with the built-in loader", async () => {
  await inFolder(PROJECT, async (folder) => {
    const loading = { loader: "built-in" } as const;
    await using server = await serve({ app: `${folder}/app.ts`, http, workers: 1, loading });
    assertEquals(await textOf(server), "one");
  });
});

Deno.test("serve() reloads apps that are watched, whose permissions are theirs", async () => {
  await inFolder(PROJECT, async (folder) => {
    await using server = await serve({
      app: `${folder}/app.ts`,
      http,
      workers: 1,
      watch: "files",
      permissions: { net: false },
      log: silent,
    });
    assertEquals(await textOf(server), "one");
    await Deno.writeTextFile(`${folder}/words.ts`, 'export const word = "two";');
    await answers(server, "two");
  });
});

Deno.test("serve() asks for remote modules again, and reloads the apps if one has changed", async () => {
  let word = "one";
  await using origin = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen() {} }, () => {
    const headers = { "Content-Type": "text/typescript" };
    return new Response(`export default () => new Response("${word}");`, { headers });
  });
  const app = `http://127.0.0.1:${origin.addr.port}/app.ts`;
  await using server = await serve({ app, http, workers: 1, watchRemoteMs: 50, log: silent });
  assertEquals(await textOf(server), "one");
  word = "two";
  await answers(server, "two");
});

Deno.test("serve() puts middleware around apps by URL, the last outermost", async () => {
  const files = {
    "app.ts": 'export default () => new Response("app");',
    "around.ts": `
const around = (mark: string) => (next: (request: Request) => Response) =>
  async (request: Request) => new Response(mark + await (await next(request)).text() + mark);
export default around("(");
export const outer = around("|");`,
  };
  await inFolder(files, async (folder) => {
    for (const workers of [1, 0]) {
      const middleware = [`${folder}/around.ts`, `${folder}/around.ts#outer`];
      await using server = await serve({ app: `${folder}/app.ts`, http, workers, middleware });
      assertEquals(await textOf(server), "|(app(|");
    }
  });
});

Deno.test("serve() and reload() take apps that are what the lock of apps says, and no others", async () => {
  const one = 'export default () => new Response("one");';
  await using lab = new LoaderLab({ "app.ts": one, "other.ts": one });
  await lockHere(lab, "app.ts", "--app-lock=gatehouse.lock");
  const loading = { appLock: lab.path("gatehouse.lock") };
  const options = { http, workers: 1, loading, log: silent };
  await assertRejects(
    () => serve({ ...options, app: lab.path("other.ts") }),
    LoadError,
    "does not have the app ./other.ts",
  );
  await using server = await serve({ ...options, app: lab.path("app.ts") });
  assertEquals(await textOf(server), "one");
  lab.write({ "app.ts": one.replace("one", "two") });
  const failed = await server.reload();
  assert(failed.kind === "failed");
  assertStringIncludes(failed.error.message, "./app.ts is another");
  assertEquals(await textOf(server), "one");
  await lockHere(lab, "app.ts", "--app-lock=gatehouse.lock");
  assertEquals((await server.reload()).kind, "reloaded");
  assertEquals(await textOf(server), "two");
});

const app = () => new Response();
const refused: Record<string, [ServeOptions, string]> = {
  "the built-in loader for an app that is an object": [
    { app, loading: { loader: "built-in" } },
    "the built-in loader",
  ],
  "the built-in loader without workers": [
    { app: "./app.ts", workers: 0, loading: { loader: "built-in" } },
    "the built-in loader",
  ],
  "an app on the calling thread that is to be watched": [
    { app: "./app.ts", workers: 0, watch: "files" },
    "watch",
  ],
  "Deno's loader for an app that is to be watched": [
    { app: "./app.ts", watch: "files", loading: { loader: "native" } },
    "watch",
  ],
  "Deno's loader with options that it does not have": [
    { app: "./app.ts", loading: { loader: "native", lockFile: "a.lock" } },
    'loader: "native"',
  ],
  "a lock of apps that is not there": [
    { app: "./app.ts", loading: { appLock: "/nowhere/gatehouse.lock" } },
    "there is no lock file",
  ],
  "remote modules that are to be watched, but are locked": [
    { app: "./app.ts", watchRemoteMs: 1_000, loading: { appLock: "a.lock" } },
    "--watch-remote",
  ],
  "middleware around an app that is an object": [{ app, middleware: ["./m.ts"] }, "middleware"],
  "a lock that is to be frozen, and is not there": [
    { app: "https://example.com/app.ts", loading: { lockMode: "frozen" } },
    "lock",
  ],
};
for (const [name, [options, message]] of Object.entries(refused)) {
  Deno.test(`serve() refuses ${name}`, async () => {
    await assertRejects(() => serve({ http, ...options }), ConfigError, message);
  });
}

const wrong: Record<string, [Record<string, unknown>, string]> = {
  "a loader that is none": [{ loading: { loader: "own" } }, "loading.loader"],
  "an option for loading that is none": [{ loading: { importMaps: "a" } }, "loading.importMaps"],
  "an import map that is no text": [{ loading: { importMap: 1 } }, "loading.importMap"],
  "hosts that are no list": [{ loading: { allowImport: "a.example" } }, "loading.allowImport"],
  "a list that has more than texts": [{ loading: { reload: [1] } }, "loading.reload"],
  "something to watch that is none": [{ watch: true }, "watch"],
  "a time that is none": [{ watchRemoteMs: -1 }, "watchRemoteMs"],
  "middleware that is no list": [{ middleware: "./m.ts" }, "middleware"],
};
for (const [name, [options, setting]] of Object.entries(wrong)) {
  Deno.test(`serve() takes for no setting ${name}`, async () => {
    const all = { app: "./app.ts", http, ...options } as ServeOptions;
    await assertRejects(() => serve(all), SettingsError, setting);
  });
}

Deno.test("a worker that cannot load the app while the first one still does is why serve() fails", async () => {
  const app = `
try {
  Deno.openSync(new URL("mine", import.meta.url), { createNew: true, write: true }).close();
} catch {
  throw new Error("the other one has it");
}
await new Promise(() => setInterval(() => {}, 1_000));`;
  await inFolder({ "app.js": app }, async (folder) => {
    const options = { app: `${folder}/app.js`, http, workers: 2, log: silent };
    await assertRejects(
      () => serve({ ...options, permissions: { read: [folder], write: [folder] } }),
      LoadError,
      "the other one has it",
    );
  });
});
