import { assert, assertEquals } from "../support/assert.ts";
import { FROM_SOURCE, startGateway } from "../support/gateway.ts";
import { freePort } from "../support/peers.ts";
import { askPid, inFolder, isRunning, until } from "../support/processes.ts";
import { LineSplitter } from "../../src/base/line_splitter.ts";
import { PROTOCOL_VERSION } from "../../src/supervisor/protocol.ts";

const ONE = ["--processes", "1", "--workers", "1"];
const ANSWER = "export default () => new Response(String(Deno.pid));";

/** What an app does as it is loaded, to what its supervisor and its process say to each other. */
const MEDDLERS: Readonly<Record<string, string>> = {
  "reads standard input, and prints what looks like reports, and much without an end of line": `
    try { Deno.stdin.readSync(new Uint8Array(65536)); } catch { /* it may not */ }
    const report = JSON.stringify({ kind: "ready", urls: ["http://forged.example"], notice: null });
    console.error(report);
    console.log("\\x1e" + crypto.randomUUID() + " " + report);
    const text = new TextEncoder().encode("x".repeat(100_000));
    for (const out of [Deno.stdout, Deno.stderr]) {
      try { for (let at = 0; at < text.length;) at += out.writeSync(text.subarray(at)); }
      catch { /* it may not */ }
    }`,
  "closes standard input": `
    try { Deno.stdin.close(); } catch { /* it may not */ }`,
  "reads and closes standard input as Node does": `
    import fs from "node:fs";
    try { fs.readSync(0, new Uint8Array(65536)); } catch { /* it may not */ }
    try { fs.closeSync(0); } catch { /* it may not */ }`,
};

for (const [what, code] of Object.entries(MEDDLERS)) {
  Deno.test(`a process whose app ${what} gets ready, reloads, and ends with its supervisor`, () =>
    inFolder({ "app.js": `${code}\n${ANSWER}` }, async (folder) => {
      await using gateway = await startGateway([`${folder}/app.js`, ...ONE]);
      assert(!gateway.log.some((line) => /^listening .*forged/.test(line)));
      const pid = await askPid(gateway.port);
      gateway.kill("SIGHUP");
      await gateway.logged(/generation 2 serves$/);
      assertEquals(await askPid(gateway.port), pid);
      // Nothing has ended it meanwhile.
      await new Promise((resolve) => setTimeout(resolve, 1_500));
      assertEquals(await askPid(gateway.port), pid);
      gateway.kill("SIGKILL");
      await gateway.status;
      await until(() => !isRunning(pid));
    }));
}

/** A process that is supervised by this one. */
interface Supervised extends AsyncDisposable {
  readonly pid: number;
  readonly port: number;
  readonly status: Promise<Deno.CommandStatus>;
  /** What it reports. */
  readonly reports: readonly string[];
  /** Ends the connection for reports. */
  hangUp(): void;
}

/** Starts a gateway process by `command`, and tells it that its supervisor is the process `supervisor`. */
async function supervise(
  folder: string,
  supervisor: number,
  command: readonly string[] = FROM_SOURCE,
): Promise<Supervised> {
  const socket = `${folder}/reports`;
  using listener = Deno.listen({ transport: "unix", path: socket });
  const [program, ...first] = command;
  const args = ["--supervised=1", `${folder}/app.js`, "--workers=1", "--http=127.0.0.1:0"];
  const child = new Deno.Command(program, {
    args: [...first, ...args],
    stdin: "piped",
    stdout: "null",
    stderr: "null",
  }).spawn();
  const assignment = {
    version: PROTOCOL_VERSION,
    supervisor,
    socket,
    token: "token",
    ports: { "http:0": freePort() },
    role: "first",
  };
  const input = child.stdin.getWriter();
  await input.write(new TextEncoder().encode(`${JSON.stringify(assignment)}\n`));
  await input.close();
  const bus = await listener.accept();
  const conn = await listener.accept();
  const reports: string[] = [];
  const lines = new LineSplitter(100_000, (line) => reports.push(line));
  const reading = (async () => {
    try {
      for await (const bytes of conn.readable) lines.push(bytes);
    } catch (error) {
      // It was closed here.
      if (!(error instanceof Error)) throw error;
    }
  })();
  await until(() => reports.length >= 2);
  return {
    pid: Number(await (await fetch(JSON.parse(reports[1]).urls[0])).text()),
    port: assignment.ports["http:0"],
    status: child.status,
    reports,
    hangUp: () => conn.close(),
    async [Symbol.asyncDispose]() {
      try {
        child.kill("SIGKILL");
      } catch (error) {
        // It has ended by itself.
        if (!(error instanceof TypeError)) throw error;
      }
      await child.status;
      await reading;
      bus.close();
    },
  };
}

Deno.test("a process says the token first, and then that it serves", () =>
  inFolder({ "app.js": ANSWER }, async (folder) => {
    await using process = await supervise(folder, Deno.pid);
    assertEquals(process.reports[0], "token");
    const { kind, urls } = JSON.parse(process.reports[1]);
    assertEquals([kind, urls], ["ready", [`http://127.0.0.1:${process.port}`]]);
    process.hangUp();
  }));

Deno.test("a process whose connection has ended serves on as long as its supervisor lives", () =>
  inFolder({ "app.js": ANSWER }, async (folder) => {
    await using process = await supervise(folder, Deno.pid);
    process.hangUp();
    await new Promise((resolve) => setTimeout(resolve, 2_500));
    assertEquals(await askPid(process.port), process.pid);
  }));

Deno.test("a process with something between it and its supervisor ends with their connection", () =>
  inFolder({ "app.js": ANSWER }, async (folder) => {
    // A shell that stays, as of a script in the place of the program.
    const between = ["sh", "-c", '"$@"; exit $?', "sh", ...FROM_SOURCE];
    await using process = await supervise(folder, Deno.pid, between);
    assertEquals(await askPid(process.port), process.pid);
    process.hangUp();
    assertEquals((await process.status).code, 0);
  }));
