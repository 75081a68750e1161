import { assertMatch } from "../support/assert.ts";

const workflows = new URL("../../.github/workflows/", import.meta.url);
const ci = await Deno.readTextFile(new URL("ci.yml", workflows));
const release = await Deno.readTextFile(new URL("release.yml", workflows));

Deno.test("pull requests, main and releases run .ci/run", async () => {
  assertMatch(ci, /^ {2}pull_request:$/m);
  assertMatch(ci, /^ {4}branches: \[main\]$/m);
  assertMatch(ci, /^ {2}workflow_call:$/m);
  assertMatch(ci, /^ {8}run: \.ci\/run$/m);
  assertMatch(release, /^ {4}uses: \.\/\.github\/workflows\/ci\.yml$/m);
  assertMatch(release, /^ {4}needs: \[checks, executable\]$/m);
  const { mode } = await Deno.stat(new URL("../../.ci/run", workflows));
  assertMatch((mode! & 0o777).toString(8), /^7/);
});

Deno.test("workflows and .ci/run take the same Deno", async () => {
  const run = await Deno.readTextFile(new URL("../../.ci/run", workflows));
  const version = /^ {2}DENO_VERSION: ([\d.]+)$/m.exec(release)![1];
  assertMatch(run, new RegExp(`^DENO="npx -y deno@${version}"$`, "m"));
});
