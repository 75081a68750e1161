/**
 * Serves a folder: files, index pages, listings.
 *
 * @module
 */

import { statSync } from "node:fs";
import { extname, join } from "node:path";
import { messageOf } from "../base/error_message.ts";
import type { Log } from "../base/log.ts";
import { errorResponse } from "../message/error_response.ts";
import type { Exchange, ExchangeHandler } from "../message/exchange.ts";
import { NOBODY, WHOLE_BODY } from "../message/exchange.ts";
import { latin1Text } from "../message/fields.ts";
import type { FileOrder } from "../message/file_order.ts";
import { fileFieldLines } from "../message/file_request.ts";
import { weightsIn } from "../message/quality_values.ts";
import { sentPathOf } from "../message/request_url.ts";
import { respondWhole } from "../message/whole_body.ts";
import type { FileGrant } from "../loader/files/file_grant.ts";
import { staysWithin } from "../loader/files/file_grant.ts";
import { FileFault } from "../loader/files/regular_file.ts";
import type { FileSender } from "./file_sender.ts";
import { namedFile, urlPath } from "./folder_path.ts";
import { listingHtml, listingJson, prefersJson, readListing } from "./listing.ts";
import { mediaTypeOf } from "./media_types.ts";
import { fileRequestOf } from "./reply.ts";

/** How a folder is served. */
export interface FolderOptions {
  /** What a folder without an index page answers. */
  readonly listing: "none" | "entries";
  /** File, from the folder on, that is sent where a page is asked for that does not exist; `""` for none. */
  readonly fallback: string;
  /** `Cache-Control` of files; `""` for none. Pages are revalidated in any case if there is one. */
  readonly cacheControl: string;
}

const INDEX = "index.html";
/** What browsers guess of a file's type is not to count: whoever puts files here chooses their names. */
const NO_SNIFFING = "x-content-type-options: nosniff\r\n";
const METHODS = "allow: GET, HEAD, OPTIONS\r\n";
/** Listings that are read at a time; further requests for one are turned away. */
const MAX_LISTINGS = 16;

/** Answers requests with what is in a folder. */
export class FolderHandler implements ExchangeHandler {
  readonly #root: string;
  readonly #prefix: string;
  readonly #granted: FileGrant;
  readonly #sender: FileSender;
  readonly #options: FolderOptions;
  readonly #log: Log;
  #listings = 0;

  /** Serves the folder `root`, an absolute path, below the path `prefix`. */
  constructor(
    root: string,
    prefix: string,
    options: FolderOptions,
    sender: FileSender,
    log: Log,
  ) {
    this.#root = root;
    this.#prefix = prefix;
    this.#granted = [root];
    this.#options = options;
    this.#sender = sender;
    this.#log = log;
  }

  handle(exchange: Exchange): void {
    const { method } = exchange.head;
    if (method === "OPTIONS") {
      exchange.respond({ status: 204, fieldLines: METHODS, bodyLength: WHOLE_BODY }, null);
      return;
    }
    if (method !== "GET" && method !== "HEAD") {
      refuse(exchange, 405, METHODS);
      return;
    }
    const named = namedFile(sentPathOf(exchange.head), this.#prefix);
    if (named === null) {
      this.#notFound(exchange, null);
      return;
    }
    const { segments, isFolder } = named;
    if (!isFolder && segments.length > 0) {
      this.#sendFile(exchange, segments, "redirect");
    } else if (!isFolder) {
      this.#redirect(exchange, segments);
    } else {
      this.#sendFile(exchange, [...segments, INDEX], "list");
    }
  }

  /** Sends a file; where a folder is in its place, or it is missing, does what `otherwise` says. */
  #sendFile(
    exchange: Exchange,
    segments: readonly string[],
    otherwise: "redirect" | "list",
  ): void {
    const path = join(this.#root, ...segments);
    let file;
    try {
      file = this.#sender.open(path, this.#granted);
    } catch (error) {
      const kind = error instanceof FileFault ? error.kind : "unfit";
      if (kind === "folder" && otherwise === "redirect") this.#redirect(exchange, segments);
      else if (kind === "missing" && otherwise === "list") {
        this.#list(exchange, segments.slice(0, -1));
      } else if (kind === "exhausted" || !(error instanceof Error)) {
        this.#sender.refuse(exchange, { fieldLines: NO_SNIFFING }, path, error);
      } else {
        this.#notFound(exchange, segments);
      }
      return;
    }
    const order = this.#orderOf(exchange, path);
    this.#sender.sendOpen(exchange, order, path, file, this.#granted);
  }

  #orderOf({ head }: Exchange, path: string): FileOrder {
    return {
      path,
      status: 200,
      fieldLines: this.#linesOf(path),
      requestLines: fileFieldLines(head),
      precompressed: "use",
    };
  }

  #linesOf(path: string): string {
    const { cacheControl } = this.#options;
    if (cacheControl === "") return NO_SNIFFING;
    // Pages name the others: what is kept of them would name old ones.
    const isPage = mediaTypeOf(path).startsWith("text/html");
    return `${NO_SNIFFING}cache-control: ${isPage ? "no-cache" : cacheControl}\r\n`;
  }

  /** Sends clients to the path of a folder with its slash, on this server: the path is made of names. */
  #redirect(exchange: Exchange, segments: readonly string[]): void {
    const location = `${prefixPath(this.#prefix)}${urlPath(segments)}/${queryOf(exchange)}`;
    refuse(exchange, 301, `location: ${location}\r\n`);
  }

  #list(exchange: Exchange, segments: readonly string[]): void {
    if (this.#options.listing === "none" || !this.#isFolder(join(this.#root, ...segments))) {
      this.#notFound(exchange, segments);
      return;
    }
    if (this.#listings === MAX_LISTINGS) {
      refuse(exchange, 503, "");
      return;
    }
    // What is read may take longer than the bytes of the head are there.
    const { accept } = fileRequestOf("GET", fileFieldLines(exchange.head));
    this.#listings++;
    this.#sendListing(exchange, segments, accept).catch((error) => {
      this.#log("error", `cannot list ${join(this.#root, ...segments)}: ${messageOf(error)}`);
      exchange.fail(500);
    }).finally(() => this.#listings--);
  }

  async #sendListing(
    exchange: Exchange,
    segments: readonly string[],
    accept: string,
  ): Promise<void> {
    let hasLeft = false;
    exchange.receiver = {
      ...NOBODY,
      onAbort(reason) {
        if (reason !== "client-half-closed") hasLeft = true;
      },
    };
    let listing;
    try {
      listing = await readListing(join(this.#root, ...segments), segments.length);
    } catch (error) {
      this.#log("warning", `cannot list ${join(this.#root, ...segments)}: ${messageOf(error)}`);
      refuse(exchange, 404, "");
      return;
    }
    if (hasLeft) return;
    const path = prefixPath(this.#prefix) + urlPath(segments);
    const isJson = prefersJson(accept);
    const body = isJson ? listingJson(path, listing) : listingHtml(path, segments.length, listing);
    const type = isJson ? "application/json" : "text/html; charset=utf-8";
    const policy = "content-security-policy: default-src 'none'; style-src 'unsafe-inline'\r\n";
    const fieldLines = `content-type: ${type}\r\nvary: accept\r\ncache-control: no-cache\r\n` +
      policy + NO_SNIFFING;
    respondWhole(exchange, { status: 200, fieldLines }, new TextEncoder().encode(body));
  }

  /** Whether there is a folder at `path` that lies in the served one, wherever links lead. */
  #isFolder(path: string): boolean {
    if (!staysWithin(path, this.#granted)) return false;
    try {
      return statSync(path).isDirectory();
    } catch (error) {
      if (error instanceof Error) return false;
      throw error;
    }
  }

  #notFound(exchange: Exchange, segments: readonly string[] | null): void {
    const { fallback } = this.#options;
    if (fallback === "" || segments === null || !wantsPage(exchange, segments)) {
      refuse(exchange, 404, "");
      return;
    }
    const path = join(this.#root, fallback);
    const order = this.#orderOf(exchange, path);
    this.#sender.send(exchange, order, this.#granted);
  }
}

/** Whether a page is asked for: not what pages are made of, which has an ending, or is asked for as such. */
function wantsPage({ head }: Exchange, segments: readonly string[]): boolean {
  const weights = weightsIn(fileRequestOf("GET", fileFieldLines(head)).accept || "*/*");
  if ((weights.get("text/html") ?? 0) > 0) return true;
  const last = segments[segments.length - 1] ?? "";
  return (weights.get("*/*") ?? weights.get("text/*") ?? 0) > 0 && extname(last) === "";
}

/** The prefix as it is written in URLs. */
function prefixPath(prefix: string): string {
  return prefix === "" ? "" : new URL(`http://localhost${prefix}`).pathname;
}

/** The query as the client sent it, with its question mark; nothing of it can end a field line. */
function queryOf({ head: { block, targetStart, targetEnd } }: Exchange): string {
  const target = latin1Text(block, targetStart, targetEnd);
  const query = target.indexOf("?");
  return query < 0 ? "" : target.slice(query).replace(/[^\x21-\x7e]/g, encodeURIComponent);
}

function refuse(exchange: Exchange, status: number, fieldLines: string): void {
  const { head, body } = errorResponse(status, "", NO_SNIFFING + fieldLines);
  exchange.respond(head, body);
}
