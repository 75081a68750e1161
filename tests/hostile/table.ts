/**
 * What clients and apps may try, and what all others still get: one table for every product. Details are
 * in the tests of each part; here is every kind once.
 */

import { assertEquals, assertMatch } from "../support/assert.ts";
import { libzmqIsMissing } from "../support/peers.ts";
import { canReset } from "../support/sockets.ts";
import * as clients from "./client_attacks.ts";
import * as gateways from "./own_gateways.ts";
import type { Product } from "./site.ts";
import { Site } from "./site.ts";

/** Attacks of clients. While and after each, the neighbour's answers are right over HTTP and FastCGI. */
const CLIENTS: Record<string, (site: Site) => Promise<void>> = {
  "connections that are reset at once": clients.resets,
  "more idle connections than there are places": clients.idleConnections,
  "heads that come byte by byte": clients.byteByByte,
  "blanks and lists without end": clients.longBlanks,
  "bodies in chunks of a byte": clients.smallChunks,
  "chunks and trailers that are mostly padding": clients.padding,
  "bodies over the limit": clients.largeBodies,
  "pipelines that nobody reads": clients.unreadPipelines,
  "a pipeline of everything": clients.mixedPipeline,
  "requests with two lengths": clients.ambiguousFraming,
  "paths that others read otherwise": clients.spelledPaths,
  "fields that look like other variables": clients.variables,
  "text that is to be logged": clients.loggedText,
  "clients that leave": clients.departures,
  "requests with random faults": clients.randomFaults,
  "bytes that are no TLS": clients.noTls,
  "records that have no place": clients.strangeRecords,
  "records whose answers nobody reads": clients.unreadRecords,
};

/** What the client of an app's deed gets: the status, and the text. */
type Outcome = readonly [status: number, text: RegExp];

const LOST: Outcome = [502, /./];
const HANGS: Outcome = [504, /./];
const REFUSED = /^(?:[\w.:, ]+: refused: .*(?:\n|$))+$/;

/** Deeds after which an app's workers are not what they were. Their clients get this; the neighbour's get their answers. */
const SPOILING_DEEDS: Record<string, Outcome> = {
  "loop": HANGS,
  "wait": HANGS,
  "microtasks": HANGS,
  "exit": LOST,
  "process-exit": LOST,
  "close": LOST,
  "uncaught": LOST,
  "rejection": LOST,
  "messages": [200, /^postMessage: refused: /],
  "spoil-rings": [0, /./],
  "spoil-objects": [0, /./],
  "workers": [200, /^they came to their ends$/],
};

/** Deeds of apps that come to nothing. */
const VAIN_DEEDS: Record<string, Outcome> = {
  "signals?pid=PID": [200, REFUSED],
  "reach?secret=SECRET": [200, REFUSED],
  "listen?port=PORT": [200, REFUSED],
  "descriptors": [200, /^opened: $/],
  "fatal": [200, REFUSED],
  "shared": [200, /^\["undefined",\[\],0\]$/],
  "environment": [200, /./],
  "services": [200, /^change: refused: .*\nprototype: refused: /],
};

/** Answers that are none, of apps with or without a worker. */
const ANSWERS: Record<string, Outcome> = {
  "bad-field": [500, /./],
  "bad-object": [500, /./],
  "short": [0, /./],
  "long": [0, /^(?:12|broken off.*|.*gateway.*)$/s],
  "framing": [200, /^framed$/],
  "liar": [200, /^AAAA$/],
  "broken": [200, /^broken off: /],
  "throw": [500, /./],
  "prints": [200, /^printed$/],
  "fields": [500, /./],
};

/** Attacks on how a gateway was started; each takes one of its own. */
const OWN_GATEWAYS: Record<string, (product: Product) => Promise<void>> = {
  "all descriptors are taken": gateways.fewDescriptors,
  "an app opens whatever it may": gateways.greedyApp,
  "a process is lost, and apps print what it could have told": gateways.lostProcess,
  "messages of Mongrel2 are none": gateways.strangeMessages,
  "others could write to the cache": gateways.foreignCache,
  "an app could reach the inspector": gateways.inspectedApp,
};

/** Registers the tests of a product. */
export function hostileTests(product: Product): void {
  for (const [name, attack] of Object.entries(OWN_GATEWAYS)) {
    Deno.test({
      name: `others are safe when ${name} (${product.name})`,
      ignore: Deno.build.os === "windows" ||
        attack === gateways.strangeMessages && libzmqIsMissing(),
      fn: () => attack(product),
    });
  }
  for (const workers of [0, 1]) {
    Deno.test(`whatever anybody does, others get their answers (${product.name}, --workers ${workers})`, async (test) => {
      await using site = await Site.start(product, workers);
      for (const [name, attack] of Object.entries(CLIENTS)) {
        await test.step({
          name,
          ignore: attack === clients.resets && !canReset,
          fn: () => site.survives("clients", () => attack(site)),
        });
      }
      const deeds = workers === 0 ? ANSWERS : { ...ANSWERS, ...VAIN_DEEDS, ...SPOILING_DEEDS };
      for (const [deed, [status, text]] of Object.entries(deeds)) {
        await test.step(`an app: ${deed}`, async () => {
          await site.survives("apps", async () => {
            const { gateway, folder } = site;
            const outcome = await site.askHostile(
              deed.replace("PID", `${gateway.pid}`).replace("PORT", `${gateway.port}`)
                .replace("SECRET", `${folder}/secret.json`),
            );
            if (status > 0) assertEquals(outcome.status, status, outcome.text);
            assertMatch(outcome.text, text);
          });
          if (deed in SPOILING_DEEDS) await site.renew();
        });
      }
      await site.end();
    });
  }
}
