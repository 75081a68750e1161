/**
 * Announces the gateway's state: on standard error, to the service manager and in the pidfile; or
 * to the supervisor, which announces it.
 *
 * @module
 */

import type { ServeSettings } from "../config/settings.ts";
import type { LogLevel } from "../base/log.ts";
import { logToStderr, tell } from "../base/log.ts";
import type { Surroundings } from "../base/surroundings.ts";
import { environmentOf } from "../base/surroundings.ts";
import { ServiceManager } from "../notify/service_manager.ts";
import type { Membership } from "../supervisor/membership.ts";
import { Pidfile } from "./pidfile.ts";

/** A line of the log. */
export type Notice = readonly [level: LogLevel, text: string];

/** Tells how the gateway does. Disposed at its end. */
export interface Announcer extends Disposable {
  /** It will give up the privileges that it may need to write its pidfile. */
  givingUpPrivileges(): void;
  /** It serves at `urls`; `notice` is printed with it. */
  ready(urls: readonly string[], notice: Notice | null): void;
  /** It begins to reload the apps. */
  reloading(): void;
  /** It has loaded them, or goes on with those that it had. */
  reloaded(): void;
  /** It finishes what is in flight. */
  stopping(): void;
}

/** Announces for the process that the user has started. */
export class CommandAnnouncer implements Announcer {
  readonly #pidfile: Pidfile | null;
  readonly #manager: ServiceManager | null;
  #isWritten = false;

  /** @throws {ConfigError} if the pidfile is another process's */
  constructor({ pidfile }: Pick<ServeSettings, "pidfile">, surroundings: Surroundings) {
    this.#pidfile = pidfile === undefined ? null : new Pidfile(pidfile, surroundings);
    this.#manager = ServiceManager.fromEnvironment(environmentOf(surroundings.env), logToStderr);
  }

  givingUpPrivileges(): void {
    this.#pidfile?.write();
    this.#isWritten = true;
  }

  ready(urls: readonly string[], notice: Notice | null): void {
    if (notice !== null) {
      const [level, text] = notice;
      // Each is a line of the gateway's own.
      for (const line of text.split("\n")) logToStderr(level, line);
    }
    for (const url of urls) tell(`listening ${url}`);
    if (!this.#isWritten) this.#pidfile?.write();
    this.#manager?.ready(`serving ${urls.join(", ")}`);
    tell("ready");
  }

  reloading(): void {
    this.#manager?.reloading();
  }

  reloaded(): void {
    this.#manager?.reloaded();
  }

  stopping(): void {
    this.#manager?.stopping();
  }

  [Symbol.dispose](): void {
    this.#pidfile?.remove();
    this.#manager?.[Symbol.dispose]();
  }
}

/** Announces to the supervisor. */
export class MemberAnnouncer implements Announcer {
  readonly #membership: Membership;

  /** Announces for a supervised process. */
  constructor(membership: Membership) {
    this.#membership = membership;
  }

  givingUpPrivileges(): void {}

  ready(urls: readonly string[], notice: Notice | null): void {
    this.#membership.report({ kind: "ready", urls, notice });
  }

  reloading(): void {
    this.#membership.report({ kind: "reloading" });
  }

  reloaded(): void {
    this.#membership.report({ kind: "reloaded" });
  }

  stopping(): void {}

  [Symbol.dispose](): void {}
}
