/**
 * A unit of systemd.
 *
 * @module
 */

import { dirname, resolve } from "node:path";
import type { Origins } from "../given.ts";
import type { ServeSettings } from "../settings.ts";
import { adminAddresses } from "../settings.ts";
import type { ListenAddress } from "../../net/address.ts";
import { checkPrintable, refusal } from "./site.ts";

/** What is started, and where. */
export interface Service {
  /** The program, and what stands before the arguments. */
  readonly command: readonly [string, ...string[]];
  /** The arguments that gatehouse is started with. */
  readonly args: readonly string[];
  /** The folder that it is started in. */
  readonly cwd: string;
  /** What the arguments, and the file that they name, say. */
  readonly settings: ServeSettings;
  /** Where that was said. */
  readonly origins: Origins;
}

/** What keeps a service from what it does not need; docs/gatehouse.service is such a unit. */
const HARDENING = [
  "PrivateDevices=yes",
  "ProtectClock=yes",
  "ProtectHostname=yes",
  "ProtectKernelTunables=yes",
  "ProtectKernelModules=yes",
  "ProtectKernelLogs=yes",
  "ProtectControlGroups=yes",
  "RestrictNamespaces=yes",
  "RestrictRealtime=yes",
  "RestrictSUIDSGID=yes",
  "RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6",
  "LockPersonality=yes",
  "RemoveIPC=yes",
] as const;

/** Seconds that systemd waits beyond `--drain-delay` and `--drain-timeout`. */
const STOP_MARGIN_SECONDS = 10;

/** The unit. */
export function systemdUnit(service: Service): string {
  const { command, args, cwd, settings, origins } = service;
  refuseVariables(origins);
  if (settings.user !== undefined && settings.user !== null) {
    throw refusal("systemd", "--user", "the service has User= and Group=; change them in the unit");
  }
  if (settings.signals?.password !== undefined && isGivenByFlag("signals", origins)) {
    throw refusal(
      "systemd",
      "--signals",
      "everybody may read units; put it into a file for --config",
    );
  }
  const sockets = socketFolders(settings);
  const runtime = sockets.flatMap((folder) => /^\/run\/([^/]+)$/.exec(folder)?.[1] ?? []);
  const writable = writableFolders(settings, sockets);
  const places = [cwd, ...command, ...sockets, ...writable];
  const isLow = lowPorts(settings);
  const capability = isLow ? "CAP_NET_BIND_SERVICE" : "";
  const isBelow = (path: string, ...folders: string[]) =>
    folders.some((folder) => path === folder || path.startsWith(`${folder}/`));
  const isHome = places.some((path) => isBelow(path, "/home", "/root"));
  const isTemporary = places.some((path) => isBelow(path, "/tmp", "/var/tmp"));
  return [
    "# Made by gatehouse config systemd. Put it into /etc/systemd/system/gatehouse.service.",
    "# It needs the user: useradd --system --user-group --shell /usr/sbin/nologin gatehouse",
    "[Unit]",
    "Description=gatehouse, a gateway for web applications",
    "Documentation=https://github.com/gatehouse/gatehouse",
    "After=network-online.target",
    "Wants=network-online.target",
    "",
    "[Service]",
    "Type=notify",
    "User=gatehouse",
    // The web server is in the group.
    ...sockets.length > 0 ? ["Group=www-data"] : [],
    ...runtime.length > 0
      ? [`RuntimeDirectory=${runtime.map(folderName).join(" ")}`, "RuntimeDirectoryMode=0750"]
      : [],
    "CacheDirectory=gatehouse",
    "CacheDirectoryMode=0700",
    "StateDirectory=gatehouse",
    "StateDirectoryMode=0700",
    `WorkingDirectory=${value(cwd)}`,
    "Environment=GATEHOUSE_CACHE=/var/cache/gatehouse",
    `ExecStart=${[...command, ...args].map(word).join(" ")}`,
    "ExecReload=/bin/kill -HUP $MAINPID",
    "KillMode=mixed",
    `TimeoutStopSec=${stopSeconds(settings)}`,
    "Restart=on-failure",
    "RestartSec=1",
    "WatchdogSec=30",
    "",
    ...isLow ? [`AmbientCapabilities=${capability}`] : [],
    "NoNewPrivileges=yes",
    "ProtectSystem=strict",
    // Others see and change nothing of it: what the app lies in is not hidden from itself.
    `ProtectHome=${isHome ? "read-only" : "yes"}`,
    ...isTemporary ? [] : ["PrivateTmp=yes"],
    ...writable.length > 0
      ? [`ReadWritePaths=${writable.map((path) => word(`-${path}`)).join(" ")}`]
      : [],
    ...HARDENING,
    `CapabilityBoundingSet=${capability}`,
    "SystemCallArchitectures=native",
    "SystemCallFilter=@system-service @pkey",
    "UMask=0027",
    "LimitCORE=0",
    "",
    "[Install]",
    "WantedBy=multi-user.target",
    "",
  ].join("\n");
}

/** A service has an environment of its own. */
function refuseVariables(origins: Origins): void {
  for (const given of origins.values()) {
    for (const { origin } of given) {
      const [, variable] = /^environment (\w+)$/.exec(origin) ?? [];
      if (variable === undefined) continue;
      throw refusal("systemd", variable, "a service does not get it; give the option instead");
    }
  }
}

function isGivenByFlag(name: string, origins: Origins): boolean {
  return origins.get(name)?.some(({ origin }) => origin.startsWith("flag")) ?? false;
}

/** The addresses that it listens at. */
function addressesOf(settings: ServeSettings): ListenAddress[] {
  const { http, https, redirectHttp, fastcgi } = settings;
  return [...http, ...https, ...redirectHttp, ...fastcgi, ...adminAddresses(settings)];
}

/** The folders of unix sockets. */
function socketFolders(settings: ServeSettings): string[] {
  const folders = addressesOf(settings).flatMap((address) =>
    address.transport === "unix" ? [dirname(address.path)] : []
  );
  for (const folder of folders) {
    if (folder !== "/run" && folder !== "/var/run") continue;
    throw refusal("systemd", `unix:${folder}/…`, "give the socket a folder of its own in /run");
  }
  return [...new Set(folders)];
}

/** The folders that it writes to, besides those that systemd makes for it. */
function writableFolders(settings: ServeSettings, sockets: readonly string[]): string[] {
  const { accessLog, acme, pidfile, profileFolder, loading, appPermissions, mounts } = settings;
  const granted = [
    appPermissions.write,
    ...mounts.map(({ permissions }) => permissions === "inherit" ? undefined : permissions?.write),
  ].flatMap((grant) => typeof grant === "object" ? grant : []);
  return [
    ...new Set([
      ...sockets.filter((folder) => !/^\/run\/[^/]+$/.test(folder)),
      ...pidfile === undefined ? [] : [dirname(pidfile)],
      ...accessLog === undefined || accessLog === "-" ? [] : [dirname(accessLog)],
      ...[acme.folder, profileFolder].filter((folder) => folder !== undefined),
      ...loading.lockFile === undefined || loading.lockMode === "frozen"
        ? []
        : [dirname(loading.lockFile)],
      ...granted.map((path) => resolve("/", path)),
    ]),
  ];
}

function lowPorts(settings: ServeSettings): boolean {
  return addressesOf(settings).some((address) =>
    address.transport === "tcp" && address.port > 0 && address.port < 1_024
  );
}

function stopSeconds({ drainDelayMs, drainTimeoutMs }: ServeSettings): string {
  return Number.isFinite(drainTimeoutMs)
    ? String(Math.ceil((drainDelayMs + drainTimeoutMs) / 1_000) + STOP_MARGIN_SECONDS)
    : "infinity";
}

/** A value that goes to the end of its line. */
function value(text: string): string {
  checkPrintable("systemd", text);
  if (/\\$/.test(text)) throw refusal("systemd", JSON.stringify(text), "it ends with a backslash");
  return text.replaceAll("%", "%%");
}

/** The name of a folder that systemd makes: one of several words, in which neither escapes nor variables count. */
function folderName(name: string): string {
  if (/["\\:]/.test(name)) {
    throw refusal("systemd", `unix:/run/${name}/…`, "RuntimeDirectory= cannot have it");
  }
  return /^[\w@,.=+-]+$/.test(name) ? name : `"${value(name)}"`;
}

/** A value as one word, in which nothing means anything. */
function word(text: string): string {
  checkPrintable("systemd", text);
  if (/^[\w@:,./=+-]+$/.test(text)) return text;
  return `"${text.replace(/["\\]/g, "\\$&").replaceAll("%", "%%").replaceAll("$", "$$$$")}"`;
}
