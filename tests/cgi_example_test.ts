import type { Context } from "gatehouse";
import { assert, assertEquals, assertRejects, assertStringIncludes } from "./support/assert.ts";
import type { GatewayProcess } from "./support/gateway.ts";
import { startGateway } from "./support/gateway.ts";
import { get, RawClient } from "./support/raw_client.ts";

const APP = new URL("../examples/cgi.ts", import.meta.url).pathname;
const TEXT = "Content-Type: text/plain\n\n";

const folder = await Deno.realPath(await Deno.makeTempDir());
/** What the app is given, by the number of workers. */
const ALLOWED = { "1": ["--app-allow-run", "--app-allow-read"], "0": [] } as const;

/** Next to the folder, and with a name that begins as its does. */
const sibling = `${folder}-other`;
await Deno.mkdir(sibling);
globalThis.addEventListener("unload", () => {
  Deno.removeSync(folder, { recursive: true });
  Deno.removeSync(sibling, { recursive: true });
});

async function script(name: string, commands: string, mode = 0o755): Promise<void> {
  const path = name.startsWith("/") ? name : `${folder}/${name}`;
  await Deno.writeTextFile(path, `#!/bin/sh\n${commands}\n`);
  await Deno.chmod(path, mode);
}

/** A command that writes `text`, byte for byte. */
function print(text: string): string {
  const octal = [...new TextEncoder().encode(text)].map((byte) =>
    `\\${byte.toString(8).padStart(3, "0")}`
  );
  return `printf '${octal.join("")}'`;
}

/** Leaves a script's process id in a file that the query names. */
const LEAVE_PID = 'echo $$ > "$QUERY_STRING.part" && mv "$QUERY_STRING.part" "$QUERY_STRING"';

await Deno.mkdir(`${folder}/sub`);
await Deno.mkdir(`${folder}/.git`);
await script("env.sh", `${print(TEXT)}; pwd; env`);
await script("sub/inner.sh", `${print(TEXT)}; pwd; env`);
await script("name with ä.sh", `${print(TEXT)}; pwd; env`);
await script("echo.sh", `${print(TEXT)}; exec cat`);
await script("hello.sh", print(`${TEXT}hello`));
await script("partial.sh", `head -c 10 >/dev/null; ${print(`${TEXT}enough`)}`);
await script("only_owner.sh", print(`${TEXT}hello`), 0o700);
await script("plain.sh", print(`${TEXT}hello`), 0o644);
await script(".hidden.sh", print(`${TEXT}secret`));
await script(".git/hook.sh", print(`${TEXT}secret`));
await script(`${sibling}/secret.sh`, print(`${TEXT}secret`));
await Deno.symlink(`${sibling}/secret.sh`, `${folder}/link.sh`);
await Deno.symlink(sibling, `${folder}/link`);
await Deno.symlink("/", `${folder}/root`);
await Deno.symlink("..", `${folder}/up`);
await Deno.symlink(`${folder}/loop`, `${folder}/loop`);
await Deno.symlink(`${folder}/.hidden.sh`, `${folder}/unhidden.sh`);
await Deno.symlink(`${folder}/sub/inner.sh`, `${folder}/alias.sh`);
await new Deno.Command("mkfifo", { args: ["-m", "755", `${folder}/pipe`] }).output();
await script("hang.sh", `${LEAVE_PID}; sleep 600`);
await script("hang_later.sh", `${print(`${TEXT}begun\n`)}; ${LEAVE_PID}; sleep 600; :`);
await script("stubborn.sh", `trap '' TERM; ${print(`${TEXT}begun\n`)}; ${LEAVE_PID}; sleep 600; :`);
await script("endless.sh", `${print(TEXT)}; ${LEAVE_PID}; while :; do echo more; done`);
await script(
  "family.sh",
  `sh -c 'QUERY_STRING=$QUERY_STRING.child; ${LEAVE_PID}; sleep 600; :' & ${LEAVE_PID}; sleep 600; :`,
);
await script(
  "left_behind.sh",
  `sh -c '${LEAVE_PID}; sleep 600; :' & while [ ! -e "$QUERY_STRING" ]; do sleep 0.05; done
  ${print(`${TEXT}done`)}`,
);
await script("killed.sh", `${print(`${TEXT}begun\n`)}; kill -KILL $$`);
await script(
  "errors.sh",
  `echo oops >&2; printf 'a\\033[31mb\\n' >&2
  i=0; while [ $i -lt 2000 ]; do echo 'a line of fifty characters, more or less, and so on' >&2; i=$((i+1)); done
  echo unheard >&2; ${print(`${TEXT}hello`)}`,
);

/** What is none of the scripts' business. */
const FOREIGN = { SECRET: "secret", HTTP_PROXY: "http://localhost:1", LD_SECRET: "secret" };

interface Behaviour {
  readonly name: string;
  readonly body: (gateway: GatewayProcess) => Promise<void>;
  readonly isAlone: boolean;
}

/** What the app does, by the settings it does it with. */
const behaviours = new Map<string, Behaviour[]>();

function cgi(name: string, body: Behaviour["body"], env: Record<string, string> = {}): void {
  const settings = JSON.stringify(env);
  behaviours.set(settings, [...behaviours.get(settings) ?? [], { name, body, isAlone: false }]);
}

/** Something that the app does by itself, without the gateway: the same with workers and without. */
function cgiAlone(name: string, body: Behaviour["body"]): void {
  behaviours.set("{}", [...behaviours.get("{}") ?? [], { name, body, isAlone: true }]);
}

/** Polls until `condition` holds. */
async function until(condition: () => boolean, what: string): Promise<void> {
  const deadline = Date.now() + 90_000;
  while (!condition()) {
    if (Date.now() > deadline) throw new Error(`did not come: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

function exists(path: string): boolean {
  try {
    Deno.statSync(path);
    return true;
  } catch {
    return false;
  }
}

let pidFiles = 0;

/** A new name for a file that a script leaves its process id in. */
function newPidFile(): string {
  return `pid-${++pidFiles}`;
}

async function pidIn(name: string): Promise<number> {
  await until(() => exists(`${folder}/${name}`), name);
  return Number(await Deno.readTextFile(`${folder}/${name}`));
}

function isAlive(pid: number): boolean {
  try {
    Deno.kill(pid, "SIGCONT");
  } catch {
    return false;
  }
  try {
    // One that nobody waits for stays in the table of processes.
    return !/\) Z/.test(Deno.readTextFileSync(`/proc/${pid}/stat`));
  } catch {
    return !exists("/proc/self");
  }
}

function killed(pid: number): Promise<void> {
  assert(pid > 0);
  return until(() => !isAlive(pid), `the end of process ${pid}`);
}

/** The output of the scripts that tell their environment, without what shells add to it. */
function told(text: string): { cwd: string; env: Record<string, string> } {
  const [cwd, ...lines] = text.trimEnd().split("\n");
  const env = Object.fromEntries(lines.map((line) => {
    const equals = line.indexOf("=");
    return [line.slice(0, equals), line.slice(equals + 1)];
  }));
  for (const name of ["PWD", "OLDPWD", "SHLVL", "_"]) delete env[name];
  return { cwd, env };
}

cgi("gives scripts the environment of RFC 3875 and nothing else", async ({ port }) => {
  using client = await RawClient.connect(port);
  await client.send(
    "POST /env.sh/a%20b/%C3%A4?x=%20y&z HTTP/1.1\r\nHost: example.org:81\r\n" +
      "Content-Type: text/x\r\nContent-Length: 2\r\nX-One: 1\r\nX-One: ü\r\nCookie: a=b\r\n" +
      "Authorization: Basic YQ==\r\nProxy-Authorization: Basic YQ==\r\nProxy: http://evil\r\n" +
      "TE: trailers\r\nKeep-Alive: 5\r\nX_Under: score\r\nX.Dot: 1\r\n\r\nab",
  );
  const { status, body } = await client.receive();
  assertEquals(status, 200);
  const text = new TextDecoder().decode(Uint8Array.from(body, (each) => each.charCodeAt(0)));
  assertEquals(told(text), {
    cwd: folder,
    env: {
      CONTENT_LENGTH: "2",
      CONTENT_TYPE: "text/x",
      GATEWAY_INTERFACE: "CGI/1.1",
      HTTP_COOKIE: "a=b",
      HTTP_HOST: "example.org:81",
      HTTP_X_ONE: "1, ü",
      PATH: Deno.env.get("PATH")!,
      PATH_INFO: "/a b/ä",
      PATH_TRANSLATED: `${folder}/a b/ä`,
      QUERY_STRING: "x=%20y&z",
      REMOTE_ADDR: "127.0.0.1",
      REQUEST_METHOD: "POST",
      SCRIPT_FILENAME: `${folder}/env.sh`,
      SCRIPT_NAME: "/env.sh",
      SERVER_NAME: "example.org",
      SERVER_PORT: "81",
      SERVER_PROTOCOL: "HTTP/1.1",
      SERVER_SOFTWARE: "gatehouse",
    },
  });
});

const PATHS: [string, string, string, string][] = [
  ["/env.sh", "/env.sh", "", ""],
  ["/env.sh/", "/env.sh", "/", ""],
  ["/env.sh//a/", "/env.sh", "//a/", ""],
  ["/env.sh/hello.sh", "/env.sh", "/hello.sh", ""],
  ["/env.sh/.hidden.sh", "/env.sh", "/.hidden.sh", ""],
  ["/env.sh/%252e%252e", "/env.sh", "/%2e%2e", ""],
  ["/env.sh/a/../b", "/env.sh", "/b", ""],
  ["/sub/../env.sh", "/env.sh", "", ""],
  ["/sub/inner.sh/a", "/sub/inner.sh", "/a", "/sub"],
  ["/alias.sh/a", "/alias.sh", "/a", "/sub"],
  ["/name%20with%20%c3%a4.sh/a", "/name with ä.sh", "/a", ""],
];

cgiAlone("splits the path into the script and what follows", async ({ port }) => {
  using client = await RawClient.connect(port);
  for (const [path, name, info, cwd] of PATHS) {
    await client.send(get(path));
    const { body } = await client.receive();
    const text = new TextDecoder().decode(Uint8Array.from(body, (each) => each.charCodeAt(0)));
    const { env, ...place } = told(text);
    assertEquals([env.SCRIPT_NAME, env.PATH_INFO], [name, info], path);
    assertEquals(env.PATH_TRANSLATED, info === "" ? undefined : folder + info, path);
    assertEquals(place.cwd, folder + cwd, path);
  }
});

Deno.test("examples/cgi.ts counts its mount to the name of the script", async () => {
  const hello = new URL("../examples/hello.ts", import.meta.url).pathname;
  await using gateway = await startGateway(
    ["--mount", `/=${hello}`, "--mount", `/cgi=${APP}`, "--workers=1", ...ALLOWED[1]],
    { env: { CGI_FOLDER: folder } },
  );
  const { env } = told(await (await fetch(`${gateway.url}/cgi/env.sh/a`)).text());
  assertEquals([env.SCRIPT_NAME, env.PATH_INFO], ["/cgi/env.sh", "/a"]);
  for (const path of ["/cgi", "/cgi/", "/cgi/cgi/env.sh"]) {
    const response = await fetch(gateway.url + path);
    assertEquals([response.status, await response.text()], [404, "not found\n"], path);
  }
});

const parent = sibling.slice(0, sibling.lastIndexOf("/"));
const other = sibling.slice(parent.length + 1);
const ABSENT = [
  `/../${other}/secret.sh`,
  `/%2e%2e/${other}/secret.sh`,
  `/.%2E/${other}/secret.sh`,
  `/..%2f${other}/secret.sh`,
  `/..%2F${other}%2Fsecret.sh`,
  `/..%5c${other}%5csecret.sh`,
  `/..\\${other}\\secret.sh`,
  `/%252e%252e/${other}/secret.sh`,
  `/%252e%252e%252f${other}/secret.sh`,
  `/%c0%ae%c0%ae/${other}/secret.sh`,
  `/%ef%bc%8e%ef%bc%8e/${other}/secret.sh`,
  `/..;/${other}/secret.sh`,
  `/sub/../../${other}/secret.sh`,
  `/sub/%2e%2e/%2e%2e/${other}/secret.sh`,
  `/sub/..%2f..%2f${other}/secret.sh`,
  `//..//${other}/secret.sh`,
  `/${sibling}/secret.sh`,
  `${sibling}/secret.sh`,
  `/%2f${sibling.slice(1)}/secret.sh`,
  `/file:%2f%2f${sibling}/secret.sh`,
  `/-other/secret.sh`,
  "/link.sh",
  "/link.sh/a",
  "/link",
  "/link/",
  "/link/secret.sh",
  "/link/missing",
  "/root/bin/sh",
  "/root/etc/passwd",
  `/up/${other}/secret.sh`,
  "/up",
  "/up/",
  "/loop",
  "/loop/a",
  "/.hidden.sh",
  "/%2ehidden.sh",
  "/sub/../.hidden.sh",
  "/.git/hook.sh",
  "/.git",
  "/unhidden.sh",
  "/",
  "//",
  "/.",
  "/..",
  "/sub",
  "/sub/",
  "//env.sh",
  "/sub//inner.sh",
  "///sub/inner.sh",
  "/missing",
  "/missing/env.sh",
  "/env.sh%00",
  "/%00",
  "/env.sh%00.txt",
  "/env.sh/%00",
  "/env.sh/a%2fb",
  "/env.sh/..%2f..%2fsecret",
  "/env.sh/a%5Cb",
  "/sub%2finner.sh",
  "/sub%5Cinner.sh",
  "/sub\\..\\.hidden.sh",
  "/env.sh%20",
  "/env.sh.",
  "/env.sh;a",
  "/env.sh%3fa",
  "/env.sh%23a",
  "/%ff",
  "/env.sh/%ff",
  "/%",
  "/%e",
  "/env.sh/%zz",
  "/*",
  "/$(id)",
  "/`id`",
  "/|id",
  `/${"a".repeat(300)}`,
  `/${"a/".repeat(3_000)}`,
  `/${"sub/../".repeat(500)}../${other}/secret.sh`,
];
const FORBIDDEN = ["/plain.sh", "/plain.sh/a", "/pipe", "/pipe/a"];

cgiAlone("runs nothing but executable files within its folder", async ({ port }) => {
  const expected: [string, number][] = [
    ...ABSENT.map((path): [string, number] => [path, 404]),
    ...FORBIDDEN.map((path): [string, number] => [path, 403]),
  ];
  for (const [path, status] of expected) {
    // Some are no requests at all.
    using client = await RawClient.connect(port);
    await client.send(get(path));
    const response = await client.receive();
    assert(response.status === status || response.status === 400, `${path}: ${response.status}`);
    assert(!response.body.includes("secret"), path);
  }
  using client = await RawClient.connect(port);
  for (const path of ["/only_owner.sh", "/hello.sh", "/./sub/../hello.sh"]) {
    await client.send(get(path));
    assertEquals((await client.receive()).body, "hello", path);
  }
  await client.send(get(`http://localhost/../${other}/secret.sh`));
  assertEquals((await client.receive()).status, 404);
});

cgi("streams the body to the script, and what it writes back", async ({ url, port }) => {
  const big = new Uint8Array(5_000_000).map((_, i) => i * 7 + (i >> 8));
  const bodies = [new Uint8Array(), new TextEncoder().encode("ä\0\r\n"), big];
  for (const body of bodies) {
    const response = await fetch(`${url}/echo.sh`, { method: "POST", body });
    assertEquals(response.status, 200);
    const back = await response.bytes();
    assertEquals(back.length, body.length);
    assert(back.every((byte, i) => byte === body[i]));
  }
  // Each way goes on while the other does.
  using client = await RawClient.connect(port);
  await client.send("PUT /echo.sh HTTP/1.0\r\nHost: localhost\r\nContent-Length: 4\r\n\r\nab");
  const chunk = new Uint8Array(1_000);
  let text = "";
  while (!text.endsWith("ab")) {
    text += new TextDecoder().decode(chunk.subarray(0, (await client.conn.read(chunk))!));
  }
  await client.send("cd");
  assertEquals(await client.rest(), "cd");
});

cgi("refuses a body of unknown length", async ({ port }) => {
  using client = await RawClient.connect(port);
  await client.send(
    "POST /echo.sh HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n",
  );
  assertEquals((await client.receive()).status, 411);
});

cgi("does not pass on the body of a GET, nor its length", async ({ port }) => {
  using client = await RawClient.connect(port);
  await client.send(get("/env.sh", "Content-Length: 2\r\n") + "ab");
  const { env } = told((await client.receive()).body);
  assertEquals([env.REQUEST_METHOD, env.CONTENT_LENGTH], ["GET", undefined]);
});

cgi("answers for scripts that do not read their input", async (gateway) => {
  for (const [name, text] of [["hello.sh", "hello"], ["partial.sh", "enough"]]) {
    using client = await RawClient.connect(gateway.port);
    await client.send(
      `POST /${name} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5000000\r\n\r\n`,
    );
    // The gateway need not take all of it.
    const sent = client.send(new Uint8Array(5_000_000)).catch(() => {});
    const response = await client.receive();
    assertEquals([response.status, response.body], [200, text]);
    client[Symbol.dispose]();
    await sent;
  }
  assertEquals(await (await fetch(`${gateway.url}/hello.sh`)).text(), "hello");
});

const HEADS: [string, string, number, Record<string, string | null>, string][] = [
  ["line feeds", "Content-Type: text/x\n\nbody", 200, { "content-type": "text/x" }, "body"],
  ["CRLF", "Content-Type:text/x \r\n\r\nbody", 200, { "content-type": "text/x" }, "body"],
  ["both", "Status: 201 Made\r\nX-A: 1\n\r\nbody", 201, { "x-a": "1", status: null }, "body"],
  ["a body of line breaks", "Status: 200\n\n\n\n", 200, {}, "\n\n"],
  ["no body", "Content-Type: text/x\n\n", 200, {}, ""],
  ["a bare status", "Status: 599\n\nbody", 599, {}, "body"],
  ["no content", "Status: 204 None\n\nignored", 204, {}, ""],
  ["not modified", 'Status: 304 Same\nETag: "x"\n\nignored', 304, { etag: '"x"' }, ""],
  ["a URL", "Location: http://other/x\n\n", 302, { location: "http://other/x" }, ""],
  ["a local path", "Location: /x?y\n\n", 302, { location: "/x?y" }, ""],
  [
    "a page with the redirect",
    "Location: https://other/\nstatus: 303 Other\nContent-Type: a/b\n\nthere",
    303,
    { location: "https://other/" },
    "there",
  ],
  [
    "fields of the connection",
    "Status: 200\nConnection: close\nKeep-Alive: 9\nTransfer-Encoding: chunked\n" +
    "Upgrade: x\nTrailer: y\nTE: z\nX-B: kept\n\nbody",
    200,
    { connection: null, "keep-alive": null, upgrade: null, trailer: null, te: null, "x-b": "kept" },
    "body",
  ],
  [
    "a length",
    "Content-Type: a/b\nContent-Length: 4\n\nbody",
    200,
    { "content-length": "4" },
    "body",
  ],
  ["a long head", `Status: 200\nX-C: ${"x".repeat(30_000)}\n\nbody`, 200, {}, "body"],
];

cgiAlone("sends the status and the fields that a script names", async ({ url }) => {
  for (const [i, [what, output, status, fields, body]] of HEADS.entries()) {
    await script(`head-${i}.sh`, print(output));
    const response = await fetch(`${url}/head-${i}.sh`, { redirect: "manual" });
    assertEquals([response.status, await response.text()], [status, body], what);
    for (const [name, value] of Object.entries(fields)) {
      assertEquals(response.headers.get(name), value, `${what}: ${name}`);
    }
  }
});

cgi("keeps cookies apart, and bytes as they are", async ({ url }) => {
  await script(
    "cookies.sh",
    print("Status: 200\nSet-Cookie: a=1\nSet-Cookie: b=2; Path=/\nX-Text: ä\n\n"),
  );
  const { headers, body } = await fetch(`${url}/cookies.sh`);
  assertEquals(headers.getSetCookie(), ["a=1", "b=2; Path=/"]);
  assertEquals(headers.get("x-text"), "\u00c3\u00a4");
  await body?.cancel();
});

cgi("answers HEAD as it would GET, without the body", async ({ port }) => {
  await script("length.sh", print("Content-Type: text/x\nContent-Length: 4\n\nbody"));
  using client = await RawClient.connect(port);
  await client.send("HEAD /length.sh HTTP/1.1\r\nHost: localhost\r\n\r\n");
  const head = await client.receive("head");
  assertEquals([head.status, head.headers.get("content-type")], [200, "text/x"]);
  assertEquals(head.headers.get("content-length"), "4");
  await client.send("HEAD /missing HTTP/1.1\r\nHost: localhost\r\n\r\n");
  assertEquals((await client.receive("head")).status, 404);
  await client.send(get("/env.sh"));
  assertEquals((await client.receive()).status, 200);
});

const MALFORMED: [string, string][] = [
  ["nothing", "exit 0"],
  ["an exit", "exit 3"],
  ["a signal", "kill -KILL $$"],
  ["no end", print("Content-Type: text/x\nX: y\n")],
  ["half a line", print("Content-Ty")],
  ["no fields", print("\nbody")],
  ["no fields, CRLF", print("\r\n\r\nbody")],
  ["no CGI field", print("X-A: b\n\nbody")],
  ["no colon", print("Content-Type: text/x\nhello\n\nbody")],
  ["no name", print("Content-Type: text/x\n: x\n\nbody")],
  ["a blank before the colon", print("Content-Type : text/x\n\nbody")],
  ["a folded line", print("Content-Type: text/x\n  y\n\nbody")],
  ["a carriage return", print("Content-Type: text/x\rX-Evil: 1\n\nbody")],
  ["two carriage returns", print("Content-Type: text/x\r\r\nX-A: b\r\n\r\nbody")],
  ["a NUL", print("Content-Type: text/x\0\n\nbody")],
  ["an escape", print("Content-Type: text/x\nX-A: \x1b[0m\n\nbody")],
  ["a status line (nph)", print("HTTP/1.1 200 OK\nContent-Type: text/x\n\nbody")],
  ["a status of words", print("Status: OK\n\nbody")],
  ["an interim status", print("Status: 100 Continue\n\nbody")],
  ["a switch of protocols", print("Status: 101 Switch\n\nbody")],
  ["a status too high", print("Status: 600 High\n\nbody")],
  ["a long status", print("Status: 2000\n\nbody")],
  ["an empty status", print("Status:\nContent-Type: text/x\n\nbody")],
  ["two statuses", print("Status: 200\nStatus: 404\n\nbody")],
  ["two types", print("Content-Type: a/b\nContent-Type: a/b\n\nbody")],
  ["two locations", print("Location: /a\nLocation: /b\n\n")],
  ["an empty location", print("Location:\n\n")],
  ["a relative location", print("Location: a/b\n\n")],
  ["a location of another host", print("Location: //evil/\n\n")],
  ["a location of another host, by backslash", print("Location: /\\evil/\n\n")],
  ["a location with a blank", print("Location: /a b\n\n")],
  ["a location that is no URL", print("Location: http://[\n\n")],
  ["a long head", `${print("Status: 200\nX-A: ")}; head -c 40000 /dev/zero | tr '\\0' x`],
  ["an endless head", `${print("Status: 200\n")}; while :; do echo X-A: b; done`],
];

cgiAlone("answers 502 to scripts whose head is malformed, and says why", async (gateway) => {
  for (const [i, [what, commands]] of MALFORMED.entries()) {
    await script(`bad-${i}.sh`, commands);
    const response = await fetch(`${gateway.url}/bad-${i}.sh`, { redirect: "manual" });
    assertEquals([response.status, await response.text()], [502, "the script failed\n"], what);
    assertEquals(response.headers.get("x-evil"), null);
    await gateway.logged(new RegExp(`/bad-${i}\\.sh: .`));
  }
  await script("no_interpreter.sh", "");
  await Deno.writeTextFile(`${folder}/no_interpreter.sh`, "#!/missing/interpreter\n");
  const response = await fetch(`${gateway.url}/no_interpreter.sh`);
  assertEquals([response.status, await response.text()], [502, "the script failed\n"]);
  await gateway.logged(/no_interpreter\.sh: ./);
  assertEquals(await (await fetch(`${gateway.url}/hello.sh`)).text(), "hello");
});

cgi(
  "breaks off the response of a script that is killed, or lies about its length",
  async ({ url }) => {
    await script("short.sh", print("Content-Type: a/b\nContent-Length: 9\n\nbody"));
    await script("long.sh", `${print("Content-Type: a/b\nContent-Length: 1\n\n")}; exec yes`);
    for (const name of ["killed.sh", "short.sh"]) {
      const response = await fetch(`${url}/${name}`);
      assertEquals(response.status, 200);
      await assertRejects(() => response.text(), Error);
    }
    // What is too long may be noticed before the head is sent, too.
    const long = await fetch(`${url}/long.sh`);
    if (long.ok) assertEquals(await long.text(), "y", "no more than was announced");
    else assert(long.status >= 500, `${long.status} ${await long.text()}`);
    assertEquals(await (await fetch(`${url}/hello.sh`)).text(), "hello");
  },
);

cgi("kills scripts that take too long, with all that they started", async (gateway) => {
  const [hang, family, later] = [newPidFile(), newPidFile(), newPidFile()];
  const statuses = [`hang.sh?${hang}`, `family.sh?${family}`].map(async (path) => {
    const response = await fetch(`${gateway.url}/${path}`);
    await response.body?.cancel();
    return response.status;
  });
  const begun = await fetch(`${gateway.url}/hang_later.sh?${later}`);
  assertEquals(begun.status, 200);
  await assertRejects(() => begun.text(), Error);
  assertEquals(await Promise.all(statuses), [504, 504]);
  for (const name of [hang, family, `${family}.child`, later]) await killed(await pidIn(name));
  await gateway.logged(/\/hang\.sh: .*too long/);
}, { CGI_TIMEOUT: "3" });

cgi("kills what a script leaves behind, and sends what it wrote", async ({ url }) => {
  const name = newPidFile();
  assertEquals(await (await fetch(`${url}/left_behind.sh?${name}`)).text(), "done");
  await killed(await pidIn(name));
});

cgi("kills scripts whose client goes away", async ({ url, port }) => {
  for (const path of ["hang.sh", "hang_later.sh", "stubborn.sh", "endless.sh", "family.sh"]) {
    const name = newPidFile();
    using client = await RawClient.connect(port);
    await client.send(get(`/${path}?${name}`));
    const pids = [await pidIn(name)];
    if (path === "family.sh") pids.push(await pidIn(`${name}.child`));
    client[Symbol.dispose]();
    for (const pid of pids) await killed(pid);
  }
  // While the body is being sent.
  const name = newPidFile();
  await script("reader.sh", `${LEAVE_PID}; cat >/dev/null; sleep 600`);
  using client = await RawClient.connect(port);
  await client.send(
    `POST /reader.sh?${name} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\nab`,
  );
  const pid = await pidIn(name);
  client[Symbol.dispose]();
  await killed(pid);
  assertEquals(await (await fetch(`${url}/hello.sh`)).text(), "hello");
});

cgi("runs no more scripts at a time than it may", async ({ url, port }) => {
  using client = await RawClient.connect(port);
  await client.send("POST /echo.sh HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\n\r\nab");
  const name = newPidFile();
  using second = await RawClient.connect(port);
  await second.send(get(`/hang.sh?${name}`));
  await pidIn(name);
  const refused = await fetch(`${url}/hello.sh`);
  assertEquals([refused.status, refused.headers.get("retry-after")], [503, "1"]);
  await refused.body?.cancel();
  assertEquals(await fetch(`${url}/missing`).then((response) => response.text()), "not found\n");
  await client.send("cd");
  assertEquals((await client.receive()).body, "abcd");
  second[Symbol.dispose]();
  await killed(await pidIn(name));
  for (let left = 100; left > 0; left--) {
    const response = await fetch(`${url}/hello.sh`);
    const text = await response.text();
    if (response.ok) return assertEquals(text, "hello");
    assertEquals(response.status, 503);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error("the places of ended scripts are not free");
}, { CGI_MAX_SCRIPTS: "2" });

cgi("logs what a script writes to standard error, up to a limit", async (gateway) => {
  assertEquals(await (await fetch(`${gateway.url}/errors.sh`)).text(), "hello");
  await gateway.logged(/\/errors\.sh: oops$/);
  await gateway.logged(/\/errors\.sh: a\?\[31mb$/);
  await gateway.logged(/\/errors\.sh: writes too much/);
  const log = gateway.log.join("\n");
  assert(log.length < 60_000, `${log.length} characters`);
  assert(!log.includes("unheard"));
});

for (const [settings, steps] of behaviours) {
  for (const workers of ["1", "0"] as const) {
    Deno.test(`examples/cgi.ts does what it should (${settings}, --workers ${workers})`, async (test) => {
      await using gateway = await startGateway([APP, `--workers=${workers}`, ...ALLOWED[workers]], {
        env: { ...FOREIGN, CGI_FOLDER: folder, CGI_TIMEOUT: "300", ...JSON.parse(settings) },
      });
      for (const { name, body, isAlone } of steps) {
        if (!isAlone || workers === "1") await test.step(`it ${name}`, () => body(gateway));
      }
    });
  }
}

Deno.test("examples/cgi.ts does not start with settings that mean nothing", async () => {
  const settings: [Record<string, string>, string][] = [
    [{ CGI_FOLDER: `${folder}/missing` }, "missing"],
    [{ CGI_FOLDER: folder, CGI_TIMEOUT: "soon" }, "CGI_TIMEOUT is not a positive number"],
    [{ CGI_FOLDER: folder, CGI_TIMEOUT: "0" }, "CGI_TIMEOUT is not a positive number"],
    [{ CGI_FOLDER: folder, CGI_MAX_SCRIPTS: "-1" }, "CGI_MAX_SCRIPTS is not a positive number"],
    [{}, "CGI_FOLDER is not set"],
  ];
  for (const [env, complaint] of settings) {
    const { stderr, code } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--no-check", APP],
      env: { NO_COLOR: "1", ...env },
    }).output();
    assertEquals(code, 1);
    assertStringIncludes(new TextDecoder().decode(stderr), complaint);
  }
});

/** The app in this process, with a context of its own making. */
async function local(
  path: string,
  env: Record<string, string> = {},
  init: RequestInit = {},
): Promise<{ response: Response; client: AbortController; ended: Promise<unknown> }> {
  Deno.env.set("CGI_FOLDER", folder);
  Deno.env.set("CGI_TIMEOUT", "300");
  const { default: app } = await import("../examples/cgi.ts");
  Deno.env.delete("CGI_FOLDER");
  Deno.env.delete("CGI_TIMEOUT");
  const client = new AbortController();
  const work: Promise<unknown>[] = [];
  const context = {
    env,
    mount: "",
    signal: client.signal,
    waitUntil: (promise: Promise<unknown>) => void work.push(promise),
  } as unknown as Context;
  const response = await app.fetch(new Request(`http://localhost${path}`, init), context);
  return { response, client, ended: Promise.all(work) };
}

Deno.test("examples/cgi.ts takes no more than it must from what a web server sends", async () => {
  const { response, ended } = await local("/env.sh/a", {
    AUTH_TYPE: "Basic",
    DOCUMENT_ROOT: "/srv",
    GATEWAY_INTERFACE: "CGI/9",
    HTTPS: "on",
    HTTP_ACCEPT: "ä",
    HTTP_ACCEPT_CHARSET: "\u00c3\u00a4",
    HTTP_ACCEPT_LANGUAGE: "語",
    HTTP_AUTHORIZATION: "secret",
    HTTP_CONTENT_LENGTH: "9",
    HTTP_PROXY: "http://evil",
    HTTP_X_NUL: "a\0b",
    "HTTP_X=Y": "z",
    LD_PRELOAD: "/evil.so",
    PATH: "/evil",
    PATH_INFO: "/evil",
    PATH_TRANSLATED: "/evil",
    PHP_VALUE: "auto_prepend_file=/evil",
    QUERY_STRING: "\0",
    REMOTE_USER: "ann",
    REQUEST_METHOD: "GET",
    SCRIPT_FILENAME: "/evil",
    SCRIPT_NAME: "/evil",
    http_x: "lower",
  });
  const { env } = told(await response.text());
  assertEquals(env, {
    AUTH_TYPE: "Basic",
    GATEWAY_INTERFACE: "CGI/1.1",
    HTTP_ACCEPT: "ä",
    HTTP_ACCEPT_CHARSET: "ä",
    HTTP_ACCEPT_LANGUAGE: "語",
    PATH: Deno.env.get("PATH")!,
    PATH_INFO: "/a",
    PATH_TRANSLATED: `${folder}/a`,
    REMOTE_USER: "ann",
    REQUEST_METHOD: "GET",
    SCRIPT_FILENAME: `${folder}/env.sh`,
    SCRIPT_NAME: "/env.sh",
  });
  await ended;
});

Deno.test({
  name: "examples/cgi.ts leaves nothing open, however the answer ends",
  sanitizeOps: true,
  sanitizeResources: true,
  async fn() {
    const read = await local("/hello.sh");
    assertEquals(await read.response.text(), "hello");
    await read.ended;

    const [cancelled, left] = [newPidFile(), newPidFile()];
    const first = await local(`/endless.sh`, { QUERY_STRING: cancelled });
    const reader = first.response.body!.getReader();
    await reader.read();
    await reader.cancel();
    await killed(await pidIn(cancelled));
    await first.ended;

    const second = await local("/hang_later.sh", { QUERY_STRING: left });
    const pid = await pidIn(left);
    second.client.abort();
    await assertRejects(() => second.response.text(), Error);
    await killed(pid);
    await second.ended;

    const unread = await local("/hello.sh");
    await unread.response.body!.cancel();
    await unread.ended;
    assertEquals((await local("/missing")).response.status, 404);

    // Its client would send the body for ever.
    const unsent = Promise.withResolvers<void>();
    const body = new ReadableStream({ cancel: () => unsent.resolve() });
    const early = await local("/hello.sh", { CONTENT_LENGTH: "9" }, { method: "POST", body });
    assertEquals(await early.response.text(), "hello");
    await early.ended;
    await unsent.promise;
  },
});
