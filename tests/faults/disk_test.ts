/**
 * The disk is full: that with the temporary files, the cache, and the sockets of the supervisor. Told: what
 * cannot be written. Lost: nothing over any protocol; reloads fail, and processes are not started. By
 * itself: processes are started, and bodies put aside, when there is room; reloads have to be asked for.
 */
import { assertEquals, assertMatch } from "../support/assert.ts";
import { concat, RawFastCgiClient, request } from "../support/fastcgi.ts";
import { inFolder, pidsAt } from "../support/processes.ts";
import { ThreeProtocols } from "./three_protocols.ts";

const APP = (version: string) => `
let release;
const released = new Promise((resolve) => release = resolve);
export default async (request) => {
  const { pathname } = new URL(request.url);
  if (pathname === "/pid") return new Response(String(Deno.pid));
  if (pathname === "/crash") {
    setTimeout(() => { throw new Error("on purpose"); });
    await new Promise(() => {});
  }
  if (pathname === "/release") release();
  if (pathname === "/later") {
    await released;
    return new Response(String((await request.bytes()).length));
  }
  return new Response("${version}");
};
`;

/** A small file system in memory; `null` where there can be none, and that was said. */
class SmallDisk implements AsyncDisposable {
  #files = 0;

  private constructor(readonly path: string) {}

  static async mount(path: string): Promise<SmallDisk | null> {
    await Deno.mkdir(path);
    const { success } = await new Deno.Command("mount", {
      args: ["-t", "tmpfs", "-o", "size=4m,nr_inodes=300", "tmpfs", path],
      stdin: "null",
      stderr: "null",
    }).output();
    if (success) return new SmallDisk(path);
    console.error("SKIPPED: no small file system can be mounted here: that takes root");
    return null;
  }

  /** Leaves no room at all, neither for bytes nor for files. */
  async fill(): Promise<void> {
    await Deno.mkdir(`${this.path}/files`);
    await this.fillFiles();
    await Deno.remove(`${this.path}/files/${this.#files}`);
    using file = await Deno.open(`${this.path}/filling`, { create: true, append: true });
    for (const bytes of [65_536, 4_096, 1]) {
      await untilFull(async () => void await file.write(new Uint8Array(bytes)));
    }
  }

  /** Leaves no room for files. */
  async fillFiles(): Promise<void> {
    await untilFull(async () => {
      await Deno.writeTextFile(`${this.path}/files/${this.#files + 1}`, "");
      this.#files++;
    });
  }

  async clear(): Promise<void> {
    await Deno.remove(`${this.path}/filling`);
    await Deno.remove(`${this.path}/files`, { recursive: true });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await new Deno.Command("umount", { args: ["-l", this.path], stdin: "null" }).output();
  }
}

async function untilFull(write: () => Promise<void>): Promise<void> {
  try {
    for (;;) await write();
  } catch (error) {
    if (!/No space left/.test(String(error))) throw error;
  }
}

const ignore = Deno.build.os !== "linux" || Deno.uid() !== 0;
if (ignore) console.error("SKIPPED: a small disk takes root, and Linux");

Deno.test({
  name: "a full disk keeps nobody from being served, and is told where it matters",
  ignore,
  fn: () =>
    inFolder({ "app.js": APP("first") }, async (folder) => {
      await using disk = await SmallDisk.mount(`${folder}/disk`);
      if (disk === null) return;
      await using lab = await ThreeProtocols.start(
        [`${folder}/app.js`, "--workers=1", "--loader=own"],
        { env: { TMPDIR: disk.path, GATEHOUSE_CACHE: `${disk.path}/cache` } },
      );
      const { gateway, protocols } = lab;
      const bodies = async () => (await lab.askAll()).map(({ body }) => body);
      const all = (body: string) => protocols.map(() => body);
      await disk.fill();
      assertEquals(await bodies(), all("first"));

      // A body that would be put aside waits, and then comes whole; so does what is behind it.
      using web = await RawFastCgiClient.connect(lab.port("fastcgi"));
      const large = new Uint8Array(1_000_000).fill(65);
      const sent = web.send(
        concat(request(1, "/later", { body: large }), request(2, "/behind")),
      );
      await gateway.logged(/^warning: fastcgi: cannot write request bodies to .*: No space left/);
      assertEquals(await bodies(), all("first"));
      await lab.ask("http", "/release");
      await sent;
      assertEquals((await web.reply(1)).body, String(large.length));
      assertEquals((await web.reply(2)).body, "first");

      await Deno.writeTextFile(`${folder}/app.js`, APP("second"));
      gateway.kill("SIGHUP");
      await gateway.logged(/^generation 1 goes on serving$/);
      assertMatch(gateway.log.join("\n"), /error: .*cache.*No space left/i);
      assertEquals(await bodies(), all("first"));

      // A worker that dies is started again, from what is there.
      assertEquals((await lab.ask("http", "/crash")).status, 502);
      await gateway.logged(/^worker 1 is ready again$/);
      assertEquals(await bodies(), all("first"));

      await disk.clear();
      gateway.kill("SIGHUP");
      await gateway.logged(/^generation 3 serves$/);
      assertEquals(await bodies(), all("second"));
    }),
});

Deno.test({
  name: "a process that cannot be started for want of room on the disk is when there is",
  ignore,
  fn: () =>
    inFolder({ "app.js": APP("first") }, async (folder) => {
      await using disk = await SmallDisk.mount(`${folder}/disk`);
      if (disk === null) return;
      await using lab = await ThreeProtocols.start(
        [`${folder}/app.js`, "--workers=1", "--processes=2"],
        { env: { TMPDIR: disk.path } },
      );
      const { gateway } = lab;
      await disk.fill();
      const failure = /^error: process [12] cannot be started: the system refused: .*No space/;
      while (!gateway.log.some((line) => failure.test(line))) {
        Deno.kill(Number((await lab.ask("http", "/pid")).body), "SIGKILL");
        // A process that ends leaves the room of the socket that it has reported over.
        for (let i = 0; i < 60; i++) {
          await disk.fillFiles();
          await new Promise((resolve) => setTimeout(resolve, 5));
        }
      }
      for (const { body } of await lab.askAll()) assertEquals(body, "first");
      await disk.clear();
      await gateway.logged(/^process [12] \(\d+\) is ready again$/);
      await pidsAt(lab.port("http"), (pids) => pids.size === 2, "/pid");
      for (const { body } of await lab.askAll()) assertEquals(body, "first");
    }),
});
