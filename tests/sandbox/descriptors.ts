/** What apps get of the descriptors of their process, whatever runs them. */

import { assertEquals } from "../support/assert.ts";
import { startGateway } from "../support/gateway.ts";
import { RawClient } from "../support/raw_client.ts";

/** A way to run gatehouse. */
export interface DescriptorLeg {
  /** What it is called. */
  readonly name: string;
  /** Command and first arguments. */
  readonly command: readonly string[];
  /** Options. */
  readonly args: readonly string[];
  /** Attempts that docs/security.md says succeed, as `WAY API`. */
  readonly open?: readonly string[];
}

const APP = new URL("./descriptor_attempts.ts", import.meta.url);
const REQUEST = "GET /names HTTP/1.1\r\nHost: localhost\r\n\r\n";

/** Registers the test of one leg. */
export function descriptorTests({ name, command, args, open = [] }: DescriptorLeg): void {
  Deno.test(`an app opens none of the descriptors of its process (${name})`, async () => {
    const folder = await Deno.makeTempDir();
    const client = Deno.createHttpClient({});
    try {
      await Deno.mkdir(`${folder}/app`);
      await Deno.copyFile(APP, `${folder}/app/app.ts`);
      await using gateway = await startGateway(
        [`${folder}/app/app.ts`, "--workers", "1", ...args],
        { command, env: { GATEHOUSE_CACHE: `${folder}/cache` } },
      );
      using neighbour = await RawClient.connect(gateway.port);
      await neighbour.send(REQUEST);
      const { ways, apis } = JSON.parse((await neighbour.receive()).body);
      const outcomes: Record<string, string> = {};
      for (const way of ways) {
        for (const api of apis) {
          const url = `${gateway.url}/${encodeURIComponent(way)}/${encodeURIComponent(api)}`;
          const outcome = await (await fetch(url, { client })).text();
          if (outcome !== "nothing") outcomes[`${way} ${api}`] = outcome;
        }
      }
      assertEquals(Object.keys(outcomes).sort(), [...open].sort(), JSON.stringify(outcomes));
      await neighbour.send(REQUEST);
      assertEquals((await neighbour.receive()).status, 200, "its connection is its own");
      gateway.kill("SIGTERM");
      assertEquals((await gateway.status).code, 0);
    } finally {
      client.close();
      await Deno.remove(folder, { recursive: true });
    }
  });
}
