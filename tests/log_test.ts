import { assert, assertEquals, assertMatch } from "./support/assert.ts";
import { forLog, inOneLine, printable } from "../src/base/log.ts";
import { withoutPasswords } from "../src/base/passwords.ts";
import { startGateway } from "./support/gateway.ts";
import { get, RawClient } from "./support/raw_client.ts";
import { FastCgiClient, serve } from "../mod.ts";

const inLog: Record<string, [string, string]> = {
  "plain text, in any language": [
    "error: größer als 5 µs, 日本語 🎉",
    "error: größer als 5 µs, 日本語 🎉",
  ],
  "an escape sequence": ["a\x1b[2Jb", "a\\x1b[2Jb"],
  "a sequence that begins with C1's CSI": ["a\x9b2Jb", "a\\x9b2Jb"],
  "a bell, a backspace, a NUL and a DEL": ["\x07\b\0\x7f", "\\x07\\x08\\x00\\x7f"],
  "a carriage return that would begin the line anew": ["x\rready", "x\\x0dready"],
  "line ends of other systems": ["a\r\nb", "a\n    b"],
  "tabs": ["a\tb", "a    b"],
  "next line, line separator and paragraph separator": [
    "a\x85b\u2028c\u2029d",
    "a\\x85b\\u2028c\\u2029d",
  ],
  "all that changes the direction of text": [
    "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069",
    "\\u061c\\u200e\\u200f\\u202a\\u202b\\u202c\\u202d\\u202e\\u2066\\u2067\\u2068\\u2069",
  ],
  "a byte order mark": ["\ufeffa", "\\ufeffa"],
  "a further line that looks like one of the gateway's": [
    "x\nerror: worker 1 died",
    "x\n    error: worker 1 died",
  ],
  "further lines that are indented by less": ["x\n  ready\n ready", "x\n      ready\n     ready"],
  "a stack, as it is": [
    "Error: x\n    at a.ts:1:2\n    at b.ts:3:4",
    "Error: x\n    at a.ts:1:2\n    at b.ts:3:4",
  ],
  "empty lines, as they are": ["x\n\nready\n", "x\n\n    ready\n"],
  "a password": ["cannot load http://ann:sesame@h/x", "cannot load http://ann:***@h/x"],
};

for (const [what, [message, expected]] of Object.entries(inLog)) {
  Deno.test(`the log has ${what}`, () => {
    assertEquals(forLog(message), expected);
    assertEquals(forLog(expected), expected, "what was made harmless stays as it is");
  });
}

Deno.test("no character that is obeyed instead of seen passes the log", () => {
  for (let code = 0; code < 0x1_0000; code++) {
    const char = String.fromCharCode(code);
    if (/[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}]/u.test(char) && char !== "\n") {
      assertEquals(forLog(char).includes(char), false, code.toString(16));
    }
  }
});

Deno.test("what commands print keeps its lines, and cells of tables are in one", () => {
  assertEquals(printable("a:\n  b\x1b\nc"), "a:\n  b\\x1b\nc");
  assertEquals(inOneLine("a\nb\x1b"), "a\\nb\\x1b");
});

const passwords: Record<string, string> = {
  "http://ann:sesame@host/": "http://ann:***@host/",
  "HTTPS://ann:sesame@host:8080/a?b#c": "HTTPS://ann:***@host:8080/a?b#c",
  "http://:sesame@host": "http://:***@host",
  "https://ghp_token@host/x.ts": "https://***@host/x.ts",
  "http://ann:ses@me@host/": "http://ann:***@host/",
  "http://ann:ses:ame@host/": "http://ann:***@host/",
  "http://ann:ses%40me@[::1]:80/": "http://ann:***@[::1]:80/",
  "http://ann:sesame@host?q": "http://ann:***@host?q",
  "http://ann:sesame@host#q": "http://ann:***@host#q",
  "npm+x-y.z://ann:sesame@host/": "npm+x-y.z://ann:***@host/",
  "http://host/a:b@c": "http://host/a:b@c",
  "http://host?a:b@c": "http://host?a:b@c",
  "http://host:80/ and mail to ann@host": "http://host:80/ and mail to ann@host",
  "npm:@scope/name@1.0.0 and jsr:@a/b@2": "npm:@scope/name@1.0.0 and jsr:@a/b@2",
  'two: "http://a:b@c/" from file:///d (http://e:f@g:1/h:2:3)':
    'two: "http://a:***@c/" from file:///d (http://e:***@g:1/h:2:3)',
  "http://ann:ses\r\n\tame@host/": "http://ann:***@host/",
  "http://ann\n:sesame@host/": "http://ann\n:***@host/",
  "http://host:80\nsays ann@host": "http://host:80\nsays ann@host",
  "http://a:b@http://c:d@e/": "http://a:***@http://c:***@e/",
  "://": "://",
  "": "",
};

for (const [text, expected] of Object.entries(passwords)) {
  Deno.test(`no password is told of ${text}`, () => {
    assertEquals(withoutPasswords(text), expected);
  });
}

Deno.test("only the log writes to the console", async () => {
  const writers: string[] = [];
  const read = async (folder: URL): Promise<void> => {
    for await (const { name, isDirectory } of Deno.readDir(folder)) {
      if (isDirectory) await read(new URL(`${name}/`, folder));
      else if (name.endsWith(".ts")) {
        const code = (await Deno.readTextFile(new URL(name, folder))).replace(
          /^ *(?:\*|\/\/).*$/gm,
          "",
        );
        if (/\bconsole\.\w+\(|\bDeno\.std(?:out|err)\b/.test(code)) writers.push(name);
      }
    }
  };
  await read(new URL("../src/", import.meta.url));
  assertEquals(writers, ["log.ts"]);
});

/** An app that fails, in the way that the path says, with what the client has sent. */
const FAILING_APP = `
export default function (request) {
  const { pathname, searchParams } = new URL(request.url);
  const text = searchParams.get("text");
  switch (pathname) {
    case "/throw": throw new Error(text);
    case "/name": throw Object.assign(new Error("x"), { name: text });
    case "/value": throw text;
    case "/later": setTimeout(() => { throw new Error(text); }); break;
    case "/reject": Promise.reject(new Error(text)); break;
    case "/reject-value": Promise.reject(text); break;
  }
  return new Promise(() => {});
}
`;
const HOSTILE =
  "forged: \x1b]0;owned\x07\x9b2J\u2028\u202e\nready\nerror: worker 1 died: forged\r\nlistening x";

/** Checks that no line of a log does more than be read, or was made by a client. */
function assertHarmless(lines: readonly string[]): void {
  for (const line of lines) {
    assertEquals(/[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}]/u.test(line), false, JSON.stringify(line));
    assertEquals(/^(?:ready|listening x|error: worker 1 died: forged)/.test(line), false, line);
  }
}

for (const path of ["throw", "name", "value", "later", "reject", "reject-value"]) {
  Deno.test(`what a client sent is harmless in the log when an app fails with it: ${path}`, async () => {
    const folder = await Deno.makeTempDir();
    try {
      await Deno.writeTextFile(`${folder}/app.js`, FAILING_APP);
      for (const workers of [1, 0]) {
        await using gateway = await startGateway([`${folder}/app.js`, `--workers=${workers}`]);
        const before = gateway.log.length;
        using client = await RawClient.connect(gateway.port);
        await client.send(get(`/${path}?text=${encodeURIComponent(HOSTILE)}`));
        const isFatal = path === "later" || path.startsWith("reject");
        if (isFatal && workers === 0) await gateway.status;
        else assertEquals((await client.receive()).status, isFatal ? 502 : 500);
        if (isFatal && workers === 1) await gateway.logged(/ready again/);
        await gateway.logged(/forged: \\x1b/);
        assertHarmless(gateway.log.slice(before));
      }
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  });
}

Deno.test("an app may still look after what nobody catches itself", async () => {
  const folder = await Deno.makeTempDir();
  try {
    await Deno.writeTextFile(
      `${folder}/app.js`,
      `import process from "node:process";
const seen = [];
addEventListener("error", (event) => { seen.push("error " + event.error.message); event.preventDefault(); });
addEventListener("unhandledrejection", (event) => {
  if (event.reason.message === "to node") return;
  seen.push("rejection " + event.reason.message); event.preventDefault();
});
export default async (request) => {
  const { pathname } = new URL(request.url);
  if (pathname === "/seen") return Response.json(seen);
  if (pathname === "/node") {
    process.once("unhandledRejection", (reason) => seen.push("node " + reason.message));
    Promise.reject(new Error("to node"));
  }
  if (pathname === "/error") setTimeout(() => { throw new Error("a"); });
  if (pathname === "/rejection") Promise.reject(new Error("b"));
  return new Response("ok");
};`,
    );
    await using gateway = await startGateway([`${folder}/app.js`, "--workers=1"]);
    for (const path of ["error", "rejection", "node"]) {
      await (await fetch(`${gateway.url}/${path}`)).text();
      // What is thrown by a timer comes after the response.
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    const seen = await (await fetch(`${gateway.url}/seen`)).json();
    assertEquals(seen, ["error a", "rejection b", "node to node"]);
    assertEquals(gateway.log.filter((line) => /died|ncaught/.test(line)), []);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("what a web server is told of faults is harmless in its log, too", async () => {
  await using server = await serve({
    fastcgi: "127.0.0.1:0",
    app: () => {
      throw new Error(HOSTILE);
    },
    log() {},
  });
  const lines: string[] = [];
  const { port } = server.addresses[0] as Deno.NetAddr;
  await using client = new FastCgiClient(`127.0.0.1:${port}`, {
    onStderr: (line) => lines.push(line),
  });
  assertEquals((await client.fetch("http://localhost/")).status, 500);
  assertMatch(lines[0], /^Error: forged: \\x1b/);
  assertHarmless(lines);
});

Deno.test("the password in an app's URL gets to the server, and nowhere else", async () => {
  const asked: (string | null)[] = [];
  await using server = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen() {} }, (request) => {
    asked.push(request.headers.get("authorization"));
    const { pathname } = new URL(request.url);
    if (pathname === "/none.js") return new Response("", { status: 404 });
    const body = pathname === "/app.js"
      ? "export default () => new Response(import.meta.url)"
      : "import './none.js'";
    return new Response(body, { headers: { "content-type": "text/javascript" } });
  });
  const base = `http://ann:sesame@127.0.0.1:${(server.addr as Deno.NetAddr).port}`;
  const cache = await Deno.makeTempDir();
  try {
    const env = { GATEHOUSE_CACHE: cache };
    await using gateway = await startGateway([`${base}/app.js`, "--workers=1"], { env });
    assertEquals(gateway.log.filter((line) => line.includes("sesame")), []);
    assert(gateway.log.some((line) => line.includes("http://ann:***@127.0.0.1")));
    let failure = "";
    try {
      await using _gateway = await startGateway([`${base}/broken.js`, "--workers=1"], { env });
    } catch (error) {
      failure = (error as Error).message;
    }
    assertMatch(failure, /cannot load http:\/\/ann:\*\*\*@/);
    assertEquals(failure.includes("sesame"), false, failure);
  } finally {
    await Deno.remove(cache, { recursive: true });
  }
});
