import { createHash } from "node:crypto";
import { assert, assertEquals, assertMatch } from "../support/assert.ts";
import { startGateway } from "../support/gateway.ts";
import { isMissing, residentBytes, run } from "../support/peers.ts";
import { get, RawClient } from "../support/raw_client.ts";
import type { CheckedSite } from "./front_checks.ts";
import {
  ask,
  becomes,
  FRONT_CHECKS,
  largeResponsesArrive,
  leavingAborts,
  manyGetTheirOwn,
  PAUSE_MS,
  POLLS,
  sleep,
  streamBreaks,
  Tallies,
  text,
} from "./front_checks.ts";
import { Mongrel2Server } from "./mongrel2_server.ts";

const APP = new URL("../fixtures/app.ts", import.meta.url).pathname;
const KIB = 1_024;
const MIB = 1_048_576;
const TRIES = 10;
/** Polls after which a count that stays as it is is taken to have stopped. */
const STILL_POLLS = 50;
/** Sizes of uploads: Mongrel2 sends up to 20 KiB with the request, and writes more to a file. */
const UPLOAD_SIZES = [0, 1, 20 * KIB, 20 * KIB + 1, 30 * KIB, MIB, 8 * MIB];

const ignore = isMissing("mongrel2");
const encoder = new TextEncoder();

interface Site extends CheckedSite, AsyncDisposable {
  /** The front server once more, with all that it is. */
  readonly server: Mongrel2Server;
}

/** Starts a server and a gateway that is its handler. */
async function startSite(
  options: Parameters<typeof Mongrel2Server.start>[0] = {},
  specSettings?: Readonly<Record<string, string>>,
): Promise<Site> {
  await using stack = new AsyncDisposableStack();
  const server = stack.use(await Mongrel2Server.start(options));
  const spec = server.spec("main", specSettings);
  const gateway = stack.use(
    await startGateway([APP, "--mongrel2", spec, "--workers=2", "--app-allow-read"]),
  );
  const folder = await Deno.makeTempDir();
  stack.defer(() => Deno.remove(folder, { recursive: true }));
  const owned = stack.move();
  return {
    server,
    front: server,
    gateway,
    folder,
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** Runs checks as steps; what the programs have logged is shown if one fails. */
async function runChecks(
  test: Deno.TestContext,
  site: Site,
  checks: Readonly<Record<string, (site: Site) => Promise<void>>>,
): Promise<void> {
  let passed = true;
  for (const [what, check] of Object.entries(checks)) {
    passed = await test.step(what, () => check(site)) && passed;
  }
  if (!passed) console.error(`${await site.server.errorLog()}\n${site.gateway.log.join("\n")}`);
}

/** Waits until `count` stays as it is; its value then. */
async function settled(count: () => number): Promise<number> {
  let last = count();
  for (let poll = 0, still = 0; poll < POLLS && still < STILL_POLLS; poll++) {
    await sleep(PAUSE_MS);
    still = count() === last ? still + 1 : 0;
    last = count();
  }
  return last;
}

/** Bytes that differ from each other wherever some are missing. */
function testBytes(length: number): Uint8Array<ArrayBuffer> {
  const words = new Uint32Array(Math.ceil(length / 4));
  for (let i = 0; i < words.length; i++) words[i] = Math.imul(i, 2_654_435_761);
  return new Uint8Array(words.buffer, 0, length);
}

/** What `/hash` answers to `bytes`. */
function hashed(bytes: Uint8Array): string {
  return `${bytes.length} ${createHash("sha256").update(bytes).digest("hex")}`;
}

/** `bytes` as a stream, which goes out in chunks. */
function inChunks(bytes: Uint8Array<ArrayBuffer>): ReadableStream<Uint8Array<ArrayBuffer>> {
  let at = 0;
  return new ReadableStream({
    pull(controller) {
      if (at >= bytes.length) return controller.close();
      controller.enqueue(bytes.slice(at, at += 100_000));
    },
  });
}

/** Uploads `body` on a connection of its own; what the app says of it. */
async function upload(url: string, body: BodyInit): Promise<string> {
  using client = Deno.createHttpClient({ poolMaxIdlePerHost: 0 });
  return await text(fetch(url, { method: "POST", body, client }));
}

/** What `promise` resolves to, or `undefined` if that takes too long. */
async function inDueTime<Value>(promise: Promise<Value>): Promise<Value | undefined> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), POLLS * PAUSE_MS);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Whether all uploads' files are gone in due time. */
function filesAreGone({ server }: Site): Promise<boolean> {
  return becomes(async () => (await server.uploadedFiles()).length === 0);
}

/** Head of a POST. */
function post(path: string, length: number, fields = ""): string {
  return `POST ${path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${length}\r\n${fields}\r\n`;
}

const CHECKS: Record<string, (site: Site) => Promise<void>> = {
  ...FRONT_CHECKS,

  async "GET: method, URL, headers and variables are those of the client"({ server }) {
    const fields = "X-Test: one, two\r\nAuthorization: Basic YTpi\r\nCookie: a=1; b=2\r\n" +
      'X-Quoted: "a\\b"\r\nX-Empty:\r\n';
    const response = await ask(server, get("/info?a=b%20c&d", fields));
    assertEquals(response.status, 200);
    assertEquals(response.headers.get("content-type"), "application/json");
    const info = JSON.parse(response.body);
    const headers = new Headers(info.headers);
    assertEquals(
      {
        method: info.method,
        url: info.url,
        endpoint: info.endpoint,
        mount: info.mount,
        hostname: info.remoteAddr.hostname,
        test: headers.get("x-test"),
        authorization: headers.get("authorization"),
        cookie: headers.get("cookie"),
        quoted: headers.get("x-quoted"),
        empty: headers.get("x-empty"),
      },
      {
        method: "GET",
        url: "http://localhost/info?a=b%20c&d",
        endpoint: "mongrel2",
        mount: "",
        hostname: "127.0.0.1",
        test: "one, two",
        authorization: "Basic YTpi",
        cookie: "a=1; b=2",
        quoted: '"a\\b"',
        empty: "",
      },
    );
    const expected: Record<string, string> = {
      METHOD: "GET",
      VERSION: "HTTP/1.1",
      URI: "/info?a=b%20c&d",
      PATH: "/info",
      QUERY: "a=b%20c&d",
      PATTERN: "/",
      URL_SCHEME: "http",
      REMOTE_ADDR: "127.0.0.1",
      GATEWAY_INTERFACE: "CGI/1.1",
      REQUEST_METHOD: "GET",
      REQUEST_URI: "/info?a=b%20c&d",
      QUERY_STRING: "a=b%20c&d",
      PATH_INFO: "/info",
      SERVER_PROTOCOL: "HTTP/1.1",
      HTTP_X_TEST: "one, two",
    };
    for (const [name, value] of Object.entries(expected)) {
      assertEquals(info.env[name], value, name);
    }
  },

  async "an absolute target arrives as Mongrel2 has it: without its scheme"({ server }) {
    const { body } = await ask(server, get("http://localhost/path/x?y"));
    assertEquals([body, (await ask(server, get("//localhost/path/x?y"))).body], [
      "not found",
      "not found",
    ]);
  },

  async "repeated headers arrive together, in their order"({ server }) {
    const fields = "X-A: 1\r\nCookie: a=1\r\nX-A: 2\r\nx-a: 3\r\nCookie: b=2\r\n";
    const { body } = await ask(server, get("/info", fields));
    const info = JSON.parse(body);
    assertEquals(new Headers(info.headers).get("x-a"), "1, 2, 3");
    assertEquals([info.env.HTTP_X_A, info.env.HTTP_COOKIE], ["1, 2, 3", "a=1; b=2"]);
  },

  async "bytes of headers arrive as they are, be they UTF-8 or not"({ server }) {
    for (const bytes of ["t\xe4xt", "t\xc3\xa4xt", "\xff\x80"]) {
      const { headers } =
        await (await fetch(`${server.url}/info`, { headers: { "x-test": bytes } }))
          .json();
      assertEquals(new Headers(headers).get("x-test"), bytes);
    }
  },

  async "every response has a Date"({ server }) {
    for (const path of ["/", "/stream", "/none", "/throw", "/status?code=304"]) {
      const { headers } = await ask(server, get(path));
      const date = headers.get("date")!;
      assertEquals(new Date(date).toUTCString(), date, path);
    }
  },

  async "a stream is chunked for HTTP/1.1, and ends with the connection for HTTP/1.0"(
    { server },
  ) {
    const parts = "part 0\npart 1\npart 2\n";
    const chunked = await ask(server, get("/stream"));
    assertEquals(
      [chunked.headers.get("transfer-encoding"), chunked.body],
      ["chunked", parts],
    );
    for (const fields of ["", "Connection: keep-alive\r\n"]) {
      const request = get("/stream", fields).replace("1.1", "1.0");
      const { headers, body } = await ask(server, request);
      assertEquals(
        [headers.get("transfer-encoding"), headers.get("connection"), body],
        [null, "close", parts],
      );
    }
  },

  async "many requests follow each other on one connection"({ server }) {
    using client = await RawClient.connect(server.port);
    for (let i = 0; i < 100; i++) {
      const body = `request ${i}`;
      await client.send(i % 2 === 0 ? get("/") : post("/text", body.length) + body);
      const response = await client.receive();
      assertEquals(response.body, i % 2 === 0 ? "hello" : body);
      assertEquals(response.headers.get("connection"), null);
    }
  },

  async "Connection: close closes after the response"({ server }) {
    using client = await RawClient.connect(server.port);
    await client.send(get("/", "Connection: close\r\n"));
    const { headers, body } = await client.receive();
    assertEquals([headers.get("connection"), body], ["close", "hello"]);
    assert(await client.closed());
  },

  async "HTTP/1.0 clients keep their connection only if they ask for it"({ server }) {
    {
      using client = await RawClient.connect(server.port);
      await client.send(get("/").replace("1.1", "1.0"));
      const { headers, body } = await client.receive();
      assertEquals([headers.get("connection"), body], ["close", "hello"]);
      assert(await client.closed());
    }
    using client = await RawClient.connect(server.port);
    for (let i = 0; i < 5; i++) {
      await client.send(get("/", "Connection: keep-alive\r\n").replace("1.1", "1.0"));
      const { headers, body } = await client.receive();
      assertEquals([headers.get("connection"), body], ["keep-alive", "hello"]);
    }
  },

  async "pipelined requests are answered in their order"({ server }) {
    using client = await RawClient.connect(server.port);
    const waits = [200, 0, 100, 0, 50, 0, 0, 20];
    const requests = waits.map((ms, i) => get(`/late?n=${i}&ms=${ms}`));
    await client.send(`${requests.join("")}${post("/text", 4)}last`);
    for (const [i, ms] of waits.entries()) {
      const { url } = JSON.parse((await client.receive()).body);
      assertEquals(url, `http://localhost/late?n=${i}&ms=${ms}`);
    }
    assertEquals((await client.receive()).body, "last");
  },

  "a stream that breaks is seen to break": streamBreaks,

  async "a client that leaves while the app works aborts the request"(site) {
    await leavingAborts(site);
  },

  async "large responses arrive whole at some time, and are seen to break if not"({ server }) {
    // Without flow control, Mongrel2 disconnects clients that do not read at once.
    const bytes = 8_000_000;
    for (const path of ["large", "large-bytes", "bytes"]) {
      let received = 0;
      for (let attempt = 0; attempt < TRIES && received === 0; attempt++) {
        using client = Deno.createHttpClient({ poolMaxIdlePerHost: 0 });
        const response = await fetch(`${server.url}/${path}?n=${bytes}`, { client });
        received = await response.bytes().then(({ length }) => length, () => 0);
      }
      assertEquals(received, bytes, path);
    }
  },

  async "uploads of every size arrive whole, and their files are gone"(site) {
    for (const size of UPLOAD_SIZES) {
      const body = testBytes(size);
      for (const sent of [body, inChunks(body)]) {
        const how = `${size} ${sent === body ? "with a length" : "in chunks"}`;
        assertEquals(await upload(`${site.server.url}/hash`, sent), hashed(body), how);
      }
    }
    assertEquals(await site.server.uploadedFiles(), []);
  },

  async "uploads of curl, which waits to be told to go on, arrive whole"({ server, folder }) {
    const body = testBytes(3 * MIB);
    await Deno.writeFile(`${folder}/upload`, body);
    for (const fields of ["Expect: 100-continue", "Transfer-Encoding: chunked"]) {
      const args = ["-H", fields, "-T", `${folder}/upload`, `${server.url}/hash`];
      assertEquals(await run("curl", "-s", "--max-time", "30", ...args), hashed(body), fields);
    }
  },

  "an upload with a length can follow one in chunks": uploadFollowsChunks,

  async "an upload of which the app reads nothing leaves no file"(site) {
    const body = testBytes(MIB);
    const response = await fetch(`${site.server.url}/unread`, { method: "POST", body });
    assertEquals(await response.text(), "unread");
    assert(await filesAreGone(site));
  },

  async "the connection goes on after an upload"({ server }) {
    const body = "x".repeat(30_000);
    using client = await RawClient.connect(server.port);
    for (const path of ["/hash", "/unread", "/hash"]) {
      await client.send(post(path, body.length) + body);
      const expected = path === "/hash" ? hashed(encoder.encode(body)) : "unread";
      assertEquals((await client.receive()).body, expected);
    }
    await client.send(get("/"));
    assertEquals((await client.receive()).body, "hello");
  },

  async "an upload that its client aborts leaves no file, and never gets to the app"(site) {
    const { server } = site;
    for (const fields of ["Content-Length: 1000000\r\n", "Transfer-Encoding: chunked\r\n"]) {
      {
        using client = await RawClient.connect(server.port);
        const part = "x".repeat(100_000);
        await client.send(`POST /throw HTTP/1.1\r\nHost: localhost\r\n${fields}\r\n`);
        await client.send(fields.includes("chunked") ? `186a0\r\n${part}\r\n` : part);
        assert(await becomes(async () => (await server.uploadedFiles()).length > 0));
      }
      assert(await filesAreGone(site), fields);
    }
  },

  async "an upload that is refused leaves no file"(site) {
    const body = "x".repeat(30_000);
    const request = post("/hash", body.length).replace("localhost", "a b") + body;
    const { status } = await ask(site.server, request);
    assertEquals(status, 400);
    assert(await filesAreGone(site), (await site.server.uploadedFiles()).join());
  },

  async "an upload behind another request leaves no file when its client leaves"(site) {
    const { server, folder } = site;
    const gate = encodeURIComponent(`${folder}/never`);
    const body = "x".repeat(30_000);
    {
      using client = await RawClient.connect(server.port);
      await client.send(get(`/hash?file=${gate}`) + post("/hash", body.length) + body);
      assert(await becomes(async () => (await server.uploadedFiles()).length > 0));
    }
    assert(await filesAreGone(site), (await server.uploadedFiles()).join());
  },

  "upload headers of a client are refused, and the files that they name are left alone":
    forgedHeadersAreRefused,

  async "upload headers of a client do no harm to its own upload"(site) {
    const { server, folder } = site;
    const victim = `${folder}/victim`;
    await Deno.writeTextFile(victim, "secret");
    const body = "x".repeat(30_000);
    for (const names of [["start"], ["done"], ["start", "done"], ["start", "start"]]) {
      const fields = names.map((name) => `X-Mongrel2-Upload-${name}: ${victim}\r\n`).join("");
      using client = await RawClient.connect(server.port);
      await client.send(post("/hash", body.length, fields) + body);
      const response = await client.receive();
      // Mongrel2 replaces the ones, and does not yet know the others when an upload begins.
      if (response.status === 200) assertEquals(response.body, hashed(encoder.encode(body)));
      else assertEquals(response.status, 400);
      assertEquals(await Deno.readTextFile(victim), "secret");
      assert(await filesAreGone(site), `${names}: ${(await server.uploadedFiles()).join()}`);
    }
  },
};

/**
 * Mongrel2 reads an upload with a length wrongly if the one before on its connection came in chunks, and
 * waits for ever: the connection has to end in between.
 */
async function uploadFollowsChunks({ server }: Site): Promise<void> {
  const body = "x".repeat(30_000);
  using first = await RawClient.connect(server.port);
  await first.send("POST /hash HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n");
  await first.send(`${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`);
  const { headers, body: answer } = await first.receive();
  assertEquals(answer, hashed(encoder.encode(body)));
  const ends = headers.get("connection") === "close";
  using other = ends ? await RawClient.connect(server.port) : null;
  const client = other ?? first;
  await client.send(post("/hash", body.length) + body);
  const receiving = client.receive().catch(() => undefined);
  const response = await inDueTime(receiving);
  client[Symbol.dispose]();
  await receiving;
  assertEquals(response?.body, hashed(encoder.encode(body)));
}

async function forgedHeadersAreRefused(site: Site): Promise<void> {
  const { server, folder } = site;
  // Within and outside of what Mongrel2 sees, and in the uploads' folder in a manner of speaking.
  await Deno.mkdir(`${server.folder}/etc`, { recursive: true });
  const victims = [`${folder}/victim`, `${server.folder}/etc/victim`];
  for (const victim of victims) await Deno.writeTextFile(victim, "secret");
  const { uploads } = server;
  const before = await server.uploadedFiles();
  await Deno.mkdir(`${server.folder}/tmp/folder`);
  await Deno.symlink(victims[0], `${server.folder}/tmp/link`);
  const named = [
    "/etc/passwd",
    "/etc/victim",
    `${folder}/victim`,
    `${uploads}/../etc/victim`,
    `${uploads}/../../../../../../../../..${folder}/victim`,
    `${uploads}/link`,
    `${uploads}/folder`,
    uploads,
    `${uploads}/none`,
    "",
  ];
  for (const path of named) {
    const args = ["start", "done"].flatMap((name) => [
      "-H",
      path === "" ? `x-mongrel2-upload-${name};` : `x-mongrel2-upload-${name}: ${path}`,
    ]);
    for (const body of [[], ["-d", "body"]]) {
      const status = await run(
        "curl",
        ...["-s", "--max-time", "20", "-o", `${folder}/response`, "-w", "%{http_code}"],
        ...[...args, ...body, `${server.url}/echo`],
      );
      assertMatch(status, /^[45]00$/, path);
      const response = await Deno.readTextFile(`${folder}/response`);
      assert(!/secret|root:/.test(response), response);
    }
  }
  for (const victim of victims) assertEquals(await Deno.readTextFile(victim), "secret");
  assertEquals(
    (await server.uploadedFiles()).sort(),
    [...before, "folder", "link"].sort(),
  );
  await Deno.remove(`${server.folder}/tmp/folder`);
  await Deno.remove(`${server.folder}/tmp/link`);
}

Deno.test({
  name: "behind Mongrel2, everything passes",
  ignore,
  async fn(test) {
    await using site = await startSite();
    await runChecks(test, site, CHECKS);
  },
});

/** What depends on the form of messages: all else is the same when they have been read. */
const MESSAGE_CHECKS = [
  "paths and queries arrive as they were sent",
  "POST: body and content type come back",
  "POST: JSON, and an empty body",
  "PUT, PATCH, DELETE and OPTIONS are passed on",
  "GET: method, URL, headers and variables are those of the client",
  "an absolute target arrives as Mongrel2 has it: without its scheme",
  "repeated headers arrive together, in their order",
  "bytes of headers arrive as they are, be they UTF-8 or not",
  "a stream is chunked for HTTP/1.1, and ends with the connection for HTTP/1.0",
  "pipelined requests are answered in their order",
  "a client that leaves while the app works aborts the request",
  "uploads of every size arrive whole, and their files are gone",
  "an upload that its client aborts leaves no file, and never gets to the app",
  "upload headers of a client are refused, and the files that they name are left alone",
  "upload headers of a client do no harm to its own upload",
];

Deno.test({
  name: "behind Mongrel2, everything passes with headers as tnetstrings",
  ignore,
  async fn(test) {
    await using site = await startSite({ protocol: "tnetstring" });
    const checks = MESSAGE_CHECKS.map((name) => [name, CHECKS[name]] as const);
    assert(checks.every(([, check]) => check !== undefined));
    await runChecks(test, site, Object.fromEntries(checks));
  },
});

Deno.test({
  name: "with flow control, Mongrel2's clients get what they read, and the rest waits in the app",
  ignore,
  async fn(test) {
    await using site = await startSite({ settings: { "download.flow_control": 1 } });
    await runChecks(test, site, {
      async "large responses arrive whole"(site) {
        await largeResponsesArrive(site, 8_000_000);
      },

      async "many requests follow each other on one connection"({ server }) {
        using client = await RawClient.connect(server.port);
        for (let i = 0; i < 100; i++) {
          await client.send(get(i % 10 === 9 ? "/large?n=300000" : "/"));
          assertEquals((await client.receive()).body, i % 10 === 9 ? "y".repeat(300_000) : "hello");
        }
      },

      async "pipelined large responses are answered in their order"({ server }) {
        using client = await RawClient.connect(server.port);
        const sizes = [300_000, 5, 1_000_000, 0, 150_000];
        await client.send(sizes.map((size) => get(`/bytes?n=${size}`)).join(""));
        for (const size of sizes) assertEquals((await client.receive()).body, "x".repeat(size));
      },

      async "HTTP/1.0 clients get large responses to the end"({ server }) {
        for (const path of ["/bytes?n=1000000", "/large?n=1000000"]) {
          const { body } = await ask(server, get(path).replace("1.1", "1.0"));
          assertEquals(body.length, 1_000_000);
        }
      },

      async "many clients at once each get their own answer"(site) {
        await manyGetTheirOwn(site, 200);
      },

      "a client that reads slowly, and then not at all, is served to the end, and costs no memory":
        slowClientIsServed,
    });
  },
});

async function slowClientIsServed({ server, gateway }: Site): Promise<void> {
  const bytes = 100_000_000;
  // What an earlier response has left would be taken for growth.
  await (await fetch(`${server.url}/bytes?n=${bytes}`)).body?.pipeTo(new WritableStream());
  const before = residentBytes(gateway.pid);
  let peak = before;
  const watch = setInterval(() => peak = Math.max(peak, residentBytes(gateway.pid)), PAUSE_MS);
  try {
    const client = await Deno.connect({ hostname: "127.0.0.1", port: server.port });
    try {
      await client.write(encoder.encode(get(`/bytes?n=${bytes}`).replace("1.1", "1.0")));
      let received = 0;
      let head = -1;
      const buffer = new Uint8Array(65_536);
      const read = async () => {
        const count = await client.read(buffer);
        if (count === null) return false;
        if (head < 0) {
          head = new TextDecoder().decode(buffer.subarray(0, count)).indexOf("\r\n\r\n");
        }
        received += count;
        return true;
      };
      for (let i = 0; i < 50; i++) {
        assert(await read());
        await sleep(PAUSE_MS);
      }
      assert(received < bytes);
      // Nothing is read for a while, and others are served.
      for (let i = 0; i < 50; i++) {
        assertEquals(await text(fetch(`${server.url}/`)), "hello");
        await sleep(PAUSE_MS);
      }
      while (await read());
      assertEquals(received, head + 4 + bytes);
    } finally {
      client.close();
    }
  } finally {
    clearInterval(watch);
  }
  assert(peak - before < 80_000_000, `${Math.round((peak - before) / 1e6)} MB more`);
}

Deno.test({
  name: "without flow control, Mongrel2 disconnects a client that does not read; others are served",
  ignore,
  async fn(test) {
    await using site = await startSite();
    await runChecks(test, site, {
      async "the app's stream is cancelled, and memory stays as it was"({ server, gateway }) {
        const tallies = new Tallies(server.url);
        const cancelled = await tallies.count("cancelled");
        const before = residentBytes(gateway.pid);
        const client = await Deno.connect({ hostname: "127.0.0.1", port: server.port });
        try {
          await client.write(encoder.encode(get("/stream?count=100000000")));
          let peak = before;
          const grew = await becomes(async () => {
            peak = Math.max(peak, residentBytes(gateway.pid));
            assertEquals(await text(fetch(`${server.url}/`)), "hello");
            return await tallies.count("cancelled") > cancelled;
          });
          assert(grew);
          assert(peak - before < 100_000_000, `${Math.round((peak - before) / 1e6)} MB more`);
        } finally {
          client.close();
        }
      },
    });
  },
});

Deno.test({
  name: "streamed uploads of Mongrel2 come as the app reads them",
  ignore,
  async fn(test) {
    await using site = await startSite({ settings: { "upload.stream": 1 } });
    await runChecks(test, site, {
      async "uploads of every size arrive whole"({ server }) {
        for (const size of UPLOAD_SIZES) {
          const body = testBytes(size);
          for (const sent of [body, inChunks(body)]) {
            const how = `${size} ${sent === body ? "with a length" : "in chunks"}`;
            assertEquals(await upload(`${server.url}/hash`, sent), hashed(body), how);
          }
        }
      },

      async "uploads of curl, which waits to be told to go on, arrive whole"({ server, folder }) {
        const body = testBytes(3 * MIB);
        await Deno.writeFile(`${folder}/upload`, body);
        for (const fields of ["Expect: 100-continue", "Transfer-Encoding: chunked"]) {
          const args = ["-H", fields, "-T", `${folder}/upload`, `${server.url}/hash`];
          assertEquals(await run("curl", "-s", "--max-time", "30", ...args), hashed(body), fields);
        }
      },

      "an upload with a length can follow one in chunks": uploadFollowsChunks,

      async "several uploads at once arrive whole"({ server }) {
        const bodies = Array.from({ length: 8 }, (_, i) => testBytes(MIB + i));
        const answers = await Promise.all(
          bodies.map((body) => upload(`${server.url}/hash`, body)),
        );
        assertEquals(answers, bodies.map(hashed));
      },

      async "an app that does not read holds its client back"({ server, folder }) {
        const gate = `${folder}/upload-gate`;
        const body = testBytes(32 * MIB);
        using client = await RawClient.connect(server.port);
        await client.send(post(`/hash?file=${encodeURIComponent(gate)}`, body.length));
        let sent = 0;
        const sending = (async () => {
          while (sent < body.length) {
            sent += await client.conn.write(body.subarray(sent, sent + 65_536));
          }
        })();
        const held = await settled(() => sent);
        assert(held < body.length / 2, `${held} bytes were taken`);
        await Deno.writeTextFile(gate, "");
        await sending;
        assertEquals((await client.receive()).body, hashed(body));
      },

      async "an answer that comes early arrives while the client still sends"({ server }) {
        for (const path of ["/unread", "/none"]) {
          using client = await RawClient.connect(server.port);
          await client.send(post(path, 64 * MIB) + "x".repeat(100_000));
          const response = await client.receive();
          assertEquals(response.body, path === "/none" ? "not found" : "unread");
        }
      },

      async "the connection goes on after an upload that was answered early"({ server }) {
        const body = "x".repeat(100_000);
        using client = await RawClient.connect(server.port);
        for (const path of ["/unread", "/hash", "/none", "/hash"]) {
          await client.send(post(path, body.length) + body);
          const response = await client.receive();
          if (path === "/hash") assertEquals(response.body, hashed(encoder.encode(body)));
        }
        await client.send(get("/"));
        assertEquals((await client.receive()).body, "hello");
      },

      async "a request right behind an upload is answered after it"({ server }) {
        const body = "x".repeat(100_000);
        using client = await RawClient.connect(server.port);
        await client.send(post("/hash", body.length) + body + get("/"));
        assertEquals((await client.receive()).body, hashed(encoder.encode(body)));
        assertEquals((await client.receive()).body, "hello");
      },

      async "a client that leaves within its upload aborts the request"(site) {
        await leavingAborts(site, post("/hang", MIB) + "x".repeat(50_000));
      },

      "upload headers of a client are refused, and the files that they name are left alone":
        forgedHeadersAreRefused,
    });
  },
});

Deno.test({
  name: "uploads in files are refused, and the refusal is logged, unless their folder is named",
  ignore,
  async fn(test) {
    const body = testBytes(100_000);
    await test.step("no folder is named", async () => {
      await using server = await Mongrel2Server.start();
      const spec = server.spec("main", { chroot: server.chroot });
      await using gateway = await startGateway([APP, "--mongrel2", spec]);
      const response = await fetch(`${server.url}/hash`, { method: "POST", body });
      assertEquals(response.status, 500);
      assert(!(await response.text()).includes(server.uploads));
      await gateway.logged(/^warning: mongrel2: .*add ,uploads=DIR/);
      // Small ones need no file.
      assertEquals(await text(fetch(`${server.url}/text`, { method: "POST", body: "a" })), "a");
    });
    await test.step("another folder is named", async () => {
      await using server = await Mongrel2Server.start();
      await Deno.mkdir(`${server.folder}/other`);
      const uploads = server.uploads.replace(/tmp$/, "other");
      const spec = server.spec("main", { chroot: server.chroot, uploads });
      await using gateway = await startGateway([APP, "--mongrel2", spec]);
      const response = await fetch(`${server.url}/hash`, { method: "POST", body });
      await response.body?.cancel();
      assertEquals(response.status, 400);
      await gateway.logged(/^warning: mongrel2: the upload .* is not a file in the folder/);
      assertEquals((await server.uploadedFiles()).length, 1);
    });
    await test.step("Mongrel2 has no folder: it refuses them itself", async () => {
      await using server = await Mongrel2Server.start({ settings: { "upload.temp_store": "" } });
      await using _gateway = await startGateway([APP, "--mongrel2", server.spec()]);
      const outcome = await fetch(`${server.url}/hash`, { method: "POST", body })
        .then(async (response) => {
          await response.body?.cancel();
          return response.status;
        }, () => "disconnected");
      assert(outcome === 413 || outcome === 500 || outcome === "disconnected", `${outcome}`);
      assertEquals(await text(fetch(`${server.url}/text`, { method: "POST", body: "a" })), "a");
    });
  },
});

Deno.test({
  name: "WebSocket handshakes and JSON sockets do not disturb other clients of Mongrel2",
  ignore,
  async fn(test) {
    const handshake = get(
      "/",
      "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n" +
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n",
    );
    await using site = await startSite({ routes: { "/": "main", "@chat": "main" } });
    await runChecks(test, site, {
      async "JSON sockets are not answered"({ server }) {
        using client = await RawClient.connect(server.port);
        await client.send('@chat {"type":"msg"}\0@chat {"type":"disconnect"}\0@chat [1]\0');
        for (let i = 0; i < 5; i++) assertEquals(await text(fetch(`${server.url}/`)), "hello");
      },

      async "a handshake is refused, or answered as a GET, and the connection ends"({ server }) {
        using client = await RawClient.connect(server.port);
        await client.send(handshake);
        const { status, headers } = await client.receive();
        assert(status !== 101, `${status}`);
        // Mongrel2 takes all that follows for frames.
        assertEquals(headers.get("connection"), "close");
        assert(await client.closed());
      },

      async "the app sees a GET without a body, if it sees a handshake at all"({ server }) {
        const response = await ask(server, handshake.replace("/", "/info"));
        if (response.status !== 200) return;
        const { method, env } = JSON.parse(response.body);
        assertEquals([method, env.REQUEST_METHOD, env.CONTENT_LENGTH], ["GET", "GET", undefined]);
      },

      async "frames without a handshake's answer are no trouble"({ server }) {
        for (let i = 0; i < 5; i++) {
          using client = await RawClient.connect(server.port);
          // A masked frame of text.
          await client.send(encoder.encode(handshake));
          await client.send(Uint8Array.of(0x81, 0x81, 1, 2, 3, 4, 0x60)).catch(() => {});
          assertEquals(await text(fetch(`${server.url}/`)), "hello");
        }
      },
    });
  },
});
