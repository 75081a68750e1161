/**
 * One of several processes that share a cache: `cache_process.ts ROOT TASK [BASE_URL]`.
 * Exits 1 when it finds anything that it should not.
 */

import { ModuleCache } from "../../src/loader/cache/cache.ts";
import { DEFAULT_FETCH_LIMITS, ModuleFetcher } from "../../src/loader/fetch/fetcher.ts";

const [root, task, base] = Deno.args;
const cache = new ModuleCache(root);
const ROUNDS = 20;

switch (task) {
  case "load": {
    for (let round = 0; round < ROUNDS; round++) {
      const fetcher = new ModuleFetcher(cache, {
        reload: round % 2 === 0 ? "none" : "all",
        cachePolicy: "use",
        allowImport: "any",
        allowHttp: "loopback",
        limits: DEFAULT_FETCH_LIMITS,
        lock: null,
      });
      await Promise.all([0, 1, 2, 3].map(async (i) => {
        const { bytes } = await fetcher.load(`${base}/${i}.ts`);
        const [first] = bytes;
        if (bytes.length !== 100_000 || bytes.some((byte) => byte !== first)) {
          throw new Error("torn");
        }
        const key = `${i}`.repeat(64);
        const made = await cache.readTransform(key) as { i: number; code: string } | null;
        if (made !== null && (made.i !== i || made.code.length !== 50_000)) throw new Error("torn");
        await cache.writeTransform(key, { i, code: "x".repeat(50_000) });
      }));
    }
    break;
  }
  case "clean":
    for (let round = 0; round < ROUNDS; round++) await cache.clean();
    break;
  case "write":
    console.log("begins");
    for (let round = 0;; round++) {
      await cache.writeBlob(new Uint8Array(4_000_000).fill(round));
    }
  default:
    throw new Error(`unknown task ${task}`);
}
