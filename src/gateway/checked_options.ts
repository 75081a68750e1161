/**
 * What is wrong with the options of the library's `serve()`, and what they are once they are read.
 *
 * @module
 */

import { ConfigError } from "../base/errors.ts";
import type { Coding, CodingLevel, CompressionSettings } from "../compression/codec/settings.ts";
import {
  DEFAULT_COMPRESSION,
  isExceptPath,
  isTypePattern,
  LEVELS,
} from "../compression/codec/settings.ts";
import { accelFrom, fileField, isFieldValue, isFileInFolder } from "../config/file_options.ts";
import { checkGreetings, checkSecure } from "../config/proxy_options.ts";
import { mongrel2From } from "../config/relative_paths.ts";
import { checkGenerationHeader } from "../config/reload_options.ts";
import type { ResponseMount } from "../config/respond_mounts.ts";
import { isResponse, parseResponse } from "../config/respond_mounts.ts";
import { checkServerHeader } from "../config/server_header.ts";
import { SettingChecks } from "../limits/setting_checks.ts";
import { ANY_TIME, LIMIT_RANGES, RANGES, WORKER_LIMIT_RANGES } from "../limits/setting_ranges.ts";
import type { FaultReports } from "../message/exchange.ts";
import type { FileField } from "../message/file_fields.ts";
import type { HandlerSpec } from "../mongrel2/codec/dispatcher_spec.ts";
import {
  isDispatcherSpec,
  parseHandlerSpec,
  sharedHandler,
} from "../mongrel2/codec/dispatcher_spec.ts";
import type { ListenAddress } from "../net/address.ts";
import { addressIn, parseEndpointAddress } from "../net/address.ts";
import type { ForwardedField } from "../proxies/forwarded_fields.ts";
import { parseForwardedFields } from "../proxies/forwarded_fields.ts";
import { TrustedProxies } from "../proxies/trusted_proxies.ts";
import type { RedisAddress } from "../signals/redis_address.ts";
import { parseRedisUrl } from "../signals/redis_address.ts";
import { COMPRESSION_TERMS } from "../websocket/codec/deflate_terms.ts";
import type { CheckedWatch } from "./checked_watch.ts";
import { checkedWatch, WATCH_OPTION_NAMES } from "./checked_watch.ts";
import type { AppReference, FileServing, LoadingOptions, ServeOptions } from "./serve_options.ts";

/** What `serve()` knows. */
const OPTION_NAMES: Readonly<Record<keyof ServeOptions, true>> = {
  ...WATCH_OPTION_NAMES,
  app: true,
  mounts: true,
  files: true,
  http: true,
  https: true,
  fastcgi: true,
  mongrel2: true,
  cert: true,
  key: true,
  workers: true,
  middleware: true,
  loading: true,
  watch: true,
  watchRemoteMs: true,
  permissions: true,
  drainTimeoutMs: true,
  workerLimits: true,
  generationHeader: true,
  backlog: true,
  limits: true,
  messageCompression: true,
  serverHeader: true,
  compression: true,
  faultReports: true,
  webServerAddrs: true,
  trustedProxies: true,
  forwardedFields: true,
  sendfile: true,
  sendfileFields: true,
  signals: true,
  requestId: true,
  onRequestEnd: true,
  log: true,
};
/** What `loading` knows, and what each can be; `"text"` for any text, `"list"` for a list of them. */
const LOADING: Readonly<Record<keyof LoadingOptions, readonly string[]>> = {
  loader: ["built-in", "native"],
  importMap: ["text"],
  reload: ["none", "all", "list"],
  cachePolicy: ["use", "only"],
  lockFile: ["text"],
  lockMode: ["extend", "frozen"],
  appLock: ["text"],
  allowImport: ["any", "list"],
  allowHttp: ["loopback", "any"],
};
const FILES: Readonly<Record<keyof FileServing, true>> = {
  listing: true,
  fallback: true,
  cacheControl: true,
};
const FAULT_REPORTS: readonly unknown[] = ["none", "errors", "console"] satisfies FaultReports[];

/** Options that are a text, or a list of texts. */
type ListName =
  | "http"
  | "https"
  | "fastcgi"
  | "mongrel2"
  | "webServerAddrs"
  | "trustedProxies"
  | "forwardedFields"
  | "sendfileFields";

/** Options as they are used. */
export interface CheckedOptions {
  /** Apps and folders by their prefix, without a slash at its end. */
  readonly references: Map<string, AppReference>;
  /** Responses among what is mounted. */
  readonly responses: readonly ResponseMount[];
  /** Addresses to serve HTTP on. */
  readonly http: readonly ListenAddress[];
  /** Addresses to serve HTTPS on. */
  readonly https: readonly ListenAddress[];
  /** Addresses to serve FastCGI on. */
  readonly fastcgi: readonly ListenAddress[];
  /** Mongrel2 servers. */
  readonly mongrel2: readonly HandlerSpec[];
  /** Proxies that are trusted, if any are. */
  readonly trustedProxies: TrustedProxies | undefined;
  /** Which of their fields count; `undefined` for the usual ones. */
  readonly forwardedFields: readonly ForwardedField[] | undefined;
  /** By which field a web server in front is told to send files; `null` if the gateway sends them. */
  readonly frontFileField: FileField | null;
  /** Header fields by which apps name files. */
  readonly fileFields: readonly FileField[];
  /** The server that signals and topics go through; `null` if they stay here. */
  readonly signals: RedisAddress | null;
  /** What is told of the gateway, and where. */
  readonly watch: CheckedWatch;
}

/**
 * Options as `serve()` uses them; paths begin at `cwd`.
 *
 * @throws {SettingsError} about all that is wrong
 */
export function checked(options: ServeOptions, cwd: string): CheckedOptions {
  const checks = new SettingChecks();
  const { limits = {}, workerLimits = {} } = options;
  checks.names("", options, OPTION_NAMES);
  checks.numbers("", { ...options }, {
    workers: RANGES.workers,
    backlog: RANGES.backlog,
    drainTimeoutMs: RANGES.drainTimeoutMs,
    watchRemoteMs: ANY_TIME,
  });
  checkLoading(checks, options);
  checkFiles(checks, options);
  checks.names("limits.", limits, LIMIT_RANGES);
  checks.numbers("limits.", { ...limits }, LIMIT_RANGES);
  checks.names("workerLimits.", workerLimits, WORKER_LIMIT_RANGES);
  checks.numbers("workerLimits.", { ...workerLimits }, WORKER_LIMIT_RANGES);
  checkCompression(checks, options.compression);
  checkChoices(checks, options);
  checkHeaders(checks, options);
  checkKinds(checks, options);
  const lists = (name: ListName) => {
    const list = listOf(options[name]);
    const isList = Array.isArray(list) && list.every((each) => typeof each === "string");
    if (!isList) checks.refuse(name, "a text, or a list of texts", options[name]);
    return isList ? list : [];
  };
  const addresses = (name: "http" | "https" | "fastcgi", texts = lists(name)): ListenAddress[] =>
    texts.flatMap((text) =>
      checks.read(name, () => addressIn(cwd, parseEndpointAddress(text))) ?? []
    );
  const https = addresses("https");
  const fastcgi = addresses("fastcgi");
  const mongrel2 = lists("mongrel2").flatMap((text) =>
    checks.read("mongrel2", () => parseHandlerSpec(mongrel2From(text, cwd))) ?? []
  );
  checks.read("mongrel2", () => sharedHandler(mongrel2.filter(isDispatcherSpec)));
  lists("webServerAddrs");
  const proxies = lists("trustedProxies");
  const trustedProxies = proxies.length === 0
    ? undefined
    : checks.read("trustedProxies", () => new TrustedProxies(proxies));
  const forwardedFields = options.forwardedFields === undefined
    ? undefined
    : checks.read("forwardedFields", () => {
      const fields = parseForwardedFields(lists("forwardedFields"));
      if (fields.length === 0 || options.trustedProxies !== undefined) return fields;
      throw new ConfigError("forwardedFields needs trustedProxies: nobody else's fields count");
    });
  const field = (name: string, text: string) =>
    checks.read(name, () => fileField(accelFrom(text, cwd), name)) ?? [];
  const fileFields = lists("sendfileFields").flatMap((text) => field("sendfileFields", text));
  const text = (name: "sendfile" | "signals") => {
    const given: unknown = options[name];
    if (given === undefined || typeof given === "string") return given;
    checks.refuse(name, "a text", given);
  };
  const sendfile = text("sendfile") ?? "gateway";
  const [frontFileField = null] = [sendfile === "gateway" ? [] : field("sendfile", sendfile)]
    .flat();
  const server = text("signals");
  const signals = server === undefined
    ? null
    : checks.read("signals", () => parseRedisUrl(server, "signals")) ?? null;
  const isElsewhere = ["https", "fastcgi", "mongrel2"].some((name) =>
    listOf(options[name as "https"]).length > 0
  );
  const http = options.http === undefined && !isElsewhere
    ? addresses("http", ["127.0.0.1:8000"])
    : addresses("http");
  if (https.length > 0) {
    checks.read("https", () => {
      if (options.cert !== undefined && options.key !== undefined) return;
      throw new ConfigError("https needs cert and key, as PEM text");
    });
  }
  checks.read("https", () => checkSecure(https));
  const others = [...http, ...fastcgi];
  checks.read("http", () => checkGreetings({ https, others, trustedProxies: proxies }));
  const references = new Map<string, AppReference>();
  checks.read("mounts", () => putApps(references, options));
  const responses = takeResponses(checks, references);
  const watch = checkedWatch(checks, options, cwd);
  checks.finish();
  return {
    watch,
    references,
    responses,
    http,
    https,
    fastcgi,
    mongrel2,
    trustedProxies,
    forwardedFields,
    frontFileField,
    fileFields,
    signals,
  };
}

function checkChoices(checks: SettingChecks, options: ServeOptions): void {
  const { messageCompression, requestId, faultReports } = options;
  if (messageCompression !== undefined && !Object.hasOwn(COMPRESSION_TERMS, messageCompression)) {
    checks.refuse("messageCompression", '"none", "each" or "stream"', messageCompression);
  }
  if (requestId !== undefined && requestId !== "as-sent" && requestId !== "field") {
    checks.refuse("requestId", '"as-sent" or "field"', requestId);
  }
  if (faultReports !== undefined && !FAULT_REPORTS.includes(faultReports)) {
    checks.refuse("faultReports", '"none", "errors" or "console"', faultReports);
  }
}

function checkHeaders(checks: SettingChecks, options: ServeOptions): void {
  const { serverHeader, generationHeader = "" } = options;
  if (serverHeader !== undefined) {
    checks.read("serverHeader", () => checkServerHeader("serverHeader", serverHeader));
  }
  if (generationHeader !== "") {
    checks.read(
      "generationHeader",
      () => checkGenerationHeader("generationHeader", generationHeader),
    );
  }
}

/** Checks the options that can be anything of their kind. */
function checkKinds(checks: SettingChecks, options: ServeOptions): void {
  for (const name of ["cert", "key"] as const) {
    const text: unknown = options[name];
    if (text !== undefined && typeof text !== "string") checks.refuse(name, "PEM text", text);
  }
  for (const name of ["log", "onRequestEnd"] as const) {
    const value: unknown = options[name];
    if (value !== undefined && typeof value !== "function") {
      checks.refuse(name, "a function", value);
    }
  }
}

function checkLoading(checks: SettingChecks, options: ServeOptions): void {
  const { loading = {}, watch = "nothing", middleware = [] } = options;
  checks.names("loading.", loading, LOADING);
  for (const [name, value] of Object.entries(loading)) {
    const choices = LOADING[name as keyof LoadingOptions] ?? [];
    const isList = Array.isArray(value) && value.every((each) => typeof each === "string");
    const fits = value === undefined || choices.includes("text") && typeof value === "string" ||
      choices.includes("list") && isList || choices.includes(value as string);
    if (!fits) checks.refuse(`loading.${name}`, inWords(choices), value);
  }
  if (watch !== "nothing" && watch !== "files") {
    checks.refuse("watch", '"nothing" or "files"', watch);
  }
  const isModule = (each: unknown) => typeof each === "string" || each instanceof URL;
  if (!Array.isArray(middleware) || !middleware.every(isModule)) {
    checks.refuse("middleware", "a list of URLs and paths", middleware);
  }
}

function checkCompression(checks: SettingChecks, given: ServeOptions["compression"]): void {
  if (given === undefined || given === "none" || given === "default") return;
  if (typeof given !== "object" || given === null) {
    checks.refuse("compression", '"none", "default" or an object', given);
    return;
  }
  checks.names("compression.", given, { ...DEFAULT_COMPRESSION });
  checks.numbers("compression.", { ...given }, { minBytes: RANGES.compressMinBytes });
  const { codings, types, exceptPaths } = given;
  const isLevel = ({ coding, level }: Partial<CodingLevel>) => {
    const range = Object.hasOwn(LEVELS, coding as string) ? LEVELS[coding as Coding] : null;
    return range !== null && Number.isInteger(level) && level! >= range.min && level! <= range.max;
  };
  const isCodings = (list: unknown) =>
    Array.isArray(list) && list.length > 0 &&
    list.every((each) => typeof each === "object" && each !== null && isLevel(each)) &&
    new Set(list.map(({ coding }) => coding)).size === list.length;
  if (codings !== undefined && !isCodings(codings)) {
    checks.refuse("compression.codings", "a list of different codings with their levels", codings);
  }
  const isTypes = (list: unknown) =>
    Array.isArray(list) && list.every((each) => typeof each === "string" && isTypePattern(each));
  if (types !== undefined && !isTypes(types)) {
    checks.refuse("compression.types", "a list of media types in lower case", types);
  }
  const isPaths = (list: unknown) =>
    Array.isArray(list) && list.every((each) => typeof each === "string" && isExceptPath(each));
  if (exceptPaths !== undefined && !isPaths(exceptPaths)) {
    checks.refuse("compression.exceptPaths", "a list of paths such as /account", exceptPaths);
  }
}

/** How responses are compressed, after options that were checked. */
export function compressionOf({ compression }: ServeOptions): CompressionSettings | undefined {
  if (compression === undefined || compression === "none") return undefined;
  if (compression === "default") return DEFAULT_COMPRESSION;
  return { ...DEFAULT_COMPRESSION, ...compression };
}

function checkFiles(checks: SettingChecks, { files = {} }: ServeOptions): void {
  const { listing = "none", fallback = "", cacheControl = "" } = files;
  checks.names("files.", files, FILES);
  if (listing !== "none" && listing !== "entries") {
    checks.refuse("files.listing", '"none" or "entries"', listing);
  }
  if (!isFileInFolder(fallback)) {
    checks.refuse("files.fallback", "the name of a file in the folder", fallback);
  }
  if (cacheControl !== "" && !isFieldValue(cacheControl)) {
    checks.refuse("files.cacheControl", "the value of a field", cacheControl);
  }
}

function inWords(choices: readonly string[]): string {
  const words = choices.map((choice) => {
    if (choice === "text") return "a text";
    return choice === "list" ? "a list of texts" : JSON.stringify(choice);
  });
  return words.join(" or ");
}

/** @throws {ConfigError} if there is no app, or two share a prefix */
function putApps(references: Map<string, AppReference>, { app, mounts = {} }: ServeOptions): void {
  if (app !== undefined) references.set("", app);
  for (const [prefix, mounted] of Object.entries(mounts)) {
    const path = prefix.replace(/\/$/, "");
    if (path !== "" && !path.startsWith("/")) {
      throw new ConfigError(
        `the mount prefix ${JSON.stringify(prefix)} does not begin with a slash`,
      );
    }
    if (/[?#]/.test(path)) {
      throw new ConfigError(`the mount prefix ${JSON.stringify(prefix)} has a ? or #`);
    }
    if (references.has(path)) throw new ConfigError(`two apps are mounted at ${path || "/"}`);
    references.set(path, mounted);
  }
  if (references.size === 0) throw new ConfigError("serve() needs an app, or mounts");
}

/** Takes the responses out of what is mounted. */
function takeResponses(
  checks: SettingChecks,
  references: Map<string, AppReference>,
): ResponseMount[] {
  const responses: ResponseMount[] = [];
  for (const [prefix, text] of references) {
    if (typeof text !== "string" || !isResponse(text)) continue;
    references.delete(prefix);
    const response = checks.read("mounts", () => parseResponse(text, prefix || "/"));
    if (response !== undefined) responses.push({ prefix, text, response });
  }
  return responses;
}

function listOf(value: string | readonly string[] | undefined): readonly string[] {
  if (value === undefined) return [];
  return typeof value === "string" ? [value] : value;
}
