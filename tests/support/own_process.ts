/** Runs modules in processes of their own: what they set of the process is no other test's business. */

/** What the module at `url` prints. It ends well, or all that it says is an error. */
export async function printedBy(url: URL, ...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", "--no-lock", url.pathname, ...args],
    env: { NO_COLOR: "1" },
    stdin: "null",
  }).output();
  const decoder = new TextDecoder();
  if (code !== 0) throw new Error(`${url} ended with ${code}: ${decoder.decode(stderr)}`);
  return decoder.decode(stdout).trimEnd();
}
