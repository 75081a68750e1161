/**
 * Ends a command early, and properly, when its user asks for it.
 *
 * @module
 */

/** Something that ends with SIGINT or SIGTERM. */
export interface Interruptible extends Disposable {
  /** Fires with the first signal; a second one ends the process at once. */
  readonly signal: AbortSignal;
  /** Resolves with the first signal. */
  readonly interrupted: Promise<void>;
}

/** Listens for SIGINT and SIGTERM until it is disposed. */
export function untilInterrupted(): Interruptible {
  const controller = new AbortController();
  const { promise: interrupted, resolve } = Promise.withResolvers<void>();
  const onSignal = () => {
    if (controller.signal.aborted) Deno.exit(1);
    controller.abort();
    resolve();
  };
  const names: Deno.Signal[] = Deno.build.os === "windows" ? ["SIGINT"] : ["SIGINT", "SIGTERM"];
  for (const name of names) Deno.addSignalListener(name, onSignal);
  return {
    signal: controller.signal,
    interrupted,
    [Symbol.dispose]() {
      for (const name of names) Deno.removeSignalListener(name, onSignal);
    },
  };
}
