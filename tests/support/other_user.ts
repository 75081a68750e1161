/** What tests of other users have in common: those run as root. */

import { FROM_SOURCE } from "./gateway.ts";

/** Command that does the rest of the line as nobody, without any groups. */
export const AS_NOBODY: readonly string[] = [
  "setpriv",
  "--reuid=65534",
  "--regid=65534",
  "--clear-groups",
];

/** Whether another user can be had, who may run gatehouse from where it is. */
export function canBeNobody(): boolean {
  if (Deno.build.os !== "linux" || Deno.uid() !== 0) return false;
  const [program, ...args] = AS_NOBODY;
  const { success } = new Deno.Command(program, {
    args: [...args, "test", "-x", FROM_SOURCE[0], "-a", "-r", FROM_SOURCE.at(-1)!],
  }).outputSync();
  if (!success) console.error("SKIPPED: another user may not run gatehouse from here");
  return success;
}

let shared: Promise<string> | undefined;

/** A folder with what gatehouse needs of Deno's own, which everybody can read, until the process ends. */
export function readableDenoFolder(): Promise<string> {
  return shared ??= copyDenoFolder();
}

async function copyDenoFolder(): Promise<string> {
  const folder = await Deno.makeTempDir();
  globalThis.addEventListener("unload", () => Deno.removeSync(folder, { recursive: true }));
  const told = async (...args: string[]) => {
    const command = new Deno.Command(Deno.execPath(), { args: ["info", "--json", ...args] });
    return JSON.parse(new TextDecoder().decode((await command.output()).stdout));
  };
  const { npmCache } = await told();
  const { npmPackages } = await told("--no-lock", FROM_SOURCE.at(-1)!);
  const names = Object.values<{ name: string }>(npmPackages).map(({ name }) => name.split("/")[0]);
  // The last ones are for the loader's thread.
  const packages = new Set([...names, "typescript", "acorn"]);
  const to = `${folder}/npm/registry.npmjs.org`;
  await Deno.mkdir(to, { recursive: true });
  for (const name of packages) {
    await new Deno.Command("cp", { args: ["-r", `${npmCache}/registry.npmjs.org/${name}`, to] })
      .output();
  }
  await new Deno.Command("chmod", { args: ["-R", "a+rX", folder] }).output();
  return folder;
}
