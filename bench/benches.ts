/**
 * All benches that measure gatehouse beside others.
 *
 * @module
 */

import type { Bench } from "./bench.ts";
import { fastCgiBench } from "./fastcgi.ts";
import { httpBench } from "./http.ts";
import { mongrel2Bench } from "./mongrel2.ts";

/** The benches. */
export const benches: readonly Bench[] = [httpBench, fastCgiBench, mongrel2Bench];
