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
import type { DispatchWatch } from "./dispatch_watch.ts";
import { specOf } from "./handler_source.ts";
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
  const { logLevel: level, logFormat: format, limits, drainTimeoutMs } = settings;
  setUpLog({ level, format });
  const source = await specOf(settings.source);
  using interrupted = untilInterrupted();
  const { promise: stopped, resolve: stop } = Promise.withResolvers<void>();
  interrupted.signal.addEventListener("abort", () => stop());
  let isStopped = false;
  stopped.then(() => isStopped = true);
  using announcer = new CommandAnnouncer(settings, surroundings);
  await using watch = await openWatch(settings, surroundings, stop);
  const log = watch?.log ?? logToStderr;
  openLibzmq(surroundings);
  const { endpoint } = settings;
  using hangups = new Hangups();
  const keys = await dispatchKeys(settings, endpoint, log);
  const placement = await stickyPlacement(settings);
  await using hub = new DispatchHub({
    source,
    endpoint,
    limits,
    onEnded: watch?.onEnded,
    log,
    ...keys === undefined ? {} : { keys },
    ...placement === undefined ? {} : { placement },
  });
  hangups.tell(() => {
    if (keys === undefined) return;
    keys.clients.reread();
    hub.checkKeys();
  });
  await dropPrivileges(settings, surroundings, announcer);
  if (watch !== null) watch.hub = hub;
  await Promise.race([hub.connected, stopped]);
  if (!isStopped) announcer.ready([`dispatch+${hub.endpoint}`], null);
  await stopped;
  if (watch !== null) watch.isEnding = true;
  announcer.stopping();
  using _telling = tellOfWait(hub.dispatcher, drainTimeoutMs, "alone");
  const count = await hub.drain(drainTimeoutMs);
  if (count === 0) return 0;
  logToStderr("warning", `dispatch: requests cut off: ${count}`);
  return 1;
}

/** What the dispatcher is watched by, if that is asked for. */
async function openWatch(
  settings: DispatchSettings,
  surroundings: Surroundings,
  drain: () => void,
): Promise<DispatchWatch | null> {
  const { health, metrics, status } = settings;
  if (health === null && metrics === null && status === null) return null;
  const { DispatchWatch } = await import("./dispatch_watch.ts");
  return await DispatchWatch.open(settings, surroundings, drain, logToStderr);
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
