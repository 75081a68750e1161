import { assertEquals, assertStringIncludes, assertThrows } from "../support/assert.ts";
import { ConfigError } from "../../src/base/errors.ts";
import {
  isDispatcherSpec,
  parseDispatcherSpec,
  parseHandlerSpec,
  sharedHandler,
} from "../../src/mongrel2/codec/dispatcher_spec.ts";
import type { DispatcherSpec } from "../../src/mongrel2/codec/dispatcher_spec.ts";

/** A key that is the example in the manual of zmq_curve. */
const KEY = "Yne@$w-vo<fVvi]a<NY6T1ed:M$fCG*[IaLV{hID";

const specs: Record<string, DispatcherSpec> = {
  "dispatch+tcp://127.0.0.1:9990": { dispatcher: "tcp://127.0.0.1:9990" },
  "dispatch+tcp://front.example:1": { dispatcher: "tcp://front.example:1" },
  "dispatch+tcp://[::1]:65535": { dispatcher: "tcp://[::1]:65535" },
  [`dispatch+tcp://a:9,curve-server=${KEY},curve-secret-key=/etc/web_secret`]: {
    dispatcher: "tcp://a:9",
    curveServer: KEY,
    curveSecretKey: "/etc/web_secret",
  },
  "dispatch+tcp://a:9,name=b-1": { dispatcher: "tcp://a:9", name: "b-1" },
  "dispatch+tcp://a:9,name=é b=c": { dispatcher: "tcp://a:9", name: "é b=c" },
  "dispatch+tcp://a:9,capacity=1": { dispatcher: "tcp://a:9", capacity: 1 },
  "dispatch+tcp://a:9,capacity=1000000,name=x": {
    dispatcher: "tcp://a:9",
    capacity: 1_000_000,
    name: "x",
  },
  "dispatch+tcp://a:9,uploads=/up,chroot=/var/m2": {
    dispatcher: "tcp://a:9",
    uploads: "/up",
    chroot: "/var/m2",
  },
  "dispatch+tcp://a:9,route=strip": { dispatcher: "tcp://a:9", route: "strip" },
  [`dispatch+tcp://a:9,name=${"x".repeat(255)}`]: {
    dispatcher: "tcp://a:9",
    name: "x".repeat(255),
  },
};
for (const [text, spec] of Object.entries(specs)) {
  Deno.test(`${text.slice(0, 60)} is where a dispatcher is`, () => {
    assertEquals(parseDispatcherSpec(text), spec);
    const found = parseHandlerSpec(text);
    assertEquals(found, spec);
    assertEquals(isDispatcherSpec(found), true);
  });
}

Deno.test("without dispatch+ it is where Mongrel2 is", () => {
  const found = parseHandlerSpec("tcp://a:9");
  assertEquals(found, { send: "tcp://a:9", recv: "tcp://a:8" });
  assertEquals(isDispatcherSpec(found), false);
});

const refused: Record<string, string[]> = {
  "is not where a dispatcher can be": [
    "dispatch+",
    "dispatch+a:9",
    "dispatch+tcp://a",
    "dispatch+tcp://a:",
    "dispatch+tcp://a:0",
    "dispatch+tcp://a:65536",
    "dispatch+tcp://*:9",
    "dispatch+tcp://me@a:9",
    "dispatch+tcp://::1:9",
    "dispatch+tcp://a:9 ",
    "dispatch+ tcp://a:9",
    "dispatch+TCP://a:9",
    "dispatch+ipc://run/dispatcher",
    "dispatch+inproc://a",
    "dispatch+dispatch+tcp://a:9",
    "dispatch+tcp://a:9\nx",
  ],
  " is unknown": [
    "dispatch+tcp://a:9,",
    "dispatch+tcp://a:9,name",
    "dispatch+tcp://a:9,name=",
    "dispatch+tcp://a:9,Name=x",
    "dispatch+tcp://a:9, name=x",
    "dispatch+tcp://a:9,ident=x",
    "dispatch+tcp://a:9,recv=tcp://a:8",
    "dispatch+tcp://a:9,toString=x",
    "dispatch+tcp://a:9,tcp://b:9",
  ],
  "curve-server and curve-secret-key belong together": [
    `dispatch+tcp://a:9,curve-server=${KEY}`,
    "dispatch+tcp://a:9,curve-secret-key=/etc/web_secret",
  ],
  "curve-server is a public key, 40 characters of Z85": [
    `dispatch+tcp://a:9,curve-server=${KEY.slice(1)},curve-secret-key=k`,
    `dispatch+tcp://a:9,curve-server=#${KEY.slice(1)},curve-secret-key=k`,
  ],
  "curve-secret-key= is unknown": [
    `dispatch+tcp://a:9,curve-server=${KEY},curve-secret-key=`,
  ],
  " is given more than once": [
    "dispatch+tcp://a:9,name=x,name=x",
  ],
  "a name has at most 255 bytes": [
    `dispatch+tcp://a:9,name=${"x".repeat(256)}`,
    `dispatch+tcp://a:9,name=${"é".repeat(128)}`,
  ],
  "a name has no control characters": [
    "dispatch+tcp://a:9,name=a\nb",
    "dispatch+tcp://a:9,name=\u202e",
    "dispatch+tcp://a:9,name=\x1b[2J",
  ],
  'route takes path or mount or strip, not "off"': ["dispatch+tcp://a:9,route=off"],
  "the capacity is a whole number from 1 to 1000000": [
    "dispatch+tcp://a:9,capacity=0",
    "dispatch+tcp://a:9,capacity=-1",
    "dispatch+tcp://a:9,capacity=1.5",
    "dispatch+tcp://a:9,capacity=1e3",
    "dispatch+tcp://a:9,capacity=0x10",
    "dispatch+tcp://a:9,capacity=1000001",
    "dispatch+tcp://a:9,capacity= 1",
    `dispatch+tcp://a:9,capacity=${"9".repeat(400)}`,
  ],
};
for (const [reason, texts] of Object.entries(refused)) {
  for (const text of texts) {
    Deno.test(`${JSON.stringify(text.slice(0, 60))} is refused: ${reason.trim()}`, () => {
      const { message } = assertThrows(() => parseHandlerSpec(text), ConfigError);
      assertStringIncludes(message, "bad address of a dispatcher ");
      assertStringIncludes(message, `${reason}; write dispatch+tcp://HOST:PORT[,name=NAME]`);
    });
  }
}

const shared: Record<string, readonly [string[], Omit<DispatcherSpec, "dispatcher">]> = {
  "nothing that is not given": [["dispatch+tcp://a:1", "dispatch+tcp://b:1"], {}],
  "what one of them gives": [
    ["dispatch+tcp://a:1", "dispatch+tcp://b:1,name=x,capacity=5"],
    { name: "x", capacity: 5 },
  ],
  "what both give alike": [
    ["dispatch+tcp://a:1,name=x,chroot=/c", "dispatch+tcp://b:1,uploads=/u,name=x"],
    { name: "x", chroot: "/c", uploads: "/u" },
  ],
};
for (const [what, [texts, expected]] of Object.entries(shared)) {
  Deno.test(`the handler of two dispatchers is ${what}`, () => {
    assertEquals(sharedHandler(texts.map((text) => parseDispatcherSpec(text))), expected);
  });
}

const contradictions: Record<string, string[]> = {
  "name cannot be x for one and y for another": [
    "dispatch+tcp://a:1,name=x",
    "dispatch+tcp://b:1,name=y",
  ],
  "capacity cannot be 1 for one and 2 for another": [
    "dispatch+tcp://a:1,capacity=1",
    "dispatch+tcp://b:1",
    "dispatch+tcp://c:1,capacity=2",
  ],
  "the dispatcher at tcp://a:1 is given more than once": [
    "dispatch+tcp://a:1",
    "dispatch+tcp://a:1",
  ],
};
for (const [reason, texts] of Object.entries(contradictions)) {
  Deno.test(`dispatchers that contradict each other are refused: ${reason}`, () => {
    const all = texts.map((text) => parseDispatcherSpec(text));
    assertStringIncludes(assertThrows(() => sharedHandler(all), ConfigError).message, reason);
  });
}
