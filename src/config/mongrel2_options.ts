/**
 * The options about Mongrel2.
 *
 * @module
 */

import { named } from "../base/named_problems.ts";
import { parseHandlerSpec } from "../mongrel2/codec/dispatcher_spec.ts";
import { splitSettings } from "../mongrel2/codec/spec.ts";
import type { OptionSpec } from "./option_spec.ts";
import { mongrel2From } from "./relative_paths.ts";
import type { ServeSettings } from "./settings.ts";
import { parseCount } from "./values.ts";

/** An option that chooses a handler: it needs no more of the settings than that choice. */
interface ChoiceOption extends OptionSpec {
  readonly value: string;
  apply(settings: Pick<ServeSettings, "mongrel2Choice">, text: string, name: string): void;
}

/** The options that choose a handler in Mongrel2's configuration. */
export const CHOICE_OPTIONS: readonly ChoiceOption[] = [
  {
    name: "mongrel2-handler",
    value: "ID",
    group: "Endpoints",
    help: "Choose the handler with this number",
    apply: (settings, text, name) =>
      settings.mongrel2Choice.handlerId = parseCount(name, text, {
        min: 0,
        max: Number.MAX_SAFE_INTEGER,
      }),
  },
  {
    name: "mongrel2-route",
    value: "PATH",
    group: "Endpoints",
    help: "Choose the handler of the route with this path",
    apply: (settings, text) => settings.mongrel2Choice.route = text,
  },
  {
    name: "mongrel2-host",
    value: "NAME",
    group: "Endpoints",
    help: "Choose the handler of the host with this name or pattern",
    apply: (settings, text) => settings.mongrel2Choice.host = text,
  },
  {
    name: "mongrel2-server",
    value: "ID",
    group: "Endpoints",
    help: "Choose the handler of the server with this UUID or name",
    apply: (settings, text) => settings.mongrel2Choice.server = text,
  },
];

/** The options of its endpoint, in the order of the help text. */
export const MONGREL2_OPTIONS: readonly OptionSpec[] = [
  {
    name: "mongrel2",
    value: "SPEC",
    repeats: true,
    group: "Endpoints",
    help:
      "Handle requests of the Mongrel2 that sends them at tcp://HOST:PORT. May be followed by " +
      ",recv=ENDPOINT (default: the port below), ,ident=ID, ,chroot=DIR (the folder that Mongrel2 " +
      "runs in), ,uploads=DIR (the folder in it for uploads), ,uploads-start=early (requests begin when " +
      "their uploads do, in one process) and ,route=mount (what the pattern of a " +
      "route has before its first parenthesis is the mount of the app) or ,route=strip (and taken " +
      "off its URLs). Or of the gatehouse dispatch at " +
      "dispatch+tcp://HOST:PORT: then ,name=NAME (default: the host's name), ,capacity=N (default: " +
      "1024 for each worker, --max-connections at most), ,chroot=, ,uploads= and ,route= may follow, and " +
      ",curve-server=PUBLICKEY,curve-secret-key=FILE if it has --curve-secret-key",
    apply: (settings, text, name) =>
      settings.mongrel2.push(named(name, () => parseHandlerSpec(text))),
    relativeTo: (folder, text) => mongrel2From(text, folder),
  },
  {
    name: "mongrel2-config",
    value: "FILE",
    group: "Endpoints",
    help: "Read the handler's sockets from this configuration database of Mongrel2. The next " +
      "four options choose the handler. ,uploads-start= and ,route= may follow, as for --mongrel2",
    apply: setMongrel2Config,
  },
  ...CHOICE_OPTIONS,
];

/** The option of `gatehouse status`. */
export const CONTROL_OPTION: OptionSpec = {
  name: "mongrel2-control",
  value: "ENDPOINT",
  givenBy: "flag or variable",
  group: "Other",
  help: "Ask this control port of Mongrel2, such as ipc:///var/www/run/control. For status",
  apply: (settings, text) => settings.mongrel2Control = text,
};

function setMongrel2Config(settings: ServeSettings, text: string, name: string): void {
  const { path, settings: further } = named(name, () => splitSettings(text));
  settings.mongrel2Config = path;
  settings.mongrel2Settings = further;
}
