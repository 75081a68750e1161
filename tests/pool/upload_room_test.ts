/** Bodies on their way to a worker that is behind. */
import type { Exchange, ExchangeReceiver } from "../../src/message/exchange.ts";
import { BODY_WINDOW_BYTES, NOBODY } from "../../src/message/exchange.ts";
import { GatewayPort } from "../../src/pool/gateway_port.ts";
import { BODY, readBody } from "../../src/ring/frames.ts";
import { RingReader } from "../../src/ring/ring.ts";
import { assert, assertEquals } from "../support/assert.ts";
import { headOf } from "../support/checked_exchange.ts";

const RING_BYTES = 1_048_576;
const PIECE = new Uint8Array(65_536);

/** A client that sends a window of a body as fast as it is taken. */
class Upload implements Partial<Exchange> {
  readonly head = headOf("/", { method: "POST", bodyLength: BODY_WINDOW_BYTES });
  receiver: ExchangeReceiver = NOBODY;
  reportSent = false;
  sentBytes = 0;

  send(): void {
    while (this.sentBytes < BODY_WINDOW_BYTES && !this.receiver.congested) {
      this.receiver.onBody(PIECE);
      this.sentBytes += PIECE.length;
    }
  }

  grant(bytes: number): void {
    assertEquals(bytes, 0);
    this.send();
  }
}

Deno.test("bodies wait for room in the ring, and come whole", async () => {
  const gateway = new GatewayPort({ name: "worker 1", ringBytes: RING_BYTES }, {
    ring() {},
    onFrame() {},
    onBroken(error) {
      throw error;
    },
  }, () => {});
  const uploads = Array.from({ length: 32 }, () => new Upload());
  for (const upload of uploads) {
    gateway.handle(upload as unknown as Exchange);
    upload.send();
  }
  const sentBytes = () => uploads.reduce((sum, upload) => sum + upload.sentBytes, 0);
  // There is room left for requests.
  assert(sentBytes() <= RING_BYTES * 3 / 4, `${sentBytes()} bytes were taken at once`);
  let doorbells = 0;
  const worker = new RingReader(gateway.toWorker, () => doorbells++);
  let bytes = 0;
  for (let turns = 0; bytes < 32 * BODY_WINDOW_BYTES; turns++) {
    assert(turns < 100, `${bytes} bytes came`);
    // What was written is published.
    await Promise.resolve();
    const before = doorbells;
    worker.drain((frame) => bytes += frame.kind === BODY ? readBody(frame).length : 0);
    // Whoever waits for room is rung when there is some.
    assert(bytes === 32 * BODY_WINDOW_BYTES || doorbells > before, "no doorbell");
    gateway.exchangeFrames();
  }
  assertEquals(sentBytes(), bytes);
});
