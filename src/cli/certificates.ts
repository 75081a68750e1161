/**
 * The certificates of `--https`: read at the start, and again when they change.
 *
 * @module
 */

import type { Log } from "../base/log.ts";
import type { Surroundings } from "../base/surroundings.ts";
import { CertificateFiles } from "../certificates/certificate_files.ts";
import { isFor } from "../certificates/codec/x509.ts";
import { ChallengeHandler, HttpsRedirect } from "../certificates/plain_http.ts";
import type { ServeSettings } from "../config/settings.ts";
import { FileWatcher } from "../gateway/file_watcher.ts";
import type { PlainHttp } from "../gateway/gateway_options.ts";
import { MoveError } from "../net/moved_socket.ts";
import type { TlsIdentity } from "../net/tls_identity.ts";
import { checkCanChoose, checkCanRenew } from "../net/tls_listener.ts";
import type { AcmeCertificates } from "./acme.ts";

/** Shows an identity to clients from now on. */
export interface TlsRenewal {
  /** @throws {MoveError} if the system does not let it */
  renewTls(identity: TlsIdentity): void;
}

/** The certificates, until they are disposed of. */
export class Certificates implements Disposable {
  readonly #files: CertificateFiles;
  readonly #acme: AcmeCertificates | null;
  readonly #settings: ServeSettings;
  readonly #log: Log;
  readonly #upkeep = new DisposableStack();
  #gateway: TlsRenewal | null = null;

  private constructor(
    files: CertificateFiles,
    acme: AcmeCertificates | null,
    settings: ServeSettings,
    log: Log,
  ) {
    this.#files = files;
    this.#acme = acme;
    this.#settings = settings;
    this.#log = log;
  }

  /**
   * Reads the certificates that `settings` name.
   *
   * @throws {ConfigError} if they cannot be used, or the runtime cannot do what is asked of it
   */
  static async open(
    settings: ServeSettings,
    surroundings: Surroundings,
    log: Log,
  ): Promise<Certificates> {
    const { certFiles, keyFiles, acme: { certificates }, user } = settings;
    if (certFiles.length + certificates.length > 1) checkCanChoose();
    let acme: AcmeCertificates | null = null;
    if (certificates.length > 0) {
      checkCanRenew();
      const { AcmeCertificates } = await import("./acme.ts");
      const becomes = user === null ? "nobody else" : "another user";
      acme = new AcmeCertificates(settings.acme, surroundings, becomes, log);
    }
    const named = certFiles.map((certFile, index) => ({ certFile, keyFile: keyFiles[index] }));
    // What this user has written is not for root to read.
    const later = await acme?.files(user === null ? "at once" : "later") ?? [];
    const files = new CertificateFiles([...named, ...later], log);
    return new Certificates(files, acme, settings, log);
  }

  /** What clients are shown. */
  get identity(): TlsIdentity {
    return this.#files.identity;
  }

  /** What is served over plain HTTP; `undefined` if that is nothing but the apps. */
  get plainHttp(): PlainHttp | undefined {
    const { redirectHttp: redirects } = this.#settings;
    const acme = this.#acme;
    if (redirects.length === 0 && acme === null) return undefined;
    return {
      redirects,
      redirectTo: (httpsPort) => new HttpsRedirect(httpsPort, (host) => this.#isOwn(host)),
      before: (apps) => acme === null ? apps : new ChallengeHandler(acme.challenges, apps),
    };
  }

  /** Gives what is kept to the user whom this process is going to become. */
  giveTo(uid: number, gid: number): void {
    this.#acme?.giveTo(uid, gid);
  }

  /**
   * Reads what this process, which has become another user, has left to this user, and shows it to the
   * clients of `sockets`.
   *
   * @throws {ConfigError} if it has no folder for what is to be kept
   */
  readAsUser(sockets: TlsRenewal): void {
    if (this.#acme === null) return;
    this.#acme.makeFolder();
    if (this.#files.reread()) sockets.renewTls(this.identity);
  }

  /**
   * From now on, shows what becomes of the files to the clients of `gateway`. If this process is the
   * `"first"`, it gets and renews certificates, too, and others read what it has written.
   */
  keepUp(gateway: TlsRenewal, process: "first" | "other"): void {
    this.#gateway = gateway;
    this.#upkeep.use(
      new FileWatcher(
        () => new Map(this.#files.paths.map((path) => [path, null])),
        () => this.reread(),
        this.#log,
      ),
    );
    // They may have changed since they were read.
    this.reread();
    if (this.#acme !== null && process === "first") {
      this.#upkeep.use(this.#acme.keepUp(() => this.reread()));
    }
  }

  /** Reads the files again, and shows what is new in them. */
  reread(): void {
    if (this.#gateway === null || !this.#files.reread()) return;
    try {
      this.#gateway.renewTls(this.identity);
      this.#log("info", "the certificates have changed: new connections get the new ones");
    } catch (error) {
      if (!(error instanceof MoveError || error instanceof Deno.errors.NotCapable)) throw error;
      this.#log(
        "error",
        `the certificates have changed, and the old ones stay until a restart: ${error.message}`,
      );
    }
  }

  [Symbol.dispose](): void {
    this.#gateway = null;
    this.#upkeep.dispose();
  }

  /** Whether there is a certificate for `host`, as URLs have it, or there will be one. */
  #isOwn(host: string): boolean {
    return this.#files.facts.some((facts) => isFor(facts, host));
  }
}
