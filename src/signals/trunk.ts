/**
 * How records of signals and topics pass between processes: over the bus, with the numbers of the
 * workers that they are from or for.
 *
 * @module
 */

const UP = "signals>";
const DOWN = "signals<";
/** Bytes of a number of a worker, and of their count. */
const NUMBER_BYTES = 4;

/** The channel from the process `key` to the hub. */
export function upChannel(key: string): string {
  return UP + key;
}

/** The channel from the hub to the process `key`. */
export function downChannel(key: string): string {
  return DOWN + key;
}

/** What the names of all channels to the hub begin with. */
export const TO_HUB = UP;

/** The key of the process that a channel to the hub is from. */
export function keyOf(channel: string): string {
  return channel.slice(UP.length);
}

/** A record, and the workers that it is from or for, as a message on the bus. */
export function packed(workers: readonly number[], record: Uint8Array): Uint8Array {
  const message = new Uint8Array((1 + workers.length) * NUMBER_BYTES + record.length);
  const numbers = new DataView(message.buffer);
  numbers.setUint32(0, workers.length, true);
  workers.forEach((worker, i) => numbers.setUint32((i + 1) * NUMBER_BYTES, worker, true));
  message.set(record, (1 + workers.length) * NUMBER_BYTES);
  return message;
}

/** What {@linkcode packed} has made; no workers if it has not made it. */
export function unpacked(message: Uint8Array): { workers: number[]; record: Uint8Array } {
  const numbers = new DataView(message.buffer, message.byteOffset, message.length);
  const count = message.length < NUMBER_BYTES ? 0 : numbers.getUint32(0, true);
  if ((1 + count) * NUMBER_BYTES > message.length) return { workers: [], record: message };
  const workers: number[] = [];
  for (let i = 1; i <= count; i++) workers.push(numbers.getUint32(i * NUMBER_BYTES, true));
  return { workers, record: message.subarray((1 + count) * NUMBER_BYTES) };
}
