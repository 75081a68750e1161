/**
 * The certificates of a gateway, as they are in files, which may change.
 *
 * @module
 */

import { messageOf } from "../base/error_message.ts";
import { ConfigError } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import type { TlsIdentity, TlsKeyPair } from "../net/tls_identity.ts";
import { checkKeys } from "../net/tls_listener.ts";
import type { CertificateFacts } from "./codec/x509.ts";
import { readCertificate } from "./codec/x509.ts";
import type { ServedCertificate } from "./identity.ts";
import { identityOf } from "./identity.ts";

/** Where a certificate and its key are. */
export interface KeyFiles {
  /** Absolute path of the chain (PEM). */
  readonly certFile: string;
  /** Absolute path of the key (PEM). It may be the same file. */
  readonly keyFile: string;
  /** Stands in for them as long as there are none; absent if they must be there from the start. */
  readonly standIn?: TlsKeyPair;
  /** Whether they are read at once, or are not looked at before {@linkcode CertificateFiles.reread}. Default: at once. */
  readonly reading?: "at once" | "later";
}

/** A key file is not larger, in bytes. */
const MAX_FILE_BYTES = 1_048_576;

/** A file cannot be read. */
class UnreadableError extends Error {
  override name = "UnreadableError";
}

/** The certificates that are in use. */
export class CertificateFiles {
  readonly #files: readonly KeyFiles[];
  readonly #log: Log;
  #certificates: readonly ServedCertificate[];

  /**
   * Reads all `files`.
   *
   * @throws {ConfigError} if one cannot be read or used, and has nothing that stands in for it
   */
  constructor(files: readonly KeyFiles[], log: Log) {
    this.#files = files;
    this.#log = log;
    this.#certificates = files.map((each) => this.#atStart(each));
  }

  /** What clients are shown. */
  get identity(): TlsIdentity {
    return identityOf(this.#certificates);
  }

  /** What the certificates say that are in use, in the order of the files. */
  get facts(): readonly CertificateFacts[] {
    return this.#certificates.map(({ facts }) => facts);
  }

  /** Paths of all files, each once. */
  get paths(): readonly string[] {
    return [...new Set(this.#files.flatMap(({ certFile, keyFile }) => [certFile, keyFile]))];
  }

  /**
   * Reads the files again. A pair that cannot be used is logged, and the one from before stays. Returns
   * whether anything is new.
   */
  reread(): boolean {
    let isNew = false;
    this.#certificates = this.#certificates.map((old, index) => {
      const files = this.#files[index];
      try {
        const pair = readPair(files);
        if (pair.cert === old.cert && pair.key === old.key) return old;
        const certificate = checked(pair);
        refuseOutdated(certificate.facts);
        isNew = true;
        return certificate;
      } catch (error) {
        if (!(error instanceof Error)) throw error;
        if (isMissing(error) && files.standIn !== undefined) return old;
        this.#log(
          "error",
          `${describe(files)}: not used, and the certificate from before stays: ${
            messageOf(error)
          }`,
        );
        return old;
      }
    });
    return isNew;
  }

  #atStart(files: KeyFiles): ServedCertificate {
    const { reading = "at once", standIn } = files;
    if (reading === "later" && standIn !== undefined) return asIs(standIn);
    try {
      const certificate = checked(readPair(files));
      const fault = outdated(certificate.facts);
      if (fault !== null) this.#log("warning", `${describe(files)}: ${fault}`);
      return certificate;
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      if (standIn === undefined) {
        if (error instanceof UnreadableError) throw new ConfigError(error.message);
        throw new ConfigError(`${describe(files)} cannot be used: ${messageOf(error)}`);
      }
      if (!isMissing(error)) this.#log("error", `${describe(files)}: ${messageOf(error)}`);
      return asIs(standIn);
    }
  }
}

function asIs(pair: TlsKeyPair): ServedCertificate {
  return { ...pair, facts: readCertificate(pair.cert) };
}

function describe({ certFile, keyFile }: KeyFiles): string {
  return certFile === keyFile ? certFile : `--cert ${certFile} with --key ${keyFile}`;
}

/** @throws {UnreadableError} if a file cannot be read */
function readPair({ certFile, keyFile }: KeyFiles): TlsKeyPair {
  if (keyFile === certFile) {
    const text = readFile("the certificate", certFile);
    return { cert: text, key: text };
  }
  return { cert: readFile("--cert", certFile), key: readFile("--key", keyFile) };
}

function readFile(name: string, path: string): string {
  try {
    // A device in its place would be read for ever.
    const { isFile, size } = Deno.statSync(path);
    if (!isFile) throw new Error("it is not a file");
    if (size > MAX_FILE_BYTES) throw new Error("it is too large for a certificate");
    return Deno.readTextFileSync(path);
  } catch (error) {
    const message = `${name} ${path} cannot be read: ${messageOf(error)}`;
    throw new UnreadableError(message, { cause: error });
  }
}

/** Throws if `pair` is not what it should be, or its halves do not belong together. */
function checked(pair: TlsKeyPair): ServedCertificate {
  checkKeys(pair);
  return asIs(pair);
}

function refuseOutdated(facts: CertificateFacts): void {
  const fault = outdated(facts);
  if (fault !== null) throw new Error(fault);
}

/** Why a certificate does not count now; `null` if it does. */
function outdated({ notBeforeMs, notAfterMs }: CertificateFacts): string | null {
  const now = Date.now();
  if (now > notAfterMs) return `it has expired: ${new Date(notAfterMs).toISOString()}`;
  if (now < notBeforeMs) return `it is not valid before ${new Date(notBeforeMs).toISOString()}`;
  return null;
}

function isMissing(error: unknown): boolean {
  return error instanceof UnreadableError && error.cause instanceof Deno.errors.NotFound;
}
