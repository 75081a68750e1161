import { assertEquals } from "../support/assert.ts";
import { DispatchLab } from "../support/dispatch_lab.ts";
import type { EndedRequest } from "../../src/dispatch/passed_request.ts";

const PLAIN: EndedRequest = {
  scheme: "http",
  method: "GET",
  status: 200,
  bytesIn: 0,
  bytesOut: 0,
  durationMs: 70,
  outcome: "answered",
};

/** What a handler answers in how many pieces, and what is counted of it. */
const answers: Record<string, [pieces: string[], expected: Partial<EndedRequest>]> = {
  "without a body": [["HTTP/1.1 204 No Content\r\n\r\n"], { status: 204 }],
  "in one piece": [["HTTP/1.1 200 OK\r\na: b\r\n\r\nhello"], { bytesOut: 5 }],
  "in pieces": [["HTTP/1.1 200 OK\r\n\r\nhello", " you"], { bytesOut: 9 }],
  "whose head comes in pieces": [["HTTP/1.1 404 Not Found\r\na: b\r\n\r", "\nhello"], {
    status: 404,
    bytesOut: 5,
  }],
  "that has more ends of lines in its body": [["HTTP/1.1 200 OK\r\n\r\n\r\n\r\n\r\n"], {
    bytesOut: 6,
  }],
  "that is no HTTP": [["hello"], { status: 0 }],
};
for (const [what, [pieces, expected]] of Object.entries(answers)) {
  Deno.test(`of an answer ${what}, status and bytes are counted`, () => {
    const lab = new DispatchLab();
    lab.join("a");
    const { number } = lab.request(7);
    // What else is said to Mongrel2 about the client is no part of it.
    lab.reply("a", number, "server 3:X 7, credits");
    lab.now += 70;
    for (const piece of pieces) lab.reply("a", number, `server 1:7, ${piece}`);
    assertEquals(lab.ended, []);
    lab.done("a", number);
    assertEquals(lab.ended, [{ ...PLAIN, ...expected }]);
  });
}

Deno.test("the parts of a body are counted, the word of a file's beginning is not", () => {
  const lab = new DispatchLab();
  lab.join("a");
  const upload = { METHOD: "POST", VERSION: "HTTP/1.1", URL_SCHEME: "https" };
  lab.message(1, { ...upload, "x-mongrel2-upload-start": "/x" });
  lab.done("a", 1);
  assertEquals(lab.ended, []);
  lab.message(1, { ...upload, UPLOAD_STREAM: "0" }, "abc");
  lab.message(1, { UPLOAD_STREAM: "3" }, "de");
  lab.reply("a", 2, "server 1:1, HTTP/1.1 200 OK\r\n\r\n");
  lab.done("a", 2);
  assertEquals(lab.ended, [
    { ...PLAIN, scheme: "https", method: "POST", bytesIn: 5, durationMs: 0 },
  ]);
});

Deno.test("a WebSocket counts as the GET that it was, with what came over it", () => {
  const lab = new DispatchLab();
  lab.join("a");
  lab.message(1, { METHOD: "WEBSOCKET_HANDSHAKE", VERSION: "HTTP/1.1" }, "the accept value");
  lab.reply("a", 1, "server 1:1, HTTP/1.1 101 Switching Protocols\r\n\r\n");
  lab.message(1, { METHOD: "WEBSOCKET", VERSION: "HTTP/1.1", FLAGS: "0x81" }, "hello");
  lab.reply("a", 1, "server 1:1, xxhello");
  lab.done("a", 1);
  assertEquals(lab.ended, [{ ...PLAIN, status: 101, bytesIn: 5, bytesOut: 7, durationMs: 0 }]);
});

Deno.test("answers to several requests may come together: those behind the first have its status", () => {
  const lab = new DispatchLab();
  lab.join("a");
  const numbers = [lab.request(1).number, lab.request(1).number];
  lab.reply("a", numbers[0], "server 1:1, HTTP/1.1 200 OK\r\n\r\nHTTP/1.1 200 OK\r\n\r\n");
  for (const number of numbers) lab.done("a", number);
  assertEquals(lab.ended.map(({ status, outcome }) => `${status} ${outcome}`), [
    "200 answered",
    "200 answered",
  ]);
});

Deno.test("how requests end without a handler's answer is counted", () => {
  const lab = new DispatchLab({ maxQueue: 1 });
  for (const conn of [1, 2]) lab.message(conn, { METHOD: "GET", VERSION: "HTTP/1.1" });
  lab.join("a");
  const text = '{"METHOD":"JSON"}';
  lab.dispatcher.onMessage(
    new TextEncoder().encode(`server 1 @* ${text.length}:${text},21:{"type":"disconnect"},`),
    lab.now,
  );
  lab.request(3);
  lab.dispatcher.cutOff();
  assertEquals(lab.ended.map(({ status, outcome }) => `${status} ${outcome}`), [
    "503 answered",
    "0 client left",
    "0 cut off",
  ]);
});
