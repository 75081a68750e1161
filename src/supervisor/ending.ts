/**
 * How the supervisor tells its processes of their end, over the bus, before and besides SIGTERM: a signal says
 * neither that there is time, nor that there is none.
 *
 * @module
 */

import type { Bus } from "../bus/bus.ts";

/** The end is near, or here. */
export type EndingStep = "near" | "here";

const STEPS: readonly EndingStep[] = ["near", "here"];

/** Tells the process `key` of its end. */
export function tellOfEnd(bus: Bus, key: string, step: EndingStep): void {
  bus.publish(channelOf(key), Uint8Array.of(STEPS.indexOf(step)));
}

/** Has `onStep` told of the end of the process `key`. */
export function hearOfEnd(bus: Bus, key: string, onStep: (step: EndingStep) => void): Disposable {
  return bus.subscribe(channelOf(key), {
    onMessage(_, [index]) {
      if (index in STEPS) onStep(STEPS[index]);
    },
    // Then there is the signal.
    onLoss() {},
  });
}

function channelOf(key: string): string {
  return `ending/${key}`;
}
