/**
 * Options that say what a client sends, for `fetch` and `bench`.
 *
 * @module
 */

import { ConfigError } from "../base/errors.ts";
import type { CommandOption } from "./command_options.ts";
import { parseByteSize, parseCount, parseDuration } from "./values.ts";

/** What a client sends, and how long it waits. */
export interface RequestSettings {
  /** Method; the body decides if it is absent. */
  method: string | undefined;
  /** Names and values of field lines. */
  fields: [string, string][];
  /** The body as text, or `@FILE`. */
  data: string | undefined;
  /** Chunks of a body that is made up; 0 for none. */
  chunkCount: number;
  /** Bytes of each. */
  chunkBytes: number;
  /** Time that a request may take, in milliseconds. */
  timeoutMs: number;
  /** File of certificates to trust besides the usual ones. */
  caFile: string | undefined;
}

/** Largest chunk that is made up. */
const MAX_CHUNK_BYTES = 67_108_864;
const MAX_CHUNKS = 1_000_000_000;

/** What is sent if nothing is said. */
export function defaultRequestSettings(): RequestSettings {
  return {
    method: undefined,
    fields: [],
    data: undefined,
    chunkCount: 0,
    chunkBytes: 1_024,
    timeoutMs: 10_000,
    caFile: undefined,
  };
}

/** The options. */
export const REQUEST_OPTIONS: readonly CommandOption<RequestSettings>[] = [
  {
    name: "method",
    letter: "X",
    value: "METHOD",
    help: "Send this method",
    default: "GET, or POST with a body",
    apply: (settings, text) => settings.method = text,
  },
  {
    name: "header",
    letter: "H",
    value: "'NAME: VALUE'",
    repeats: true,
    help: "Send this header field",
    apply: addField,
  },
  {
    name: "data",
    letter: "d",
    value: "TEXT",
    help: "Send TEXT as the body, or with @FILE what is in the file",
    apply: (settings, text) => settings.data = text,
  },
  {
    name: "synthesize-post",
    value: "CHUNKS",
    help: "Send a body that is made up, of so many chunks (over FastCGI, pieces)",
    apply: (settings, text, name) =>
      settings.chunkCount = parseCount(name, text, { min: 1, max: MAX_CHUNKS }),
  },
  {
    name: "chunk-size",
    value: "BYTES",
    help: "Make each of these chunks so large",
    default: "1k",
    apply: setChunkSize,
  },
  {
    name: "timeout",
    value: "SECONDS",
    help: "Give a request up that takes longer",
    default: "10",
    apply: (settings, text, name) => settings.timeoutMs = positive(name, text),
  },
  {
    name: "ca",
    value: "FILE",
    help: "Trust the certificates in FILE (PEM) as well",
    apply: (settings, text) => settings.caFile = text,
  },
];

/** Reads a time that is not 0. */
export function positive(name: string, text: string): number {
  const ms = parseDuration(name, text);
  if (ms > 0 && ms <= 86_400_000) return ms;
  throw new ConfigError(`${name} takes a time from 1ms to 24h, not ${JSON.stringify(text)}`);
}

function addField(settings: RequestSettings, text: string, name: string): void {
  const colon = text.indexOf(":");
  if (colon <= 0) {
    throw new ConfigError(`${name} takes 'NAME: VALUE', not ${JSON.stringify(text)}`);
  }
  settings.fields.push([text.slice(0, colon), text.slice(colon + 1).trim()]);
}

function setChunkSize(settings: RequestSettings, text: string, name: string): void {
  settings.chunkBytes = parseByteSize(name, text, MAX_CHUNK_BYTES);
  if (settings.chunkBytes === 0) throw new ConfigError(`${name} takes a size of at least 1`);
}
