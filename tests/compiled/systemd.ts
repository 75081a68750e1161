/**
 * The units of the documentation under a real systemd: one that is the first process of a namespace
 * of its own, above a copy-on-write view of this machine. Needs root; says so where that is missing.
 */

import { assert, assertEquals, assertMatch } from "../support/assert.ts";
import { blockOf } from "../support/docs.ts";
import { inFolder } from "../support/processes.ts";
import { executable } from "./executable_path.ts";

const SYSTEMD = "/lib/systemd/systemd";
const decoder = new TextDecoder();

const TARGET = "[Unit]\nDefaultDependencies=no\nAllowIsolate=yes\n";
const APP = `let count = 0;
export default () => new Response(\`request \${++count}\`);
`;

/** Makes the root of the new system, and becomes its first process. */
const BOOT = `set -e
cd "$1"
mount -t tmpfs tmpfs over
mkdir over/upper over/work
mount -t overlay overlay -o lowerdir=/,upperdir="$1/over/upper",workdir="$1/over/work" root
mount --rbind /dev root/dev
mount --rbind /sys root/sys
mount -t proc proc root/proc
mount -t tmpfs -o mode=755 tmpfs root/run
mount -t tmpfs -o mode=1777 tmpfs root/tmp
touch root/usr/local/bin/gatehouse
mount --bind "$2" root/usr/local/bin/gatehouse
cp units/* root/etc/systemd/system/
mkdir -p root/srv
cp -r srv/. root/srv/
chmod -R go+rX root/srv
for user in guestbook gatehouse; do chroot root useradd --system $user; done
[ "$3" = try ] && exit
exec chroot root env -i container=lxc PATH=/usr/sbin:/usr/bin:/sbin:/bin \\
  ${SYSTEMD} --system --unit=try.target --log-target=console
`;

function unshared(folder: string, step: "try" | "boot"): Deno.Command {
  const args = "--pid --fork --mount --uts --ipc --cgroup --net --mount-proc --kill-child sh -c";
  return new Deno.Command("unshare", {
    args: [...args.split(" "), BOOT, "sh", folder, executable ?? "/bin/true", step],
    stdin: "null",
    stdout: "null",
    stderr: "null",
  });
}

/** The files that a system is made of. */
const FILES = {
  "units/try.target": TARGET,
  "units/guestbook.service": blockOf("docs/tutorial.md", "ini", "# guestbook.service"),
  "units/gatehouse.service": await Deno.readTextFile(
    new URL("../../docs/gatehouse.service", import.meta.url),
  ),
  "srv/guestbook/gatehouse.ini": blockOf("docs/tutorial.md", "ini", "# gatehouse.ini"),
  "srv/guestbook/app.ts": APP,
  "srv/app/app.ts": APP,
  "over/.keep": "",
  "root/.keep": "",
};

/** Whether all but the last step of a start works here. */
async function isPossible(): Promise<boolean> {
  if (Deno.build.os !== "linux" || executable === null || Deno.uid() !== 0) return false;
  let works = false;
  await inFolder(FILES, async (folder) => {
    try {
      Deno.statSync(SYSTEMD);
      works = (await unshared(folder, "try").output()).success;
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
  });
  return works;
}

/** Asks again until it holds. */
async function until(holds: () => Promise<boolean>): Promise<void> {
  for (let tries = 0; tries < 1_000; tries++) {
    if (await holds()) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`it never came to be: ${holds}`);
}

const ignore = !await isPossible();
if (ignore) console.error("SKIPPED: systemd cannot be run in a namespace of its own here");

Deno.test({
  name: "the units of the documentation run under systemd: start, requests, reload, end",
  ignore,
  fn: (test) =>
    inFolder(FILES, async (folder) => {
      await using system = new AsyncDisposableStack();
      const process = unshared(folder, "boot").spawn();
      let first = 0;
      system.defer(async () => {
        if (first > 0) Deno.kill(first, "SIGKILL");
        else process.kill("SIGKILL");
        await process.status;
      });
      const children = `/proc/${process.pid}/task/${process.pid}/children`;
      const run = async (...command: string[]) => {
        const { success, stdout, stderr } = await new Deno.Command("nsenter", {
          args: [..."-m -p -u -i -C -n -r -w -t".split(" "), String(first), ...command],
          stdin: "null",
        }).output();
        return { success, text: decoder.decode(stdout) + decoder.decode(stderr) };
      };
      await until(async () => {
        first = Number((await Deno.readTextFile(children)).trim());
        if (first === 0) return false;
        return (await run("systemctl", "is-active", "try.target")).text === "active\n";
      });
      for (
        const [service, socket] of [
          ["guestbook", "/run/guestbook/app.sock"],
          ["gatehouse", "/run/gatehouse/app.sock"],
        ]
      ) {
        await test.step(`${service}.service`, async () => {
          const ask = async () =>
            (await run("curl", "-s", "--unix-socket", socket, "http://localhost/")).text;
          const status = async () => (await run("systemctl", "status", "--no-pager", service)).text;
          const started = await run("systemctl", "enable", "--now", service);
          assert(started.success, started.text + await status());
          assertMatch(await status(), /Status: "serving http\+unix:\/run\//);
          assertMatch(await ask(), /^request \d+$/);
          assertEquals((await run("systemctl", "reload", service)).text, "");
          await until(async () => /generation 2 serves/.test(await status()));
          assertMatch(await ask(), /^request \d+$/);
          assertEquals((await run("systemctl", "stop", service)).text, "");
          const result = await run("systemctl", "show", "-p", "Result", "-p", "NRestarts", service);
          assertEquals(result.text.trim().split("\n").sort(), ["NRestarts=0", "Result=success"]);
        });
      }
    }),
});
