/** Attacks that take a gateway of their own, since they are on how it was started. */

import { assert, assertEquals, assertMatch } from "../support/assert.ts";
import { runGateway, startGateway } from "../support/gateway.ts";
import { FakeMongrel2 } from "../support/fake_mongrel2.ts";
import { inFolder, pidsAt } from "../support/processes.ts";
import { get, RawClient } from "../support/raw_client.ts";
import type { Product } from "./site.ts";

const HELLO = `export default () => new Response("hello");`;

const ECHO_APP = `export default async (request) => new Response(await request.text());`;

/** Prints what a process could tell its supervisor, and answers with its process id. */
const FORGING_APP = `
const forged = ["ready", "listening http://127.0.0.1:1", '{"kind":"ready"}', '{"kind":"ended"}', "READY=1"];
for (const line of forged) {
  console.log(line);
  console.error(line);
}
export default () => new Response(String(Deno.pid));
`;

/** Opens its own file again and again, if it is asked to. */
const GREEDY_APP = `
const held = [];
export default async (request) => {
  while (request.url.endsWith("/open")) {
    await Deno.open(new URL(import.meta.url)).then((file) => held.push(file), () => {});
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  return new Response("greedy");
};
`;

/** Descriptors of a process that has few. */
const FEW_DESCRIPTORS = 220;

async function askFor(port: number): Promise<string> {
  using client = await RawClient.connect(port);
  await client.send(get("/"));
  return (await client.receive()).body;
}

/** Clients that take all descriptors there are. */
export function fewDescriptors({ command, args }: Product): Promise<void> {
  return inFolder({ "app.js": HELLO }, async (folder) => {
    const limited = ["sh", "-c", `ulimit -n ${FEW_DESCRIPTORS} && exec "$0" "$@"`, ...command];
    await using gateway = await startGateway(
      [`${folder}/app.js`, "--workers=1", ...args],
      { command: limited, env: { GATEHOUSE_CACHE: `${folder}/cache` } },
    );
    const open: RawClient[] = [];
    try {
      for (let i = 0; i < 2 * FEW_DESCRIPTORS; i++) {
        open.push(await RawClient.connect(gateway.port));
      }
      for (let i = 0; i < 5; i++) assertEquals(await askFor(gateway.port), "hello");
      // It can still open files.
      await Deno.writeTextFile(`${folder}/app.js`, HELLO.replace("hello", "again"));
      gateway.kill("SIGHUP");
      await gateway.logged(/^generation 2 serves$/);
      assertEquals(await askFor(gateway.port), "again");
    } finally {
      for (const client of open) client[Symbol.dispose]();
    }
    gateway.kill("SIGTERM");
    assertEquals((await gateway.status).code, 0);
  });
}

/** An app that opens whatever it may. */
export function greedyApp({ command, args }: Product): Promise<void> {
  return inFolder({}, async (folder) => {
    for (const [name, code] of [["greedy", GREEDY_APP], ["good", HELLO]]) {
      await Deno.mkdir(`${folder}/${name}`);
      await Deno.writeTextFile(`${folder}/${name}/app.js`, code);
    }
    const mounts = [
      "--mount",
      `/=${folder}/good/app.js`,
      "--mount",
      `/greedy=${folder}/greedy/app.js`,
    ];
    await using gateway = await startGateway(
      [...mounts, "--workers=1", "--max-worker-descriptors=40", ...args],
      { command, env: { GATEHOUSE_CACHE: `${folder}/cache` } },
    );
    using greedy = await RawClient.connect(gateway.port);
    await greedy.send(get("/greedy/open"));
    assertMatch(`${(await greedy.receive()).status}`, /^50[23]$/);
    assertEquals(await askFor(gateway.port), "hello");
    await gateway.logged(/^worker 1 of \/greedy is ready again$/);
    await greedy.send(get("/greedy"));
    assertEquals((await greedy.receive()).body, "greedy");
    gateway.kill("SIGTERM");
    assertEquals((await gateway.status).code, 0);
  });
}

/** An app that prints what its process tells, and a process that is lost. */
export function lostProcess({ command, args }: Product): Promise<void> {
  return inFolder({ "app.js": FORGING_APP }, async (folder) => {
    await using gateway = await startGateway(
      [`${folder}/app.js`, "--processes=2", "--workers=1", ...args],
      { command, env: { GATEHOUSE_CACHE: `${folder}/cache` } },
    );
    const [victim, other] = await pidsAt(gateway.port, (pids) => pids.size === 2);
    Deno.kill(victim, "SIGKILL");
    await gateway.logged(new RegExp(`^error: process \\d \\(${victim}\\) ended: SIGKILL$`));
    assertEquals(await askFor(gateway.port), `${other}`);
    await gateway.logged(/^process \d \(\d+\) is ready again$/);
    await pidsAt(gateway.port, (pids) => pids.size === 2 && !pids.has(victim));
    assertEquals(gateway.log.filter((line) => line === "ready").length, 1);
    gateway.kill("SIGTERM");
    assertEquals((await gateway.status).code, 0);
  });
}

/** Messages that no Mongrel2 would send, and headers that clients can send to look like its own. */
export function strangeMessages({ command, args }: Product): Promise<void> {
  return inFolder({ "app.js": ECHO_APP, "secret": "TOP SECRET" }, async (folder) => {
    await Deno.mkdir(`${folder}/uploads`);
    await using server = new FakeMongrel2();
    const spec = `${server.send},recv=${server.recv},uploads=${folder}/uploads`;
    await using gateway = await startGateway(
      [`${folder}/app.js`, "--workers=1", "--mongrel2", spec, ...args],
      { command, env: { GATEHOUSE_CACHE: `${folder}/cache` } },
    );
    const isAnswered = async (connId: number, pattern: RegExp) => {
      let reply: string;
      // After a refusal, an empty reply closes the connection.
      do reply = await server.reply(); while (reply.endsWith(", "));
      assert(reply.startsWith(`server ${`${connId}`.length}:${connId}, `), reply);
      assertMatch(reply, pattern);
    };
    const malformed = [
      "",
      " ",
      "server",
      "server 1 / ",
      "server 1 / 999999999:{}",
      "server 1 / 2:{},0:",
      "server 1 / 4:null,0:,",
      "server 1 / 00:,0:,",
      `server 1 / 60:${"[".repeat(60)},0:,`,
      "server 1 / 7:1:a,1:1#},0:,",
      `server 1 / 2:{},5:short,more`,
    ];
    for (const message of malformed) await server.sendRaw(message);
    const secret = `${folder}/secret`;
    const done = { "x-mongrel2-upload-start": secret, "x-mongrel2-upload-done": secret };
    await server.request(2, "/", { METHOD: "POST", ...done });
    await isAnswered(2, /HTTP\/1\.1 400 /);
    await server.request(3, "/", { METHOD: "POST", "x-mongrel2-upload-done": secret }, "body");
    await isAnswered(3, /HTTP\/1\.1 400 /);
    await server.request(4, "/x/..%2fy");
    await isAnswered(4, /HTTP\/1\.1 400 /);
    await server.request(5, "/", { x: "a\r\nb: c" });
    await isAnswered(5, /HTTP\/1\.1 400 /);
    await server.request(6, "/", { METHOD: "POST", "content-length": "4" }, "mine");
    await isAnswered(6, /HTTP\/1\.1 200 [^]*\r\n\r\nmine$/);
    assertEquals(await Deno.readTextFile(secret), "TOP SECRET");
    gateway.kill("SIGTERM");
    assertEquals((await gateway.status).code, 0);
  });
}

/** A cache that others could put code into. */
export function foreignCache({ command, args, loaderArgs }: Product): Promise<void> {
  return inFolder({ "app.js": HELLO }, async (folder) => {
    await Deno.mkdir(`${folder}/cache`);
    await Deno.chmod(`${folder}/cache`, 0o777);
    const inCache = ["env", `GATEHOUSE_CACHE=${folder}/cache`, ...command];
    const started = [`${folder}/app.js`, "--http=127.0.0.1:0", ...args, ...loaderArgs];
    const { code, stderr } = await runGateway(started, inCache);
    assertEquals(code, 2, stderr);
    assertMatch(stderr, /^gatehouse: .*cache/);
    assertEquals([...Deno.readDirSync(`${folder}/cache`)], []);
  });
}

/** A debugger's door, beside an app that could go through it. */
export function inspectedApp({ command, args }: Product): Promise<void> {
  return inFolder({ "app.js": HELLO }, async (folder) => {
    const started = [`${folder}/app.js`, "--http=127.0.0.1:0", "--inspect", ...args];
    const { code, stderr } = await runGateway(started, command);
    assert(code !== 0, stderr);
    assertMatch(stderr, /^gatehouse: .*inspect/);
  });
}
