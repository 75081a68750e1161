/** Sends every frame back over the other ring, and checks that what it reads is unharmed. */
import { RingReader, RingWriter } from "../../src/ring/ring.ts";

interface Scope {
  postMessage(message: unknown): void;
  onmessage: ((event: MessageEvent) => void) | null;
}
const scope = globalThis as unknown as Scope;
let onDoorbell = () => {};

scope.onmessage = (event) => {
  if (event.data === 0) return onDoorbell();
  const { incoming, outgoing } = event.data;
  const ring = () => scope.postMessage(0);
  const reader = new RingReader(incoming, ring);
  const writer = new RingWriter(outgoing, ring);
  onDoorbell = () => {
    reader.drain((frame) => {
      const { at, length } = frame;
      for (let i = 0; i < length; i++) {
        if (frame.bytes[at + i] !== ((frame.id + i) & 0xff)) throw new Error("a byte was changed");
      }
      writer.write(
        frame.kind,
        frame.flags,
        frame.id,
        frame.value,
        frame.bytes.slice(at, at + length),
      );
    });
    writer.publish();
  };
  onDoorbell();
  scope.postMessage("started");
};
