/** What servers of `node:http` answer in apps, beside what they answer under Node itself. */

import { assertEquals } from "../support/assert.ts";
import { startGateway } from "../support/gateway.ts";
import type { ServingLeg } from "./self_serving.ts";

const APP = new URL("./node_conformance_app.mjs", import.meta.url);

/** Requests by their names, and what is read of their answers before the client leaves, if it does. */
interface Row {
  readonly request: string;
  /** Bytes that follow when an answer, or part of one, has come. */
  readonly then?: string;
  /** Whether the client half closes after its request. */
  readonly isHalfClosed?: true;
  /** The client leaves when it has read this much. */
  readonly leavesAfter?: RegExp;
  /** What the answer is, if it is another one than Node's. */
  readonly answer?: string;
}

function get(path: string, fields = "", version = "1.1"): string {
  return `GET ${path} HTTP/${version}\r\nHost: a\r\n${fields}Connection: close\r\n\r\n`;
}

function post(path: string, body: string, fields = ""): string {
  return `POST ${path} HTTP/1.1\r\nHost: a\r\n${fields}Content-Length: ${body.length}\r\n` +
    `Connection: close\r\n\r\n${body}`;
}

const CHUNKED = "Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n";

const ROWS: Readonly<Record<string, Row>> = {
  "a path": { request: get("/request") },
  "a query": { request: get("/request?a=%20b&c") },
  "two slashes": { request: get("//request/") },
  "dot segments": { request: get("/a/../request") },
  "escaped dots": { request: get("/request/%2e/a") },
  "escapes": { request: get("/request/%41%2F") },
  "an absolute target": {
    request: "GET http://a/request?b HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
  },
  "an asterisk": { request: "OPTIONS * HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n" },
  "a method of its own": {
    request: "PURGE /request HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
  },
  "HTTP/1.0": { request: "GET /request HTTP/1.0\r\nHost: a\r\nUser-Agent: b\r\n\r\n" },
  "names as they were sent": { request: get("/request", "X-MiXed: 1\r\nx-lower:  2 \r\n") },
  "repeated fields": {
    request: get(
      "/request",
      "X-A: 1\r\nx-a: 2\r\nCookie: a=1\r\nCookie: b=2\r\nSet-Cookie: c=1\r\nSet-Cookie: d=1\r\n" +
        "Content-Type: a/b\r\nContent-Type: c/d\r\nUser-Agent: e\r\nUser-Agent: f\r\n" +
        "Referer: g\r\nReferer: h\r\nAuthorization: i\r\nAuthorization: j\r\nEtag: k\r\nEtag: l\r\n",
    ),
  },
  "fields that objects have": {
    request: get("/request", "__proto__: 1\r\nconstructor: 2\r\nto-string: 3\r\n"),
  },
  "bytes in fields": { request: get("/request", "X-A: \xe9\r\n") },
  "distinct fields": { request: get("/distinct", "X-A: 1\r\nx-a: 2\r\n") },
  "prototypes that are exchanged": { request: get("/swapped", "X-A: 1\r\nx-a: 2\r\n") },
  "a socket": { request: get("/socket") },
  "a body": { request: post("/body", "a body") },
  "no body": { request: post("/body", "") },
  "a body to GET": {
    request: `GET /body HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nConnection: close\r\n\r\nabc`,
  },
  "chunks": {
    request: `POST /body HTTP/1.1\r\nHost: a\r\n${CHUNKED}3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n`,
  },
  "trailers of a request": {
    request: `POST /body HTTP/1.1\r\nHost: a\r\nTrailer: X-Sum\r\n${CHUNKED}3\r\nabc\r\n0\r\n` +
      "X-Sum: 1\r\nx-sum: 2\r\n\r\n",
  },
  "100-continue": {
    request: post("/body", "", "Expect: 100-continue\r\n").replace(": 0", ": 4"),
    then: "body",
  },
  "100-continue that is refused": {
    request: post("/refused", "", "Expect: 100-continue\r\n").replace(": 0", ": 4"),
  },
  "a text": { request: get("/text") },
  "a text to HEAD": { request: get("/text").replace("GET", "HEAD") },
  "a text to HTTP/1.0": { request: "GET /text HTTP/1.0\r\nHost: a\r\n\r\n" },
  "a text to a client that half closes": {
    request: "GET /text HTTP/1.1\r\nHost: a\r\n\r\n",
    isHalfClosed: true,
  },
  "a late answer to a client that half closes": {
    request: "GET /later HTTP/1.1\r\nHost: a\r\n\r\n",
    isHalfClosed: true,
    // Node takes such a client for gone.
    answer: "HTTP/1.1 200 OK\nx-own: of response\n\nlater",
  },
  "a status message": { request: get("/message") },
  "methods that are borrowed": { request: get("/borrowed") },
  "a head": { request: get("/head") },
  "a list of fields": { request: get("/list") },
  "cookies": { request: get("/cookies") },
  "what is sent": { request: get("/sent") },
  "codes of errors": { request: get("/codes") },
  "what is written again": { request: get("/again") },
  "trailers of a response": { request: get("/trailers") },
  "interim responses": { request: get("/hints") },
  "204": { request: get("/204") },
  "304": { request: get("/304") },
  "a length": { request: get("/length") },
  "a length to HEAD": { request: get("/length").replace("GET", "HEAD") },
  "parts": { request: get("/parts") },
  "a connection that the app closes": { request: "GET /closes HTTP/1.1\r\nHost: a\r\n\r\n" },
  "drain": { request: get("/drained") },
  "a response that is destroyed": { request: "GET /destroyed HTTP/1.1\r\nHost: a\r\n\r\n" },
  "a request that is destroyed": { request: "GET /requestDestroyed HTTP/1.1\r\nHost: a\r\n\r\n" },
  "a socket that is destroyed": { request: "GET /socketDestroyed HTTP/1.1\r\nHost: a\r\n\r\n" },
  "a response that is broken off": { request: "GET /broken HTTP/1.1\r\nHost: a\r\n\r\n" },
  "events of GET": { request: get("/get") },
  "events of a body that is read": { request: post("/read", "abc") },
  "a client that leaves": {
    request: "GET /left HTTP/1.1\r\nHost: a\r\n\r\n",
    leavesAfter: /begun/,
  },
  "a timeout of a response": { request: get("/timeout") },
  "a timeout of a socket": { request: get("/socketTimeout") },
  "a timeout that nobody hears": { request: "GET /cut HTTP/1.1\r\nHost: a\r\n\r\n" },
  "contexts": { request: get("/contexts") },
  "channels": { request: get("/channel") },
  "classes of the app": { request: get("/own") },
  "a connection": { request: get("/connected") },
  "a body that is not as long as was said": { request: get("/strict") },
  "a length of what has no body": { request: get("/strictEmpty") },
  "a status that is set too late": { request: get("/late") },
  "a server": { request: get("/state") },
};

/** What the app tells of events, once that is as much as under Node. */
const TOLD = [
  "again",
  "borrowed",
  "channel",
  "connected",
  "contexts",
  "drained",
  "get",
  "left",
  "message",
  "read",
  "sent",
  "strict",
];

const BYTES = new TextDecoder("latin1");

/** What a client gets that sends a row. */
async function answerTo(port: number, row: Row): Promise<string> {
  const { request, then, isHalfClosed, leavesAfter } = row;
  using conn = await Deno.connect({ hostname: "127.0.0.1", port });
  await write(conn, request);
  if (isHalfClosed) await conn.closeWrite();
  let read = "";
  let isThen = then === undefined;
  const buffer = new Uint8Array(65_536);
  try {
    for (;;) {
      const bytes = await conn.read(buffer);
      if (bytes === null) break;
      read += BYTES.decode(buffer.subarray(0, bytes));
      if (leavesAfter?.test(read)) return "left";
      if (isThen) continue;
      isThen = true;
      await write(conn, then!);
    }
  } catch (error) {
    // Who destroys a connection may reset it.
    if (!(error instanceof Deno.errors.ConnectionReset)) throw error;
  }
  return normalized(read);
}

async function write(conn: Deno.Conn, text: string): Promise<void> {
  const bytes = Uint8Array.from(text, (char) => char.charCodeAt(0));
  for (let at = 0; at < bytes.length;) at += await conn.write(bytes.subarray(at));
}

/** What each side says in its own way. */
const OWN = /^(?:date|connection|keep-alive|transfer-encoding|content-length):/i;

/** An answer without what is each side's own to say: framing, dates, the case of names. */
function normalized(answer: string): string {
  const end = answer.indexOf("\r\n\r\n");
  if (end < 0) return answer === "" ? "nothing" : `broken head ${answer}`;
  const lines = answer.slice(0, end).split("\r\n");
  const rest = answer.slice(end + 4);
  const kept = lines.filter((line) => !OWN.test(line))
    .map((line) => line.replace(/^[^: ]+:/, (name) => name.toLowerCase()));
  if (/^HTTP\/1\.1 1/.test(answer)) return `${kept.join("\n")}\n\n${normalized(rest)}`;
  const isChunked = lines.some((line) => /^transfer-encoding: chunked/i.test(line));
  return `${kept.join("\n")}\n\n${isChunked ? unchunked(rest) : rest}`;
}

function unchunked(text: string): string {
  let data = "";
  for (;;) {
    const end = text.indexOf("\r\n");
    const bytes = parseInt(text, 16);
    if (end < 0 || text.length < end + 2 + bytes) return `${data} (broken)`;
    if (bytes === 0) return data + text.slice(end + 2, -2).toLowerCase();
    data += text.slice(end + 2, end + 2 + bytes);
    text = text.slice(end + 4 + bytes);
  }
}

/** All answers, by the names of the rows; and all that the app told. */
async function allAnswers(port: number, told?: Readonly<Record<string, string>>) {
  const answers: Record<string, string> = {};
  for (const [name, row] of Object.entries(ROWS)) answers[name] = await answerTo(port, row);
  // What is told has happened by then.
  if (told === undefined) await new Promise((resolve) => setTimeout(resolve, 300));
  for (const name of TOLD) {
    const wanted = told?.[`told ${name}`];
    for (let i = 0; i < 50; i++) {
      answers[`told ${name}`] = await answerTo(port, { request: get(`/told/${name}`) });
      if (answers[`told ${name}`] === wanted) break;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
  return answers;
}

let reference: Promise<Record<string, string>> | null = null;

/** What Node itself answers. */
function nodeAnswers(): Promise<Record<string, string>> {
  return reference ??= (async () => {
    const command = new Deno.Command("node", {
      args: [new URL(APP).pathname],
      env: { PORT: "0" },
      stdin: "null",
      stdout: "piped",
      stderr: "inherit",
    });
    const node = command.spawn();
    const reader = node.stdout.pipeThrough(new TextDecoderStream()).getReader();
    let said = "";
    while (!said.includes("\n")) said += (await reader.read()).value ?? "\nended";
    try {
      return await allAnswers(Number(/port (\d+)/.exec(said)?.[1]));
    } finally {
      node.kill("SIGKILL");
      await node.status;
      await reader.cancel();
    }
  })();
}

/** Registers the tests of one leg. */
export function nodeConformanceTests({ name, command, args }: ServingLeg): void {
  Deno.test(`servers of node:http answer as under Node (${name})`, async (test) => {
    const expected = await nodeAnswers();
    const folder = await Deno.makeTempDir();
    try {
      await Deno.copyFile(APP, `${folder}/app.mjs`);
      await using gateway = await startGateway([`${folder}/app.mjs`, ...args], {
        command,
        env: { GATEHOUSE_CACHE: `${folder}/cache` },
      });
      const answers = await allAnswers(gateway.port, expected);
      for (const [name, answer] of Object.entries(answers)) {
        await test.step(name, () => {
          assertEquals(answer, ROWS[name]?.answer ?? expected[name]);
        });
      }
      assertEquals(gateway.log.filter((line) => /uncaught|died|error/.test(line)), []);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  });
}
