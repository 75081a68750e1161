/**
 * What `gatehouse config show` prints: what would run, and where each setting comes from.
 *
 * @module
 */

import { isDispatcherSpec } from "../mongrel2/codec/dispatcher_spec.ts";
import { formatListenAddress } from "../net/address.ts";
import type { Given, Origins } from "./given.ts";
import type { OptionSpec } from "./option_spec.ts";
import { OPTIONS } from "./options.ts";
import type { ModuleSetting, MountSetting, ServeSettings } from "./settings.ts";
import { withoutLastSlashes } from "./values.ts";

/** The text: endpoints, apps with what is around them, and all options. */
export function configText(settings: ServeSettings, origins: Origins): string {
  return [
    section("Endpoints", endpoints(settings).map((url) => [url])),
    section("Apps", [
      ...settings.mounts.flatMap((mount) => appRows(mount, settings, origins)),
      ...settings.responses.map(({ prefix, text, origin = originOfMount(prefix, origins) }) => [
        prefix || "/",
        text,
        origin,
      ]),
    ]),
    section("Options", OPTIONS.filter(isShown).map((option) => optionRow(option, origins))),
  ].join("\n");
}

/** Options that say what is done, and not how gatehouse serves. */
function isShown({ name, givenBy }: OptionSpec): boolean {
  return givenBy !== "flag" && name !== "mongrel2-control";
}

function endpoints(settings: ServeSettings): string[] {
  const { mongrel2, mongrel2Config } = settings;
  const listening = (["http", "https", "fastcgi"] as const).flatMap((scheme) =>
    settings[scheme].map((address) => formatListenAddress(scheme, address as Deno.Addr))
  );
  return [
    ...listening,
    ...mongrel2.map((spec) =>
      isDispatcherSpec(spec)
        ? `mongrel2 dispatch+${spec.dispatcher}`
        : `mongrel2 ${spec.send} ${spec.recv}`
    ),
    ...mongrel2Config === undefined ? [] : [`mongrel2 of ${mongrel2Config}`],
  ];
}

function appRows(mount: MountSetting, settings: ServeSettings, origins: Origins): string[][] {
  const { prefix, app, kind = settings.appKind, settings: own = {}, middleware = [] } = mount;
  const around: ModuleSetting[] = [
    ...middleware,
    ...settings.middleware.map((module) => ({ module, kind: "plain" as const, settings: {} })),
  ];
  return [
    [prefix || "/", app, mount.origin ?? originOfMount(prefix, origins)],
    ...ownRows(mount),
    ...settingRows(kind, own),
    ...around.flatMap(({ module, kind, settings, origin = "argument" }) => [
      ["", `in ${module}`, origin],
      ...settingRows(kind, settings),
    ]),
  ];
}

/** The options that an app has for itself. */
function ownRows({ stripped, workers, permissions }: MountSetting): string[][] {
  const allowed: [string, string][] = permissions === "inherit"
    ? [["app-allow-all", "yes"]]
    : Object.entries(permissions ?? {}).map(([kind, grant]) => [
      `app-allow-${kind}`,
      typeof grant === "boolean" ? (grant ? "yes" : "no") : grant.join(","),
    ]);
  const rows = workers === undefined ? allowed : [["workers", String(workers)], ...allowed];
  const strip = stripped === undefined ? [] : [["", `  without ${stripped} in its URLs`]];
  return [...strip, ...rows.map(([name, value]) => ["", `  ${name} = ${value}`])];
}

function settingRows(kind: string, settings: Readonly<Record<string, string>>): string[][] {
  if (kind !== "factory") return [];
  const rows = Object.entries(settings).map(([name, value]) => [
    "",
    `  ${name} = ${JSON.stringify(value)}`,
  ]);
  return rows.length === 0 ? [["", "  (a factory without settings)"]] : rows;
}

/** Where an app was named that is not in a section of its own. */
function originOfMount(prefix: string, origins: Origins): string {
  const isIt = ({ text }: Given) => withoutLastSlashes(text?.split("=", 1)[0] ?? "") === prefix;
  return origins.get("mount")?.find(isIt)?.origin ?? "argument";
}

function optionRow(option: OptionSpec, origins: Origins): string[] {
  const given = origins.get(option.name);
  if (given === undefined) return [option.name, option.default ?? "-", "default"];
  const values = given.map(({ text }) =>
    text === null ? "no" : text === "" ? (option.value === undefined ? "yes" : "all") : text
  );
  const places = [...new Set(given.map(({ origin }) => origin))];
  return [option.name, values.join(" "), places.join(", ")];
}

function section(title: string, rows: readonly string[][]): string {
  const lines = rows.length === 0 ? [["(none)"]] : rows;
  const widths = [0, 1].map((column) =>
    // One long value does not push all others aside.
    Math.min(44, Math.max(...lines.map((row) => row[column]?.length ?? 0)))
  );
  const text = lines.map((row) =>
    `  ${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join("  ").trimEnd()}\n`
  );
  return `${title}:\n${text.join("")}`;
}
