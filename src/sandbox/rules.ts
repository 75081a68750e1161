/**
 * The rules of a worker's sandbox.
 *
 * @module
 */

import type { UnstableRules } from "../base/unstable_features.ts";

/** The rules of a worker's sandbox. */
export interface SandboxRules {
  /** Whether its apps may do all that gatehouse may: then most of what would be closed stays open. */
  readonly trust: "full" | "limited";
  /** Name of the group of workers that share what the platform shares; nobody else can guess it. */
  readonly group: string;
  /** Memory with a counter of what the workers' thread opens. */
  readonly opens: SharedArrayBuffer;
  /** TCP ports that the gateway listens at. */
  readonly ports: readonly number[];
  /** Paths of the unix sockets that the gateway listens at. */
  readonly socketPaths: readonly string[];
  /** Where the gateway listens, as far as that is known when the worker is started: for apps to be told. */
  readonly addresses: readonly Deno.Addr[];
  /** What apps get of the runtime's unstable features; `null` for all that the process has. */
  readonly unstable: UnstableRules | null;
  /** Memory that says when the worker runs jobs: see {@linkcode isOnDuty} of `cron_duty.ts`. */
  readonly cronDuty: SharedArrayBuffer;
}

/** The addresses that the gateway keeps for itself. */
export type ReservedAddresses = Pick<SandboxRules, "ports" | "socketPaths" | "addresses">;

/** No addresses. */
export const NOTHING_RESERVED: ReservedAddresses = Object.freeze({
  ports: [],
  socketPaths: [],
  addresses: [],
});
