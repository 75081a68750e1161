/**
 * Checks that settings go together, and fills in what follows from others.
 *
 * @module
 */

import { ConfigError } from "../base/errors.ts";
import { isDispatcherSpec, sharedHandler } from "../mongrel2/codec/dispatcher_spec.ts";
import { parseListenAddress } from "../net/address.ts";
import type { Origins } from "./given.ts";
import { OPTIONS } from "./options.ts";
import { checkGreetings, checkSecure } from "./proxy_options.ts";
import type { ServeSettings } from "./settings.ts";

/**
 * The settings, if there is anything to serve.
 *
 * @throws {ConfigError} if there are neither apps nor responses
 */
export function withApps(settings: ServeSettings): ServeSettings {
  const { mounts, responses, middleware } = settings;
  const [response] = responses;
  if (response !== undefined && middleware.length > 0) {
    throw new ConfigError(
      `${response.text} is a response: there can be no middleware around it, nor beside it on the ` +
        "command line",
    );
  }
  if (mounts.length + responses.length > 0) return settings;
  throw new ConfigError(
    settings.configFile === undefined
      ? "no app given: name one by URL or path, or with --mount /PREFIX=APP"
      : `no app given: ${settings.configFile} needs [app:main], [composite:main] or ` +
        "[pipeline:main]",
  );
}

/**
 * The settings, which come from `origins`, after the default endpoint was added to them if none is named.
 *
 * @throws {ConfigError} if they do not go together
 */
export function completed(settings: ServeSettings, origins: Origins): ServeSettings {
  checkNeeds(origins);
  checkCertificates(settings);
  const { http, https, fastcgi, trustedProxies } = settings;
  checkSecure(https);
  checkGreetings({ https, others: [...http, ...fastcgi], trustedProxies });
  checkPermissions(settings);
  if (settings.processes > 1 && isAnyEarly(settings)) {
    throw new ConfigError(
      "--mongrel2 with ,uploads-start=early needs one process: word of an upload's end would go to any of " +
        "--processes",
    );
  }
  const { mongrel2Config, mongrel2Choice } = settings;
  if (mongrel2Config === undefined && Object.keys(mongrel2Choice).length > 0) {
    throw new ConfigError("--mongrel2-handler, -route, -host and -server need --mongrel2-config");
  }
  sharedHandler(settings.mongrel2.filter(isDispatcherSpec));
  const endpoints = [settings.http, settings.https, settings.fastcgi, settings.mongrel2];
  if (mongrel2Config === undefined && endpoints.every(({ length }) => length === 0)) {
    settings.http.push(parseListenAddress("127.0.0.1:8000"));
  }
  return settings;
}

/** The same for a gateway whose web server may have the certificate. */
export function behindServer(settings: ServeSettings, origins: Origins): ServeSettings {
  const { certFiles, keyFiles, https } = settings;
  if (https.length > 0 || certFiles.length !== keyFiles.length) return completed(settings, origins);
  return {
    ...completed({ ...settings, certFiles: [], keyFiles: [] }, origins),
    certFiles,
    keyFiles,
  };
}

/** What does nothing without another option was meant to do something. */
function checkNeeds(origins: Origins): void {
  for (const [{ option: { needs }, name, text }] of origins.values()) {
    // Who switches the other one off has it in mind.
    if (needs === undefined || text === null || origins.has(needs)) continue;
    const { value = "" } = OPTIONS.find((each) => each.name === needs)!;
    throw new ConfigError(`${name} needs --${needs}${value.startsWith("[") ? "" : ` ${value}`}`);
  }
}

function checkCertificates(settings: ServeSettings): void {
  const { http, https, redirectHttp, certFiles, keyFiles, acme } = settings;
  const isAcme = acme.certificates.length > 0;
  if (https.length > 0 && !isAcme && (certFiles.length === 0 || keyFiles.length === 0)) {
    throw new ConfigError("--https needs --cert FILE and --key FILE, or --acme DOMAIN");
  }
  if (https.length === 0 && certFiles.length + keyFiles.length > 0) {
    throw new ConfigError("--cert and --key need --https ADDR");
  }
  if (redirectHttp.length > 0 && !https.some(({ transport }) => transport === "tcp")) {
    throw new ConfigError("--redirect-http needs --https with a port to redirect to");
  }
  if (certFiles.length !== keyFiles.length) {
    throw new ConfigError(
      `each --cert needs a --key: there are ${certFiles.length} of the one and ${keyFiles.length} of ` +
        "the other",
    );
  }
  if (!isAcme) return;
  if (https.length === 0) throw new ConfigError("--acme needs --https ADDR");
  if (![...http, ...redirectHttp].some(({ transport }) => transport === "tcp")) {
    throw new ConfigError(
      "--acme needs --redirect-http :80, or --http :80: the authority connects to port 80",
    );
  }
  if (acme.terms !== "agreed") {
    throw new ConfigError(
      "--acme needs --acme-agree-terms: read the authority's terms of service, which " +
        `${acme.directory} links to, and agree to them`,
    );
  }
}

/** Whether any requests begin when their uploads do. */
function isAnyEarly({ mongrel2, mongrel2Settings }: ServeSettings): boolean {
  return mongrel2Settings.uploadsStart === "early" ||
    mongrel2.some((spec) => !isDispatcherSpec(spec) && spec.uploadsStart === "early");
}

function checkPermissions(settings: ServeSettings): void {
  const { appPermissions, appAllowAll, workers, mounts } = settings;
  const own = mounts.find((mount) => (mount.workers ?? mount.permissions) !== undefined);
  if (workers === 0 && own !== undefined) {
    throw new ConfigError(
      `${own.origin}: ${own.workers === undefined ? "permissions" : "workers"} of a single app ` +
        "need --workers 1 or more",
    );
  }
  const [kind] = Object.keys(appPermissions);
  if (kind === undefined) return;
  if (appAllowAll) {
    throw new ConfigError(`--app-allow-all includes --app-allow-${kind}: give one of them`);
  }
  if (workers === 0) {
    throw new ConfigError(
      `--app-allow-${kind} applies to apps in workers: with --workers 0 they run on the gateway's own ` +
        "thread, and may do whatever it may",
    );
  }
}
