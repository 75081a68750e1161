/**
 * What runs first in a worker that an app makes: gives it the services of its loader, then its module
 * and the messages that have come meanwhile.
 *
 * @module
 */

import { nodeProcess } from "../base/runtime_modules.ts";
import { tameUncaught } from "../base/uncaught.ts";
import type { NestedStart } from "./app_thread.ts";
import { holdMessages } from "./early_messages.ts";
import { installNested } from "./nested_services.ts";

const { hasOwn } = Object;
/** What the fragment of this module's URL says. */
const SECRET = new URL(import.meta.url).hash.slice(1);
let hasStarted = false;

const process = nodeProcess();
tameUncaught(() => process);
// Some may come before the loader's word: an app can have the platform call it while its worker is made.
const release = holdMessages((data) => {
  if (hasStarted || !isStart(data)) return false;
  start(data);
  return true;
});

function isStart(data: unknown): data is NestedStart {
  return SECRET !== "" && typeof data === "object" && data !== null && hasOwn(data, "secret") &&
    (data as NestedStart).secret === SECRET;
}

async function start(message: NestedStart): Promise<void> {
  hasStarted = true;
  await installNested(message)(message.url);
  release();
}
