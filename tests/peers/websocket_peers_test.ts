/** WebSockets of real peers: behind nginx as docs/websockets.md says, and of a browser while the app is reloaded. */

import { assert, assertEquals } from "../support/assert.ts";
import { blockOf } from "../support/docs.ts";
import type { GatewayProcess } from "../support/gateway.ts";
import { reloadOf, startGateway } from "../support/gateway.ts";
import { freePort, isMissing } from "../support/peers.ts";
import { startSites } from "./front_servers.ts";

const APP = new URL("../fixtures/browser_sockets.ts", import.meta.url).pathname;
const CHROMIUM = "/usr/bin/chromium";
const RELOADS = 10;

/** The sites of docs/websockets.md, for these ports. */
function sites(port: number, upstream: number): string {
  const location = blockOf("docs/websockets.md", "nginx", "Upgrade")
    .replace("location /chat", "location /")
    .replace("127.0.0.1:8000", `127.0.0.1:${upstream}`);
  return `server { listen 127.0.0.1:${port}; ${location} }`;
}

function isThere(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false;
  }
}

Deno.test({
  name: "behind nginx, as docs/websockets.md says, messages pass both ways",
  ignore: isMissing("nginx"),
  async fn() {
    await using gateway = await startGateway([APP, "--workers=2", "--compress-messages=each"]);
    const port = freePort();
    await using front = await startSites("nginx", port, () => sites(port, gateway.port));
    const socket = new WebSocket(`${front.url.replace("http", "ws")}/socket`);
    const large = "large ".repeat(200_000);
    const received: unknown[] = [];
    const all = new Promise<void>((resolve, reject) => {
      socket.onerror = reject;
      socket.onmessage = ({ data }) => received.push(data) === 2 && resolve();
    });
    socket.onopen = () => {
      socket.send("hello");
      socket.send(large);
    };
    await all;
    assertEquals(received[0], "hello");
    assert(received[1] === large);
    const closed = new Promise<CloseEvent>((resolve) => socket.onclose = resolve);
    socket.close(3000, "done");
    assertEquals((await closed).code, 3000);
  },
});

for (const way of ["straight", "through nginx"]) {
  Deno.test({
    name: `a page in Chromium misses nothing while the app is reloaded ${RELOADS} times (${way})`,
    // Nobody has to have a browser.
    ignore: !isThere(CHROMIUM) || way !== "straight" && isMissing("nginx"),
    async fn() {
      await using gateway = await startGateway([
        ...[APP, "--workers=2", "--compress-messages=stream", "--drain-timeout=1"],
      ]);
      const port = freePort();
      await using front = way === "straight"
        ? null
        : await startSites("nginx", port, () => sites(port, gateway.port));
      const folder = await Deno.makeTempDir();
      const child = new Deno.Command(CHROMIUM, {
        args: [
          ...["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"],
          ...["--disable-component-update", "--disable-sync", "--no-first-run"],
          ...[`--user-data-dir=${folder}`, `${front?.url ?? gateway.url}/`],
        ],
        stdin: "null",
        stdout: "null",
        stderr: "null",
      }).spawn();
      try {
        let counts = await countsAfter(gateway, {});
        for (let i = 0; i < RELOADS; i++) {
          await reloadOf(gateway);
          counts = await countsAfter(gateway, counts);
        }
        assertEquals(gateway.log.filter((line) => /gap|lost/.test(line)), []);
      } finally {
        child.kill("SIGKILL");
        await child.status;
        await Deno.remove(folder, { recursive: true }).catch(() => {});
      }
    },
  });
}

/** What the page has counted when all but what ends with its generation have gone on after `before`. */
async function countsAfter(
  gateway: GatewayProcess,
  before: Readonly<Record<string, number>>,
): Promise<Record<string, number>> {
  for (;;) {
    const { length } = gateway.log;
    const line = await gateway.logged(/the page has \{.*\}/, { before: length });
    const counts = JSON.parse(/\{.*\}/.exec(line)![0]);
    const goesOn = ["kept", "events", "stream"].every((what) => counts[what] > (before[what] ?? 0));
    if (goesOn) return counts;
  }
}
