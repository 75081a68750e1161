/**
 * `gatehouse dispatch`: gives the requests of one Mongrel2 to many gatehouses, until a signal ends it.
 *
 * @module
 */

import { logToStderr, setUpLog } from "../base/log.ts";
import type { Surroundings } from "../base/surroundings.ts";
import type { DispatchSettings } from "../config/dispatch_options.ts";
import { DispatchHub } from "../dispatch/hub.ts";
import type { Placement } from "../dispatch/placement.ts";
import { openLibzmq } from "../zmq/library.ts";
import { CommandAnnouncer } from "./announcer.ts";
import { dispatchKeys } from "./dispatch_trust.ts";
import { Hangups } from "./hangups.ts";
import { untilInterrupted } from "./interrupts.ts";
import { tellOfWait } from "./wait_notice.ts";

/**
 * Dispatches until SIGINT or SIGTERM, then lets handlers finish what has come; a second signal exits at
 * once. SIGHUP has the keys of handlers read again. Resolves to the exit status: 1 if requests had to be cut off.
 *
 * @throws {ZmqLibraryError} if libzmq cannot be loaded
 * @throws {ListenError} if nothing can listen at the endpoint for handlers
 * @throws {ConfigError} if keys or an expression cannot be used, or the process cannot become the user that
 * is named
 */
export async function dispatchCommand(
  settings: DispatchSettings,
  surroundings: Surroundings,
): Promise<number> {
  const { logLevel: level, logFormat: format, source, limits, drainTimeoutMs } = settings;
  setUpLog({ level, format });
  using interrupted = untilInterrupted();
  const stopped = new Promise<void>((resolve) => {
    interrupted.signal.addEventListener("abort", () => resolve());
  });
  using announcer = new CommandAnnouncer(settings, surroundings);
  openLibzmq(surroundings);
  const { endpoint } = settings;
  using hangups = new Hangups();
  const keys = await dispatchKeys(settings, endpoint, logToStderr);
  const placement = await stickyPlacement(settings);
  await using hub = new DispatchHub({
    source,
    endpoint,
    limits,
    log: logToStderr,
    ...keys === undefined ? {} : { keys },
    ...placement === undefined ? {} : { placement },
  });
  hangups.tell(() => {
    if (keys === undefined) return;
    keys.clients.reread();
    hub.checkKeys();
  });
  await dropPrivileges(settings, surroundings, announcer);
  await Promise.race([hub.connected, stopped]);
  if (!interrupted.signal.aborted) announcer.ready([`dispatch+${hub.endpoint}`], null);
  await stopped;
  announcer.stopping();
  using _telling = tellOfWait(hub.dispatcher, drainTimeoutMs, "alone");
  const count = await hub.drain(drainTimeoutMs);
  if (count === 0) return 0;
  logToStderr("warning", `dispatch: requests cut off: ${count}`);
  return 1;
}

async function stickyPlacement({ sticky }: DispatchSettings): Promise<Placement | undefined> {
  if (sticky === null) return undefined;
  const { stickyKey } = await import("../dispatch/sticky/sticky_key.ts");
  const { StickyPlacement } = await import("../dispatch/sticky_placement.ts");
  return new StickyPlacement(await stickyKey(sticky));
}

async function dropPrivileges(
  { user }: DispatchSettings,
  surroundings: Surroundings,
  announcer: CommandAnnouncer,
): Promise<void> {
  if (user === null) return;
  const { become, checkRuntime, findAccount } = await import("./privileges.ts");
  const account = findAccount(user);
  announcer.givingUpPrivileges();
  become(account);
  checkRuntime(account, surroundings);
}
