/** What observers are told of requests. */
import type { RequestRecord, Server } from "../../mod.ts";
import { serve } from "../../mod.ts";
import { assert, assertEquals } from "../support/assert.ts";
import {
  begin,
  encodePairs,
  eventually,
  opening,
  OVERLOADED,
  PARAMS,
  paramsOf,
  RawFastCgiClient,
  record,
  STDIN,
  STDOUT,
  UNKNOWN_ROLE,
} from "../support/fastcgi.ts";
import { FakeMongrel2 } from "../support/fake_mongrel2.ts";
import { libzmqIsMissing } from "../support/peers.ts";
import { RawClient } from "../support/raw_client.ts";
import { SocketClient } from "../support/socket_client.ts";

const APP = new URL("../fixtures/observed.ts", import.meta.url);
const LICENSE_BYTES = Deno.statSync(new URL("../../LICENSE", import.meta.url)).size;
const HELLO_BYTES = new TextEncoder().encode("hello, wörld").length;

/** What is kept of a record. */
type Kept = Pick<
  RequestRecord,
  | "endpoint"
  | "mount"
  | "method"
  | "target"
  | "status"
  | "bytesIn"
  | "bytesOut"
  | "worker"
  | "generation"
  | "outcome"
  | "protocol"
  | "client"
  | "scheme"
>;

/** A gateway whose records are kept. */
class Site implements AsyncDisposable {
  readonly records: Kept[] = [];
  readonly faults: string[] = [];
  readonly server: Server;

  private constructor(server: Server) {
    this.server = server;
  }

  static async start(workers: number, more: object = {}): Promise<Site> {
    const options = {
      mounts: { "": APP, "/other": APP },
      http: "127.0.0.1:0",
      fastcgi: "127.0.0.1:0",
      workers,
      log: () => {},
      ...more,
    };
    const site: Site = new Site(
      await serve({ ...options, onRequestEnd: (record) => site.take(record) }),
    );
    return site;
  }

  take(record: RequestRecord): void {
    const { endpoint, mount, method, target, protocol, client, scheme } = record;
    const { status, bytesIn, bytesOut, worker, generation, outcome } = record;
    const { startedAtMs, firstByteMs, durationMs, queuedMs } = record;
    this.records.push({
      ...{ endpoint, mount, method, target, protocol, client, scheme },
      ...{ status, bytesIn, bytesOut, worker, generation, outcome },
    });
    const isInOrder = Math.abs(Date.now() - startedAtMs - durationMs) < 60_000 &&
      durationMs >= firstByteMs && durationMs >= queuedMs && queuedMs >= 0 &&
      (firstByteMs >= 0) === (status > 0);
    if (!isInOrder) this.faults.push(`${target}: ${startedAtMs} ${firstByteMs} ${durationMs}`);
  }

  get port(): number {
    return (this.server.addresses[0] as Deno.NetAddr).port;
  }

  get fastCgiPort(): number {
    return (this.server.addresses[1] as Deno.NetAddr).port;
  }

  /** The next record. */
  async next(): Promise<Kept> {
    await eventually("there is a record", () => Promise.resolve(this.records.length > 0));
    return this.records.shift()!;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.server[Symbol.asyncDispose]();
    assertEquals(this.faults, []);
    assertEquals(this.records, []);
  }
}

const get = (target: string, fields = "") => `GET ${target} HTTP/1.1\r\nHost: a\r\n${fields}\r\n`;

/** What is sent over HTTP, and what is known of it at its end, besides what most have in common. */
const CASES: Record<string, readonly [sent: string, Partial<Kept>]> = {
  "a short answer": [get("/a?b=c"), { target: "/a?b=c", bytesOut: HELLO_BYTES }],
  "an answer to HEAD has no bytes": [
    "HEAD / HTTP/1.1\r\nHost: a\r\n\r\n",
    { method: "HEAD", bytesOut: 0 },
  ],
  "an answer over HTTP/1.0": [
    "GET / HTTP/1.0\r\n\r\n",
    { protocol: "HTTP/1.0", bytesOut: HELLO_BYTES },
  ],
  "an answer without content": [get("/empty"), { target: "/empty", status: 204, bytesOut: 0 }],
  "an answer in parts": [get("/parts"), { target: "/parts", bytesOut: 13 }],
  "an answer that breaks": [
    get("/parts?ending=broken"),
    { target: "/parts?ending=broken", bytesOut: 13, outcome: "cut off" },
  ],
  "a body, and its echo": [
    "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n12345",
    { method: "POST", target: "/echo", bytesIn: 5, bytesOut: 5 },
  ],
  "a body in chunks counts without their framing": [
    "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" +
    "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n",
    { method: "POST", target: "/echo", bytesIn: 5, bytesOut: 5 },
  ],
  "an app that fails": [get("/throws"), { target: "/throws", status: 500, bytesOut: 26 }],
  "a file that the app orders": [get("/file"), { target: "/file", bytesOut: LICENSE_BYTES }],
  "another mount": [
    get("/other/a"),
    { mount: "/other", target: "/other/a", bytesOut: HELLO_BYTES },
  ],
  "a path that two mounts may mean": [
    get("/%6Fther/../x%2F..%2Fother"),
    { mount: "", target: "/%6Fther/../x%2F..%2Fother", status: 400, worker: 0, generation: 0 },
  ],
  "a head that is malformed": [
    "GET /\x7f HTTP/1.1\r\nHost: a\r\n\r\n",
    { mount: "", target: "/\x7f", status: 400, worker: 0, generation: 0 },
  ],
  "something that is no HTTP at all": [
    "\x16\x03\x01\x02\r\n",
    { mount: "", method: "", target: "\x16\x03\x01\x02", status: 400, worker: 0, generation: 0 },
  ],
  "a field that is malformed": [
    "GET /x HTTP/1.1\r\nHost: a\r\nA: \x01\r\n\r\n",
    { mount: "", target: "/x", status: 400, worker: 0, generation: 0 },
  ],
  "a target that is too long": [
    get(`/${"x".repeat(20_000)}`),
    { mount: "", target: `/${"x".repeat(2_043)}`, status: 414, worker: 0, generation: 0 },
  ],
  "a body that is malformed": [
    "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
    { method: "POST", target: "/echo", status: 400 },
  ],
  "a body that is too large": [
    "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 2000000\r\n\r\n",
    { mount: "", method: "POST", target: "/echo", status: 413, worker: 0, generation: 0 },
  ],
};

for (const workers of [0, 1]) {
  Deno.test(`each request over HTTP has one record, with ${workers} workers`, async (t) => {
    await using site = await Site.start(workers, { limits: { maxBodyBytes: 1_000_000 } });
    for (const [name, [sent, expected]] of Object.entries(CASES)) {
      await t.step(name, async () => {
        using client = await RawClient.connect(site.port);
        await client.send(Uint8Array.from(sent, (char) => char.charCodeAt(0)));
        const response = expected.outcome === "cut off"
          ? { body: await client.rest() }
          : await client.receive(expected.method === "HEAD" ? "head" : "response");
        const record = await site.next();
        const had = workers > 0 && expected.worker === undefined;
        assertEquals(record, {
          endpoint: "http",
          scheme: "http",
          mount: "/",
          method: "GET",
          target: "/",
          protocol: "HTTP/1.1",
          client: "127.0.0.1",
          status: 200,
          bytesIn: 0,
          bytesOut: (record.status >= 400) ? new TextEncoder().encode(response.body).length : 0,
          outcome: "answered",
          ...expected,
          worker: had ? 1 : 0,
          generation: had ? 1 : 0,
        });
      });
    }
  });

  Deno.test(`a client that leaves is told of, with ${workers} workers`, async () => {
    await using site = await Site.start(workers);
    using client = await RawClient.connect(site.port);
    await client.send(get("/parts?ending=open"));
    // What is left unread makes the system reset the connection.
    await client.conn.read(new Uint8Array(20));
    client.conn.close();
    const { status, outcome } = await site.next();
    assertEquals([status, outcome], [200, "client left"]);
  });

  Deno.test(`requests that shutdown cuts off are told of, with ${workers} workers`, async () => {
    await using site = await Site.start(workers);
    using client = await RawClient.connect(site.port);
    await client.send(get("/parts?ending=open"));
    await client.lastUntil("three\r\n");
    await site.server.shutdown({ graceMs: 0 });
    const { status, bytesOut, outcome } = await site.next();
    assertEquals([status, bytesOut, outcome], [200, 13, "cut off"]);
  });

  Deno.test(`a WebSocket has a record at its end, with ${workers} workers`, async () => {
    await using site = await Site.start(workers);
    {
      await using client = new SocketClient(site, "/socket");
      await client.opened;
      client.socket.send("twelve bytes");
      assertEquals(await client.receive(), ["twelve bytes"]);
      assertEquals(site.records, []);
    }
    const { method, target, status, bytesIn, bytesOut, outcome } = await site.next();
    assertEquals([method, target, status, outcome], ["GET", "/socket", 101, "answered"]);
    assertEquals([bytesIn, bytesOut], [12, 12]);
  });

  Deno.test(`requests over FastCGI have records, with ${workers} workers`, async () => {
    await using site = await Site.start(workers);
    using client = await RawFastCgiClient.connect(site.fastCgiPort);
    const params = { REMOTE_ADDR: "203.0.113.9", HTTPS: "on" };
    await client.ask(1, "/other/parts?x", { params });
    const first = await site.next();
    assertEquals(first, {
      ...first,
      ...{ endpoint: "fastcgi", scheme: "https", mount: "/other", client: "203.0.113.9" },
      ...{ target: "/other/parts?x", status: 200, bytesOut: 13, outcome: "answered" },
    });
    await client.ask(1, "/echo", { body: "12345", params: { REMOTE_ADDR: "not one" } });
    const second = await site.next();
    assertEquals(
      [second.method, second.bytesIn, second.bytesOut, second.client],
      ["POST", 5, 5, "127.0.0.1"],
    );
    await client.ask(1, "/x?y", { method: "no method", params: { ...params, REMOTE_PORT: "1" } });
    const third = await site.next();
    assertEquals(third, {
      ...third,
      ...{ endpoint: "fastcgi", scheme: "https", mount: "", client: "203.0.113.9" },
      ...{ method: "", target: "/x?y", status: 400, bytesOut: 49, outcome: "answered" },
    });
    await client.ask(1, "/echo", { body: "12", params: { CONTENT_LENGTH: "5" } });
    const fourth = await site.next();
    assertEquals([fourth.status, fourth.bytesIn], [400, 2]);
  });

  Deno.test({
    name: `requests from Mongrel2 have records, with ${workers} workers`,
    ignore: libzmqIsMissing(),
    async fn() {
      await using mongrel2 = new FakeMongrel2();
      const { send, recv } = mongrel2;
      await using site = await Site.start(workers, { mongrel2: `${send},recv=${recv}` });
      await mongrel2.request(1, "/parts", { REMOTE_ADDR: "203.0.113.9" });
      const first = await site.next();
      assertEquals(first, {
        ...first,
        ...{ endpoint: "mongrel2", mount: "/", client: "203.0.113.9", method: "GET" },
        ...{ target: "/parts", status: 200, bytesOut: 13, outcome: "answered" },
      });
      const refused = {
        "a method that is none": { METHOD: "no method" },
        "a field that is malformed": { METHOD: "HEAD", "x-y": "\x01" },
        "hosts that differ": { METHOD: "PUT", host: ["a", "b"] },
      };
      for (const [name, headers] of Object.entries(refused)) {
        await mongrel2.request(2, "/x", {
          ...{ REMOTE_ADDR: "203.0.113.9", URL_SCHEME: "https" },
          ...headers,
        });
        const record = await site.next();
        const method = headers.METHOD === "no method" ? "" : headers.METHOD;
        assertEquals(record, {
          ...record,
          ...{ endpoint: "mongrel2", scheme: "https", mount: "", client: "203.0.113.9" },
          ...{ method, target: "/x", status: 400, outcome: "answered" },
        }, name);
        assertEquals(record.bytesOut > 0, method !== "HEAD", name);
      }
    },
  });
}

Deno.test("requests over FastCGI that are turned away have records", async () => {
  await using site = await Site.start(0, { limits: { maxReqs: 1, maxHeaderBytes: 512 } });
  const told = async () => {
    const { method, target, status, bytesOut, mount, client, outcome } = await site.next();
    assertEquals([bytesOut, mount, outcome], [0, "", "answered"]);
    return { method, target, status, client };
  };
  const nothing = { method: "", target: "", client: "127.0.0.1" };
  using first = await RawFastCgiClient.connect(site.fastCgiPort);
  await first.send(opening(1, "/parts?ending=open"));
  await first.saw(STDOUT, 1);
  using second = await RawFastCgiClient.connect(site.fastCgiPort);
  const { protocolStatus } = await second.ask(1, "/a?b", {
    params: { REMOTE_ADDR: "203.0.113.9" },
  });
  assertEquals(protocolStatus, OVERLOADED);
  const inAll = { method: "GET", target: "/a?b", client: "203.0.113.9" };
  assertEquals(await told(), { ...inAll, status: 503 });
  // A body may come before the end of the parameters.
  const pairs = encodePairs(paramsOf("/a?b", { method: "PUT" }));
  await second.send(begin(1), record(PARAMS, 1, pairs.subarray(0, pairs.length - 1)));
  await second.send(record(STDIN, 1, "a"));
  assertEquals((await second.reply(1)).protocolStatus, OVERLOADED);
  assertEquals(await told(), { ...nothing, method: "PUT", target: "/a?b", status: 503 });
  await second.send(begin(1, 77));
  assertEquals((await second.reply(1)).protocolStatus, UNKNOWN_ROLE);
  assertEquals(await told(), { ...nothing, status: 501 });
  first.conn.close();
  assertEquals((await site.next()).outcome, "client left");
});

Deno.test("files of a folder, and what is not there, have records", async () => {
  const folder = await Deno.makeTempDir();
  try {
    await Deno.writeTextFile(`${folder}/a.txt`, "x".repeat(300_000));
    await using site = await Site.start(0, { mounts: { "/files": `file://${folder}` } });
    using client = await RawClient.connect(site.port);
    for (
      const [path, mount, status] of [["/files/a.txt", "/files", 200], ["/b", "", 404]] as const
    ) {
      await client.send(get(path));
      const { body } = await client.receive();
      const record = await site.next();
      assertEquals(
        [record.mount, record.target, record.status, record.bytesOut],
        [mount, path, status, body.length],
      );
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("what is compressed counts as it is sent", async () => {
  await using site = await Site.start(0, {
    mounts: {
      "": () => new Response("x".repeat(10_000), { headers: { "content-type": "text/plain" } }),
    },
    compression: "default",
  });
  using client = await RawClient.connect(site.port);
  await client.send(get("/", "Accept-Encoding: gzip\r\n"));
  const { body } = await client.receive();
  const { bytesOut } = await site.next();
  assertEquals(bytesOut, body.length);
  assert(bytesOut < 1_000);
});

Deno.test("requests that a reload moves to other workers say which generation had them", async () => {
  await using site = await Site.start(1);
  using client = await RawClient.connect(site.port);
  for (const generation of [1, 2]) {
    await client.send(get("/"));
    await client.receive();
    const record = await site.next();
    assertEquals([record.worker, record.generation], [1, generation]);
    if (generation === 1) await site.server.reload();
  }
});
