/** A faulty app of `node:http`: each path does one thing that goes wrong. */

import http from "node:http";

function fail(what) {
  throw new Error(`on purpose, ${what}`);
}

/** Codes of what is thrown at fields that break out of their lines. */
function codesOf(...tries) {
  return tries.map((each) => {
    try {
      each();
      return "fine";
    } catch (error) {
      return error.code;
    }
  });
}

const FAULTS = {
  fine: (_, res) => res.end("fine"),
  raw: (req, res) => res.end(JSON.stringify([req.url, req.rawHeaders])),
  upgrade: (_, res) => res.end("a request like others"),
  split: (_, res) => {
    const codes = codesOf(
      () => res.setHeader("a", "b\r\nx-in: 1"),
      () => res.setHeader("a\r\nx-in", "1"),
      () => res.appendHeader("a", ["b", "c\n"]),
      () => res.writeHead(200, { a: "b\r" }),
      () => res.writeHead(200, ["a", "b\0"]),
      () => res.addTrailers({ a: "b\r\nx-in: 1" }),
      () => res.writeEarlyHints({ link: "</a>; rel=preload\r\nx-in: 1" }),
    );
    res.statusMessage = undefined;
    res.end(String(new Set(codes).size));
  },
  badTrailers: (_, res) => {
    const codes = codesOf(
      () => res.addTrailers({ "Content-Length": 1 }),
      () => res.addTrailers([["set-cookie", "a=1"]]),
    );
    res.end(codes.join());
  },
  mutated: (_, res) => {
    const values = ["a"];
    res.setHeader("a", values);
    values[0] = "b\r\nx-in: 1";
    res.end();
  },
  changing: (_, res) => {
    let count = 0;
    res.setHeader("a", { toString: () => count++ === 0 ? "a" : "b\r\nx-in: 1" });
    res.end();
  },
  reason: (_, res) => {
    res.statusMessage = "OK\r\nx-in: 1";
    res.end();
  },
  longReason: (_, res) => res.writeHead(404, "a".repeat(4_096)).end("none"),
  longReasonAmid: (_, res) => {
    res.writeHead(404, "a".repeat(4_096));
    res.write("begun");
    setTimeout(() => res.end(), 10);
  },
  longestReason: (_, res) => res.writeHead(404, "a".repeat(4_095)).end("none"),
  hugeTrailers: (_, res) => {
    res.setHeader("trailer", "x-a");
    res.write("begun");
    setTimeout(() => {
      res.addTrailers({ "x-a": "a".repeat(65_536) });
      res.end();
    }, 10);
  },
  status: (_, res) => {
    res.statusCode = "200\r\nx-in: 1";
    res.end();
  },
  many: (_, res) => {
    for (let i = 0; i < 5_000; i++) res.setHeader(`h${i}`, "v");
    res.end("many");
  },
  huge: (_, res) => {
    for (let i = 0; i < 300; i++) res.setHeader(`h${i}`, "v".repeat(1_024));
    res.end("huge");
  },
  thrown: () => fail("at once"),
  afterwards: (_, res) => {
    res.write("begun");
    fail("afterwards");
  },
  rejected: async () => {
    await null;
    fail("later");
  },
  rejectedAmid: async (_, res) => {
    res.write("begun");
    await null;
    fail("amid");
  },
  finish: (_, res) => {
    res.on("finish", () => fail("in finish"));
    res.end("finish");
  },
  close: (_, res) => {
    res.on("close", () => fail("in close"));
    res.end("close");
  },
  drain: (_, res) => {
    res.on("drain", () => fail("in drain"));
    res.write("a".repeat(3_000_000));
  },
  timeout: (_, res) => res.setTimeout(10, () => fail("in timeout")),
  error: (_, res) => {
    res.on("error", () => fail("in error"));
    res.end("error");
    res.write("more");
  },
  again: (_, res) => {
    res.end("once");
    res.end("twice");
    res.write("more");
    res.end();
  },
  data: (req) => void req.on("data", () => fail("in data")),
  end: (req) => void req.on("end", () => fail("in end")).resume(),
  aborted: (req, res) => {
    req.on("aborted", () => fail("in aborted"));
    res.write("begun");
  },
  proxy: (_, res) => res.end(new Proxy(new Uint8Array(3), {})),
};

const server = http.createServer((req, res) => {
  return (FAULTS[req.url.split(/[/?]/).find((part) => part in FAULTS)] ?? FAULTS.raw)(req, res);
});
if (globalThis.Deno.env.get("LISTENS_FOR_UPGRADES") === "yes") {
  server.on("upgrade", (_, socket) => socket.destroy());
}
server.listen(0);
