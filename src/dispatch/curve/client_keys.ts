/**
 * The public keys of those who may connect, as they are in files, which may change.
 *
 * @module
 */

import { messageOf } from "../../base/error_message.ts";
import { ConfigError } from "../../base/errors.ts";
import type { Log } from "../../base/log.ts";
import { readClientKeys } from "../../zmq/curve_files.ts";

/** The keys that are admitted. */
export class ClientKeys {
  readonly #path: string;
  readonly #log: Log;
  #keys: ReadonlyMap<string, string>;

  /**
   * Reads the keys in `path`, a file or a folder: see {@linkcode readClientKeys}.
   *
   * @throws {ConfigError} if they cannot be read
   */
  constructor(path: string, log: Log) {
    this.#path = path;
    this.#log = log;
    this.#keys = readClientKeys(path);
    if (this.#keys.size === 0) log("warning", `${path} has no keys: nobody is admitted`);
  }

  /** Whether the owner of this public key is admitted. */
  has(publicKey: string): boolean {
    return this.#keys.has(publicKey);
  }

  /** Reads the keys again. If that fails it is logged, and those from before stay. */
  reread(): void {
    let keys;
    try {
      keys = readClientKeys(this.#path);
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      this.#log("error", `dispatch: the keys from before stay admitted: ${messageOf(error)}`);
      return;
    }
    const added = [...keys.keys()].filter((key) => !this.#keys.has(key)).length;
    const removed = this.#keys.size + added - keys.size;
    this.#keys = keys;
    this.#log(
      "info",
      `dispatch: ${keys.size} ${keys.size === 1 ? "key is" : "keys are"} admitted, of which ` +
        `${added} ${added === 1 ? "is" : "are"} new; ${removed} ${
          removed === 1 ? "is" : "are"
        } no more`,
    );
  }
}
