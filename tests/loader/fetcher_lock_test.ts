import { sha256Hex } from "../../src/base/sha256.ts";
import { assertEquals, assertMatch } from "../support/assert.ts";
import { Bench, MODULE } from "./fetch_bench.ts";
import { redirectTo } from "./module_server.ts";

Deno.test("a lock pins modules and redirects, and a changed byte refuses to load", async () => {
  await using bench = new Bench({ "/r": redirectTo("/m.ts#f"), "/m.ts": MODULE });
  const lock = await bench.lock("extend");
  const fetcher = bench.fetcher({ lock });
  await fetcher.load(`${bench.origin}/r`);
  await fetcher.load(`${bench.origin}/m.ts#x`);
  await fetcher.load("data:text/javascript,1");
  await lock.write();
  assertEquals(JSON.parse(await Deno.readTextFile(lock.path)), {
    version: 1,
    modules: { [`${bench.origin}/m.ts`]: await sha256Hex("export default 1;") },
    redirects: { [`${bench.origin}/r`]: `${bench.origin}/m.ts#f` },
  });
  bench.server.takePaths();

  // Where the lock says it leads, whatever the server says now.
  const frozen = await bench.lock("frozen");
  bench.server.pages["/r"] = redirectTo("/other.ts");
  const { url } = await bench.fetcher({ lock: frozen, reload: "all" }).load(`${bench.origin}/r`);
  assertEquals(url, `${bench.origin}/m.ts#f`);
  assertEquals(bench.server.takePaths(), ["/m.ts"]);

  bench.server.pages["/m.ts"] = "export default 2;";
  await bench.fetcher({ lock: frozen }).load(`${bench.origin}/m.ts`);
  assertMatch(
    await bench.fault("/m.ts", { lock: frozen, reload: "all" }),
    /^cannot load \/m\.ts: its content does not match the lock file \S+: SHA-256 [\da-f]{12}… and not /,
  );
  // What is in the cache now is refused as well.
  assertMatch(
    await bench.fault("/m.ts", { lock: frozen }),
    /^cannot load \/m\.ts: its content does not match/,
  );
});

Deno.test("a frozen lock refuses what it does not know", async () => {
  await using bench = new Bench({ "/r": redirectTo("/m.ts"), "/m.ts": MODULE });
  const lock = await bench.lock("frozen");
  for (const path of ["/m.ts", "/r"]) {
    assertMatch(
      await bench.fault(path, { lock }),
      new RegExp(
        `^cannot load ${path}: the lock file \\S+ is out of date: it does not list it; `,
      ),
    );
  }
});

Deno.test("a pinned redirect leads nowhere that is not allowed", async () => {
  await using bench = new Bench({});
  const lock = await bench.lock("extend");
  lock.pinRedirect(`${bench.origin}/r`, "http://example.com/a.ts");
  assertMatch(
    await bench.fault("/r", { lock }),
    /^cannot load http:\/\/example\.com\/a\.ts: http: is/,
  );
});
