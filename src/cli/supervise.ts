/**
 * `gatehouse serve --processes N`: runs gateway processes until a signal ends them.
 *
 * @module
 */

import type { Bus } from "../bus/bus.ts";
import type { ServeSettings } from "../config/settings.ts";
import { adminAddresses } from "../config/settings.ts";
import { ConfigError } from "../base/errors.ts";
import { logToStderr, passOnFrom, tell } from "../base/log.ts";
import { NOTIFY_VARIABLES } from "../notify/service_manager.ts";
import { ownCommand } from "../supervisor/command.ts";
import { checkShareable, reservePorts } from "../supervisor/places.ts";
import type { GatewayProcess, ReadyReport } from "../supervisor/process.ts";
import type { Surroundings } from "../base/surroundings.ts";
import { withoutVariables } from "../base/surroundings.ts";
import { StartError } from "../supervisor/process.ts";
import { Supervisor } from "../supervisor/supervisor.ts";
import { CommandAnnouncer } from "./announcer.ts";
import { timerMs } from "../base/timers.ts";
import { Hangups } from "./hangups.ts";
import { openHub } from "../gateway/hub.ts";
import type { SupervisingWatch } from "./supervising_watch.ts";

/**
 * Runs the processes until SIGINT or SIGTERM, then lets them drain; a second signal ends them at once.
 * SIGHUP lets them reload their apps, SIGUSR2 replaces them one by one. Returns the exit status.
 */
export async function superviseCommand(
  settings: ServeSettings,
  surroundings: Surroundings,
): Promise<number> {
  if (Deno.build.os === "windows") {
    throw new ConfigError(
      "--processes requires SO_REUSEPORT and signals, which Windows does not have",
    );
  }
  if (Deno.permissions.querySync({ name: "run" }).state !== "granted") {
    throw new ConfigError("--processes starts processes: run Deno with --allow-run, or with -A");
  }
  const { tempFolder: path } = surroundings;
  const mayMakeSockets = (["read", "write"] as const)
    .every((name) => Deno.permissions.querySync({ name, path }).state === "granted");
  if (!mayMakeSockets) {
    throw new ConfigError(
      `--processes uses sockets between processes: run Deno with --allow-read=${path} and ` +
        `--allow-write=${path}, or with -A`,
    );
  }
  checkShareable(settings);
  // The processes become this user: they need not be started to know that they cannot.
  if (settings.user !== null) (await import("./privileges.ts")).findAccount(settings.user);
  using hangups = new Hangups();
  using announcer = new CommandAnnouncer(settings, surroundings);
  using reserved = await reservePorts(settings);
  using opened = await openHub(settings.signals, logToStderr);
  const { hub } = opened;
  await using watch = await newWatch(settings);
  const log = watch?.watching(logToStderr) ?? logToStderr;
  const supervisor = new Supervisor({
    processes: settings.processes,
    command: ownCommand(surroundings),
    surroundings: withoutVariables(surroundings, NOTIFY_VARIABLES),
    ports: reserved.ports,
    drainDelayMs: settings.drainDelayMs,
    drainTimeoutMs: settings.drainTimeoutMs,
    log,
    hub,
    onEnd: (key) => watch?.onEnd(key),
    print: printLine,
    onReload: (state) => announcer[state](),
  });
  await using _lines = await printLines(settings, supervisor.bus);
  const stop = Promise.withResolvers<void>();
  let signals = 0;
  const onStop = () => {
    if (++signals > 1) {
      supervisor.killNow();
      Deno.exit(1);
    }
    stop.resolve();
  };
  using _listeners = signalListeners({
    SIGINT: onStop,
    SIGTERM: onStop,
    SIGUSR1: () => supervisor.signal("SIGUSR1"),
    SIGUSR2: () => supervisor.roll(),
  });
  hangups.tell(() => supervisor.signal("SIGHUP"));
  await watch?.open(
    settings,
    surroundings,
    {
      bus: supervisor.bus,
      get members() {
        return supervisor.members;
      },
      get isStopping() {
        return supervisor.isStopping;
      },
      reload: () => supervisor.signal("SIGHUP"),
      drain: stop.resolve,
    },
    hub,
  );
  // At the end it may be another version's, or gone.
  const delayed = settings.drainDelayMs > 0 ? await import("./delayed_end.ts") : null;
  try {
    const starting = supervisor.start(() => reserved[Symbol.dispose]());
    const reports = await Promise.race([starting, stop.promise]);
    if (reports === undefined) {
      starting.catch(() => {
        // They are killed.
      });
      await supervisor.kill();
      tell("gatehouse: stopped before it was ready");
      return 1;
    }
    announcer.ready(urlsOf(reports), reports[0].notice);
  } catch (error) {
    if (error instanceof StartError) return error.code;
    throw error;
  }
  await stop.promise;
  announcer.stopping();
  if (delayed !== null) {
    supervisor.announceEnd();
    delayed.tellOfDelay(settings.drainDelayMs);
    await new Promise((resolve) => setTimeout(resolve, timerMs(settings.drainDelayMs)));
  }
  return await supervisor.drain() ? 0 : 1;
}

/** What the processes are watched by, if that is asked for. */
async function newWatch(settings: ServeSettings): Promise<SupervisingWatch | null> {
  if (adminAddresses(settings).length === 0) return null;
  const { SupervisingWatch } = await import("./supervising_watch.ts");
  return new SupervisingWatch();
}

/** Prints the lines of the access logs of all processes, if they are to be on standard output. */
async function printLines({ accessLog }: ServeSettings, bus: Bus): Promise<AsyncDisposable> {
  if (accessLog !== "-") return { [Symbol.asyncDispose]: () => Promise.resolve() };
  const { LINES_CHANNEL, OutputQueue } = await import("../logs/sinks.ts");
  const queue = new OutputQueue(logToStderr);
  const subscription = bus.subscribe(LINES_CHANNEL, {
    onMessage: (_, lines) => queue.push(lines),
    onLoss() {},
  });
  return {
    async [Symbol.asyncDispose]() {
      subscription[Symbol.dispose]();
      await queue.close();
    },
  };
}

/** What a process has printed, with its number. One call is one line: none gets into another. */
function printLine(
  { number, key }: GatewayProcess,
  stream: "stdout" | "stderr",
  line: string,
): void {
  passOnFrom(number, stream, line, `${key} `);
}

/** The endpoints of all processes: shared ones once. */
function urlsOf(reports: readonly ReadyReport[]): string[] {
  return [...new Set(reports.flatMap(({ urls }) => urls))];
}

function signalListeners(handlers: Partial<Record<Deno.Signal, () => void>>): Disposable {
  const listeners = new DisposableStack();
  for (const [name, handler] of Object.entries(handlers)) {
    Deno.addSignalListener(name as Deno.Signal, handler);
    listeners.defer(() => Deno.removeSignalListener(name as Deno.Signal, handler));
  }
  return listeners;
}
