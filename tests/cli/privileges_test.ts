import { takeSurroundings } from "../../src/base/surroundings.ts";
import { AcmeCertificates } from "../../src/cli/acme.ts";
import { giveFile } from "../../src/cli/file_owner.ts";
import { findAccount, giveSocket } from "../../src/cli/privileges.ts";
import { parseCommandLine } from "../../src/config/command_line.ts";
import { defaultSettings } from "../../src/config/settings.ts";
import { ConfigError } from "../../src/base/errors.ts";
import { EarlySockets } from "../../src/gateway/early_sockets.ts";
import {
  assert,
  assertEquals,
  assertMatch,
  assertRejects,
  assertThrows,
} from "../support/assert.ts";

import type { GatewayProcess } from "../support/gateway.ts";
import { FROM_SOURCE, reloadOf, runGateway, startGateway } from "../support/gateway.ts";
import { AS_NOBODY, canBeNobody, readableDenoFolder } from "../support/other_user.ts";
import { inFolder } from "../support/processes.ts";
import { get, RawClient } from "../support/raw_client.ts";

const ROOT = { ignore: !canBeNobody() };
const PRIVILEGES = new URL("../../src/cli/privileges.ts", import.meta.url).href;
/** Port 80, at an address of this test alone. */
const HOST = `127.${[Deno.pid >> 16, Deno.pid >> 8, Deno.pid].map((n) => (n & 127) + 1).join(".")}`;

/** An app that tells who its process is, thread by thread, and whether it could be root again. */
const APP = `
import { setegid, setgid, setuid } from "node:process";
export default () => {
  const status = (folder) => Deno.readTextFileSync(folder + "/status");
  const own = (text) => ["Uid", "Gid", "Groups", "CapPrm", "CapEff"]
    .map((name) => new RegExp("^" + name + ":[ \\t]*(.*)$", "m").exec(text)[1].trim()).join("|");
  const threads = [...Deno.readDirSync("/proc/self/task")].flatMap(({ name }) => {
    try {
      return [own(status("/proc/self/task/" + name))];
    } catch {
      // It has ended since.
      return [];
    }
  });
  const regained = [() => setuid(0), () => setgid(0), () => setegid(0)].filter((attempt) => {
    try {
      attempt();
      return true;
    } catch {
      return false;
    }
  }).length;
  return Response.json({
    threads: [...new Set(threads)],
    count: threads.length,
    regained,
    parent: own(status("/proc/" + Deno.ppid)),
    home: Deno.env.get("HOME"),
  });
};
`;
const NOBODY = "65534\t65534\t65534\t65534|65534\t65534\t65534\t65534|65534|" +
  "0000000000000000|0000000000000000";

interface Told {
  readonly threads: string[];
  readonly count: number;
  readonly regained: number;
  readonly parent: string;
  readonly home: string;
}

async function toldOver(conn: Deno.Conn): Promise<Told> {
  using client = new RawClient(conn);
  await client.send(get("/"));
  return JSON.parse((await client.receive()).body);
}

const onPort80 = async () => await toldOver(await Deno.connect({ hostname: HOST, port: 80 }));

/** Starts gatehouse as root with groups of root's, and with what another user needs to go on. */
async function startAsRoot(
  folder: string,
  args: readonly string[],
): Promise<GatewayProcess> {
  await Deno.chmod(folder, 0o755);
  return await startGateway([`${folder}/app.js`, "--app-allow-all", "--workers=1", ...args], {
    command: ["setpriv", "--groups=0,4,27", ...FROM_SOURCE],
    env: { DENO_DIR: await readableDenoFolder() },
  });
}

Deno.test({
  ...ROOT,
  name: "after the sockets are open, no thread has anything left of root, nor gets it back",
  fn: () =>
    inFolder({ "app.js": APP }, async (folder) => {
      const [socket, pidfile] = [`${folder}/app.sock`, `${folder}/pid`];
      const listen = [`--http=${HOST}:80`, `--http=unix:${socket},mode=0600`];
      await using gateway = await startAsRoot(folder, [
        ...listen,
        "--user=nobody",
        `--pidfile=${pidfile}`,
      ]);
      const told = await onPort80();
      assertEquals([told.threads, told.regained], [[NOBODY], 0]);
      assert(told.count > 3);
      assertEquals(told.home, "/nonexistent");
      // Socket and process are the user's; the file with its number is root's, for whom it is.
      assertEquals(Deno.statSync(socket).uid, 65_534);
      assertEquals(Deno.statSync(pidfile).uid, 0);
      assertEquals(Deno.readTextFileSync(pidfile), `${gateway.pid}\n`);
      const overSocket = await toldOver(await Deno.connect({ transport: "unix", path: socket }));
      assertEquals(overSocket.threads, [NOBODY]);
      // Workers that start later are made by threads that have dropped everything.
      await reloadOf(gateway);
      assertEquals((await onPort80()).threads, [NOBODY]);
      gateway.kill("SIGTERM");
      assertEquals((await gateway.status).code, 0);
    }),
});

Deno.test({
  ...ROOT,
  name: "of several processes, each drops root, and those that replace them can open port 80 again",
  fn: () =>
    inFolder({ "app.js": APP }, async (folder) => {
      const args = [`--http=${HOST}:80`, "--user=65534:65534", "--processes=1"];
      await using gateway = await startAsRoot(folder, args);
      const first = await onPort80();
      assertEquals([first.threads, first.regained], [[NOBODY], 0]);
      assertMatch(first.parent, /^0\t0\t0\t0\|/);
      gateway.kill("SIGUSR2");
      await gateway.logged(/^all processes have been replaced$/);
      assertEquals((await onPort80()).threads, [NOBODY]);
      gateway.kill("SIGTERM");
      assertEquals((await gateway.status).code, 0);
    }),
});

for (
  const [user, group, message] of [
    ["no-such-user", undefined, "--user no-such-user: there is no user of this name"],
    ["nobody", "no-such-group", "--user nobody:no-such-group: there is no group of this name"],
    ["root", undefined, "--user root: that is root, so nothing would be dropped"],
    ["0", "nogroup", "--user 0: that is root, so nothing would be dropped"],
    ["nobody", "root", "--user nobody:root: the group is root's, which may do more than others"],
    [
      "54321",
      undefined,
      "--user 54321: there is no such user, so name a group: 54321:GROUP",
    ],
    ["4294967295", "1", "--user: 4294967295 is not the number of a user or group"],
  ] as const
) {
  Deno.test({
    ignore: Deno.build.os !== "linux",
    name: `the account ${user}${group === undefined ? "" : `:${group}`} is refused`,
    fn() {
      assertThrows(() => findAccount({ user, group }), ConfigError, message);
    },
  });
}

for (
  const [text, found] of [
    ["nobody", { user: "nobody", group: undefined }],
    ["nobody:nogroup", { user: "nobody", group: "nogroup" }],
    ["65534:1", { user: "65534", group: "1" }],
    ["a:", null],
    [":b", null],
    ["a:b:c", null],
    ["-1", null],
    ["../a", null],
    ["a\n", null],
  ] as const
) {
  Deno.test(`--user=${JSON.stringify(text)} is ${found === null ? "refused" : "read"}`, () => {
    const read = () => parseCommandLine(["app.ts", `--user=${text}`]);
    if (found === null) {
      assertThrows(read, ConfigError, "--user takes USER or USER:GROUP");
    } else {
      const command = read();
      assert(command.kind === "serve");
      assertEquals(command.settings.user, found);
    }
  });
}

Deno.test({
  ...ROOT,
  name:
    "a user who may not read the modules that are read later is told of, before they are needed",
  fn: () =>
    inFolder({ "app.js": APP }, async (folder) => {
      await Deno.chmod(folder, 0o755);
      const checkout = `${folder}/checkout`;
      await Deno.mkdir(checkout, { mode: 0o700 });
      const root = new URL("../../", import.meta.url).pathname;
      const parts = ["cli.ts", "deno.json", "deno.lock", "src"].map((name) => root + name);
      const copying = new Deno.Command("cp", { args: ["-r", ...parts, checkout] });
      assertEquals((await copying.output()).code, 0);
      const { code, stderr } = await runGateway(
        [`${folder}/app.js`, "--user=nobody", "--http=127.0.0.1:0", "--workers=0"],
        [
          "env",
          `DENO_DIR=${await readableDenoFolder()}`,
          ...FROM_SOURCE.map((word) => word.replace(root, `${checkout}/`)),
        ],
      );
      assertMatch(stderr, /gatehouse: --user: nobody may not read .*checkout.* read as needed/);
      assertEquals(code, 2);
    }),
});

Deno.test({
  ...ROOT,
  name: "who is not root cannot become somebody else",
  fn: () =>
    inFolder({ "app.js": APP }, async (folder) => {
      await Deno.chmod(folder, 0o755);
      const { code, stderr } = await runGateway(
        [`${folder}/app.js`, "--user=daemon", "--http=0"],
        ["env", `DENO_DIR=${await readableDenoFolder()}`, ...AS_NOBODY, ...FROM_SOURCE],
      );
      assertMatch(
        stderr,
        /gatehouse: --user daemon: only root can become another user, and this process is user 65534 /,
      );
      assertEquals(code, 2);
    }),
});

for (
  const [what, permissions, privileges, message] of [
    ["nothing of root", "-A", ["--reuid=65534", "--clear-groups"], "ok"],
    ["root's group", "-A", ["--reuid=65534", "--groups=0"], "a member of root's group"],
    [
      "root as its real user",
      "-A",
      ["--ruid=0", "--euid=65534", "--clear-groups"],
      "could be had again",
    ],
    [
      "a capability",
      "-A",
      [
        "--reuid=65534",
        "--clear-groups",
        "--inh-caps=+net_bind_service",
        "--ambient-caps=+net_bind_service",
      ],
      "such as capabilities",
    ],
    [
      "what nobody can look up",
      "--allow-ffi",
      ["--reuid=65534", "--clear-groups"],
      "it cannot be seen in /proc/self/task",
    ],
  ] as const
) {
  Deno.test({
    ...ROOT,
    name: `a process that is the user's already is checked, too: it has ${what}`,
    fn: () =>
      inFolder({}, async (folder) => {
        const script = `${folder}/become.ts`;
        Deno.writeTextFileSync(
          script,
          `import { become } from ${JSON.stringify(PRIVILEGES)};
          try {
            become({ name: null, uid: 65_534, gid: 65_534, home: "/" });
            console.log("ok");
          } catch (error) {
            console.log(error.message);
          }`,
        );
        Deno.chmodSync(folder, 0o755);
        const run = [Deno.execPath(), "run", permissions, "--no-check", "--no-lock", script];
        const { stdout, stderr } = await new Deno.Command("setpriv", {
          args: ["--regid=65534", ...privileges, ...run],
          env: { DENO_DIR: await readableDenoFolder(), NO_COLOR: "1" },
        }).output();
        const [told, faults] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
        assert(told.includes(message), told + faults);
      }),
  });
}

Deno.test({
  ...ROOT,
  name: "of a link, the link itself is given away, and the file behind it stays root's",
  fn: () =>
    inFolder({ "secret": "" }, (folder) => {
      Deno.symlinkSync(`${folder}/secret`, `${folder}/link`);
      assert(giveFile(`${folder}/link`, 65_534, 65_534));
      assertEquals(Deno.statSync(`${folder}/secret`).uid, 0);
      assertEquals(Deno.lstatSync(`${folder}/link`).uid, 65_534);
      assert(!giveFile(`${folder}/none`, 65_534, 65_534));
    }),
});

Deno.test({
  ...ROOT,
  name: "a socket is given away, and nothing else that somebody has put in its place",
  fn: () =>
    inFolder({ "secret": "", "twice": "" }, (folder) => {
      using _own = Deno.listen({ transport: "unix", path: `${folder}/own` });
      using _linked = Deno.listen({ transport: "unix", path: `${folder}/linked` });
      using _foreign = Deno.listen({ transport: "unix", path: `${folder}/foreign` });
      Deno.linkSync(`${folder}/linked`, `${folder}/linked again`);
      Deno.linkSync(`${folder}/twice`, `${folder}/hard link`);
      Deno.symlinkSync(`${folder}/linked`, `${folder}/link`);
      Deno.chownSync(`${folder}/foreign`, 1, 1);
      const give = (name: string) =>
        giveSocket(
          { transport: "unix", path: `${folder}/${name}`, mode: undefined },
          { name: null, uid: 65_534, gid: 65_533, home: "/" },
        );
      for (const name of ["secret", "hard link", "link", "linked", "foreign", "none"]) {
        assertThrows(() => give(name), ConfigError, `${name} cannot be given to user 65534`);
      }
      give("own");
      const owners = [...Deno.readDirSync(folder)].flatMap(({ name }) => {
        const { uid, gid } = Deno.lstatSync(`${folder}/${name}`);
        return uid === 0 ? [] : [`${name} ${uid} ${gid}`];
      });
      assertEquals(owners.sort(), ["foreign 1 1", "own 65534 65533"]);
    }),
});

Deno.test({
  ...ROOT,
  name: "root leaves a folder for certificates alone that somebody else could have prepared",
  fn: () =>
    inFolder({ "victim/file": "" }, (folder) => {
      const settings = { ...defaultSettings().acme, folder: `${folder}/state` };
      // Below /tmp, where everybody can make files.
      const acme = new AcmeCertificates(settings, takeSurroundings(), "another user", () => {});
      acme.giveTo(65_534, 65_534);
      assertEquals([...Deno.readDirSync(folder)].map(({ name }) => name), ["victim"]);
      Deno.symlinkSync(`${folder}/victim`, `${folder}/state`);
      acme.giveTo(65_534, 65_534);
      assertEquals(Deno.statSync(`${folder}/victim/file`).uid, 0);
      assertEquals([...Deno.readDirSync(`${folder}/victim`)].length, 1);
    }),
});

Deno.test("sockets that nobody takes are closed, and so are all if one cannot be opened", async () => {
  const address = { transport: "tcp", hostname: "127.0.0.1", port: 0 } as const;
  const spec = { address, backlog: 1, tls: undefined };
  const sockets = await EarlySockets.open([spec]);
  const listening = sockets.take(address)!;
  const { port } = listening.addresses[0] as Deno.NetAddr;
  assertEquals(sockets.take(address), undefined);
  const taken = { ...spec, address: { ...address, port } };
  const other = { ...spec, address: { ...address } };
  // The sanitizer of resources would see what stays open.
  await assertRejects(() => EarlySockets.open([other, taken]), Error, "the address is in use");
  listening.listener.close();
  (await EarlySockets.open([other, taken]))[Symbol.dispose]();
});
