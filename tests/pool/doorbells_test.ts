import { assertEquals } from "../support/assert.ts";
import { Doorbells } from "../../src/pool/doorbells.ts";
import { LoadingReports } from "../../src/pool/loading_reports.ts";
import { RateLimit } from "../../src/pool/rate_limit.ts";
import type { AppSource } from "../../src/worker/protocol.ts";

/** Doorbells, and how many fences were sent. */
function doorbells(): [Doorbells, { fences: number }] {
  const sent = { fences: 0 };
  return [new Doorbells(() => sent.fences++), sent];
}

Deno.test("a worker that hears its doorbells may ring for ever, and is asked now and then", () => {
  const [bells, sent] = doorbells();
  for (let i = 0; i < 1_000_000; i++) {
    bells.onReceived();
    bells.onFrame();
    bells.onSent();
    if (sent.fences > 0) {
      assertEquals(bells.onFence(), true);
      sent.fences = 0;
    }
    assertEquals(bells.isFlood, false);
  }
});

Deno.test("doorbells that nobody hears are a flood, whoever rings", () => {
  for (const ring of ["onReceived", "onSent"] as const) {
    const [bells, sent] = doorbells();
    let rings = 0;
    while (!bells.isFlood) {
      bells[ring]();
      bells.onFrame();
      rings++;
    }
    assertEquals([rings, sent.fences], [30_001, 1]);
  }
});

Deno.test("doorbells about nothing are a flood, though they are heard", () => {
  const [bells] = doorbells();
  let rings = 0;
  while (!bells.isFlood) {
    bells.onReceived();
    bells.onFence();
    rings++;
  }
  assertEquals(rings, 10_001);
});

Deno.test("rings that are no messages need no fence, and are a flood if they are about nothing", () => {
  const [bells, sent] = doorbells();
  for (let i = 0; i < 100_000; i++) {
    bells.onRung();
    bells.onFrame();
  }
  for (let i = 0; i < 10_000; i++) bells.onRung();
  assertEquals([bells.isFlood, sent.fences], [false, 0]);
  bells.onRung();
  assertEquals(bells.isFlood, true);
});

Deno.test("a fence that was not sent does not come back", () => {
  const [bells] = doorbells();
  assertEquals(bells.onFence(), false);
  for (let i = 0; i < 10_000; i++) bells.onSent();
  assertEquals([bells.onFence(), bells.onFence()], [true, false]);
});

Deno.test("each report is due once, for each mount that a module is in", () => {
  const mount = (url: string, ...middleware: string[]): AppSource => {
    const source = { exportName: "default", kind: "plain", settings: {} } as const;
    return {
      ...source,
      url,
      prefix: "",
      middleware: middleware.map((url) => ({ ...source, url })),
    };
  };
  const mounts = [mount("a", "m"), mount("b", "m"), mount("a")];
  const reports = new LoadingReports({ mounts, faultReports: "none" });
  assertEquals([...reports.loading], ["a", "m", "b"]);
  assertEquals(["a", "a", "a", "m", "x"].map((url) => reports.onLoaded(url)), [
    true,
    true,
    false,
    true,
    false,
  ]);
  assertEquals([...reports.loading], ["m", "b"]);
  assertEquals([reports.onOutcome(), reports.onOutcome(), reports.onLoaded("m")], [
    true,
    false,
    false,
  ]);
});

Deno.test("a limit admits so many in a period, and counts the others", () => {
  const limit = new RateLimit(3, 1e9);
  assertEquals(Array.from({ length: 5 }, () => limit.admits()), [true, true, true, false, false]);
  assertEquals(limit.refused, 2);
  const short = new RateLimit(1, 0);
  assertEquals(Array.from({ length: 5 }, () => short.admits()), Array(5).fill(true));
});
