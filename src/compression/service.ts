/**
 * What runs in the thread that compresses: zlib works on the thread that calls it.
 *
 * @module
 */

import { Bell } from "../ring/bell.ts";
import { RingReader, RingWriter } from "../ring/ring.ts";
import { EncoderDesk } from "./encoder_desk.ts";
import type { StartMessage } from "./frames.ts";
import { DOORBELL, GATEWAY_BELL, THREAD_BELL } from "./frames.ts";

const scope = self as unknown as {
  onmessage: ((event: MessageEvent) => void) | null;
  postMessage(message: typeof DOORBELL): void;
};

scope.onmessage = ({ data }: MessageEvent<StartMessage>) => {
  const { codings, toThread, toGateway, bells } = data;
  const gatewayBell = new Bell(bells, GATEWAY_BELL);
  const ring = () => {
    if (!gatewayBell.ring()) scope.postMessage(DOORBELL);
  };
  const desk = new EncoderDesk(
    codings,
    new RingReader(toThread, ring),
    new RingWriter(toGateway, ring),
  );
  scope.onmessage = () => desk.onDoorbell();
  new Bell(bells, THREAD_BELL).listen(() => desk.onDoorbell());
  desk.onDoorbell();
};
