/**
 * Reloads apps when what they are made of changes.
 *
 * @module
 */

import { messageOf } from "../base/error_message.ts";
import type { Log } from "../base/log.ts";
import { timerMs } from "../base/timers.ts";
import type { ServeSettings } from "../config/settings.ts";
import type { AppLoading } from "./apps.ts";
import { FileWatcher } from "./file_watcher.ts";

/** When apps are reloaded, and how. */
export interface ReloadingOptions extends Pick<ServeSettings, "watch" | "watchRemoteMs"> {
  /** Absolute paths of further files to watch. */
  readonly files: readonly string[];
  /** Reloads the apps, and logs the reason. */
  reload(reason: string): Promise<unknown>;
  /** Takes what cannot be watched, or asked for. */
  readonly log: Log;
}

/** Watches what apps are made of, until it is disposed of. */
export class Reloading implements Disposable {
  readonly #loading: AppLoading;
  readonly #options: ReloadingOptions;
  readonly #watcher: FileWatcher | null;
  readonly #timer: ReturnType<typeof setInterval> | null;
  #isAsking = false;

  constructor(loading: AppLoading, options: ReloadingOptions) {
    this.#loading = loading;
    this.#options = options;
    const { watch, watchRemoteMs, log } = options;
    const onChange = (path: string) => this.reload(`${path} has changed`);
    this.#watcher = watch === "files"
      ? new FileWatcher(() => this.#watched(), onChange, log)
      : null;
    if (this.#watcher !== null) loading.onMoreFiles = () => this.#watcher?.refresh();
    this.#timer = watchRemoteMs > 0
      ? setInterval(() => this.#askRemotely(), timerMs(watchRemoteMs))
      : null;
  }

  /** Reloads the apps, and watches what they are made of then. */
  async reload(reason: string): Promise<void> {
    await this.#options.reload(reason);
    this.#watcher?.refresh();
  }

  /** Ends the watching. */
  [Symbol.dispose](): void {
    this.#watcher?.[Symbol.dispose]();
    if (this.#timer !== null) clearInterval(this.#timer);
  }

  #watched(): Map<string, string | null> {
    const further = this.#options.files.map((path) => [path, null] as const);
    return new Map([...this.#loading.localFiles(), ...further]);
  }

  async #askRemotely(): Promise<void> {
    if (this.#isAsking) return;
    this.#isAsking = true;
    try {
      if (await this.#loading.hasChangedRemotely()) {
        await this.reload("remote modules have changed");
      }
    } catch (error) {
      this.#options.log("error", messageOf(error));
    } finally {
      this.#isAsking = false;
    }
  }
}
