import { assertEquals, assertStringIncludes, assertThrows } from "../support/assert.ts";
import { ConfigError } from "../../src/base/errors.ts";
import { parseMongrel2Spec, splitSettings } from "../../src/mongrel2/codec/spec.ts";
import type { Mongrel2Spec } from "../../src/mongrel2/codec/spec.ts";

const specs: Record<string, Mongrel2Spec> = {
  "tcp://127.0.0.1:9999": { send: "tcp://127.0.0.1:9999", recv: "tcp://127.0.0.1:9998" },
  "tcp://m2.example:2": { send: "tcp://m2.example:2", recv: "tcp://m2.example:1" },
  "tcp://[::1]:10000": { send: "tcp://[::1]:10000", recv: "tcp://[::1]:9999" },
  "tcp://a:65535": { send: "tcp://a:65535", recv: "tcp://a:65534" },
  "tcp://a:1,recv=tcp://b:65535": { send: "tcp://a:1", recv: "tcp://b:65535" },
  "tcp://a:9,recv=ipc://r": { send: "tcp://a:9", recv: "ipc://r" },
  "ipc://run/send,recv=ipc:///run/recv": { send: "ipc://run/send", recv: "ipc:///run/recv" },
  "inproc://a b,recv=inproc://c": { send: "inproc://a b", recv: "inproc://c" },
  "tcp://a:9,ident=x": { send: "tcp://a:9", recv: "tcp://a:8", ident: "x" },
  "tcp://a:9,ident=a=b": { send: "tcp://a:9", recv: "tcp://a:8", ident: "a=b" },
  "tcp://me@a:9": { send: "tcp://a:9", recv: "tcp://a:8", ident: "me" },
  "tcp://34f9-ceee@[::1]:9": { send: "tcp://[::1]:9", recv: "tcp://[::1]:8", ident: "34f9-ceee" },
  "tcp://me@a:9,recv=tcp://me@b:7": { send: "tcp://a:9", recv: "tcp://b:7", ident: "me" },
  "tcp://a:9,recv=tcp://me@b:7": { send: "tcp://a:9", recv: "tcp://b:7", ident: "me" },
  "tcp://me@a:9,ident=me": { send: "tcp://a:9", recv: "tcp://a:8", ident: "me" },
  "ipc://@abstract,recv=ipc://me@path": { send: "ipc://@abstract", recv: "ipc://me@path" },
  "tcp://a:9,uploads-start=early": {
    send: "tcp://a:9",
    recv: "tcp://a:8",
    uploadsStart: "early",
  },
  "tcp://a:9,uploads-start=complete,route=strip": {
    send: "tcp://a:9",
    recv: "tcp://a:8",
    uploadsStart: "complete",
    route: "strip",
  },
  "tcp://a:9,route=mount": { send: "tcp://a:9", recv: "tcp://a:8", route: "mount" },
  "tcp://a:9,route=strip": { send: "tcp://a:9", recv: "tcp://a:8", route: "strip" },
  "tcp://a:9,route=path": { send: "tcp://a:9", recv: "tcp://a:8", route: "path" },
  "tcp://a:9,chroot=/var/www,uploads=/tmp": {
    send: "tcp://a:9",
    recv: "tcp://a:8",
    chroot: "/var/www",
    uploads: "/tmp",
  },
  "tcp://a:9,uploads=tmp dir/x,ident=34f9-é,chroot=.,recv=tcp://[::]:7": {
    send: "tcp://a:9",
    recv: "tcp://[::]:7",
    ident: "34f9-é",
    chroot: ".",
    uploads: "tmp dir/x",
  },
  [`tcp://a:9,ident=${"x".repeat(255)}`]: {
    send: "tcp://a:9",
    recv: "tcp://a:8",
    ident: "x".repeat(255),
  },
};
for (const [text, spec] of Object.entries(specs)) {
  Deno.test(`${text.slice(0, 60)} is where Mongrel2 is`, () => {
    const { note: _, ...parsed } = parseMongrel2Spec(text);
    assertEquals(parsed, spec);
  });
}

const refused: Record<string, string[]> = {
  "is not a ZeroMQ endpoint": [
    "",
    "9999",
    "127.0.0.1:9999",
    "tcp://127.0.0.1",
    "tcp://127.0.0.1:",
    "tcp://:9999",
    "tcp://a:x",
    "tcp://a:0",
    "tcp://a:65536",
    "tcp://a:99999",
    "tcp://a:100000",
    "tcp://a:9/path",
    "tcp://a:9 ",
    " tcp://a:9",
    "tcp://a b:9",
    "tcp://*:9",
    "tcp://::1:9",
    "tcp://[::1:9",
    "tcp://@a:9",
    "tcp://me@:9",
    "tcp://me@you@a:9",
    "tcp://me@a",
    "tcp://me@a:9#bind",
    "tcp://[x]:9",
    "tcp:a:9",
    "TCP://a:9",
    "http://a:9",
    "udp://a:9",
    "ipc://",
    "inproc://",
    "tcp://a:9\nx",
    "tcp://a:9,recv=a:8",
    "tcp://a:9,recv=tcp://a",
    "tcp://a:9,recv=tcp://a:0",
    "tcp://a:9,recv=tcp://a:65536",
  ],
  "the endpoint for replies cannot be inferred: add ,recv=ENDPOINT": [
    "ipc://send",
    "inproc://send",
    "tcp://a:1",
    "ipc://send:9999",
  ],
  " is unknown": [
    "tcp://a:9,",
    "tcp://a:9,,",
    "tcp://a:9,x",
    "tcp://a:9,x=y",
    "tcp://a:9,=y",
    "tcp://a:9,recv",
    "tcp://a:9,recv=",
    "tcp://a:9,ident=",
    "tcp://a:9,Ident=x",
    "tcp://a:9, ident=x",
    "tcp://a:9,identx",
    "tcp://a:9,uploads/",
    "tcp://a:9,chroot",
    "tcp://a:9,toString=x",
    "tcp://a:9,tcp://a:8",
  ],
  " is given more than once": [
    "tcp://a:9,ident=x,ident=x",
    "tcp://a:9,recv=tcp://a:8,ident=x,recv=tcp://a:8",
  ],
  "both sockets share one identity": [
    "tcp://me@a:9,ident=you",
    "tcp://me@a:9,recv=tcp://you@a:8",
  ],
  "an identity has at most 255 bytes": [
    `tcp://${"x".repeat(256)}@a:9`,
    `tcp://a:9,ident=${"x".repeat(256)}`,
    `tcp://a:9,ident=${"é".repeat(128)}`,
  ],
};
for (const [reason, texts] of Object.entries(refused)) {
  for (const text of texts) {
    Deno.test(`${JSON.stringify(text.slice(0, 60))} is refused: ${reason.trim()}`, () => {
      const { message } = assertThrows(() => parseMongrel2Spec(text), ConfigError);
      // What stands before a host might be a password.
      const told = JSON.stringify(text).replace(/\/\/[^/]*@/g, "//***@");
      assertStringIncludes(message, `bad Mongrel2 address ${told}: `);
      assertStringIncludes(message, `${reason}; write tcp://HOST:PORT[,recv=ENDPOINT]`);
    });
  }
}

Deno.test("an identity before a host is taken, with a note of how it is written nowadays", () => {
  const note = (text: string) => parseMongrel2Spec(text).note;
  assertStringIncludes(note("tcp://me@a:9") ?? "", "write tcp://a:9,ident=me");
  assertStringIncludes(note("tcp://a:9,recv=tcp://me@b:8") ?? "", "write tcp://a:9,ident=me");
  assertEquals(note("tcp://a:9,ident=me"), undefined);
  assertEquals(note("ipc://@abstract,recv=ipc://me@path"), undefined);
});

for (
  const text of [
    "tcp://a:9,uploads-start=now",
    "tcp://a:9,uploads-start",
    "tcp://a:9,route=",
    "tcp://a:9,route=mounted",
    "tcp://a:9,route=mount,strip",
  ]
) {
  Deno.test(`${text} is refused`, () => {
    assertThrows(() => parseMongrel2Spec(text), ConfigError);
  });
}

Deno.test("settings after the path of a configuration are apart from it, in any order", () => {
  const path = "/var/a,b=c.sqlite";
  assertEquals(splitSettings(path), { path, settings: {} });
  assertEquals(splitSettings(`${path},route=mount`), { path, settings: { route: "mount" } });
  const both = { path, settings: { route: "strip" as const, uploadsStart: "early" as const } };
  assertEquals(splitSettings(`${path},route=strip,uploads-start=early`), both);
  assertEquals(splitSettings(`${path},uploads-start=early,route=strip`), both);
  for (const wrong of ["route=", "route=x", "uploads-start=x", "route=mount,route=mount"]) {
    assertThrows(() => splitSettings(`${path},${wrong}`), ConfigError);
  }
});
