/** Child processes of apps that may run programs, whatever runs them. */

import { assertEquals } from "../support/assert.ts";
import { startGateway } from "../support/gateway.ts";

/** A way to run gatehouse. */
export interface ChildProcessLeg {
  /** What it is called. */
  readonly name: string;
  /** Command and first arguments. */
  readonly command: readonly string[];
}

const APP = `
import { execFile, spawn } from "node:child_process";
import { Buffer } from "node:buffer";
import { promisify } from "node:util";

const spawned = (): Promise<string> => new Promise((resolve) => {
  const child = spawn("cat", { stdio: ["pipe", "pipe", "inherit"] });
  let said = "";
  child.stdout.on("data", (chunk: Buffer) => said += chunk);
  child.on("error", (error: Error) => resolve(error.message));
  child.on("close", (code: number | null) => resolve(said + " " + code));
  child.stdin.write("piped");
  child.stdin.end();
});

export default async () => Response.json([
  await spawned(),
  (await promisify(execFile)("echo", ["run"])).stdout,
]);
`;

/** Registers the test of one leg. */
export function childProcessTests({ name, command }: ChildProcessLeg): void {
  Deno.test(`apps that may run programs have pipes to them (${name})`, async () => {
    const folder = await Deno.makeTempDir();
    const client = Deno.createHttpClient({});
    try {
      Deno.writeTextFileSync(`${folder}/app.ts`, APP);
      await using gateway = await startGateway(
        [`${folder}/app.ts`, "--workers=1", "--app-allow-run"],
        { command, env: { GATEHOUSE_CACHE: `${folder}/cache` } },
      );
      const answer = await (await fetch(gateway.url, { client })).json();
      assertEquals(answer, ["piped 0", "run\n"]);
    } finally {
      client.close();
      await Deno.remove(folder, { recursive: true });
    }
  });
}
