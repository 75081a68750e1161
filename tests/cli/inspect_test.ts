import { assert, assertEquals, assertMatch, assertStringIncludes } from "../support/assert.ts";
import { runGateway, startGateway } from "../support/gateway.ts";
import type { GatewayProcess } from "../support/gateway.ts";
import { inFolder } from "../support/processes.ts";

const FILES = { "app.js": 'export default () => new Response("hello");' };

/** What a debugger is told of workers when it attaches. */
async function workersSeenBy(url: string): Promise<string[]> {
  const socket = new WebSocket(url);
  const titles: string[] = [];
  const closed = new Promise((resolve) => socket.onclose = resolve);
  await new Promise<void>((resolve, reject) => {
    socket.onerror = reject;
    socket.onopen = () =>
      socket.send(JSON.stringify({
        id: 1,
        method: "Target.setAutoAttach",
        params: { autoAttach: true, waitForDebuggerOnStart: false, flatten: true },
      }));
    socket.onmessage = ({ data }) => {
      const { method, params } = JSON.parse(data);
      if (method !== "Target.attachedToTarget") return;
      titles.push(params.targetInfo.url);
      resolve();
    };
  });
  socket.close();
  await closed;
  return titles;
}

const [major, minor] = Deno.version.deno.split(".").map(Number);
/** Deno from source has an inspector that can be opened since 2.7. */
const ignore = major === 2 && minor < 7;
/** The workers are shown since then. */
const showsWorkers = !(major === 2 && minor < 9);

/** The inspector's URL, with which a debugger would be started. */
async function inspectorOf(gateway: GatewayProcess): Promise<URL> {
  const line = await gateway.logged(/^inspector ws:\/\/\S+ /);
  return new URL(line.split(" ")[1]);
}

/** What is answered to a request with these fields. */
async function answerTo({ port, pathname }: URL, ...fields: string[]): Promise<string> {
  using conn = await Deno.connect({ hostname: "127.0.0.1", port: Number(port) });
  const isUpgrade = fields.some((field) => field.startsWith("Upgrade"));
  const lines = [`GET ${isUpgrade ? pathname : "/json/list"} HTTP/1.1`, ...fields, "", ""];
  await conn.write(new TextEncoder().encode(lines.join("\r\n")));
  let text = "";
  const decoder = new TextDecoder();
  const buffer = new Uint8Array(4_096);
  while (!text.startsWith("HTTP/1.1 101 ")) {
    const count = await conn.read(buffer);
    if (count === null) break;
    text += decoder.decode(buffer.subarray(0, count));
  }
  return text;
}

const UPGRADE = [
  "Connection: Upgrade",
  "Upgrade: websocket",
  "Sec-WebSocket-Version: 13",
  "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
];

for (const option of ["--inspect", "--inspect=worker"]) {
  Deno.test({
    name: `${option} opens an inspector on the loopback interface, which shows the workers`,
    ignore: ignore || !showsWorkers,
    fn: () =>
      inFolder(FILES, async (folder) => {
        await using gateway = await startGateway([
          `${folder}/app.js`,
          "--workers=1",
          "--app-allow-all",
          option,
        ]);
        const url = await inspectorOf(gateway);
        assertEquals(url.hostname, "127.0.0.1");
        const workers = await workersSeenBy(url.href);
        assert(workers.some((url) => url.endsWith("/worker/main.ts")), workers.join());
        assertEquals(await (await fetch(gateway.url)).text(), "hello");
      }),
  });
}

Deno.test({
  name: "an inspector answers those who ask this machine, and not by names of web pages",
  ignore,
  fn: () =>
    inFolder(FILES, async (folder) => {
      await using gateway = await startGateway([
        `${folder}/app.js`,
        "--workers=1",
        "--app-allow-all",
        "--inspect=127.0.0.1:0",
      ]);
      const url = await inspectorOf(gateway);
      assertEquals(url.hostname, "127.0.0.1");
      for (const host of [url.host, `localhost:${url.port}`, "[::1]", "192.168.1.5:9229"]) {
        const text = await answerTo(url, `Host: ${host}`);
        assertMatch(text, /^HTTP\/1\.1 200 OK\r\n/);
        // Debuggers go where this says: to what looks at names.
        assertStringIncludes(text, `"webSocketDebuggerUrl":"ws://${host}${url.pathname}"`);
        assertMatch(await answerTo(url, `Host: ${host}`, ...UPGRADE), /^HTTP\/1\.1 101 /);
      }
      for (
        const fields of [
          [`Host: evil.example:${url.port}`],
          ["Host: 127.0.0.1.evil.example"],
          ["Host: localhost.evil.example"],
          ["Host: evil.example", `Host: ${url.host}`],
          [`Host: ${url.host}`, "Host: evil.example"],
          [`Host: ${url.host}`, "X: y\nHost: evil.example"],
          ["Host:"],
          [],
        ]
      ) {
        for (const more of [[], UPGRADE]) {
          const text = await answerTo(url, ...fields, ...more);
          assertMatch(text, /^HTTP\/1\.1 400 Bad Request\r\n/, fields.join("; "));
          assertStringIncludes(text, "asked for by an IP address or as localhost");
        }
      }
    }),
});

const needsPermission =
  /^gatehouse: --inspect lets anyone who connects do all that .*file:\/\/\/\S+app\.js could connect, since it may use the network: .*--app-allow-all/;
const choices: [args: string[], verdict: "refused" | "served"][] = [
  [[], "refused"],
  [["--app-allow-net"], "refused"],
  [["--app-allow-net=a.example"], "refused"],
  [["--app-allow-net=a.example:443,127.0.0.1:9229"], "refused"],
  [["--app-allow-net=127.0.0.1:9300", "--inspect=9300"], "refused"],
  [["--app-allow-net=[::1]"], "refused"],
  [["--app-allow-net=a.example:443,[::1]:80"], "served"],
];
for (const [args, verdict] of choices) {
  const inspect = args.some((arg) => arg.startsWith("--inspect")) ? [] : ["--inspect"];
  Deno.test({
    name: `--inspect beside apps with ${
      args.join(" ") || "what apps from files may do"
    } is ${verdict}`,
    ignore: verdict === "served" && ignore,
    fn: () =>
      inFolder(FILES, async (folder) => {
        const all = [`${folder}/app.js`, "--workers=1", ...inspect, ...args];
        if (verdict === "served") {
          await using gateway = await startGateway(all);
          await inspectorOf(gateway);
          return;
        }
        const { code, stderr } = await runGateway([...all, "--http=0"]);
        assertEquals(code, 2, stderr);
        assertMatch(stderr, needsPermission);
      }),
  });
}

Deno.test({
  name: "a reload does not let an app reach the inspector",
  ignore,
  fn: () =>
    inFolder(FILES, async (folder) => {
      const write = (line: string) =>
        Deno.writeTextFile(
          `${folder}/g.ini`,
          `[server:main]\nuse = http\nport = 0\nworkers = 1\n${line}\n[app:main]\nuse = app.js\n`,
        );
      await write("app-allow-net = a.example:443");
      await using gateway = await startGateway([
        "--config",
        `${folder}/g.ini`,
        "--http=0",
        "--inspect=0",
      ]);
      await write("app-allow-net = yes");
      gateway.kill("SIGHUP");
      await gateway.logged(/^error: --inspect lets anyone who connects/);
      await gateway.logged(/^generation 1 goes on serving$/);
      assertEquals(await (await fetch(gateway.url)).text(), "hello");
    }),
});

Deno.test({
  name: "an inspector for other machines is warned of",
  ignore,
  fn: () =>
    inFolder(FILES, async (folder) => {
      await using gateway = await startGateway([
        `${folder}/app.js`,
        "--workers=1",
        "--app-allow-all",
        "--inspect=0.0.0.0:0",
      ]);
      await gateway.logged(
        /^warning: --inspect: the inspector listens at 0\.0\.0\.0:\d+, which other machines can reach/,
      );
    }),
});

for (
  const [text, message] of Object.entries({
    all: /--inspect: bad address "all"/,
    "unix:a.sock": /--inspect takes PORT or HOST:PORT, not a unix socket/,
  })
) {
  Deno.test(`--inspect=${text} is no address: exit status 2`, async () => {
    const { code, stderr } = await runGateway(["a.js", `--inspect=${text}`]);
    assertEquals(code, 2);
    assertMatch(stderr, message);
  });
}
