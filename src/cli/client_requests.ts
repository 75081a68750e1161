/**
 * Requests as the options of `fetch` and `bench` describe them.
 *
 * @module
 */

import { messageOf } from "../base/error_message.ts";
import { ConfigError } from "../base/errors.ts";
import type { Conversation } from "../client/conversation.ts";
import { FastCgiConversation } from "../client/fastcgi_conversation.ts";
import { HttpConversation } from "../client/http_conversation.ts";
import type { PreparedRequest, RequestBody, RequestParts } from "../client/prepared_request.ts";
import { fastCgiRequest, httpRequest } from "../client/prepared_request.ts";
import type { Target } from "../client/target.ts";
import type { RequestSettings } from "../config/request_options.ts";
import { resolve } from "node:path";

/** What the options say of requests. @throws {ConfigError} if a file cannot be read */
export function partsOf(settings: RequestSettings, cwd: string): RequestParts {
  const { fields, chunkCount, chunkBytes, data } = settings;
  const body: RequestBody = chunkCount > 0
    ? { kind: "chunks", chunkCount, chunkBytes }
    : data === undefined
    ? { kind: "none" }
    : { kind: "bytes", bytes: dataOf(data, cwd) };
  const method = settings.method ?? (body.kind === "none" ? "GET" : "POST");
  return { method, fields, body };
}

/** A request for `target` in its protocol. @throws {ConfigError} if it cannot be sent */
export function requestFor(target: Target, parts: RequestParts): PreparedRequest {
  return target.scheme === "fcgi" ? fastCgiRequest(target, parts) : httpRequest(target, parts);
}

/** A conversation with `target`'s server. */
export function conversationWith(target: Target): Conversation {
  return target.scheme === "fcgi" ? new FastCgiConversation() : new HttpConversation();
}

/** Certificates to trust besides the usual ones. @throws {ConfigError} if they cannot be read */
export function caCertsOf({ caFile }: RequestSettings, cwd: string): string[] | undefined {
  if (caFile === undefined) return undefined;
  return [new TextDecoder().decode(readFile("--ca", caFile, cwd))];
}

/** What is in a file that an option names. @throws {ConfigError} if it cannot be read */
export function readFile(option: string, path: string, cwd: string): Uint8Array<ArrayBuffer> {
  try {
    return Deno.readFileSync(resolve(cwd, path));
  } catch (error) {
    throw new ConfigError(`${option} ${path} cannot be read: ${messageOf(error)}`);
  }
}

function dataOf(data: string, cwd: string): Uint8Array {
  return data.startsWith("@")
    ? readFile("--data", data.slice(1), cwd)
    : new TextEncoder().encode(data);
}
