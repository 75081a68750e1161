import { assertEquals, assertMatch, assertStringIncludes } from "../support/assert.ts";
import { dirname } from "node:path";
import { FastCgiClient } from "gatehouse";
import { runGateway, startGateway } from "../support/gateway.ts";

const EXAMPLES = new URL("../../examples/", import.meta.url).pathname;

const FILES: Record<string, string> = {
  "app.ts": `
    export const plain = (request, context) =>
      new Response("plain " + context.mount + "|" + new URL(request.url).pathname);
    export default (settings) => (request, context) =>
      new Response(JSON.stringify(settings) + " at " + context.mount);
  `,
  "filters/around.ts": `
    const around = (name) => (next) => ({
      async fetch(request, context) {
        const response = await next.fetch(request, context);
        return new Response(name + "(" + await response.text() + ")");
      },
    });
    export default around("plain");
    export const named = ({ name }) => around(name);
  `,
  "gatehouse.ini": `
[DEFAULT]
color = red

[server:main]
use = http
port = 0
fastcgi = unix:app.sock,mode=0600
workers = 1

[composite:main]
use = urlmap
/ = site
/api = api
/api/deep = deep

[app:site]
use = app.ts#plain

[app:settings]
use = %(here)s/app.ts
color = %(color)s
shade = 50%%

[pipeline:api]
pipeline = outer inner settings

[pipeline:deep]
pipeline = bare
  site

[filter:outer]
use = filters/around.ts#named
name = outer
[filter:inner]
use = filters/around.ts#named
name = inner
[filter:bare]
use = filters/around.ts
`,
};

/** A folder with these files, removed at the end. */
async function folderOf(
  files: Record<string, string>,
): Promise<AsyncDisposable & { path: string }> {
  const path = await Deno.makeTempDir();
  for (const [name, text] of Object.entries(files)) {
    await Deno.mkdir(dirname(`${path}/${name}`), { recursive: true });
    await Deno.writeTextFile(`${path}/${name}`, text);
  }
  return { path, [Symbol.asyncDispose]: () => Deno.remove(path, { recursive: true }) };
}

const ANSWERS: Record<string, string> = {
  "/": "plain |/",
  "/x/y": "plain |/x/y",
  "/apix": "plain |/apix",
  "/api": 'outer(inner({"color":"red","shade":"50%"} at /api))',
  "/api/x": 'outer(inner({"color":"red","shade":"50%"} at /api))',
  "/api/deep/x": "plain(plain /api/deep|/api/deep/x)",
};

for (const more of [[], ["--workers=0"], ["--loader=own"]]) {
  Deno.test(`a file's composite is served over HTTP and FastCGI ${more.join(" ")}`, async () => {
    await using folder = await folderOf(FILES);
    // The address of an endpoint is said so that the helper adds none.
    const args = ["--config", `${folder.path}/gatehouse.ini`, "--http=127.0.0.1:0", ...more];
    await using gateway = await startGateway(args);
    await using client = new FastCgiClient(`unix:${folder.path}/app.sock`);
    for (const [path, expected] of Object.entries(ANSWERS)) {
      assertEquals(await (await fetch(gateway.url + path)).text(), expected);
      assertEquals(await (await client.fetch(`http://localhost${path}`)).text(), expected);
    }
    assertEquals((await Deno.stat(`${folder.path}/app.sock`)).mode! & 0o777, 0o600);
  });
}

Deno.test("name=value, variables and options go before the file", async () => {
  await using folder = await folderOf(FILES);
  await using gateway = await startGateway(["color=blue", "--app-name=api", "--http=127.0.0.1:0"], {
    cwd: folder.path,
    env: { GATEHOUSE_CONFIG: "gatehouse.ini", GATEHOUSE_WORKERS: "0", GATEHOUSE_WORKER: "1" },
  });
  assertEquals(
    await (await fetch(gateway.url)).text(),
    'outer(inner({"color":"blue","shade":"50%"} at ))',
  );
  await gateway.logged(
    /GATEHOUSE_WORKER is not a setting of gatehouse; did you mean GATEHOUSE_WORKERS\?/,
  );
});

Deno.test("apps have the workers and permissions that the file gives them", async () => {
  await using folder = await folderOf({
    "app.ts": `
      const worker = crypto.randomUUID();
      export default () => Response.json([worker, Deno.permissions.querySync({ name: "env" }).state]);
    `,
    "f.ini": `
[composite:main]
use = urlmap
/ = open
/shut = shut
[app:open]
use = app.ts
[app:shut]
use = app.ts
workers = 1
app-allow-env = no
`,
  });
  const args = ["--config", `${folder.path}/f.ini`, "--workers=2", "--http=127.0.0.1:0"];
  await using gateway = await startGateway(args);
  const ask = async (path: string) => await (await fetch(gateway.url + path)).json();
  const [open, shut] = [await ask("/"), await ask("/shut")];
  assertEquals([open[1], shut[1]], ["granted", "prompt"]);
  assertEquals(await ask("/shut"), shut);
});

/** Waits until the app at /api says `text`. */
async function answered(url: string, text: string): Promise<void> {
  for (let i = 0; i < 200; i++) {
    if ((await (await fetch(`${url}/api`)).text()).includes(text)) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`nobody answers with ${text}`);
}

Deno.test("SIGHUP reads the file again; one that is wrong leaves all as it was", async () => {
  await using folder = await folderOf(FILES);
  const file = `${folder.path}/gatehouse.ini`;
  const text = FILES["gatehouse.ini"];
  await using gateway = await startGateway(["--config", file, "--http=127.0.0.1:0"]);
  await answered(gateway.url, '"color":"red"');
  await Deno.writeTextFile(file, text.replace("color = red", "color"));
  gateway.kill("SIGHUP");
  await gateway.logged(/gatehouse\.ini:3: "color" is neither a \[section\] nor key = value/);
  await answered(gateway.url, '"color":"red"');
  await Deno.writeTextFile(file, text.replace("color = red", "color = green"));
  gateway.kill("SIGHUP");
  await answered(gateway.url, '"color":"green"');
});

Deno.test("with --watch, a change of the file reloads the apps", async () => {
  await using folder = await folderOf(FILES);
  const file = `${folder.path}/gatehouse.ini`;
  await using gateway = await startGateway(["--config", file, "--http=127.0.0.1:0", "--watch"]);
  await answered(gateway.url, '"color":"red"');
  await Deno.writeTextFile(file, FILES["gatehouse.ini"].replace("color = red", "color = green"));
  await answered(gateway.url, '"color":"green"');
  await gateway.logged(/reloading: .*gatehouse\.ini has changed/);
});

Deno.test("a file that is wrong ends the start with all that is, each with its line", async () => {
  await using folder = await folderOf({
    "f.ini": "[server:main]\nworker = 1\n[app:main]\nuse = egg:x\n[x]\n",
  });
  for (
    const args of [["--config", `${folder.path}/f.ini`], [
      "config",
      "check",
      `${folder.path}/f.ini`,
    ]]
  ) {
    const { code, stdout, stderr } = await runGateway(args);
    assertEquals([code, stdout], [2, ""]);
    const lines = stderr.trimEnd().split("\n");
    assertEquals(lines.length, 3, stderr);
    assertStringIncludes(lines[0], "f.ini:2: worker is not a key of [server:NAME]");
    assertStringIncludes(lines[1], "f.ini:4: use: ");
    assertStringIncludes(lines[2], "f.ini:5: there is no section [x]");
  }
});

Deno.test("config check tells of modules that are not there, and else that all is well", async () => {
  await using folder = await folderOf(FILES);
  const file = `${folder.path}/gatehouse.ini`;
  const good = await runGateway(["config", "check", file]);
  assertEquals([good.code, good.stdout, good.stderr], [
    0,
    `${file}: no problems found, 3 apps\n`,
    "",
  ]);
  await Deno.remove(`${folder.path}/app.ts`);
  const bad = await runGateway(["config", "check", file]);
  assertEquals([bad.code, bad.stdout], [2, ""]);
  assertStringIncludes(bad.stderr, `${file}:18: ${folder.path}/app.ts is not a file\n`);
  assertStringIncludes(bad.stderr, `${file}:21: ${folder.path}/app.ts is not a file\n`);
});

Deno.test("config show prints what would run", async () => {
  const { code, stdout } = await runGateway([
    "config",
    "show",
    `${EXAMPLES}gatehouse.ini`,
    "--workers=5",
  ]);
  assertEquals(code, 0);
  assertMatch(stdout, /^ {2}workers +5 +flag --workers$/m);
  assertMatch(stdout, /^ {2}idle-timeout +30s +\S*gatehouse\.ini:16$/m);
});

Deno.test("examples/gatehouse.ini runs, with all that it composes", async () => {
  const { code } = await runGateway(["config", "check", `${EXAMPLES}gatehouse.ini`]);
  assertEquals(code, 0);
  await using gateway = await startGateway([
    "--config",
    `${EXAMPLES}gatehouse.ini`,
    "greeting=Welcome",
    "--http=127.0.0.1:0",
  ]);
  assertEquals(await (await fetch(gateway.url)).text(), "Hello from gatehouse\n");
  const greeted = await fetch(`${gateway.url}/greet/you`);
  assertEquals(await greeted.text(), "Welcome, /greet/you\n");
  assertEquals(greeted.headers.get("x-frame-options"), "DENY");
  assertMatch(greeted.headers.get("server-timing")!, /^app;dur=/);
  const events = await fetch(`${gateway.url}/events?interval=1&count=1`);
  assertEquals(await events.text(), "id: 0\ndata: tick 0\n\n");
});
