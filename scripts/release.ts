/**
 * Makes what a release consists of: an archive of each executable `dist/TRIPLE/gatehouse` with the manual
 * page and completions, their checksums, and the script that installs them.
 *
 *     deno task release [--dist FOLDER] [--output FOLDER]
 *
 * The archives are the same for the same executables, whenever they are made.
 *
 * @module
 */

// @ts-types="../src/types/std_parse_args.d.ts"
import { parseArgs } from "@std/cli/parse-args";
import { dirname } from "node:path/posix";
import { fileURLToPath } from "node:url";
import { TARGETS } from "./compile/binary_format.ts";
import { VERSION } from "../src/cli/version.ts";
import { manPage } from "../src/config/man_page.ts";
import { SHELLS } from "../src/config/shells/shells.ts";

const root = fileURLToPath(new URL("../", import.meta.url));
const options = parseArgs(Deno.args, { string: ["dist", "output"] });
const dist = await Deno.realPath(String(options.dist ?? `${root}dist`));
const output = String(options.output ?? `${dist}/release`);

/** What goes along with each executable, by the paths where programs look for it beside `bin`. */
const SHARED: Readonly<Record<string, string>> = {
  "share/bash-completion/completions/gatehouse": SHELLS.get("bash")!(),
  "share/fish/vendor_completions.d/gatehouse.fish": SHELLS.get("fish")!(),
  "share/man/man1/gatehouse.1": manPage(VERSION),
  "share/zsh/site-functions/_gatehouse": SHELLS.get("zsh")!(),
};

/** Name of the executable for `target`. */
function executableFor(target: string): string {
  return target.includes("windows") ? "gatehouse.exe" : "gatehouse";
}

/** Packs the executable in `folder`, and returns the archive's name. */
async function pack(target: string, folder: string): Promise<string> {
  const isWindows = target.includes("windows");
  const executable = executableFor(target);
  const archive = `gatehouse-${target}.${isWindows ? "zip" : "tar.gz"}`;
  const work = await Deno.makeTempDir();
  try {
    await Deno.copyFile(`${folder}/${executable}`, `${work}/${executable}`);
    await settle(`${work}/${executable}`, 0o755);
    for (const [path, text] of Object.entries(SHARED)) {
      await Deno.mkdir(dirname(`${work}/${path}`), { recursive: true });
      await Deno.writeTextFile(`${work}/${path}`, text);
      await settle(`${work}/${path}`, 0o644);
    }
    const files = [executable, ...Object.keys(SHARED)];
    if (isWindows) {
      await run(work, "zip", "-q", "-X", archive, ...files);
    } else {
      await run(work, "tar", "--format=ustar", "--owner=0", "--group=0", "-cf", "tar", ...files);
      // The name and the time would be kept otherwise.
      await run(work, "gzip", "-n", "-9", "tar");
      await Deno.rename(`${work}/tar.gz`, `${work}/${archive}`);
    }
    await Deno.copyFile(`${work}/${archive}`, `${output}/${archive}`);
  } finally {
    await Deno.remove(work, { recursive: true });
  }
  return archive;
}

/** Gives a file a mode and a time that do not depend on when and where it was made. */
async function settle(path: string, mode: number): Promise<void> {
  await Deno.chmod(path, mode);
  await Deno.utime(path, 0, 0);
}

async function run(cwd: string, program: string, ...args: string[]): Promise<void> {
  const { success, stderr } = await new Deno.Command(program, {
    args,
    cwd,
    env: { TZ: "UTC" },
    stdin: "null",
  }).output();
  if (!success) throw new Error(`${program}: ${new TextDecoder().decode(stderr).trim()}`);
}

async function sha256(path: string): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", await Deno.readFile(path));
  return new Uint8Array(digest).toHex();
}

await Deno.mkdir(output, { recursive: true });
const sums: string[] = [];
for (const target of TARGETS) {
  const folder = `${dist}/${target}`;
  try {
    await Deno.stat(`${folder}/${executableFor(target)}`);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    console.error(`${target}: there is none`);
    continue;
  }
  const archive = await pack(target, folder);
  sums.push(`${await sha256(`${output}/${archive}`)}  ${archive}\n`);
  console.error(`${target}: ${archive}`);
}
if (sums.length === 0) {
  console.error(`there is no executable in ${dist}: run deno task compile --all`);
  Deno.exit(1);
}
await Deno.writeTextFile(`${output}/SHA256SUMS`, sums.join(""));
await Deno.copyFile(`${root}scripts/install.sh`, `${output}/install.sh`);
console.error(`a release of ${sums.length} is in ${output}`);
