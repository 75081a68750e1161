/** What a process reports of requests under way. */

import { assertEquals } from "../support/assert.ts";
import { headOf } from "../support/checked_exchange.ts";
import type { Gateway } from "../../src/gateway/gateway.ts";
import { ProcessMonitor } from "../../src/gateway/process_monitor.ts";
import type { Exchange, UpgradeHead } from "../../src/message/exchange.ts";
import { NOBODY } from "../../src/message/exchange.ts";
import { ObservingHandler } from "../../src/observe/handler.ts";

const UPGRADE: UpgradeHead = {
  kind: "websocket",
  protocol: "websocket",
  fieldLines: "",
  idleTimeoutMs: 0,
};

/** Requests to `targets` that are under way, in this order, as their handler has them. */
function underWay(targets: readonly string[]): {
  readonly observing: ObservingHandler;
  readonly handled: readonly Exchange[];
} {
  const handled: Exchange[] = [];
  const observing = new ObservingHandler({ handle: (exchange) => handled.push(exchange) }, []);
  for (const target of targets) {
    observing.handle({
      ...{ head: headOf(target), receiver: NOBODY, reportSent: false, congested: false },
      ...{ grant() {}, grantData() {}, reportFault() {}, respond() {}, write() {}, inform() {} },
      ...{ end() {}, upgrade() {}, fail() {} },
    });
  }
  return { observing, handled };
}

/** Targets that a process tells of. */
function reported(observing: ObservingHandler): string[] {
  using monitor = new ProcessMonitor(0);
  monitor.gateway = {
    observing,
    ...{ isDraining: false, isAlive: true, generations: [], endpointReports: [] },
    protocolCounts: new Map(),
  } as unknown as Gateway;
  return monitor.report().requests.map(({ target }) => target);
}

Deno.test("sockets, however many and old, hide no requests that are under way", () => {
  const sockets = Array.from({ length: 60 }, (_, i) => `/socket/${i}`);
  const { observing, handled } = underWay([...sockets, "/slow", "/quick"]);
  for (const exchange of handled.slice(0, sockets.length)) {
    exchange.upgrade(UPGRADE);
  }
  assertEquals(reported(observing), ["/slow", "/quick"]);
});

Deno.test("of many requests the oldest are told of, the oldest first", () => {
  const { observing } = underWay(Array.from({ length: 70 }, (_, i) => `/${i}`));
  assertEquals(reported(observing), Array.from({ length: 50 }, (_, i) => `/${i}`));
});

Deno.test("targets are told of without their queries and passwords", () => {
  const long = "p".repeat(300);
  const cases: Record<string, string> = {
    "/path?token=secret": "/path",
    "/path?": "/path",
    "/?a=http://b/?c": "/",
    "http://user:secret@host/path?token=secret": "http://user:***@host/path",
    // The password is longer than what is shown.
    [`http://user:${long}@host/path`]: "http://user:***@host/path",
    [`/${long}?token=secret`]: `/${long.slice(0, 199)}`,
    "*": "*",
  };
  const { observing } = underWay(Object.keys(cases));
  assertEquals(reported(observing), Object.values(cases));
});
