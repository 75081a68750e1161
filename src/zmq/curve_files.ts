/**
 * Files with CURVE's keys: certificates, as zcert of czmq and pyzmq write them (ZeroMQ RFC 4), files with
 * nothing but a secret key, and lists of public keys.
 *
 * @module
 */

import { join } from "node:path";
import { messageOf } from "../base/error_message.ts";
import { ConfigError } from "../base/errors.ts";
import { isCurveKey } from "../base/z85.ts";
import { publicKeyOf } from "./curve.ts";
import type { CurveKeys } from "./curve.ts";

/** A file of keys is not larger, in bytes. */
const MAX_FILE_BYTES = 1_048_576;
/** Files that a folder of certificates has at the most. */
const MAX_FILES = 10_000;
/** What the names of certificates with a secret key end with. */
export const SECRET_ENDING = "_secret";
/** Permissions of all but the owner. */
const OTHERS = 0o077;

/** The keys in a certificate, as far as they are there. */
interface Certificate {
  readonly publicKey?: string;
  readonly secretKey?: string;
}

/**
 * Reads a pair of keys: a certificate with a secret key, or a secret key alone.
 *
 * @throws {ConfigError} if it cannot be read, others can read it, too, or it has no such keys
 * @throws {ZmqLibraryError} if libzmq cannot encrypt
 */
export function readCurveKeys(path: string): CurveKeys {
  const text = readFile(path, "secret");
  const { publicKey, secretKey } = isCurveKey(text.trim())
    ? { secretKey: text.trim() }
    : certificateIn(text, path);
  if (secretKey === undefined) {
    const hint = path.endsWith(SECRET_ENDING) ? "" : `; that may be in ${path}${SECRET_ENDING}`;
    throw new ConfigError(`${path} has no secret key${hint}`);
  }
  const derived = publicKeyOf(secretKey);
  if (publicKey !== undefined && publicKey !== derived) {
    throw new ConfigError(`the public key in ${path} does not belong to the secret one`);
  }
  return { publicKey: derived, secretKey };
}

/**
 * Reads the public keys in a file or folder: of each, where it was found. A file is a certificate, or a
 * list with a key at the beginning of each line; in a folder all files are certificates, but those with
 * secret keys.
 *
 * @throws {ConfigError} if it cannot be read, or there is something else in it
 */
export function readClientKeys(path: string): Map<string, string> {
  const keys = new Map<string, string>();
  if (!isFolder(path)) {
    addKeys(keys, path);
    return keys;
  }
  const names = filesIn(path);
  if (names.length > MAX_FILES) throw new ConfigError(`${path} has more than ${MAX_FILES} files`);
  for (const name of names) addKeys(keys, join(path, name));
  return keys;
}

/** The certificate of these keys, as a text. */
export function formatCertificate(keys: { publicKey: string; secretKey?: string }): string {
  const { publicKey, secretKey } = keys;
  const head = secretKey === undefined
    ? "# Public key for CURVE (ZeroMQ), for whoever is to trust its owner."
    : "# Secret key for CURVE (ZeroMQ). It is for its owner alone.";
  const secret = secretKey === undefined ? "" : `    secret-key = "${secretKey}"\n`;
  return `${head}\n\nmetadata\ncurve\n    public-key = "${publicKey}"\n${secret}`;
}

function addKeys(keys: Map<string, string>, path: string): void {
  const text = readFile(path, "public");
  if (!isCertificate(text)) {
    for (const [i, line] of text.split("\n").entries()) {
      const [word] = line.trim().split(/\s/, 1);
      // No key begins with this sign: its first four bytes would be too large a number.
      if (word === "" || word.startsWith("#")) continue;
      if (!isCurveKey(word)) {
        throw new ConfigError(`${path}:${i + 1} does not begin with a public key in Z85`);
      }
      keys.set(word, `${path}:${i + 1}`);
    }
    return;
  }
  const { publicKey } = certificateIn(text, path);
  if (publicKey === undefined) throw new ConfigError(`${path} has no public key`);
  keys.set(publicKey, path);
}

function isCertificate(text: string): boolean {
  return /^curve\s*$/m.test(text);
}

/** Reads the properties of the section `curve`. */
function certificateIn(text: string, path: string): Certificate {
  if (!isCertificate(text)) throw new ConfigError(`${path} has no key: it is no certificate`);
  const found: { publicKey?: string; secretKey?: string } = {};
  let section = "";
  for (const [i, line] of text.split("\n").entries()) {
    const trimmed = line.trim();
    if (trimmed === "" || trimmed.startsWith("#")) continue;
    if (!/^\s/.test(line)) section = trimmed;
    const [whole, name, value] = /^(public|secret)-key\s*=\s*(.*)$/.exec(trimmed) ?? [];
    if (section !== "curve" || whole === undefined) continue;
    const key = value.replace(/^(["'])(.*)\1$/, "$2");
    const property = name === "public" ? "publicKey" : "secretKey";
    // What is there instead may be a part of a secret.
    if (!isCurveKey(key)) {
      throw new ConfigError(`${path}:${i + 1}: the ${name} key is not one in Z85`);
    }
    if (found[property] !== undefined) {
      throw new ConfigError(`${path}:${i + 1} has a second ${name} key`);
    }
    found[property] = key;
  }
  return found;
}

function isFolder(path: string): boolean {
  try {
    return Deno.statSync(path).isDirectory;
  } catch (error) {
    throw unreadable(path, error);
  }
}

function filesIn(folder: string): string[] {
  try {
    return Array.from(Deno.readDirSync(folder))
      .filter(({ name, isDirectory }) =>
        !isDirectory && !name.startsWith(".") && !name.endsWith(SECRET_ENDING)
      )
      .map(({ name }) => name)
      .sort();
  } catch (error) {
    throw unreadable(folder, error);
  }
}

function readFile(path: string, kind: "public" | "secret"): string {
  let mode;
  try {
    // A device in its place would be read for ever.
    const { isFile, size, mode: found } = Deno.statSync(path);
    if (!isFile) throw new Error("it is not a file");
    if (size > MAX_FILE_BYTES) throw new Error("it is too large for keys");
    mode = found;
    const text = Deno.readTextFileSync(path);
    if (kind === "public" || ((mode ?? 0) & OTHERS) === 0) return text;
  } catch (error) {
    throw unreadable(path, error);
  }
  const digits = ((mode ?? 0) & 0o777).toString(8).padStart(4, "0");
  throw new ConfigError(
    `the secret key ${path} can be used by others than its owner (its mode is ${digits}): ` +
      `chmod 600 ${path}`,
  );
}

function unreadable(path: string, error: unknown): ConfigError {
  return new ConfigError(`${path} cannot be read: ${messageOf(error)}`);
}
