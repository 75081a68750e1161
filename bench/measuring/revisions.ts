/**
 * Other revisions of gatehouse, to be measured beside this one.
 *
 * @module
 */

/** A checkout of a revision. */
export interface Revision extends AsyncDisposable {
  /** Its folder. */
  readonly folder: string;
}

/** The folder of this gatehouse. */
export const HERE = new URL("../..", import.meta.url).pathname;

/**
 * Checks out a revision into a temporary folder, which is removed when it is disposed of.
 *
 * @throws {Error} Git does not know the revision.
 */
export async function checkOut(revision: string): Promise<Revision> {
  const folder = await Deno.makeTempDir({ prefix: "gatehouse-bench-" });
  await git("worktree", "add", "--quiet", "--detach", "--force", folder, revision);
  return {
    folder,
    async [Symbol.asyncDispose]() {
      await git("worktree", "remove", "--force", folder);
    },
  };
}

/** The revision that is checked out, with a `+` if there are changes to it. */
export async function currentRevision(): Promise<string> {
  const revision = await git("rev-parse", "--short", "HEAD");
  return await git("status", "--porcelain", "src") === "" ? revision : `${revision}+`;
}

/** Runs git, and gives what it printed. */
async function git(...args: string[]): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command("git", { args, cwd: HERE }).output();
  if (!success) throw new Error(`git ${args[0]}: ${new TextDecoder().decode(stderr).trim()}`);
  return new TextDecoder().decode(stdout).trim();
}
