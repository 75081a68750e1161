/**
 * `--acme`: certificates of an authority, kept in a folder of this user's.
 *
 * @module
 */

import { dirname, join } from "node:path";
import { messageOf } from "../base/error_message.ts";
import { ConfigError } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import type { Surroundings } from "../base/surroundings.ts";
import { AcmeState } from "../certificates/acme_state.ts";
import { AcmeUpkeep } from "../certificates/acme_upkeep.ts";
import type { KeyFiles } from "../certificates/certificate_files.ts";
import { ownKeyPair } from "../certificates/keys.ts";
import type { Challenges } from "../certificates/plain_http.ts";
import type { AcmeSettings } from "../config/settings.ts";
import { giveFile } from "./file_owner.ts";
import { acmeFolder } from "./acme_folder.ts";

/** Mode of folders that not only their owner can change. */
const OTHERS_WRITE = 0o022;

/** Certificates that come from an authority. */
export class AcmeCertificates {
  readonly #settings: AcmeSettings;
  readonly #state: AcmeState;
  readonly #log: Log;

  /**
   * Makes the folder where they are kept, or leaves it to {@linkcode makeFolder}: a process that `becomes`
   * another user touches nothing there that this user could have put in its way.
   *
   * @throws {ConfigError} if there is none, or it cannot be made
   */
  constructor(
    settings: AcmeSettings,
    surroundings: Surroundings,
    becomes: "another user" | "nobody else",
    log: Log,
  ) {
    this.#settings = settings;
    this.#log = log;
    const root = acmeFolder(settings, surroundings);
    this.#state = new AcmeState(root, new URL(settings.directory), log);
    if (becomes === "nobody else" || isRootsAlone(this.#state.folder)) this.makeFolder();
  }

  /** @throws {ConfigError} if the folder cannot be made or used */
  makeFolder(): void {
    try {
      this.#state.make();
    } catch (error) {
      throw new ConfigError(
        `--acme cannot use the folder ${this.#state.folder}: ${
          messageOf(error)
        }; name another one ` +
          "with --acme-state",
      );
    }
  }

  /** Knows the answers to the authority's challenges. */
  get challenges(): Challenges {
    return this.#state;
  }

  /** Where the certificates are, when they are read, and what stands in for them until then. */
  async files(reading: KeyFiles["reading"]): Promise<KeyFiles[]> {
    return await Promise.all(this.#settings.certificates.map(async (names) => {
      const path = this.#state.pathFor(names);
      return { certFile: path, keyFile: path, standIn: await ownKeyPair(names), reading };
    }));
  }

  /**
   * Makes all that is kept the user's whom this process is going to become, if it is root's alone.
   *
   * @throws {ConfigError} if the system refuses
   */
  giveTo(uid: number, gid: number): void {
    const { folder } = this.#state;
    if (!isRootsAlone(folder)) return;
    const inIt = [...Deno.readDirSync(folder)].map(({ name }) => join(folder, name));
    // First what is in it: from then on its owner can change what is there.
    const failed = [...inIt, folder].find((path) => !giveFile(path, uid, gid));
    if (failed !== undefined) {
      throw new ConfigError(`--acme: ${failed} cannot be given to user ${uid}`);
    }
  }

  /** Gets and renews the certificates, until it is disposed of; `onNew` is called when one is new. */
  keepUp(onNew: () => void): Disposable {
    const { certificates, contacts, directory } = this.#settings;
    const client = Deno.createHttpClient({});
    const upkeep = new AcmeUpkeep({
      directory: new URL(directory),
      certificates,
      contacts,
      state: this.#state,
      transport: (url, init) => fetch(url, { ...init, redirect: "manual", client }),
      onNew,
      log: this.#log,
    });
    return {
      [Symbol.dispose]() {
        upkeep[Symbol.dispose]();
        client.close();
      },
    };
  }
}

/** Whether nobody but root can change what is at `path`, or, as long as it is missing, make it. */
function isRootsAlone(path: string): boolean {
  for (let at = path;; at = dirname(at)) {
    try {
      const { isDirectory, mode, uid } = Deno.lstatSync(at);
      if (!isDirectory || uid !== 0 || ((mode ?? 0) & OTHERS_WRITE) !== 0) return false;
      if (at === dirname(at)) return true;
    } catch (error) {
      // Others may not look there, on a system without root.
      if (!(error instanceof Deno.errors.NotFound)) return false;
    }
  }
}
