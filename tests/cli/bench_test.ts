import { ConfigError } from "../../src/base/errors.ts";
import { mixedGroups } from "../../src/cli/bench_groups.ts";
import { resolveTarget } from "../../src/client/dial.ts";
import { parseTarget } from "../../src/client/target.ts";
import { parseCommand } from "../../src/config/command_line.ts";
import {
  assert,
  assertEquals,
  assertMatch,
  assertStringIncludes,
  assertThrows,
} from "../support/assert.ts";
import { FROM_SOURCE, startGateway } from "../support/gateway.ts";
import { inFolder } from "../support/processes.ts";
import { test } from "../support/strict.ts";

const ECHO = `
export default async (request) => {
  if (request.headers.get("upgrade") === "websocket") {
    const { socket, response } = Deno.upgradeWebSocket(request);
    socket.onmessage = ({ data }) => socket.send(data);
    return response;
  }
  const { length } = await request.bytes();
  return new Response(String(length));
};
`;

/** Runs gatehouse with `args` in `cwd`. */
async function run(cwd: string, ...args: string[]) {
  const [program, ...first] = FROM_SOURCE;
  const command = new Deno.Command(program, {
    args: [...first, ...args],
    cwd,
    env: { NO_COLOR: "1" },
    stdin: "null",
  });
  const { code, stdout, stderr } = await command.output();
  const [out, err] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
  return { code, out, err };
}

test("bench starts a server, puts a mixture of loads on it, and reports", async () => {
  await inFolder({ "app.ts": ECHO }, async (folder) => {
    const { code, out, err } = await run(
      folder,
      ...["bench", "mixed", "app.ts", "--duration", "500ms", "--warm-up", "0"],
      ...["--client", "2 GET /a", "--client", "2 POST /b 3x50000", "--client", "2 WS /c 100"],
      ...["--json", "-", "--report", "report.html", "--", "--workers", "1"],
    );
    assertEquals(code, 0, err);
    const { runs: [{ groups, answered, server, client }] } = JSON.parse(out);
    assertEquals(groups.map(({ name }: { name: string }) => name), [
      "GET /a",
      "POST /b 3x50000",
      "WS /c 100",
    ]);
    for (const group of groups) {
      assert(group.answered > 0, group.name);
      assertEquals(group.failures, {});
    }
    // Each body has arrived in full.
    assertEquals(groups[1].bodyLengths, { ["150000".length]: groups[1].answered });
    const sum = groups.reduce(
      (all: number, group: { answered: number }) => all + group.answered,
      0,
    );
    assertEquals(sum, answered);
    if (Deno.build.os === "linux") assert(server.cpuMs > 0 && client.cpuMs > 0);
    const page = await Deno.readTextFile(`${folder}/report.html`);
    assertStringIncludes(page, "<svg ");
    assertStringIncludes(page, "WS /c 100");
  });
});

test("of a mixture's rate each group has the part that its connections are of all", async () => {
  const command = await parseCommand([
    ...["bench", "mixed", "--target", "http://127.0.0.1:1/", "--rate", "400"],
    ...["--client", "3 GET /a", "--client", "1 WS /b 10"],
  ]);
  assert(command.kind === "bench");
  const server = await resolveTarget(parseTarget("http://127.0.0.1:1/"));
  const measured = { fromMs: 2_000, endMs: 60_000, timeoutMs: 1_000, partMs: 100 };
  const groups = mixedGroups(command.settings, server, measured, "/");
  const times = groups.map(({ pace }) => [pace.next(), pace.next(), pace.next()].map(Math.round));
  // The warm-up begins a second before.
  assertEquals(times, [[1_000, 1_003, 1_007], [1_000, 1_010, 1_020]]);
  for (const { pace } of groups) pace[Symbol.dispose]();
});

test("a mixture has WebSockets as groups, and none over FastCGI", async () => {
  const cases = [
    ["ws://127.0.0.1:1/", "1 GET /", "bench mixed asks over http"],
    ["wss://127.0.0.1:1/", "1 GET /", "bench mixed asks over https"],
    ["fcgi://127.0.0.1:1/", "1 WS /", "there are no WebSockets over FastCGI"],
  ];
  for (const [target, client, said] of cases) {
    const command = await parseCommand(["bench", "mixed", "--target", target, "--client", client]);
    assert(command.kind === "bench");
    const server = await resolveTarget(parseTarget(target));
    const measured = { fromMs: 0, endMs: 1_000, timeoutMs: 1_000, partMs: 100 };
    assertThrows(() => mixedGroups(command.settings, server, measured, "/"), ConfigError, said);
  }
});

for (const protocol of ["fastcgi", "websocket"]) {
  test(`bench stalled holds connections over ${protocol}, too`, async () => {
    await inFolder({ "app.js": ECHO }, async (folder) => {
      const { code, out, err } = await run(
        folder,
        ...["bench", "stalled", "app.js", "--protocol", protocol, "--connections", "2"],
        ...["--duration", "300ms", "--warm-up", "0", "--stalled", "8", "--json", "-"],
        ...["--", "--workers", "0"],
      );
      assertEquals(code, 0, err);
      const { runs, stalledClients } = JSON.parse(out);
      for (const { name, answered } of runs) assert(answered > 0, name);
      for (const { kind, connects, refused } of stalledClients) {
        assertEquals([connects, refused], [2, 0], kind);
      }
    });
  });
}

test("bench leaves other machines alone, and says what it would take", async () => {
  await inFolder({}, async (folder) => {
    // Addresses for documentation (RFC 5737), which nobody has.
    const { code, err } = await run(folder, "bench", "saturate", "--target", "http://192.0.2.1/");
    assertEquals(code, 2);
    assertMatch(err, /leads to 192\.0\.2\.1, which is not this machine.*--i-own-this-host/s);
  });
});

test("an app that says that its server is elsewhere aims bench at nobody", async () => {
  const app = `console.error("listening http://192.0.2.1:80");
console.error("ready");
export default () => new Response();
`;
  await inFolder({ "app.js": app }, async (folder) => {
    const { code, err } = await run(folder, "bench", "saturate", "app.js");
    assertEquals(code, 2);
    assertMatch(err, /an app in it, says that it is at 192\.0\.2\.1/);
  });
});

test("a server that does not start is said to be at fault", async () => {
  await inFolder({ "app.ts": "nonsense(" }, async (folder) => {
    const { code, err } = await run(folder, "bench", "saturate", "app.ts");
    assertEquals(code, 1);
    assertStringIncludes(err, "server: ");
    assertStringIncludes(err, "the server ended before it was ready");
  });
});

test("fetch socket sends lines, and writes what comes", async () => {
  await inFolder({ "app.js": ECHO }, async (folder) => {
    await using gateway = await startGateway([`${folder}/app.js`, "--http=127.0.0.1:0"]);
    const url = gateway.url.replace(/^http/, "ws");
    const [program, ...first] = FROM_SOURCE;
    const ask = async (...args: string[]) => {
      const child = new Deno.Command(program, {
        args: [...first, "fetch", "socket", url, ...args],
        env: { NO_COLOR: "1" },
        stdin: "piped",
        stdout: "piped",
        stderr: "piped",
      }).spawn();
      const writer = child.stdin.getWriter();
      await writer.write(new TextEncoder().encode("one\n\u001b[2J\nlast"));
      await writer.close();
      const { code, stdout, stderr } = await child.output();
      return { code, out: new TextDecoder().decode(stdout), err: new TextDecoder().decode(stderr) };
    };
    const raw = await ask();
    assertEquals([raw.code, raw.out], [0, "one\n\x1b[2J\nlast\n"]);
    assertMatch(raw.err, /^\* +[\d.]+ ms {2}closed: 1000$/m);
    const shown = await ask("--output", "annotated");
    assertEquals(shown.code, 0);
    assertMatch(shown.out, /^< +[\d.]+ ms {2}received text, 4 bytes\n< \\x1b\[2J$/m);
    assertMatch(shown.out, /^[\n\x20-\x7e]+$/);
    const wrong = await run(folder, "fetch", "socket", gateway.url);
    assertEquals(wrong.code, 2);
    assertStringIncludes(wrong.err, "fetch socket speaks ws and wss, not http");
    const other = await run(folder, "fetch", "oneraw", url);
    assertEquals(other.code, 2);
    assertStringIncludes(other.err, "not ws: see fetch socket");
  });
});

test("fetch shows an exchange raw where it is read by a program, and escaped where it is told to", async () => {
  const bytes = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n\x1b[2J\xff";
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const serving = (async () => {
    for await (const conn of listener) {
      // The answer may come while it is still told what was sent.
      await conn.write(Uint8Array.from(bytes, (char) => char.charCodeAt(0)));
      await conn.read(new Uint8Array(4_096));
      conn.close();
    }
  })();
  const url = `http://127.0.0.1:${listener.addr.port}/`;
  await inFolder({}, async (folder) => {
    const [program, ...first] = FROM_SOURCE;
    const raw = await new Deno.Command(program, {
      args: [...first, "fetch", "oneraw", url],
      stdin: "null",
    }).output();
    assertEquals(raw.code, 0);
    assertEquals(String.fromCharCode(...raw.stdout), bytes);
    const err = new TextDecoder().decode(raw.stderr);
    assertStringIncludes(err, "GET / HTTP/1.1\\r\\n");
    assertStringIncludes(err, "complete: status 200, 5 bytes of body");
    for (const output of ["annotated", "raw"]) {
      const unread = new Deno.Command("sh", {
        args: [
          "-c",
          '"$@" | :',
          "sh",
          program,
          ...first,
          "fetch",
          "oneraw",
          "--output",
          output,
          url,
        ],
        stdin: "null",
        stdout: "null",
      });
      assertEquals(
        new TextDecoder().decode((await unread.output()).stderr).match(/Uncaught.*/),
        null,
      );
    }
    const shown = await run(folder, "fetch", "oneraw", "--output", "annotated", url);
    assertEquals(shown.code, 0);
    assertMatch(shown.out, /sent \d+ bytes\n> GET \/ HTTP\/1\.1\\r\\n\n/);
    assertMatch(shown.out, /received \d+ bytes\n< HTTP\/1\.1 200 OK\\r\\n\n/);
    assertStringIncludes(shown.out, "< \\x1b[2J\\xff\n");
    assertMatch(shown.out, /^[\n\x20-\x7e]+$/);
    const bulk = await run(folder, "fetch", "bulk", "-n", "3", "--expect-bytes", "4", url);
    assertEquals(bulk.code, 1);
    assertStringIncludes(bulk.out, "0 of 3 requests answered");
    assertStringIncludes(bulk.out, "3: a body of 5 bytes instead of 4");
  });
  listener.close();
  await serving;
});
