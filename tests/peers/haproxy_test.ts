/** The gateways and the HAProxy of docs/scaling.md: replaced one by one under load, without an error. */

import { assert, assertEquals } from "../support/assert.ts";
import { blockOf } from "../support/docs.ts";
import type { GatewayProcess } from "../support/gateway.ts";
import { startGateway } from "../support/gateway.ts";
import { freePort, isMissing } from "../support/peers.ts";
import { inFolder } from "../support/processes.ts";
import { startSites } from "./front_servers.ts";

const HEADING = "## A load balancer";
/** Clients that ask without a pause: as many over connections of their own. */
const CLIENTS = 12;
/** How often it is looked whether something has come to be, in milliseconds. */
const LOOK_MS = 50;

/** Answers with what it is sent, after a moment. */
const APP = `
export default async (request) => {
  const text = request.method === "POST" ? await request.text() : new URL(request.url).search;
  await new Promise((resolve) => setTimeout(resolve, Math.random() * 20));
  return new Response(text);
};
`;

/** What clients have seen. */
interface Tally {
  requests: number;
  readonly faults: string[];
}

/** Asks until `isOver`, over connections that are kept, or a new one each time. */
async function keepAsking(url: string, kind: "kept" | "new", isOver: () => boolean, tally: Tally) {
  const options = kind === "kept" ? {} : { poolMaxIdlePerHost: 0 };
  using client = Deno.createHttpClient(options);
  for (let count = 0; !isOver(); count++) {
    const text = `?${kind}${count}`;
    const isPost = count % 2 === 1;
    try {
      const response = await fetch(`${url}/${isPost ? "" : text}`, {
        client,
        ...isPost ? { method: "POST", body: text } : {},
      });
      const got = await response.text();
      if (response.status !== 200 || got !== text) {
        tally.faults.push(`${response.status} ${JSON.stringify(got.slice(0, 100))} for ${text}`);
      }
    } catch (error) {
      tally.faults.push(`${error} for ${text}`);
    }
    tally.requests++;
  }
}

/** What HAProxy says of its servers: `UP`, `DOWN` and the like, by name. */
async function serverStates(socket: string): Promise<Map<string, string>> {
  using conn = await Deno.connect({ transport: "unix", path: socket });
  await conn.write(new TextEncoder().encode("show stat -1 4 -1\n"));
  const text = await new Response(conn.readable).text();
  const [names, ...rows] = text.trim().split("\n").map((line) => line.split(","));
  const [name, status] = [names.indexOf("svname"), names.indexOf("status")];
  return new Map(rows.map((row) => [row[name], row[status]]));
}

async function until(what: string, holds: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 60_000;
  while (!await holds()) {
    if (Date.now() > deadline) throw new Error(`it took too long: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
}

Deno.test({
  name: "four gateways behind HAProxy are replaced one after the other under load without an error",
  ignore: isMissing("haproxy"),
  fn: () =>
    inFolder({ "app.js": APP }, async (folder) => {
      const ports = new Map<string, number>();
      const placed = (text: string) =>
        text.replace(/\b(?:800\d|910\d)\b/g, (port) => {
          if (!ports.has(port)) ports.set(port, freePort());
          return String(ports.get(port));
        });
      const commands = blockOf("docs/scaling.md", "sh", "--drain-delay", HEADING).trim().split(
        "\n",
      );
      assertEquals(commands.length, 4);
      const start = (command: string): Promise<GatewayProcess> => {
        const [program, app, ...args] = placed(command).split(" ");
        assertEquals([program, app], ["gatehouse", "app.ts"]);
        return startGateway([`${folder}/app.js`, ...args, "--workers=1"]);
      };
      const gateways = await Promise.all(commands.map(start));
      await using stack = new AsyncDisposableStack();
      stack.defer(async () => {
        for (const gateway of gateways) await gateway[Symbol.asyncDispose]();
      });
      const front = freePort();
      const socket = `${folder}/haproxy.sock`;
      const config = placed(blockOf("docs/scaling.md", "haproxy", "backend gateways", HEADING));
      assert(config.includes("bind :80\n") && config.includes("option redispatch 1\n"));
      await using haproxy = await startSites("haproxy", front, () =>
        `  stats socket ${socket} level operator\n` +
        config.replace("bind :80\n", `bind 127.0.0.1:${front}\n`)
          // What could not be sent is not sent again, so that each of these is an error here.
          .replace("option redispatch 1\n", "retries 0\n"));
      const isUp = async (name: string) =>
        (await serverStates(socket)).get(name) === "UP";
      for (const name of ["a", "b", "c", "d"]) {
        await until(`${name} is up`, () =>
          isUp(name));
      }

      const tally: Tally = { requests: 0, faults: [] };
      let isOver = false;
      const clients = Array.from(
        { length: CLIENTS },
        (_, index) =>
          keepAsking(haproxy.url, index % 2 === 0 ? "kept" : "new", () => isOver, tally),
      );
      try {
        for (const [index, command] of commands.entries()) {
          const before = tally.requests;
          await until("clients are served", () => Promise.resolve(tally.requests > before + 100));
          gateways[index].kill("SIGTERM");
          assertEquals((await gateways[index].status).code, 0);
          gateways[index] = await start(command);
          await until("it is back", () => isUp("abcd"[index]));
        }
        const before = tally.requests;
        await until("all are served", () => Promise.resolve(tally.requests > before + 100));
      } finally {
        isOver = true;
        await Promise.all(clients);
      }
      assertEquals(tally.faults, [], await haproxy.errorLog());
    }),
});
