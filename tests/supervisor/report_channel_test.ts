import { assert, assertEquals } from "../support/assert.ts";
import { until } from "../support/processes.ts";
import { parseReport } from "../../src/supervisor/protocol.ts";
import { ReportChannel } from "../../src/supervisor/report_channel.ts";

const TOKEN = "secret";
const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** A channel in a folder of its own, and what it has told. */
class Lab implements AsyncDisposable {
  readonly folder = Deno.makeTempDirSync();
  readonly told: unknown[] = [];
  readonly channel = new ReportChannel(this.folder, TOKEN, {
    onReport: (report) => this.told.push(report),
    onFault: (reason) => this.told.push(reason),
    onEnd: () => this.told.push("end"),
    onBus: (conn, first) => {
      this.told.push(`bus: ${decoder.decode(first)}`);
      conn.close();
    },
  });

  connect(): Promise<Deno.Conn> {
    return Deno.connect({ transport: "unix", path: this.channel.path });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.channel[Symbol.dispose]();
    await Deno.remove(this.folder, { recursive: true });
  }
}

async function say(conn: Deno.Conn, text: string): Promise<void> {
  for (let rest = encoder.encode(text); rest.length > 0;) {
    rest = rest.subarray(await conn.write(rest));
  }
}

/** Whether the other side has closed the connection. */
async function isClosed(conn: Deno.Conn): Promise<boolean> {
  try {
    return await conn.read(new Uint8Array(1)) === null;
  } catch (error) {
    if (error instanceof Deno.errors.ConnectionReset) return true;
    throw error;
  }
}

Deno.test("reports come whole at every split of the conversation", async () => {
  const text = `${TOKEN}\n{"kind":"reloading"}\n{"kind":"reloaded"}\n`;
  for (let split = 1; split < text.length; split += 3) {
    await using lab = new Lab();
    using conn = await lab.connect();
    await say(conn, text.slice(0, split));
    await say(conn, text.slice(split));
    await until(() => lab.told.length === 2);
    assertEquals(lab.told, [{ kind: "reloading" }, { kind: "reloaded" }]);
  }
});

Deno.test("the socket is in a folder for this user alone, and gone once the process is there", async () => {
  await using lab = new Lab();
  const [{ name }] = [...Deno.readDirSync(lab.folder)];
  assertEquals(Deno.statSync(`${lab.folder}/${name}`).mode! & 0o777, 0o700);
  using conn = await lab.connect();
  await say(conn, `${TOKEN}\n`);
  await until(() => [...Deno.readDirSync(lab.folder)].length === 0);
});

for (
  const [what, said] of Object.entries({
    "another token": "guess\n",
    "a beginning of the token": `${TOKEN.slice(0, 3)}\n`,
    "another token for the bus": "guess bus\n",
    "a report without the token": '{"kind":"reloaded"}\n',
    "a line that does not end": "x".repeat(1_100_000),
    nothing: "\n",
  })
) {
  Deno.test(`who says ${what} is shown out, and the process is heard all the same`, async () => {
    await using lab = new Lab();
    using stranger = await lab.connect();
    // It may be shown out before it has said all.
    await say(stranger, said).catch((error) => assert(error instanceof Deno.errors.BrokenPipe));
    assert(await isClosed(stranger));
    assertEquals(lab.told, []);
    using conn = await lab.connect();
    await say(conn, `${TOKEN}\n{"kind":"reloading"}\n`);
    await until(() => lab.told.length === 1);
    assertEquals(lab.told, [{ kind: "reloading" }]);
  });
}

Deno.test("a connection to the bus is handed on, with what has come of it, once", async () => {
  await using lab = new Lab();
  using bus = await lab.connect();
  await say(bus, `${TOKEN} bus\nrecords`);
  assert(await isClosed(bus));
  using another = await lab.connect();
  await say(another, `${TOKEN} bus\n`);
  assert(await isClosed(another));
  using conn = await lab.connect();
  await say(conn, `${TOKEN}\n{"kind":"reloading"}\n`);
  await until(() => lab.told.length === 2);
  assertEquals(lab.told, ["bus: records", { kind: "reloading" }]);
});

Deno.test("what is no report is a fault, and the last thing that is heard", async () => {
  await using lab = new Lab();
  using conn = await lab.connect();
  await say(conn, `${TOKEN}\n{"kind":"ready","urls":[1],"notice":null}\n{"kind":"reloaded"}\n`);
  assert(await isClosed(conn));
  assertEquals(lab.told, ["it sent a report of an unknown kind", "end"]);
});

Deno.test("the end of the connection is told once", async () => {
  await using lab = new Lab();
  {
    using conn = await lab.connect();
    await say(conn, `${TOKEN}\n`);
  }
  await until(() => lab.told.length > 0);
  lab.channel[Symbol.dispose]();
  assertEquals(lab.told, ["end"]);
});

Deno.test("a long TMPDIR does not make the socket's path too long for the system", async () => {
  const parent = await Deno.makeTempDir();
  const long = `${parent}/${"x".repeat(120)}`;
  await Deno.mkdir(long);
  try {
    using channel = new ReportChannel(long, TOKEN, {
      onReport() {},
      onFault() {},
      onEnd() {},
      onBus() {},
    });
    assert(channel.path.length < 104);
    (await Deno.connect({ transport: "unix", path: channel.path })).close();
  } finally {
    await Deno.remove(parent, { recursive: true });
  }
});

for (
  const [line, expected] of [
    ['{"kind":"reloading","more":1}', { kind: "reloading" }],
    ['{"kind":"ready","urls":["http://a"],"notice":null}', {
      kind: "ready",
      urls: ["http://a"],
      notice: null,
    }],
    ['{"kind":"ready","urls":[],"notice":["info","b"]}', {
      kind: "ready",
      urls: [],
      notice: ["info", "b"],
    }],
    ['{"kind":"ready","urls":"http://a","notice":null}', null],
    ['{"kind":"ready","urls":[],"notice":["loud","b"]}', null],
    ['{"kind":"ready","urls":[]', null],
    ['{"kind":"__proto__"}', null],
    ["null", null],
    ["", null],
  ] as const
) {
  Deno.test(`a report: ${line}`, () => assertEquals(parseReport(line), expected));
}
