import { AcceptFaults, isExhaustion } from "../../src/net/accept_faults.ts";
import { assert, assertEquals } from "../support/assert.ts";

Deno.test("the system's want of descriptors and memory is told from the faults of clients", () => {
  for (const code of ["EMFILE", "ENFILE", "ENOBUFS", "ENOMEM"]) {
    assert(isExhaustion(Object.assign(new Error("no"), { code })), code);
  }
  for (const code of ["ENOTCONN", "ECONNABORTED", "ECONNRESET", "EPROTO", undefined]) {
    assert(!isExhaustion(Object.assign(new Error("no"), { code })), code);
  }
  assert(!isExhaustion(null));
  assert(!isExhaustion("EMFILE"));
});

Deno.test("faults are logged at once, and then with their number", () => {
  const lines: string[] = [];
  const faults = new AcceptFaults("http", (level, message) => lines.push(`${level} ${message}`));
  faults.add(new Error("first"));
  assertEquals(lines, ["warning http: cannot accept a connection: first"]);
  for (let i = 0; i < 1_000; i++) faults.add(new Error("another"));
  assertEquals(lines.length, 1);
  faults.end();
  assertEquals(lines.slice(1), ["warning http: cannot accept 1000 connections: another"]);
  faults.end();
  assertEquals(lines.length, 2);
});

Deno.test("others have their turn among faults that come without end, and longer ones the longer it goes on", () => {
  const faults = new AcceptFaults("http", () => {});
  const pauses: number[] = [];
  for (let i = 0; i < 100_000; i++) {
    faults.add(new Error("again"));
    if (faults.pauseMs > 0) pauses.push(faults.pauseMs);
  }
  assertEquals(pauses.slice(0, 3), [1, 2, 3]);
  assertEquals(pauses.at(-1), 100);
  faults.clear();
  faults.add(new Error("once more"));
  assertEquals(faults.pauseMs, 0);
  faults.end();
});
