/** What nginx and HAProxy say of their clients is understood: in fields, and by the PROXY protocol. */

import { serve } from "gatehouse";
import type { Context, ForwardedField } from "gatehouse";
import { assertEquals } from "../support/assert.ts";
import { blockOf } from "../support/docs.ts";
import { freePort, isMissing, run } from "../support/peers.ts";
import { startSites, STREAM_MODULE } from "./front_servers.ts";

/** Another address of this machine, for a client that is no proxy. */
const CLIENT = "127.0.0.77";
/** Where the proxies connect from, and what is done to their clients' own fields. */
const TRUSTED = "127.0.0.1";

/** Tells what the gateway knows of a request. */
function tell(request: Request, { remoteAddr, env }: Context): Response {
  const { hostname } = remoteAddr as Deno.NetAddr;
  return Response.json([hostname, request.url, env.REMOTE_ADDR, env.HTTPS ?? "off"]);
}

/** A gateway for the forms of HTTP that proxies speak: with a PROXY header and without. */
function started(forwardedFields?: ForwardedField[]) {
  const http = ["127.0.0.1:0", "127.0.0.1:0,proxy-protocol"];
  const trustedProxies = [TRUSTED];
  return serve({
    app: tell,
    http,
    fastcgi: "127.0.0.1:0",
    trustedProxies,
    forwardedFields,
    log() {},
  });
}

/** Asks as the client, with fields that it makes up. */
async function ask(port: number, ...fields: string[]): Promise<string[]> {
  const url = `http://127.0.0.1:${port}/a?b=c`;
  const headers = fields.flatMap((field) => ["--header", field]);
  return JSON.parse(await run("curl", "-s", "--interface", CLIENT, ...headers, url));
}

const FORGED = [
  "X-Forwarded-For: 6.6.6.6",
  "X-Forwarded-Proto: https",
  "X-Forwarded-Host: evil.example",
  "Forwarded: for=6.6.6.6;proto=https;host=evil.example",
];

Deno.test({
  name:
    "nginx, as docs/front-servers.md has it, tells its clients, and so it does by the PROXY protocol",
  ignore: isMissing("nginx") || isMissing("curl"),
  async fn() {
    await using server = await started();
    const [plain, greeted] = server.addresses.map((address) => (address as Deno.NetAddr).port);
    const port = freePort();
    const site = blockOf("docs/front-servers.md", "nginx", "proxy_pass")
      .replace("127.0.0.1:8000", `127.0.0.1:${plain}`)
      .replace("listen 80;", `listen 127.0.0.1:${port};`);
    const streamPort = freePort();
    const stream = `}\nstream { server { listen 127.0.0.1:${streamPort}; ` +
      `proxy_pass 127.0.0.1:${greeted}; proxy_protocol on; }`;
    const sites = isStreamMissing() ? site : site + stream;
    await using _nginx = await startSites("nginx", port, () => sites);
    for (const each of isStreamMissing() ? [port] : [port, streamPort]) {
      const expected = [CLIENT, `http://127.0.0.1:${each}/a?b=c`, CLIENT, "off"];
      assertEquals(await ask(each), expected);
      assertEquals(await ask(each, ...FORGED), expected);
    }
  },
});

/** Whether nginx cannot pass bytes on; says so. */
function isStreamMissing(): boolean {
  if (STREAM_MODULE !== null) return false;
  if (Deno.env.get("CI")) throw new Error("nginx has no stream module: see install-peers.sh");
  console.error("SKIPPED: nginx has no stream module: see scripts/install-peers.sh");
  return true;
}

/** A configuration of HAProxy: its frontends, and where each of them leads. */
function haproxyConfig(sites: readonly string[]): string {
  return `defaults
  timeout connect 5s
  timeout client 30s
  timeout server 30s
${sites.join("\n")}
`;
}

Deno.test({
  name: "HAProxy tells its clients in fields, and by both versions of the PROXY protocol",
  ignore: isMissing("haproxy") || isMissing("curl"),
  async fn(test) {
    await using server = await started();
    await using other = await started(["forwarded"]);
    const [plain, greeted] = server.addresses.map((address) => (address as Deno.NetAddr).port);
    const { port: forwarded } = other.addresses[0] as Deno.NetAddr;
    const ports = [freePort(), freePort(), freePort(), freePort()];
    const site = (index: number, lines: string) => `
listen site${index}
  bind 127.0.0.1:${ports[index]}
  ${lines}`;
    const strip = ["for", "proto", "host"]
      .map((name) => `http-request del-header x-forwarded-${name}`).join("\n  ");
    const config = haproxyConfig([
      site(0, `mode tcp\n  server app 127.0.0.1:${greeted} send-proxy check`),
      site(
        1,
        `mode tcp\n  server app 127.0.0.1:${greeted} send-proxy-v2 proxy-v2-options unique-id,crc32c check`,
      ),
      site(
        2,
        `mode http\n  ${strip}\n  option forwardfor\n  ` +
          `http-request set-header X-Forwarded-Proto http\n  server app 127.0.0.1:${plain}`,
      ),
      site(
        3,
        "mode http\n  http-request set-header Forwarded " +
          `'for=%[src];proto=http;host="%[req.hdr(host)]"'\n  server app 127.0.0.1:${forwarded}`,
      ),
    ]);
    const folder = await Deno.makeTempDir();
    await Deno.writeTextFile(`${folder}/haproxy.cfg`, config);
    const haproxy = new Deno.Command("haproxy", {
      args: ["-db", "-f", `${folder}/haproxy.cfg`],
      env: { PATH: `${Deno.env.get("PATH")}:/usr/sbin` },
      stdout: "null",
      stderr: "piped",
    }).spawn();
    const errors = new Response(haproxy.stderr).text();
    try {
      await eventually(() => ask(ports[2]), errors);
      const names = ["version 1", "version 2", "X-Forwarded-For", "Forwarded"];
      for (const [index, name] of names.entries()) {
        await test.step(name, async () => {
          const expected = [CLIENT, `http://127.0.0.1:${ports[index]}/a?b=c`, CLIENT, "off"];
          assertEquals(await ask(ports[index]), expected);
          assertEquals(await ask(ports[index], ...FORGED), expected);
        });
      }
    } finally {
      haproxy.kill("SIGTERM");
      await haproxy.status;
      await errors;
      await Deno.remove(folder, { recursive: true });
    }
  },
});

/** Asks until there is an answer. */
async function eventually(ask: () => Promise<unknown>, errors: Promise<string>): Promise<void> {
  for (let attempt = 0; attempt < 100; attempt++) {
    try {
      await ask();
      return;
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
  throw new Error(`HAProxy does not serve: ${await errors}`);
}
