/**
 * Keeps certificates of an authority valid: gets them, and renews them in time.
 *
 * @module
 */

import { messageOf } from "../base/error_message.ts";
import type { Log } from "../base/log.ts";
import { timerMs } from "../base/timers.ts";
import { checkKeys } from "../net/tls_listener.ts";
import { AcmeClient, AcmeError } from "./acme_client.ts";
import type { AcmeTransport } from "./acme_client.ts";
import type { AcmeState } from "./acme_state.ts";
import type { CertificateFacts } from "./codec/x509.ts";
import { isFor, readCertificate } from "./codec/x509.ts";
import { pemBlocks, pemOf } from "./codec/pem.ts";
import { newKey } from "./keys.ts";

/** What an {@linkcode AcmeUpkeep} is made of. */
export interface AcmeUpkeepOptions {
  /** URL of the authority's directory. */
  readonly directory: URL;
  /** Names of hosts, for each certificate. */
  readonly certificates: readonly (readonly string[])[];
  /** Who is asked about the account, as URLs. */
  readonly contacts: readonly string[];
  /** Where everything is kept. */
  readonly state: AcmeState;
  /** Sends requests to the authority. */
  readonly transport: AcmeTransport;
  /** Called when a certificate is new. */
  readonly onNew: () => void;
  /** Takes what has happened. */
  readonly log: Log;
  /** First time between questions to the authority, in milliseconds. Default: that of the client. */
  readonly pollMs?: number;
}

/** After a failure it is tried again after this long, in milliseconds, and twice as long each time. */
const FIRST_RETRY_MS = 60_000;
const MAX_RETRY_MS = 86_400_000;
/** Delays are up to this much longer, so that not all gateways ask at once. */
const JITTER = 0.1;
/** A certificate is renewed when this part of its lifetime is left. */
const RENEWAL_PART = 1 / 3;
/** The file may be replaced by others: it is looked at so often, in milliseconds. */
const MAX_LOOK_MS = 86_400_000;

/**
 * How long a certificate that is valid from `notBeforeMs` to `notAfterMs` can wait for its renewal, in
 * milliseconds: until a third of its lifetime is left, or a little longer before, as `random` (0 to 1) says.
 */
export function renewalDelayMs(
  { notBeforeMs, notAfterMs }: Pick<CertificateFacts, "notBeforeMs" | "notAfterMs">,
  nowMs: number,
  random: number,
): number {
  const part = RENEWAL_PART * (1 + random * JITTER);
  return Math.max(0, notAfterMs - (notAfterMs - notBeforeMs) * part - nowMs);
}

/** Keeps the certificates, until it is disposed of. */
export class AcmeUpkeep implements Disposable {
  readonly #options: AcmeUpkeepOptions;
  readonly #aborter = new AbortController();
  readonly #timers = new Set<ReturnType<typeof setTimeout>>();
  /** They are renewed one after another. */
  #working: Promise<void> = Promise.resolve();

  /** Begins: what is missing or due is asked for at once. */
  constructor(options: AcmeUpkeepOptions) {
    this.#options = options;
    for (const names of options.certificates) this.#schedule(names, this.#delayOf(names), 0);
  }

  /** Resolves when nothing is under way. */
  get settled(): Promise<void> {
    return this.#working;
  }

  [Symbol.dispose](): void {
    this.#aborter.abort(new AcmeError("the gateway ends"));
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers.clear();
  }

  #schedule(names: readonly string[], delayMs: number, failures: number): void {
    if (this.#aborter.signal.aborted) return;
    const work = () => {
      this.#timers.delete(timer);
      this.#working = this.#working.then(() => this.#look(names, failures));
    };
    const timer = setTimeout(work, timerMs(Math.min(delayMs, MAX_LOOK_MS)));
    this.#timers.add(timer);
  }

  async #look(names: readonly string[], failures: number): Promise<void> {
    if (this.#aborter.signal.aborted) return;
    const delayMs = this.#delayOf(names);
    if (delayMs > 0) {
      this.#schedule(names, delayMs, 0);
      return;
    }
    try {
      await this.#renew(names);
      // One that is due at once is not to be asked for again and again.
      this.#schedule(names, Math.max(this.#delayOf(names), FIRST_RETRY_MS), 0);
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      if (!this.#aborter.signal.aborted) this.#onFailure(names, failures, error);
    }
  }

  #onFailure(names: readonly string[], failures: number, error: Error): void {
    const { directory, log } = this.#options;
    const asked = error instanceof AcmeError ? error.retryAfterMs : 0;
    const doubled = Math.min(FIRST_RETRY_MS * 2 ** failures, MAX_RETRY_MS);
    const delayMs = Math.max(asked, doubled) * (1 + Math.random() * JITTER);
    log(
      "error",
      `no certificate for ${names.join(", ")} from ${directory.hostname}, next try in ` +
        `${Math.round(delayMs / 60_000)} min: ${messageOf(error)}`,
    );
    this.#schedule(names, delayMs, failures + 1);
  }

  /** How long the certificate for `names` can wait, in milliseconds: 0 if there is none. */
  #delayOf(names: readonly string[]): number {
    try {
      const facts = readCertificate(Deno.readTextFileSync(this.#options.state.pathFor(names)));
      if (!names.every((name) => isFor(facts, name))) return 0;
      return renewalDelayMs(facts, Date.now(), Math.random());
    } catch (error) {
      // There is none, or it is damaged.
      if (error instanceof Error) return 0;
      throw error;
    }
  }

  async #renew(names: readonly string[]): Promise<void> {
    const { directory, contacts, state, transport, onNew, log, pollMs } = this.#options;
    const accountKey = await state.accountKey();
    const { signal } = this.#aborter;
    const options = { directory, accountKey, contacts, transport, board: state, signal, pollMs };
    const key = await newKey();
    const chain = await new AcmeClient(options).certificateFor(names, key);
    // Key and chain are read as one text: what else the authority may have sent must not be in it.
    const text = key.pem + certificatesOf(chain);
    // What is not right never takes the place of what is.
    checkKeys({ cert: text, key: text });
    const facts = readCertificate(text);
    if (!names.every((name) => isFor(facts, name))) {
      throw new AcmeError("its certificate is for other names");
    }
    if (facts.notAfterMs < Date.now()) throw new AcmeError("its certificate has expired");
    state.write(state.pathFor(names), text);
    const until = new Date(facts.notAfterMs).toISOString();
    log(
      "info",
      `new certificate for ${names.join(", ")} from ${directory.hostname}, until ${until}`,
    );
    onNew();
  }
}

/**
 * The certificates of `chain`, and nothing else of it.
 *
 * @throws {AcmeError} if there is none, or one is damaged
 */
function certificatesOf(chain: string): string {
  const blocks = [...pemBlocks(chain, "CERTIFICATE")];
  if (blocks.length === 0) throw new AcmeError("there is no certificate in its answer");
  return blocks.map((block) => {
    if (block === null) throw new AcmeError("its certificate is damaged");
    return pemOf("CERTIFICATE", block);
  }).join("");
}
