/** What threads that apps make get at, whatever runs them. */

import { pathToFileURL } from "node:url";
import { assert } from "../support/assert.ts";
import { startGateway } from "../support/gateway.ts";

/** A way to run gatehouse. */
export interface ThreadLeg {
  /** What it is called. */
  readonly name: string;
  /** Command and first arguments. */
  readonly command: readonly string[];
}

const APP = new URL("./thread_attempts.ts", import.meta.url);
const NOTHING = /^no secret$/;
const DENIED = /may not read|Requires read access|code that is made at run time cannot use import/;

const expected: Record<string, RegExp> = {
  "none, in a worker": NOTHING,
  "none, in a thread": NOTHING,
  "none, in a thread of text": NOTHING,
  "an import in a worker": DENIED,
  "an import in a thread": DENIED,
  "an import in a thread of text": DENIED,
  "made code in a worker": DENIED,
  "made code in a thread": DENIED,
  "made code in a thread of text": DENIED,
  "made code in a worker of a worker": DENIED,
  "a worker's module": DENIED,
  "a thread's module": DENIED,
  "URLs that look like others": NOTHING,
};

/** Registers the test of one leg. */
export function threadTests({ name, command }: ThreadLeg): void {
  Deno.test(`threads get at no more than the app that makes them (${name})`, async (test) => {
    const folder = Deno.realPathSync(await Deno.makeTempDir());
    const client = Deno.createHttpClient({});
    try {
      Deno.mkdirSync(`${folder}/app`);
      Deno.writeTextFileSync(`${folder}/secret.js`, 'export const secret = "the secret";');
      Deno.copyFileSync(APP, `${folder}/app/app.ts`);
      await using gateway = await startGateway([`${folder}/app/app.ts`, "--workers=1"], {
        command,
        env: { GATEHOUSE_CACHE: `${folder}/cache` },
      });
      const secret = pathToFileURL(folder).href;
      for (const [attempt, answer] of Object.entries(expected)) {
        await test.step(attempt, async () => {
          const url = `${gateway.url}/${encodeURIComponent(attempt)}?${encodeURIComponent(secret)}`;
          const said = await (await fetch(url, { client })).text();
          assert(answer.test(said), said);
        });
      }
    } finally {
      client.close();
      await Deno.remove(folder, { recursive: true });
    }
  });
}
