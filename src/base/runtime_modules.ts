/**
 * The runtime's own modules that few starts need: with what they load in turn, some take longer than a tenth
 * of all of ours.
 *
 * @module
 */

/** The members of `node:process` that are used here. */
export interface NodeProcess {
  /** One of the runtime's modules. */
  getBuiltinModule(name: string): unknown;
  /** Sends a signal; 0 for none. */
  kill(pid: number, signal: number): true;
  /** How many listen to an event. */
  listenerCount(event: string): number;
}

const scope = globalThis;
const { apply } = Reflect;
/** Taken now, and not called: programs and apps put something else there, for packages made for browsers. */
const { get: loadProcess, value: ownProcess } = Object.getOwnPropertyDescriptor(scope, "process") ??
  {};

/** What `node:process` exports, which is loaded when it is asked for first. */
export function nodeProcess(): NodeProcess {
  return loadProcess === undefined ? ownProcess : apply(loadProcess, scope, []);
}

/** What the runtime's module `name` exports, which is loaded when it is asked for first. */
export function runtimeModule<Module>(name: `node:${string}`): Module {
  return nodeProcess().getBuiltinModule(name) as Module;
}
