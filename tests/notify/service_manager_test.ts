import { assert, assertEquals, assertMatch } from "../support/assert.ts";
import { startGateway } from "../support/gateway.ts";
import type { GatewayProcess } from "../support/gateway.ts";
import { inFolder, until } from "../support/processes.ts";
import { linesOf } from "../support/streams.ts";

/** Prints each datagram as a line of JSON. */
const MANAGER = `
import json, socket, sys
name = sys.argv[1]
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind("\\0" + name[1:] if name.startswith("@") else name)
print("bound", flush=True)
while True:
    print(json.dumps(s.recv(4096).decode()), flush=True)
`;

const hasPython = await new Deno.Command("python3", { args: ["--version"], stdout: "null" })
  .output().then(({ success }) => success, () => false);
const ignore = Deno.build.os !== "linux" || !hasPython;

/** A service manager that keeps what it is told. */
async function startManager(name: string): Promise<AsyncDisposable & { told: string[] }> {
  const child = new Deno.Command("python3", { args: ["-c", MANAGER, name], stdout: "piped" })
    .spawn();
  const told: string[] = [];
  const bound = Promise.withResolvers<void>();
  const reading = (async () => {
    for await (const line of linesOf(child.stdout)) {
      if (line === "bound") bound.resolve();
      else told.push(JSON.parse(line));
    }
  })();
  await bound.promise;
  return {
    told,
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await child.status;
      await reading;
    },
  };
}

const APP = 'export default () => new Response(Deno.env.get("NOTIFY_SOCKET") ?? "none");';

async function assertReady(told: string[], gateway: GatewayProcess): Promise<void> {
  await until(() => told.length >= 1);
  assertEquals(told[0], `READY=1\nMAINPID=${gateway.pid}\nSTATUS=serving ${gateway.url}`);
}

// How it is called and who tells it have nothing to do with each other: not all four together.
for (const [processes, kind] of [["0", "abstract name"], ["2", "path"]]) {
  Deno.test({
    name: `systemd is told of start, reload and end (${kind}, --processes ${processes})`,
    ignore,
    fn: () =>
      inFolder({ "app.js": APP }, async (folder) => {
        const name = kind === "path" ? `${folder}/notify` : `@gatehouse-${crypto.randomUUID()}`;
        await using manager = await startManager(name);
        const { told } = manager;
        await using gateway = await startGateway(
          [`${folder}/app.js`, "--workers=1", `--processes=${processes}`],
          { env: { NOTIFY_SOCKET: name } },
        );
        await assertReady(told, gateway);
        assertEquals(await (await fetch(gateway.url)).text(), "none");
        gateway.kill("SIGHUP");
        await until(() => told.length >= 3);
        assertMatch(told[1], /^RELOADING=1\nMONOTONIC_USEC=\d+\nSTATUS=reloading$/);
        assertEquals(told[2], `READY=1\nSTATUS=serving ${gateway.url}`);
        gateway.kill("SIGTERM");
        assertEquals((await gateway.status).code, 0);
        await until(() => told.length >= 4);
        assertEquals(told.slice(3), ["STOPPING=1\nSTATUS=finishing what is in flight"]);
      }),
  });
}

Deno.test({
  name: "systemd's watchdog hears that the gateway lives",
  ignore,
  fn: () =>
    inFolder({ "app.js": APP }, async (folder) => {
      await using manager = await startManager(`${folder}/notify`);
      const { told } = manager;
      await using gateway = await startGateway([`${folder}/app.js`, "--workers=0"], {
        env: { NOTIFY_SOCKET: `${folder}/notify`, WATCHDOG_USEC: "200000" },
      });
      await assertReady(told, gateway);
      await until(() => told.length >= 4);
      assertEquals(told.slice(1, 4), ["WATCHDOG=1", "WATCHDOG=1", "WATCHDOG=1"]);
    }),
});

Deno.test("a service manager that cannot be told is no reason not to serve", () =>
  inFolder({ "app.js": APP }, async (folder) => {
    for (const name of [`${folder}/nobody`, "vsock:2:1", `/${"x".repeat(200)}`]) {
      await using gateway = await startGateway([`${folder}/app.js`, "--workers=1"], {
        env: { NOTIFY_SOCKET: name },
      });
      assertEquals(await (await fetch(gateway.url)).text(), "none");
      assert(gateway.log.some((line) => /^warning: the service manager .*/.test(line)));
    }
  }));
