import { assert, assertEquals, assertMatch, assertStringIncludes } from "../support/assert.ts";
import { FROM_SOURCE, runGateway, startGateway } from "../support/gateway.ts";
import { inFolder } from "../support/processes.ts";
import { get, RawClient } from "../support/raw_client.ts";

const APP = new URL("../fixtures/app.ts", import.meta.url).pathname;

Deno.test("--version names the versions, --help shows the options: both exit 0", async () => {
  const version = await runGateway(["--version"]);
  assertMatch(version.stdout, /^gatehouse \d+\.\d+\.\d+ \(Deno \d+\.\d+\.\d+, V8 [\d.]+/);
  assertEquals(version.code, 0);
  const help = await runGateway(["--help"]);
  assertStringIncludes(help.stdout, "gatehouse help TOPIC");
  const limits = await runGateway(["help", "limits"]);
  assertStringIncludes(limits.stdout, "--max-header-bytes BYTES");
  assertEquals(limits.code, 0);
  assertEquals(help.code, 0);
});

Deno.test("wrong usage is told in one line, with exit status 2", async () => {
  for (
    const args of [["--nonsense"], [], ["a.ts", "--http", "x"], [
      "a.ts",
      "--https=1",
      "--cert=/no",
      "--key=/no",
    ]]
  ) {
    const { code, stderr } = await runGateway(args);
    assertEquals(code, 2, stderr);
    assertEquals(stderr.trimEnd().split("\n").length, 1, stderr);
    assertStringIncludes(stderr, "--help");
  }
});

Deno.test("a port in use is told in one line, with exit status 1", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  const { code, stderr } = await runGateway([APP, "--http", String(port)]);
  assertEquals(code, 1);
  assertEquals(stderr, `gatehouse: cannot listen on 127.0.0.1:${port}: the address is in use\n`);
});

/** In JavaScript, where the language makes no difference: TypeScript takes longer to start than the gateway. */
const loadFailures: Record<string, [Record<string, string>, string, RegExp]> = {
  "a module that is not there": [
    {},
    "app.ts",
    /cannot load file:.*\/app\.ts: there is no such file/,
  ],
  "a syntax error": [{ "app.ts": "export default {\n  fetch() {\n" }, "app.ts", /app\.ts:\d+:\d+/],
  "an import that is not there": [
    { "app.js": 'import "./other.js";\nexport default () => new Response();' },
    "app.js",
    /cannot load file:.*\/other\.js: there is no such file \(imported by file:.*\/app\.js:1\)/,
  ],
  "an import without its ending": [
    { "app.js": 'import "./lib";\nexport default () => new Response();', "lib.js": "" },
    "app.js",
    /\/lib: there is no such file; did you mean lib\.js\? Imports include the file's extension/,
  ],
  "an import of a folder with a main module": [
    { "app.js": 'import "./lib";\nexport default () => new Response();', "lib/index.js": "" },
    "app.js",
    /\/lib: it is a folder; did you mean lib\/index\.js\? Imports include the file's extension/,
  ],
  "an import of a folder without one": [
    { "app.js": 'import "./lib/";\nexport default () => new Response();', "lib/a.js": "" },
    "app.js",
    /\/lib\/: it is a folder \(imported by/,
  ],
  "an import of a package by its bare name": [
    { "app.js": 'import express from "express";\nexport default express();' },
    "app.js",
    /cannot resolve "express": no import map .* write npm:express, and for a file, \.\/express/,
  ],
  "require in a module that is none of CommonJS": [
    { "app.js": 'const fs = require("node:fs");\nexport default () => new Response();' },
    "app.js",
    /require is not defined \(at file:.*\/app\.js:1:12\); a CommonJS module needs the extension \.cjs/,
  ],
  "a module that throws": [
    { "app.ts": '\nthrow new Error("at start");' },
    "app.ts",
    /cannot load file:.*\/app\.ts: at start \(at file:.*\/app\.ts:2:7\)/,
  ],
  "no default export": [
    { "app.js": "export const one = 1, two = 2;" },
    "app.js",
    /it has no default export; it exports one, two/,
  ],
  "no export of that name": [
    { "app.js": "export default () => new Response();" },
    "app.js#admin",
    /it has no export "admin"; it exports default/,
  ],
  "an export that is no app": [
    { "app.js": "export default 42;" },
    "app.js",
    /its default export is a number, and should be a function or an object with a fetch/,
  ],
  "an onListen that is no function": [
    { "app.js": "export default { fetch: () => new Response(), onListen: 8000 }" },
    "app.js",
    /onListen of its default export is a number, and should be a function/,
  ],
  "a URL that cannot be fetched": [
    {},
    "http://127.0.0.1:9/app.ts",
    /cannot load http:\/\/127\.0\.0\.1:9\/app\.ts: /,
  ],
};
/** Those that tell how a fault gets from where it is found to the line; a worker sends it. */
const WITHOUT_WORKERS = [
  "a module that is not there",
  "a module that throws",
  "no export of that name",
  "an onListen that is no function",
];
for (const [name, [files, app, message]] of Object.entries(loadFailures)) {
  for (const workers of WITHOUT_WORKERS.includes(name) ? ["1", "0"] : ["1"]) {
    Deno.test(`${name} ends the start with one clear line (--workers ${workers})`, () =>
      inFolder(files, async (folder) => {
        const specifier = app.startsWith("http") ? app : `${folder}/${app}`;
        const { code, stderr } = await runGateway([specifier, "--http", "0", "--workers", workers]);
        assertEquals(code, 1, stderr);
        assertMatch(stderr, message);
        // The loader says what it fetches, and shows the place of a fault below it.
        const lines = stderr.trimEnd().split("\n").filter((line) => !/^fetching |^ {2}/.test(line));
        assertEquals(lines.length, 1, stderr);
      }));
  }
}

Deno.test("apps are loaded by path, file: URL, http: URL, npm: specifier and export", () =>
  inFolder({
    "app.ts": 'export default () => new Response("default");\n' +
      'export const admin = { fetch: (): Response => new Response("admin") };\n',
    "page.jsx": "/** @jsx make */\nconst make = (tag, _, text) => `<${tag}>${text}</${tag}>`;\n" +
      "export default () => new Response(<p>jsx</p>);\n",
    "hono.ts": 'import { Hono } from "npm:hono@4.13.19";\nconst app = new Hono();\n' +
      'app.get("*", (c) => c.text("hono"));\nexport default app;\n',
  }, async (folder) => {
    const source = 'export default (): Response => new Response("remote" as string);';
    await using server = Deno.serve(
      { port: 0, hostname: "127.0.0.1", onListen() {} },
      () => new Response(source, { headers: { "content-type": "application/typescript" } }),
    );
    const cases: [string, string][] = [
      ["app.ts", "default"],
      ["./app.ts#admin", "admin"],
      [`${folder}/app.ts`, "default"],
      [`file://${folder}/app.ts#admin`, "admin"],
      [`http://127.0.0.1:${server.addr.port}/remote.ts`, "remote"],
      ["page.jsx", "<p>jsx</p>"],
      ["hono.ts", "hono"],
      ["data:text/javascript,export default () => new Response('data')", "data"],
    ];
    // Those that Deno loads, and those that gatehouse does, as it does all beside them.
    const isRemote = ([app]: [string, string]) => app.startsWith("http:");
    for (const apps of [cases.filter((each) => !isRemote(each)), cases.filter(isRemote)]) {
      const mounts = apps.map(([app], index) => `--mount=/${index}=${app}`);
      await using gateway = await startGateway([...mounts, "--workers=1"], { cwd: folder });
      for (const [index, [app, expected]] of apps.entries()) {
        assertEquals(await (await fetch(`${gateway.url}/${index}`)).text(), expected, app);
      }
    }
  }));

Deno.test("several apps are mounted, the longest prefix of whole segments wins", () =>
  inFolder({
    "app.js":
      "export default (r, c) => Response.json([c.mount, c.env.SCRIPT_NAME, c.env.PATH_INFO, new URL(r.url).pathname]);",
  }, async (folder) => {
    for (const workers of ["1", "0"]) {
      await using gateway = await startGateway([
        "--mount",
        `/a=${folder}/app.js`,
        "--mount",
        `/a/b=${folder}/app.js`,
        "--workers",
        workers,
      ]);
      const cases: [string, unknown][] = [
        ["/a", ["/a", "/a", "", "/a"]],
        ["/a/", ["/a", "/a", "/", "/a/"]],
        ["/a/x%20y?q", ["/a", "/a", "/x y", "/a/x%20y"]],
        ["/a/b/c", ["/a/b", "/a/b", "/c", "/a/b/c"]],
        ["/a/bc", ["/a", "/a", "/bc", "/a/bc"]],
        ["/a/x/../y", ["/a", "/a", "/y", "/a/y"]],
        ["/a/b/x/%2e%2e/c", ["/a/b", "/a/b", "/c", "/a/b/c"]],
      ];
      using client = await RawClient.connect(gateway.port);
      for (const [path, expected] of cases) {
        await client.send(get(path));
        assertEquals(JSON.parse((await client.receive()).body), expected, path);
      }
      for (const path of ["/", "/ab", "/x/../y"]) {
        await client.send(get(path));
        assertEquals((await client.receive()).status, 404, path);
      }
      // Servers in front could take these for the paths of other mounts.
      for (const path of ["/x/../a/b", "/a/b/%2e%2e/c", "/a/../x", "//a", "/%61"]) {
        await client.send(get(path));
        assertEquals((await client.receive()).status, 400, path);
      }
    }
  }));

Deno.test("middleware wraps the app, the last outermost; --factory makes apps", () =>
  inFolder({
    "app.js": "export default (settings) => () => new Response(`app ${typeof settings}`);",
    "m1.js":
      "export default (next) => ({ fetch: async (r, c) => new Response(`1(${await (await next.fetch(r, c)).text()})`) });",
    "m2.js":
      "export default (next) => async (r, c) => new Response(`2(${await (await next.fetch(r, c)).text()})`);",
  }, async (folder) => {
    await using gateway = await startGateway(["app.js", "m1.js", "m2.js", "--factory"], {
      cwd: folder,
    });
    assertEquals(await (await fetch(gateway.url)).text(), "2(1(app object))");
  }));

const LISTENER = `export default {
  count: 0,
  fetch: () => new Response("listening"),
  onListen(address) {
    console.error("told " + JSON.stringify([this.count++, address]));
    if (address.transport === "unix") throw new Error("not this one");
  },
};
export const wrap = (next) => (request, context) => next.fetch(request, context);
export const own = (next) => ({
  fetch: (request, context) => next.fetch(request, context),
  onListen: ({ port }) => console.error("told of " + port),
});`;

const FIRST = "127.0.0.1:0";
// As `deno serve --parallel` does: in the first worker alone.
for (const workers of ["3", "0"]) {
  Deno.test(`onListen of an app is told each address, once (--workers ${workers})`, () =>
    inFolder({ "app.js": LISTENER }, async (folder) => {
      const app = `${folder}/app.js`;
      const path = `${folder}/a.sock`;
      const all = ["--http", FIRST, "--http", `unix:${path}`, "--fastcgi", FIRST];
      await using gateway = await startGateway([app, ...all, "--workers", workers]);
      await gateway.logged(/onListen\(\) failed: Error: not this one/);
      await gateway.logged(/^told \[2,/);
      const told = gateway.log.flatMap((line) => /^told (.*)$/.exec(line)?.slice(1) ?? []);
      const { port } = gateway;
      const fastcgi = /^listening fastcgi:\/\/127.0.0.1:(\d+)$/m.exec(gateway.log.join("\n"))?.[1];
      assertEquals(told.map((each) => JSON.parse(each)), [
        [0, { transport: "tcp", hostname: "127.0.0.1", port }],
        [1, { transport: "unix", path }],
        [2, { transport: "tcp", hostname: "127.0.0.1", port: Number(fastcgi) }],
      ]);
      assertEquals(await (await fetch(gateway.url)).text(), "listening");
    }));
}

Deno.test("middleware may have an onListen of its own, or the app's counts", () =>
  inFolder({ "app.js": LISTENER }, async (folder) => {
    const app = `${folder}/app.js`;
    for (const [name, expected] of [["wrap", /^told \[0,/], ["own", /^told of \d+$/]] as const) {
      const args = [app, `${app}#${name}`, "--http", FIRST, "--workers=1"];
      await using gateway = await startGateway(args);
      await gateway.logged(expected);
      assertEquals(gateway.log.filter((line) => line.startsWith("told")).length, 1);
    }
  }));

Deno.test("several addresses are served at once, IPv6 and unix sockets among them", () =>
  inFolder({}, async (folder) => {
    const path = `${folder}/a.sock`;
    // A socket file that nobody listens on any more is in the way.
    const stale = Deno.listen({ transport: "unix", path });
    Deno.renameSync(path, `${path}.kept`);
    stale.close();
    Deno.renameSync(`${path}.kept`, path);
    const gateway = await startGateway([
      APP,
      "--http",
      "127.0.0.1:0",
      "--http",
      "[::1]:0",
      "--http",
      `unix:${path},mode=0600`,
      "--workers",
      "1",
    ]);
    try {
      assertEquals(await (await fetch(`${gateway.url}/`)).text(), "hello");
      const ipv6 = gateway.log.find((line) => line.includes("[::1]"))!.slice("listening ".length);
      assertEquals(await (await fetch(`${ipv6}/`)).text(), "hello");
      assertEquals(Deno.statSync(path).mode! & 0o777, 0o600);
      using client = new RawClient(await Deno.connect({ transport: "unix", path }));
      await client.send(get("/info"));
      const info = JSON.parse((await client.receive()).body);
      assertEquals(info.localAddr, { transport: "unix", path });
      // Whoever connects to a unix socket has no address.
      assertEquals([info.remoteAddr, info.env.REMOTE_ADDR], [
        { transport: "unix", path: null },
        "",
      ]);
      const second = await runGateway([APP, "--http", `unix:${path}`]);
      assertEquals(second.code, 1);
      assertStringIncludes(second.stderr, "the address is in use");
      await Deno.writeTextFile(`${folder}/file`, "");
      const third = await runGateway([APP, "--http", `unix:${folder}/file`]);
      assertEquals(third.code, 1);
      assertStringIncludes(third.stderr, "is not a socket");
    } finally {
      gateway.kill("SIGTERM");
      assertEquals((await gateway.status).code, 0);
      await gateway[Symbol.asyncDispose]();
    }
    assertEquals([...Deno.readDirSync(folder)].some(({ name }) => name === "a.sock"), false);
  }));

for (const [signal, workers] of [["SIGTERM", "2"], ["SIGTERM", "0"], ["SIGINT", "1"]] as const) {
  Deno.test(`${signal} finishes what is in flight, and then exits 0 (--workers ${workers})`, () =>
    inFolder({}, async (folder) => {
      const allowed = workers === "0" ? [] : [`--app-allow-write=${folder}`];
      await using gateway = await startGateway([APP, "--workers", workers, ...allowed]);
      const { url, port } = gateway;
      const slow = fetch(`${url}/slow?ms=500`);
      const stream = fetch(`${url}/stream?count=10&ms=60`);
      const background = await fetch(`${url}/background?ms=700&file=${folder}/done`);
      assertEquals(await background.text(), "accepted");
      using idle = await RawClient.connect(port);
      await idle.send(get("/"));
      await idle.receive();
      using upload = await RawClient.connect(port);
      await upload.send("POST /text HTTP/1.1\r\nHost: a\r\nContent-Length: 8\r\n\r\nhalf");
      await new Promise((resolve) => setTimeout(resolve, 150));
      gateway.kill(signal);
      assert(await idle.closed(), "an idle connection is closed");
      await upload.send("half");
      const uploaded = await upload.receive();
      assertEquals(uploaded.body, "halfhalf");
      assertEquals(uploaded.headers.get("connection"), "close");
      assertEquals(await (await slow).text(), "slow");
      assertEquals((await (await stream).text()).split("\n").length, 11);
      assertEquals((await gateway.status).code, 0);
      assertEquals(
        await Deno.readTextFile(`${folder}/done`),
        "done",
        "waitUntil() is waited for",
      );
    }));
}

/** A client whose second request takes half a minute, and has begun. */
async function waitingClient(port: number): Promise<RawClient> {
  const client = await RawClient.connect(port);
  await client.send(get("/") + get("/slow?ms=30000"));
  await client.receive();
  return client;
}

Deno.test("a second signal exits at once", async () => {
  await using gateway = await startGateway([APP, "--workers", "1"]);
  using client = await waitingClient(gateway.port);
  using idle = await RawClient.connect(gateway.port);
  await idle.send(get("/"));
  await idle.receive();
  gateway.kill("SIGTERM");
  assert(await idle.closed(), "the first one has come");
  gateway.kill("SIGTERM");
  assertEquals((await gateway.status).code, 1);
  assertEquals(await client.rest(), "");
});

Deno.test("a signal before the apps are loaded ends the start with exit status 1", () =>
  inFolder(
    {
      "app.ts":
        'console.error("begun"); await new Promise((resolve) => setTimeout(resolve, 60_000));',
    },
    async (folder) => {
      const child = new Deno.Command(FROM_SOURCE[0], {
        args: [...FROM_SOURCE.slice(1), `${folder}/app.ts`, "--http=0", "--workers=1"],
        stderr: "piped",
      }).spawn();
      let told = "";
      for await (const text of child.stderr.pipeThrough(new TextDecoderStream())) {
        const hadBegun = told.includes("begun");
        told += text;
        if (!hadBegun && told.includes("begun")) child.kill("SIGTERM");
      }
      assertEquals((await child.status).code, 1, told);
    },
  ));

Deno.test("--drain-timeout cuts off what takes longer, and it is said what is waited for", async () => {
  await using gateway = await startGateway([APP, "--workers", "1", "--drain-timeout", "1500ms"]);
  using client = await waitingClient(gateway.port);
  gateway.kill("SIGTERM");
  await gateway.logged(
    /^waiting up to 1.5 s for 1 request in flight; a second signal exits at once$/,
  );
  assertEquals((await gateway.status).code, 1);
  assertEquals(await client.rest(), "");
});

Deno.test({
  name: "too few file descriptors to start with are told, with exit status 2",
  ignore: Deno.build.os === "windows",
  async fn() {
    const limited = ["sh", "-c", 'ulimit -n 24; exec "$@"', "sh", ...FROM_SOURCE];
    const { code, stderr } = await runGateway([APP, "--http=127.0.0.1:0"], limited);
    assertEquals(code, 2, stderr);
    assertMatch(
      stderr,
      /^gatehouse: the process may have 24 files open \(ulimit -n\), and needs 32 /m,
    );
  },
});

const NAME = "n".repeat(2_000_000);
const longFailures: Record<string, string> = {
  "V8 repeats a name": `let ${NAME}; let ${NAME};`,
  "an app throws": `throw new Error(${JSON.stringify(NAME)});`,
  "an export is not there": `export const ${NAME} = 1;`,
  "a module is not there": `import "./${NAME}.js";`,
};
for (const [name, code] of Object.entries(longFailures)) {
  for (const workers of ["1", "0"]) {
    Deno.test(`what is printed of a load that fails is bounded: ${name}, --workers ${workers}`, () =>
      inFolder({ "app.js": code }, async (folder) => {
        const args = [`${folder}/app.js`, "--http=127.0.0.1:0", "--workers", workers];
        const { code, stderr } = await runGateway(args);
        assertEquals(code, 1);
        assert(stderr.length < 10_000, `${stderr.length} characters`);
        assertMatch(stderr, /^gatehouse: cannot (?:load|resolve) /m);
        assertMatch(stderr, /app\.js/);
      }));
  }
}
