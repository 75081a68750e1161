/**
 * What the gateway's own thread is made when apps run on it, which have no sandbox there.
 *
 * @module
 */

import { allocateCronDuty, giveCronDuty } from "../sandbox/cron_duty.ts";
import { limitUnstable } from "../sandbox/unstable.ts";
import { mendForms } from "./forms.ts";
import type { AppSet } from "./protocol.ts";

/**
 * Gives the thread what `apps` get of the runtime's unstable features, and runs their jobs; mends what they
 * find otherwise in workers.
 */
export async function shareOwnThread({ unstable }: AppSet): Promise<void> {
  const cronDuty = allocateCronDuty();
  giveCronDuty(cronDuty, "ever");
  limitUnstable({ unstable: unstable ?? null, cronDuty }, () => {});
  await mendForms();
}
