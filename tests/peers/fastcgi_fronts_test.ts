import { assert, assertEquals, assertMatch } from "../support/assert.ts";
import type { GatewayProcess } from "../support/gateway.ts";
import { startGateway } from "../support/gateway.ts";
import { isMissing } from "../support/peers.ts";
import { get, RawClient } from "../support/raw_client.ts";
import type { CheckedSite } from "./front_checks.ts";
import {
  becomes,
  FRONT_CHECKS,
  largeResponsesArrive,
  leavingAborts,
  streamBreaks,
  targetArrives,
  text,
} from "./front_checks.ts";
import type { Front, FrontName } from "./front_servers.ts";
import { FRONT_PROGRAMS, startFront } from "./front_servers.ts";

const APP = new URL("../fixtures/app.ts", import.meta.url).pathname;
const MIB = 1_048_576;

/** What servers cannot do. */
const LIMITS: Record<FrontName, {
  /** Whether it keeps its connections to the gateway. */
  readonly keepsConnections: boolean;
  /** Whether it passes on that the client left while nothing is sent to it. */
  readonly seesClientLeave: boolean;
  /** Whether it tells a body without a length that breaks from one that ends. */
  readonly seesStreamBreak: boolean;
  /** Whether its log has what the gateway tells of an app's errors. */
  readonly logsErrors: boolean;
}> = {
  nginx: {
    keepsConnections: true,
    seesClientLeave: true,
    seesStreamBreak: true,
    logsErrors: true,
  },
  apache: {
    keepsConnections: true,
    // It watches the gateway only, while it waits for a response.
    seesClientLeave: false,
    seesStreamBreak: true,
    logsErrors: true,
  },
  lighttpd: {
    keepsConnections: false,
    // It takes a client that closes for one that has sent everything, and reads on.
    seesClientLeave: false,
    seesStreamBreak: true,
    logsErrors: true,
  },
  caddy: {
    keepsConnections: false,
    // It does not watch its client while it waits for a response.
    seesClientLeave: false,
    // It takes the end of the connection for the end of the body, whether the request has ended or not.
    seesStreamBreak: false,
    // Later versions can be told to.
    logsErrors: false,
  },
};

interface Site extends CheckedSite {
  readonly name: FrontName;
  readonly front: Front;
}

/** Port of the gateway's FastCGI endpoint. */
function fastcgiPort(gateway: GatewayProcess): number {
  for (const line of gateway.log) {
    const port = /^listening fastcgi:\/\/127\.0\.0\.1:(\d+)$/.exec(line)?.[1];
    if (port !== undefined) return Number(port);
  }
  throw new Error(`no FastCGI endpoint:\n${gateway.log.join("\n")}`);
}

const CHECKS: Record<string, (site: Site) => Promise<void>> = {
  ...FRONT_CHECKS,

  async "GET: method, URL, headers, variables and the client's address are those of the client"(
    { front },
  ) {
    using client = await RawClient.connect(front.port);
    const fields = "X-Test: one, two\r\nAuthorization: Basic YTpi\r\nCookie: a=1; b=2\r\n";
    await client.send(get("/info?a=b%20c&d", fields));
    const response = await client.receive();
    assertEquals(response.status, 200);
    assertEquals(response.headers.get("content-type"), "application/json");
    const info = JSON.parse(response.body);
    const url = new URL(info.url);
    const headers = new Headers(info.headers);
    const { port } = client.conn.localAddr as Deno.NetAddr;
    assertEquals(
      {
        method: info.method,
        hostname: url.hostname,
        target: url.pathname + url.search,
        endpoint: info.endpoint,
        mount: info.mount,
        remoteAddr: info.remoteAddr,
        test: headers.get("x-test"),
        authorization: headers.get("authorization"),
        cookie: headers.get("cookie"),
      },
      {
        method: "GET",
        hostname: "localhost",
        target: "/info?a=b%20c&d",
        endpoint: "fastcgi",
        mount: "",
        remoteAddr: { transport: "tcp", hostname: "127.0.0.1", port },
        test: "one, two",
        authorization: "Basic YTpi",
        cookie: "a=1; b=2",
      },
    );
    const expected: Record<string, string> = {
      GATEWAY_INTERFACE: "CGI/1.1",
      REQUEST_METHOD: "GET",
      REQUEST_URI: "/info?a=b%20c&d",
      QUERY_STRING: "a=b%20c&d",
      REMOTE_ADDR: "127.0.0.1",
      REMOTE_PORT: String(port),
      SERVER_PROTOCOL: "HTTP/1.1",
      HTTP_X_TEST: "one, two",
    };
    for (const [name, value] of Object.entries(expected)) {
      assertEquals(info.env[name], value, name);
    }
  },

  async "a path that is not percent-encoded, as sloppy clients send it, is refused, or encoded by the server"(
    { name, front },
  ) {
    if (name === "caddy") {
      await targetArrives(front, "/path/ä", "/path/%C3%A4", "");
    } else {
      using client = await RawClient.connect(front.port);
      await client.send(get("/path/ä"));
      assertEquals((await client.receive()).status, 400);
    }
  },

  async "a field whose name has an underscore does not hide the one with a dash"({ front }) {
    using client = await RawClient.connect(front.port);
    const fields = "X-Role: guest\r\nX_Role: admin\r\nProxy: evil\r\nContent_Length: 7\r\n";
    await client.send(get("/info", fields));
    const { env, headers } = JSON.parse((await client.receive()).body);
    const role = new Headers(headers).get("x-role");
    // Some servers drop it, some put both together.
    assert(role === "guest" || role === "guest, admin" || role === "admin, guest", role ?? "none");
    assertEquals(env.HTTP_X_ROLE, role);
    assertEquals(env.HTTP_PROXY, undefined);
    assert(["", "0", undefined].includes(env.CONTENT_LENGTH), env.CONTENT_LENGTH);
  },

  // nginx's default: large_client_header_buffers 4 8k. Apache takes lines of 8,190 bytes.
  async "a head that fills the server's default buffers is served"({ name, front }) {
    // All that it takes itself is 8 KiB.
    if (name === "lighttpd") return;
    using client = await RawClient.connect(front.port);
    const query = "q".repeat(8_100);
    const fields = ["X-One", "X-Two", "Cookie"].map((name) => `${name}: ${"v".repeat(8_150)}\r\n`);
    await client.send(get(`/info?${query}`, fields.join("")));
    const response = await client.receive();
    assertEquals(response.status, 200);
    const { env, headers } = JSON.parse(response.body);
    assertEquals(env.QUERY_STRING, query);
    assertEquals(new Headers(headers).get("x-two"), "v".repeat(8_150));
    // A path is in three parameters that nginx sends, and in more of others.
    await client.send(get(`/${"p".repeat(8_100)}`, fields.join("")));
    if (name === "nginx") assertEquals((await client.receive()).status, 404);
  },

  async "an upload of 16 MiB arrives whole"({ front }) {
    const body = new Uint8Array(16 * MIB);
    // A connection that was kept could be closed for being idle just when this is sent.
    using client = Deno.createHttpClient({});
    assertEquals(
      await text(fetch(`${front.url}/count`, { method: "POST", body, client })),
      String(body.length),
    );
  },

  async "an upload of unknown length arrives whole"({ name, front }) {
    const parts = Array.from({ length: 30 }, () => new Uint8Array(100_000));
    using client = Deno.createHttpClient({});
    const response = await fetch(`${front.url}/count`, {
      method: "POST",
      body: ReadableStream.from(parts),
      client,
    });
    const count = await response.text();
    // Later versions of Caddy refuse what they would have to buffer to learn its length.
    if (name === "caddy" && response.status === 411) return;
    assertEquals(count, "3000000");
  },

  async "a stream of many parts arrives whole"({ front }) {
    const lines = (await text(fetch(`${front.url}/stream?count=500&ms=1`))).split("\n");
    assertEquals(lines.length, 501);
    assert(lines.slice(0, 500).every((line, at) => line === `part ${at}`));
  },

  async "responses of 5 MB arrive whole, and those of known length have it in their head"(site) {
    await largeResponsesArrive(site, 5_000_000);
  },

  async "what an app throws is in the server's log, too"({ name, front }) {
    if (!LIMITS[name].logsErrors) return;
    const response = await fetch(`${front.url}/throw`);
    await response.body?.cancel();
    const logged = /thrown on purpose[\s\S]*fixtures\/app\.ts:\d+/;
    assert(await becomes(async () => logged.test(await front.errorLog())));
  },

  async "a stream that breaks is seen to break"(site) {
    if (LIMITS[site.name].seesStreamBreak) await streamBreaks(site);
  },

  async "a client that leaves while the app works aborts the request"(site) {
    if (LIMITS[site.name].seesClientLeave) await leavingAborts(site);
  },
};

/** Passes connections on to a port, and counts them. */
class Relay implements Disposable {
  readonly #listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  connections = 0;

  constructor(port: number) {
    this.#accept(port);
  }

  get port(): number {
    return this.#listener.addr.port;
  }

  async #accept(port: number): Promise<void> {
    for await (const near of this.#listener) {
      this.connections++;
      const far = await Deno.connect({ hostname: "127.0.0.1", port });
      for (const [from, to] of [[near, far], [far, near]]) {
        from.readable.pipeTo(to.writable).catch(() => {
          // One of the two has reset the connection.
        });
      }
    }
  }

  [Symbol.dispose](): void {
    this.#listener.close();
  }
}

/** Whether the server keeps its connections to the gateway is what it is known to do. */
async function keepsConnections(name: FrontName, gateway: GatewayProcess): Promise<void> {
  const requests = 20;
  using relay = new Relay(fastcgiPort(gateway));
  await using front = await startFront(name, `127.0.0.1:${relay.port}`);
  for (let i = 0; i < requests; i++) assertEquals(await text(fetch(`${front.url}/`)), "hello");
  if (LIMITS[name].keepsConnections) assert(relay.connections < requests);
  else assertEquals(relay.connections, requests);
}

for (const name of Object.keys(LIMITS) as FrontName[]) {
  Deno.test({
    name: `behind ${name}, as docs/front-servers.md says, everything passes over FastCGI`,
    ignore: isMissing(FRONT_PROGRAMS[name]),
    async fn(test) {
      await using gateway = await startGateway([
        APP,
        "--fastcgi=127.0.0.1:0",
        "--workers=1",
        "--app-allow-read",
      ]);
      await using front = await startFront(name, `127.0.0.1:${fastcgiPort(gateway)}`);
      const folder = await Deno.makeTempDir();
      try {
        let passed = true;
        for (const [what, check] of Object.entries(CHECKS)) {
          passed = await test.step(what, () => check({ name, front, gateway, folder })) && passed;
        }
        if (!passed) {
          console.error(`${name}:\n${await front.errorLog()}\n${gateway.log.join("\n")}`);
        }
        await test.step(
          LIMITS[name].keepsConnections
            ? "it keeps its FastCGI connections"
            : "it makes a FastCGI connection for each request",
          () => keepsConnections(name, gateway),
        );
      } finally {
        await Deno.remove(folder, { recursive: true });
      }
    },
  });
}

Deno.test({
  name: "behind nginx, FastCGI passes over a Unix socket",
  ignore: isMissing("nginx"),
  async fn() {
    const folder = await Deno.makeTempDir();
    const socket = `${folder}/app.sock`;
    try {
      await using gateway = await startGateway([
        APP,
        `--fastcgi=unix:${socket},mode=0660`,
        "--workers=1",
      ]);
      assert(gateway.log.includes(`listening fastcgi+unix:${socket}`), gateway.log.join("\n"));
      assertEquals(Deno.statSync(socket).mode! & 0o777, 0o660);
      await using front = await startFront("nginx", `unix:${socket}`);
      const info = await (await fetch(`${front.url}/info?a=b`)).json();
      assertEquals(info.endpoint, "fastcgi");
      assertEquals(info.remoteAddr.hostname, "127.0.0.1");
      const body = new Uint8Array(3_000_000);
      assertEquals(await text(fetch(`${front.url}/count`, { method: "POST", body })), "3000000");
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});

/** Runs cgi-fcgi, as a CGI server would, with `env` and `body`. */
async function cgiFcgi(
  port: number,
  env: Record<string, string>,
  body = "",
): Promise<{ head: string; body: string; errors: string }> {
  const child = new Deno.Command("cgi-fcgi", {
    args: ["-bind", "-connect", `127.0.0.1:${port}`],
    clearEnv: true,
    env: { PATH: Deno.env.get("PATH")!, GATEWAY_INTERFACE: "CGI/1.1", ...env },
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  // It reads on only if what it writes is read.
  const output = child.output();
  const writer = child.stdin.getWriter();
  // It may be done before it has read everything.
  await writer.write(new TextEncoder().encode(body)).then(() => writer.close()).catch(() => {});
  const { stdout, stderr } = await output;
  const decoder = new TextDecoder();
  const [head, ...rest] = decoder.decode(stdout).split("\r\n\r\n");
  return { head, body: rest.join("\r\n\r\n"), errors: decoder.decode(stderr) };
}

Deno.test({
  name: "cgi-fcgi is answered: GET, POST with a body, errors, and variables that are not standard",
  ignore: isMissing("cgi-fcgi"),
  async fn(test) {
    await using gateway = await startGateway([
      APP,
      "--fastcgi=127.0.0.1:0",
      "--workers=1",
      "--app-allow-read",
    ]);
    const port = fastcgiPort(gateway);
    const common = {
      SERVER_PROTOCOL: "HTTP/1.1",
      SERVER_NAME: "example.com",
      SERVER_PORT: "80",
      REMOTE_ADDR: "192.0.2.7",
    };
    await test.step("GET", async () => {
      const { head, body } = await cgiFcgi(port, {
        ...common,
        REQUEST_METHOD: "GET",
        REQUEST_URI: "/info?a=b",
        QUERY_STRING: "a=b",
        SCRIPT_NAME: "",
        PATH_INFO: "/info",
        HTTP_HOST: "example.com",
        HTTP_X_TEST: "yes",
        MY_OWN: "value",
      });
      assertMatch(head, /^Status: 200\b/i);
      assertMatch(head, /^content-type: application\/json$/im);
      const info = JSON.parse(body);
      assertEquals(info.url, "http://example.com/info?a=b");
      assertEquals(info.remoteAddr.hostname, "192.0.2.7");
      assertEquals(info.env.MY_OWN, "value");
      assertEquals(new Headers(info.headers).get("x-test"), "yes");
    });
    await test.step("GET without a REQUEST_URI, as a plain CGI server would", async () => {
      const { body } = await cgiFcgi(port, {
        ...common,
        REQUEST_METHOD: "GET",
        QUERY_STRING: "a=b",
        SCRIPT_NAME: "",
        PATH_INFO: "/info",
      });
      const url = new URL(JSON.parse(body).url);
      assertEquals([url.hostname, url.pathname, url.search], ["example.com", "/info", "?a=b"]);
    });
    await test.step("POST", async () => {
      const sent = "body ".repeat(50_000);
      const { head, body } = await cgiFcgi(port, {
        ...common,
        REQUEST_METHOD: "POST",
        REQUEST_URI: "/echo",
        QUERY_STRING: "",
        SCRIPT_NAME: "",
        PATH_INFO: "/echo",
        CONTENT_TYPE: "text/x-test",
        CONTENT_LENGTH: String(sent.length),
      }, sent);
      assertMatch(head, /^content-type: text\/x-test$/im);
      assertEquals(body, sent);
    });
    await test.step("errors: the status, and on standard error what the app threw", async () => {
      const cases: [string, number, RegExp][] = [
        ["/none", 404, /^$/],
        ["/throw", 500, /^Error: thrown on purpose\n\s+at /],
      ];
      for (const [path, status, logged] of cases) {
        const { head, errors } = await cgiFcgi(port, {
          ...common,
          REQUEST_METHOD: "GET",
          REQUEST_URI: path,
          QUERY_STRING: "",
        });
        assertMatch(head, new RegExp(`^Status: ${status}\\b`, "im"));
        assertMatch(errors, logged);
      }
    });
  },
});
