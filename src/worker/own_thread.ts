/**
 * What the gateway's own thread is made when apps run on it, which have no sandbox there.
 *
 * @module
 */

import { allocateCronDuty, giveCronDuty } from "../sandbox/cron_duty.ts";
import { limitUnstable } from "../sandbox/unstable.ts";
import type { AppSet } from "./protocol.ts";

/** Gives the thread what `apps` get of the runtime's unstable features; it runs their jobs. */
export function shareOwnThread({ unstable }: AppSet): void {
  const cronDuty = allocateCronDuty();
  giveCronDuty(cronDuty, "ever");
  limitUnstable({ unstable: unstable ?? null, cronDuty }, () => {});
}
