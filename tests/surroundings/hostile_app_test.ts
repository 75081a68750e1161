/** What apps set of the process that they share means nothing to the gateway. */

import { assert, assertEquals, assertMatch, assertNotMatch } from "../support/assert.ts";
import { startGateway } from "../support/gateway.ts";
import { ask, importAt, IMPORTING_APP, LoaderLab } from "../support/loader_lab.ts";
import { freePort, isMissing, libzmqIsMissing, run } from "../support/peers.ts";
import { inFolder } from "../support/processes.ts";
import { ModuleServer, TemporaryFolder } from "../loader/module_server.ts";

/** Code that sets `variables`, as far as it is let. */
function setting(variables: Readonly<Record<string, string>>): string {
  return `for (const [name, value] of Object.entries(${JSON.stringify(variables)})) {
    try { Deno.env.set(name, value); } catch { /* it may not */ }
  }\n`;
}

/** Code that changes the working directory to the app's own folder, as far as it is let. */
const CHANGING_FOLDER = `
import nodeProcess, { chdir } from "node:process";
for (const change of [Deno.chdir, chdir, nodeProcess.chdir, globalThis.process?.chdir]) {
  try { change?.(import.meta.dirname); } catch { /* it may not */ }
}\n`;

const TELLS_SECRET = `export default () => {
  try { return new Response(Deno.readTextFileSync(SECRET)); }
  catch (error) { return new Response(error.name); }
};\n`;

for (const processes of ["0", "1"]) {
  Deno.test(`what an app sets of GATEHOUSE_* is not read at a reload (--processes ${processes})`, () =>
    inFolder({ secret: "TOP SECRET" }, async (folder) => {
      await Deno.mkdir(`${folder}/app`);
      const options = {
        GATEHOUSE_APP_ALLOW_ALL: "yes",
        GATEHOUSE_APP_ALLOW_READ: folder,
        GATEHOUSE_MOUNT: `/other=${folder}/app/app.js`,
        GATEHOUSE_GENERATION_HEADER: "x-generation",
      };
      const code = TELLS_SECRET.replace("SECRET", JSON.stringify(`${folder}/secret`));
      await Deno.writeTextFile(`${folder}/app/app.js`, setting(options) + code);
      await using gateway = await startGateway(
        [`${folder}/app/app.js`, "--workers=1", `--processes=${processes}`],
      );
      assertEquals(await ask(gateway), "NotCapable");
      gateway.kill("SIGHUP");
      await gateway.logged(/generation 2 serves$/);
      const response = await fetch(gateway.url);
      assertEquals(await response.text(), "NotCapable");
      assertEquals(response.headers.get("x-generation"), null);
    }));
}

Deno.test("relative paths are where they were at the start, wherever an app changes to", () =>
  inFolder({}, async (folder) => {
    const ini = (section: string) =>
      `[server:main]\nuse = http\nport = 0\nworkers = 1\n${section}[app:main]\nuse = `;
    await Deno.mkdir(`${folder}/site`);
    await Deno.writeTextFile(`${folder}/secret`, "TOP SECRET");
    await Deno.writeTextFile(`${folder}/g.ini`, `${ini("")}site/app.js\n`);
    // What an app brings along beside it.
    await Deno.writeTextFile(`${folder}/site/g.ini`, `${ini("app-allow-all = yes\n")}app.js\n`);
    const code = TELLS_SECRET.replace("SECRET", JSON.stringify(`${folder}/secret`));
    await Deno.writeTextFile(`${folder}/site/app.js`, CHANGING_FOLDER + code);
    await using gateway = await startGateway(
      ["--config", "g.ini", "--pidfile", "pid", "--http", "127.0.0.1:0"],
      { cwd: folder },
    );
    assertEquals(await Deno.readTextFile(`${folder}/pid`), `${gateway.pid}\n`);
    gateway.kill("SIGHUP");
    await gateway.logged(/^generation 2 serves$/);
    assertEquals(await ask(gateway), "NotCapable");
    // What the operator changes counts.
    await Deno.writeTextFile(`${folder}/g.ini`, `${ini("app-allow-read = .\n")}site/app.js\n`);
    gateway.kill("SIGHUP");
    await gateway.logged(/^generation 3 serves$/);
    assertEquals(await ask(gateway), "TOP SECRET");
    gateway.kill("SIGTERM");
    assertEquals((await gateway.status).code, 0);
    assertEquals([...Deno.readDirSync(folder)].map(({ name }) => name).sort(), [
      "g.ini",
      "secret",
      "site",
    ]);
  }));

for (
  const [place, name] of [["with processes", "{n}.sock"], ["without processes", "a.sock"]] as const
) {
  Deno.test(`a relative unix socket is where it was at the start, ${place}`, () =>
    inFolder({}, async (folder) => {
      await Deno.mkdir(`${folder}/site`);
      await Deno.writeTextFile(
        `${folder}/site/app.js`,
        `${CHANGING_FOLDER}export default () => new Response("here");`,
      );
      const processes = place === "with processes" ? "1" : "0";
      await using gateway = await startGateway([
        "site/app.js",
        "--workers=1",
        `--processes=${processes}`,
        `--http=unix:${name}`,
      ], { cwd: folder });
      const path = `${folder}/${name.replace("{n}", "1")}`;
      assert(Deno.statSync(path).isSocket);
      gateway.kill("SIGTERM");
      assertEquals((await gateway.status).code, 0);
      assertEquals([...Deno.readDirSync(folder)].map(({ name }) => name), ["site"]);
    }));
}

/** Registries and proxies of the user's, and those of an app. */
async function registries(): Promise<
  { readonly honest: ModuleServer; readonly evil: ModuleServer } & AsyncDisposable
> {
  const honest = new ModuleServer({});
  const evil = new ModuleServer({});
  const servers = new AsyncDisposableStack();
  servers.use(honest);
  servers.use(evil);
  return await Promise.resolve({
    honest,
    evil,
    [Symbol.asyncDispose]: () => servers.disposeAsync(),
  });
}

for (const thread of ["that is there already", "that is started later"]) {
  Deno.test(`registries and proxies are those of the start, for a loader's thread ${thread}`, async () => {
    await using servers = await registries();
    const { honest, evil } = servers;
    await using user = new TemporaryFolder();
    const userConfig = `${user.path}/npmrc`;
    await Deno.writeTextFile(userConfig, `registry=${honest.origin}/\n`);
    await using lab = new LoaderLab({
      "home/.npmrc": `registry=${evil.origin}/\n`,
    }, {
      NPM_CONFIG_USERCONFIG: userConfig,
      JSR_URL: honest.origin,
      // Deno asks for newer versions of itself whenever it pleases.
      DENO_NO_UPDATE_CHECK: "1",
    });
    const variables = {
      NPM_CONFIG_REGISTRY: evil.origin,
      npm_config_registry: evil.origin,
      NPM_CONFIG_USERCONFIG: lab.path("home/.npmrc"),
      HOME: lab.path("home"),
      JSR_URL: evil.origin,
      HTTP_PROXY: evil.origin,
      HTTPS_PROXY: evil.origin,
      http_proxy: evil.origin,
      ALL_PROXY: evil.origin,
      GATEHOUSE_CACHE: lab.path("home"),
    };
    lab.write({ "app.ts": setting(variables) + IMPORTING_APP });
    // With all that it needs in the cache, the first thing that needs a thread is an import.
    if (thread === "that is started later") await lab.runCache(lab.path("app.ts"));
    await using gateway = await lab.start(lab.path("app.ts"), "--app-allow-import");
    for (const specifier of ["npm:leftpad-x@1", "jsr:@a/b@1", `${honest.origin}/m.ts`]) {
      assertMatch(String(await importAt(gateway, specifier)), /^TypeError: cannot load/);
    }
    assertEquals(evil.takePaths(), []);
    const paths = honest.takePaths();
    for (const path of ["/leftpad-x", "/@a/b/meta.json", "/m.ts"]) {
      assert(paths.includes(path), `${path}: ${paths.join(" ")}`);
    }
    assertEquals([...Deno.readDirSync(lab.path("home"))].map(({ name }) => name), [".npmrc"]);
  });
}

Deno.test("a proxy that the user has named is asked, whatever an app sets", async () => {
  await using servers = await registries();
  const { honest, evil } = servers;
  // As a proxy, it is asked for whole URLs, and answers with its own page.
  honest.pages["/m.js"] = { body: "export default 'by proxy'", headers: JS };
  await using lab = new LoaderLab({
    "app.ts": setting({ HTTP_PROXY: evil.origin, NO_PROXY: "*" }) + IMPORTING_APP,
  }, { HTTP_PROXY: honest.origin });
  const host = `127.0.0.1:${freePort()}`;
  await using gateway = await lab.start(lab.path("app.ts"), `--allow-import=${host}`);
  assertEquals(await importAt(gateway, `http://${host}/m.js`), "by proxy");
});

const JS = { "content-type": "text/javascript" };

Deno.test({
  name: "the library that an app names in GATEHOUSE_LIBZMQ is not loaded",
  ignore: libzmqIsMissing(),
  fn: () =>
    inFolder({
      "app.js": `${
        setting({ GATEHOUSE_LIBZMQ: "/nowhere/evil.so", LD_LIBRARY_PATH: "/nowhere" })
      }export default () => new Response("hi");`,
    }, async (folder) => {
      await using gateway = await startGateway([
        `${folder}/app.js`,
        "--workers=1",
        "--http=127.0.0.1:0",
        "--mongrel2=tcp://127.0.0.1:59981",
      ]);
      assertEquals(await ask(gateway), "hi");
    }),
});

Deno.test({
  name: "an authority that an app names is trusted by nobody, not by another app either",
  ignore: isMissing("openssl"),
  fn: () =>
    inFolder({}, async (folder) => {
      await run(
        "openssl",
        ..."req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2".split(" "),
        ...["-subj", "/CN=evil", "-addext", "basicConstraints=critical,CA:FALSE"],
        ...["-addext", "subjectAltName=IP:127.0.0.1"],
        ...["-keyout", `${folder}/key.pem`, "-out", `${folder}/cert.pem`],
      );
      const [cert, key] = ["cert", "key"].map((name) =>
        Deno.readTextFileSync(`${folder}/${name}.pem`)
      );
      await using server = new ModuleServer({ "/": "trusted" }, { cert, key });
      const asking = `export default async () => {
        try { return await fetch(${JSON.stringify(server.origin)}); }
        catch (error) { return new Response(error.message + " " + error.cause?.message); }
      };`;
      await Deno.writeTextFile(
        `${folder}/evil.js`,
        setting({ DENO_CERT: `${folder}/cert.pem`, DENO_TLS_CA_STORE: "system" }) + asking,
      );
      await Deno.writeTextFile(`${folder}/other.js`, asking);
      await Deno.writeTextFile(
        `${folder}/g.ini`,
        "[server:main]\nuse = http\nport = 0\nworkers = 1\n[composite:main]\nuse = urlmap\n" +
          "/evil = evil\n/other = other\n[app:evil]\nuse = evil.js\n[app:other]\nuse = other.js\n" +
          "app-allow-read = .\n",
      );
      await using gateway = await startGateway(["--config", `${folder}/g.ini`, "--http=0"]);
      for (const path of ["/evil", "/other"]) {
        assertMatch(await ask(gateway, path), /UnknownIssuer/);
      }
    }),
});

/** What an app sees of variables, with some arguments. */
const views: [args: string[], variables: Record<string, string>, seen: string][] = [
  [
    [],
    {
      A: "1",
      GATEHOUSE_REQUEST_TIMEOUT: "20",
      GATEHOUSE_CACHE: "CACHE",
      NOTIFY_SOCKET: "/nowhere/notify",
      WATCHDOG_USEC: "1",
      WATCHDOG_PID: "1",
      NPM_TOKEN: "t",
      NODE_AUTH_TOKEN: "t",
      DENO_AUTH_TOKENS: "t@h",
      JSR_TOKEN: "t",
      "npm_config_//r.example/:_authToken": "t",
      NPM_CONFIG__AUTH: "t",
      NPM_CONFIG_USERCONFIG: "/nowhere/npmrc",
    },
    "A,NPM_CONFIG_USERCONFIG",
  ],
  [["--app-allow-env"], { GATEHOUSE_REQUEST_TIMEOUT: "20", NPM_TOKEN: "t" }, ""],
  [["--app-allow-all"], { GATEHOUSE_REQUEST_TIMEOUT: "20", NPM_TOKEN: "t" }, "NPM_TOKEN"],
  [
    ["--app-allow-env=GATEHOUSE_REQUEST_TIMEOUT"],
    { GATEHOUSE_REQUEST_TIMEOUT: "20" },
    "GATEHOUSE_REQUEST_TIMEOUT",
  ],
  [
    ["--app-allow-env=GATEHOUSE_*"],
    { GATEHOUSE_REQUEST_TIMEOUT: "20" },
    "GATEHOUSE_REQUEST_TIMEOUT",
  ],
  [["--app-allow-env=NPM_TOKEN,A"], { NPM_TOKEN: "t" }, "NPM_TOKEN"],
  [["--workers=0"], { NPM_TOKEN: "t", GATEHOUSE_REQUEST_TIMEOUT: "20" }, "NPM_TOKEN"],
];
for (const [args, variables, seen] of views) {
  const names = Object.keys(variables);
  Deno.test(`of ${names.join(", ")} apps see "${seen}" with ${args.join(" ") || "no options"}`, () =>
    inFolder({
      "app.js": `const names = ${JSON.stringify(names)};
        const get = (name) => { try { return Deno.env.get(name); } catch { return undefined; } };
        export default () => new Response(names.filter((name) => get(name) !== undefined).join());`,
    }, async (folder) => {
      const env = Object.fromEntries(
        Object.entries(variables).map(([name, value]) => [
          name,
          value === "CACHE" ? `${folder}/cache` : value,
        ]),
      );
      const workers = args.some((arg) => arg.startsWith("--workers")) ? [] : ["--workers=1"];
      await using gateway = await startGateway([`${folder}/app.js`, ...workers, ...args], { env });
      assertEquals(await ask(gateway), seen);
    }));
}

Deno.test("a variable that an app may see after a reload is there again, as it was", () =>
  inFolder({
    "app.js": 'export default () => new Response(Deno.env.get("NPM_TOKEN") ?? "none");',
  }, async (folder) => {
    const write = (line: string) =>
      Deno.writeTextFile(
        `${folder}/g.ini`,
        `[server:main]\nuse = http\nport = 0\nworkers = 1\n${line}\n[app:main]\nuse = app.js\n`,
      );
    await write("");
    await using gateway = await startGateway(["--config", `${folder}/g.ini`, "--http=0"], {
      env: { NPM_TOKEN: "token" },
    });
    assertEquals(await ask(gateway), "none");
    await write("app-allow-env = NPM_TOKEN");
    gateway.kill("SIGHUP");
    await gateway.logged(/^generation 2 serves$/);
    assertEquals(await ask(gateway), "token");
    assertNotMatch(gateway.log.join("\n"), /token/);
  }));

Deno.test({
  name: "a program that an app may run is the one of the start, whatever PATH another app sets",
  ignore: Deno.build.os === "windows",
  fn: () =>
    inFolder({}, async (folder) => {
      const script = (what: string) => `#!/bin/sh\necho ${what}\n`;
      for (const name of ["bin", "evil"]) await Deno.mkdir(`${folder}/${name}`);
      await Deno.writeTextFile(`${folder}/bin/tool`, script("honest"), { mode: 0o755 });
      await Deno.writeTextFile(`${folder}/evil/tool`, script("evil"), { mode: 0o755 });
      await Deno.writeTextFile(
        `${folder}/evil.js`,
        `${setting({ PATH: `${folder}/evil` })}export default () => new Response();`,
      );
      await Deno.writeTextFile(
        `${folder}/user.js`,
        `const run = (name) => {
          try { return new TextDecoder().decode(new Deno.Command(name).outputSync().stdout).trim(); }
          catch (error) { return error.name; }
        };
        export default () => new Response(["tool", "${folder}/bin/tool", "${folder}/evil/tool"].map(run).join());`,
      );
      await Deno.writeTextFile(
        `${folder}/g.ini`,
        "[server:main]\nuse = http\nport = 0\nworkers = 1\n[composite:main]\nuse = urlmap\n" +
          "/evil = evil\n/user = user\n[app:evil]\nuse = evil.js\n[app:user]\nuse = user.js\n" +
          "app-allow-run = tool\n",
      );
      await using gateway = await startGateway(["--config", `${folder}/g.ini`, "--http=0"], {
        env: { PATH: `${folder}/bin:${Deno.env.get("PATH")}` },
      });
      gateway.kill("SIGHUP");
      await gateway.logged(/^generation 2 serves$/);
      const [named, honest, evil] = (await ask(gateway, "/user")).split(",");
      assert(named === "honest" || named === "NotCapable" || named === "NotFound", named);
      assertEquals([honest, evil], ["honest", "NotCapable"]);
    }),
});
