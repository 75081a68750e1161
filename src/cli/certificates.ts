/**
 * The certificates of `--https`: read at the start, and again when they change.
 *
 * @module
 */

import type { Log } from "../base/log.ts";
import { CertificateFiles } from "../certificates/certificate_files.ts";
import type { ServeSettings } from "../config/settings.ts";
import { FileWatcher } from "../gateway/file_watcher.ts";
import { MoveError } from "../net/moved_socket.ts";
import type { TlsIdentity } from "../net/tls_listener.ts";
import { checkCanChoose } from "../net/tls_listener.ts";

/** Shows an identity to clients from now on. */
export interface TlsRenewal {
  /** @throws {MoveError} if the system does not let it */
  renewTls(identity: TlsIdentity): void;
}

/** The certificates, until they are disposed of. */
export class Certificates implements Disposable {
  readonly #files: CertificateFiles;
  readonly #log: Log;
  #gateway: TlsRenewal | null = null;
  #watcher: FileWatcher | null = null;

  /**
   * Reads the certificates that `settings` name.
   *
   * @throws {ConfigError} if they cannot be used, or the runtime cannot choose among them
   */
  constructor({ certFiles, keyFiles }: ServeSettings, log: Log) {
    if (certFiles.length > 1) checkCanChoose();
    this.#log = log;
    this.#files = new CertificateFiles(
      certFiles.map((certFile, index) => ({ certFile, keyFile: keyFiles[index] })),
      log,
    );
  }

  /** What clients are shown. */
  get identity(): TlsIdentity {
    return this.#files.identity;
  }

  /** From now on, shows what becomes of the files to the clients of `gateway`. */
  keepUp(gateway: TlsRenewal): void {
    this.#gateway = gateway;
    this.#watcher = new FileWatcher(
      () => new Map(this.#files.paths.map((path) => [path, null])),
      () => this.reread(),
      this.#log,
    );
    // They may have changed since they were read.
    this.reread();
  }

  /** Reads the files again, and shows what is new in them. */
  reread(): void {
    if (this.#gateway === null || !this.#files.reread()) return;
    try {
      this.#gateway.renewTls(this.identity);
      this.#log("info", "the certificates have changed, and new connections get the new ones");
    } catch (error) {
      if (!(error instanceof MoveError || error instanceof Deno.errors.NotCapable)) throw error;
      this.#log(
        "error",
        `the certificates have changed, and the old ones stay until a restart: ${error.message}`,
      );
    }
  }

  [Symbol.dispose](): void {
    this.#watcher?.[Symbol.dispose]();
    this.#gateway = null;
  }
}
