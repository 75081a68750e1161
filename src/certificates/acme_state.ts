/**
 * What is kept of an account with a certificate authority, and of its certificates. Everything is its
 * user's alone.
 *
 * @module
 */

import { dirname, join } from "node:path";
import { messageOf } from "../base/error_message.ts";
import type { Log } from "../base/log.ts";
import { sha256Of } from "../base/sha256.ts";
import { FaultLog } from "../net/fault_log.ts";
import type { ChallengeBoard } from "./acme_client.ts";
import type { SigningKey } from "./keys.ts";
import { keyFrom, newKey } from "./keys.ts";
import type { Challenges } from "./plain_http.ts";

const PRIVATE_FOLDER = { recursive: true, mode: 0o700 } as const;
const PRIVATE_FILE = { mode: 0o600, createNew: true } as const;
const TOKEN = /^[\w-]{1,128}$/;
const MAX_ANSWER_BYTES = 1_024;
const HASH_CHARS = 8;

/** The folder of one authority. */
export class AcmeState implements ChallengeBoard, Challenges {
  /** Absolute path of the folder. */
  readonly folder: string;

  readonly #faults: FaultLog;
  /** The answers to challenges that this process has put there, by token. */
  readonly #answers = new Map<string, string>();

  /**
   * The part of `root` that belongs to the authority with this directory. Nothing is made yet. `log`
   * learns of challenges that cannot be looked up.
   */
  constructor(root: string, directory: URL, log: Log = () => {}) {
    this.#faults = new FaultLog(log);
    const name = directory.hostname.replace(/[^\w.-]+/g, "-");
    this.folder = join(root, `${name}-${sha256Of(directory.href).slice(0, HASH_CHARS)}`);
  }

  /**
   * Makes the folders. Throws what the file system says, and if one of them is not this user's own: who
   * has it could replace what is in it.
   */
  make(): void {
    // The way there has no secrets, and another user than who makes it may have to go it.
    Deno.mkdirSync(dirname(this.folder), { recursive: true });
    for (const path of [this.folder, this.#challenges]) {
      Deno.mkdirSync(path, PRIVATE_FOLDER);
      refuseOthers(path);
      // It may have been there before, with another mode.
      Deno.chmodSync(path, PRIVATE_FOLDER.mode);
    }
  }

  /** Path of the file with key and chain for `names`. */
  pathFor(names: readonly string[]): string {
    const hash = sha256Of(names.join("\0")).slice(0, HASH_CHARS);
    return join(this.folder, names.length === 1 ? `${names[0]}.pem` : `${names[0]}-${hash}.pem`);
  }

  /** The account's key, which is made if there is none. */
  async accountKey(): Promise<SigningKey> {
    const path = join(this.folder, "account.pem");
    const text = textAt(path);
    if (text !== null) {
      const key = await keyFrom(text);
      if (key !== null) return key;
      throw new Error(`${path} is not a key: remove it to make another account`);
    }
    const key = await newKey();
    this.write(path, key.pem);
    return key;
  }

  /** Writes a file as a whole: readers find what was there before, or all of `text`. */
  write(path: string, text: string): void {
    const temporary = join(this.folder, `.tmp-${crypto.randomUUID()}`);
    try {
      Deno.writeTextFileSync(temporary, text, PRIVATE_FILE);
      Deno.renameSync(temporary, path);
    } catch (error) {
      removeIfThere(temporary);
      throw error;
    }
  }

  put(token: string, text: string): Promise<void> {
    // Other processes look it up in the file.
    this.write(join(this.#challenges, token), text);
    this.#answers.set(token, text);
    return Promise.resolve();
  }

  remove(token: string): Promise<void> {
    this.#answers.delete(token);
    removeIfThere(join(this.#challenges, token));
    return Promise.resolve();
  }

  answerTo(token: string): string | null {
    if (!TOKEN.test(token)) return null;
    const answer = this.#answers.get(token) ?? this.#otherAnswer(token);
    return answer === null || answer.length > MAX_ANSWER_BYTES ? null : answer;
  }

  /** What another process has put there. Anybody may ask, so whatever is wrong is no answer. */
  #otherAnswer(token: string): string | null {
    try {
      return textAt(join(this.#challenges, token));
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      this.#faults.warn(`a challenge for a certificate cannot be looked up: ${messageOf(error)}`);
      return null;
    }
  }

  get #challenges(): string {
    return join(this.folder, "challenges");
  }
}

/** Throws if `path` is not a folder of this user, but somebody else's, or a link that may lead there. */
function refuseOthers(path: string): void {
  const { isDirectory, uid } = Deno.lstatSync(path);
  if (!isDirectory) throw new Error(`${path} is a link`);
  // Windows has no such numbers.
  const own = Deno.uid();
  if (own !== null && uid !== own) {
    throw new Error(`${path} belongs to user ${uid}, and this process is user ${own}`);
  }
}

function textAt(path: string): string | null {
  try {
    return Deno.readTextFileSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
    throw error;
  }
}

function removeIfThere(path: string): void {
  try {
    Deno.removeSync(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}
