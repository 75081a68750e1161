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

/** Fills `folder` with what gatehouse needs of Deno's own, so that everybody can read it. */
export async function copyDenoFolder(folder: string): Promise<void> {
  const { stdout } = await new Deno.Command(Deno.execPath(), { args: ["info", "--json"] }).output();
  const { npmCache } = JSON.parse(new TextDecoder().decode(stdout));
  const { imports } = JSON.parse(
    await Deno.readTextFile(new URL("../../deno.json", import.meta.url)),
  );
  const names = Object.values<string>(imports).flatMap((target) =>
    /^npm:((?:@[^/]+\/)?[^@/]+)@/.exec(target)?.slice(1) ?? []
  );
  // What one of these needs itself.
  const packages = new Set([...names, "@jridgewell"].map((name) => name.split("/")[0]));
  const to = `${folder}/npm/registry.npmjs.org`;
  await Deno.mkdir(to, { recursive: true });
  for (const name of packages) {
    await new Deno.Command("cp", { args: ["-r", `${npmCache}/registry.npmjs.org/${name}`, to] })
      .output();
  }
  await new Deno.Command("chmod", { args: ["-R", "a+rX", folder] }).output();
}
