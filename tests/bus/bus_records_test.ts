import { assertEquals, assertThrows } from "../support/assert.ts";
import { MAX_BUS_PAYLOAD_BYTES, MAX_CHANNEL_BYTES } from "../../src/bus/bus.ts";
import {
  busRecord,
  BusRecordError,
  BusRecordReader,
  LOSS,
  MESSAGE,
  SUBSCRIBE,
} from "../../src/bus/bus_records.ts";

const bytes = (...values: number[]) => Uint8Array.from(values);

Deno.test("records are found in bytes that come in any split", () => {
  const records: [number, string, Uint8Array][] = [
    [MESSAGE, "signals/ä", bytes(1, 2, 3)],
    [SUBSCRIBE, "", bytes()],
    [LOSS, "", bytes()],
    [MESSAGE, "x", new Uint8Array(300).fill(7)],
  ];
  const all = bytes(...records.flatMap((record) => [...busRecord(...record)!]));
  for (let split = 0; split <= all.length; split++) {
    const reader = new BusRecordReader();
    const found: unknown[] = [];
    for (const part of [all.subarray(0, split), all.subarray(split)]) {
      reader.push(part, (...record) => found.push(record));
    }
    assertEquals(found, records);
  }
});

for (
  const [what, record] of Object.entries({
    "a record without a kind": bytes(2, 0, 0, 0, 1, 0),
    "a record of 4 GiB": bytes(255, 255, 255, 255),
    "a record larger than any": bytes(0, 0, 2, 1),
    "a name longer than its record": bytes(4, 0, 0, 0, MESSAGE, 2, 0, 65),
    "an unknown kind": bytes(3, 0, 0, 0, 9, 0, 0),
    "the kind 0": bytes(3, 0, 0, 0, 0, 0, 0),
  })
) {
  Deno.test(`${what} is no record`, () => {
    const reader = new BusRecordReader();
    const taker = () => {
      throw new Error("something was found");
    };
    assertThrows(() => reader.push(record, taker), BusRecordError);
  });
}

Deno.test("a name and a payload have as much as they may, and no more", () => {
  const name = "x".repeat(MAX_CHANNEL_BYTES);
  assertEquals(busRecord(MESSAGE, `${name}y`), null);
  assertEquals(busRecord(MESSAGE, "", new Uint8Array(MAX_BUS_PAYLOAD_BYTES + 1)), null);
  let length = 0;
  const payload = new Uint8Array(MAX_BUS_PAYLOAD_BYTES);
  const record = busRecord(MESSAGE, name, payload)!;
  new BusRecordReader().push(record, (_kind, _name, found) => length = found.length);
  assertEquals(length, MAX_BUS_PAYLOAD_BYTES);
});
