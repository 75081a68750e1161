/**
 * Messages to a thread whose module does not listen yet.
 *
 * @module
 */

import { uncurried } from "../base/captured.ts";

const { MessageEvent } = globalThis;
const scope: EventTarget = globalThis;
const { addEventListener, dispatchEvent, removeEventListener } = EventTarget.prototype;
const listen: (
  target: EventTarget,
  type: "message",
  listener: (event: MessageEvent) => void,
) => void = uncurried(addEventListener) as never;
const unlisten: typeof listen = uncurried(removeEventListener) as never;
const dispatch = uncurried(dispatchEvent);
const stopImmediatePropagation = uncurried(Event.prototype.stopImmediatePropagation);

/**
 * Keeps the messages to the current thread from now on, but those that `take` takes for itself; returns
 * what ends that, and lets the thread have them.
 */
export function holdMessages(take: (data: unknown) => boolean): () => void {
  const early: MessageEvent[] = [];
  const hold = (event: MessageEvent): void => {
    stopImmediatePropagation(event);
    if (!take(event.data)) early[early.length] = event;
  };
  listen(scope, "message", hold);
  return () => {
    unlisten(scope, "message", hold);
    for (let i = 0; i < early.length; i++) {
      const { data, ports } = early[i];
      dispatch(scope, new MessageEvent("message", { data, ports: ports as MessagePort[] }));
    }
  };
}
