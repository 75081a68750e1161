/**
 * Configuration files: what they say, and all that is wrong with them.
 *
 * @module
 */

import { basename } from "node:path";
import { AppSections } from "./app_sections.ts";
import type { Given } from "./given.ts";
import type { IniSection } from "./ini_file.ts";
import { parseIni, Problems } from "./ini_file.ts";
import { Defaults } from "./interpolation.ts";
import { nearest } from "../base/nearest.ts";
import { readServer } from "./server_section.ts";
import type { MountSetting } from "./settings.ts";

/** What is chosen from a file. */
export interface FileChoice {
  /** Values for names of `[DEFAULT]`, from the command line. */
  readonly overrides: ReadonlyMap<string, string>;
  /** Name of the `[server:…]` section; `main` if there is one, if undefined. */
  readonly serverName: string | undefined;
  /** Name of the `[app:…]`, `[composite:…]` or `[pipeline:…]` section; likewise. */
  readonly appName: string | undefined;
  /** Whether apps are taken from the file; else they are only looked at for what is wrong. */
  readonly apps: "taken" | "unused";
}

/** What a file says. */
export interface FileContents {
  /** What it gives for the options. */
  readonly given: readonly Given[];
  /** The apps. */
  readonly mounts: readonly MountSetting[];
}

const KINDS = ["server", "app", "composite", "pipeline", "filter"];

/** Sections that Python's logging reads. */
const LOGGING = /^(?:loggers|handlers|formatters|(?:logger|handler|formatter)_.*)$/;

/**
 * Reads the `text` of a configuration file in `folder`, an absolute path, that messages call `file`.
 *
 * @throws {ConfigFileError} with all that is wrong, in whichever section it is
 */
export function readConfigFile(
  text: string,
  file: string,
  folder: string,
  choice: FileChoice,
): FileContents {
  const problems = new Problems(file);
  const sections = parseIni(text, problems);
  const builtIn = new Map([["here", folder], ["__file__", `${folder}/${basename(file)}`]]);
  const defaults = new Defaults(
    sections.find(({ name }) => name === "DEFAULT"),
    choice.overrides,
    builtIn,
    problems,
  );
  for (const section of sections) checkName(section, problems);

  const context = { problems, defaults, folder };
  const servers = new Map(
    sections.filter(({ name }) => /^server:./.test(name))
      .map((section) => [section.name.slice("server:".length), readServer(section, context)]),
  );
  const apps = new AppSections(sections, context);
  apps.check();
  const server = chosen("server", choice.serverName, [...servers.keys()], problems);
  const app = choice.apps === "unused"
    ? undefined
    : chosen("app", choice.appName, apps.names, problems);
  const unused = defaults.unusedOverride();
  if (unused !== null) {
    const { name, known } = unused;
    problems.addMessage(
      0,
      `${name}=… on the command line sets %(${name})s, which ${file} does not use` +
        nearest(name, known),
    );
  }
  problems.throwIfAny();
  return {
    given: server === undefined ? [] : servers.get(server)!,
    mounts: app === undefined ? [] : apps.mountsOf(app, []),
  };
}

function checkName({ name, line }: IniSection, problems: Problems): void {
  if (name === "DEFAULT") return;
  const [kind, rest] = name.split(/:(.*)/s);
  if (KINDS.includes(kind)) {
    if (!rest) problems.add(line, `[${name}] needs a name: [${kind}:main]`);
    return;
  }
  if (LOGGING.test(name)) {
    problems.add(
      line,
      `[${name}] belongs to Python's logging, which gatehouse does not use: remove it`,
    );
    return;
  }
  if (kind === "filter-app") {
    problems.add(line, `[${name}]: write a [filter:NAME], and a [pipeline:NAME] of it and the app`);
    return;
  }
  const known = [...KINDS, "DEFAULT"];
  const guess = nearest(kind, known).replace(
    /(\w+)\?$/,
    (_, word) => word === "DEFAULT" ? "[DEFAULT]?" : `[${word}:${rest || "main"}]?`,
  );
  problems.add(line, `there is no section [${name}]${guess}`);
}

/** The name of the section to take, if there is any of its kind. */
function chosen(
  kind: "server" | "app",
  asked: string | undefined,
  names: readonly string[],
  problems: Problems,
): string | undefined {
  if (asked !== undefined && names.includes(asked)) return asked;
  if (asked === undefined && names.length === 0) return undefined;
  if (asked === undefined && names.includes("main")) return "main";
  const others = names.map((name) => `--${kind}-name ${name}`).join(" or ");
  const rest = asked === undefined
    ? `; choose with ${others}`
    : nearest(asked, names) || (names.length > 0 ? `; there is ${names.join(", ")}` : "");
  problems.add(1, `there is no [${kind}:${asked ?? "main"}]${rest}`);
  return undefined;
}
