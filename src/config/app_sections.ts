/**
 * `[app:NAME]`, `[filter:NAME]`, `[pipeline:NAME]` and `[composite:NAME]` sections of configuration
 * files: what is mounted where, and what is around it.
 *
 * @module
 */

import { ConfigError } from "../base/errors.ts";
import { applyOne, parseTruth } from "./given.ts";
import type { IniEntry, IniSection } from "./ini_file.ts";
import { nearest } from "../base/nearest.ts";
import { moduleFrom } from "./relative_paths.ts";
import type { Given } from "./given.ts";
import type { FileContext } from "./option_entry.ts";
import { collecting, givenByEntry, optionOf, refuseTwiceIn } from "./option_entry.ts";
import type { OptionSpec } from "./option_spec.ts";
import { splitStrip } from "./mounts.ts";
import { isResponse, RESPONSE_KEYS, ResponseBuilder } from "./respond_mounts.ts";
import type { ExportKind, ModuleSetting, MountSetting } from "./settings.ts";
import { defaultSettings } from "./settings.ts";
import { withoutLastSlashes } from "./values.ts";

/** Kinds of sections that can be named as apps. */
const APP_KINDS: readonly string[] = ["app", "composite", "pipeline"];

/** A reference to another section. */
interface Reference {
  readonly name: string;
  readonly line: number;
  /** The key that it is in, for messages. */
  readonly key: string;
}

/** The apps of a file, by the names of their sections. */
export class AppSections {
  readonly #context: FileContext;
  readonly #apps = new Map<string, { kind: string; section: IniSection }>();
  readonly #filters = new Map<string, IniSection>();
  readonly #done = new Map<string, readonly MountSetting[]>();

  /** Takes those of `sections` that are about apps. */
  constructor(sections: readonly IniSection[], context: FileContext) {
    this.#context = context;
    for (const section of sections) {
      const [kind, name] = section.name.split(/:(.*)/s);
      if (!name) continue;
      if (kind === "filter") this.#filters.set(name, section);
      if (!APP_KINDS.includes(kind)) continue;
      const other = this.#apps.get(name);
      if (other === undefined) this.#apps.set(name, { kind, section });
      else {
        this.#problem(
          section.line,
          `[${section.name}] has the same name as [${other.section.name}] in line ` +
            `${other.section.line}`,
        );
      }
    }
  }

  /** Names of the apps, composites and pipelines. */
  get names(): readonly string[] {
    return [...this.#apps.keys()];
  }

  /** Reads all sections, for what is wrong with them. */
  check(): void {
    for (const name of this.#apps.keys()) this.mountsOf(name, []);
    for (const filter of this.#filters.values()) this.#readFilter(filter);
  }

  /**
   * What the section `name` mounts. A filter around a composite is around each of its apps, as a
   * new instance each time.
   */
  mountsOf(name: string, trail: readonly string[]): readonly MountSetting[] {
    const known = this.#done.get(name);
    if (known !== undefined) return known;
    const { kind, section } = this.#apps.get(name)!;
    // A circle is reported once, and counts as empty.
    this.#done.set(name, []);
    const mounts = kind === "app"
      ? this.#readApp(section)
      : kind === "pipeline"
      ? this.#readPipeline(section, [...trail, name])
      : this.#readComposite(section, [...trail, name]);
    this.#done.set(name, mounts);
    return mounts;
  }

  #readApp(section: IniSection): MountSetting[] {
    const use = section.entries.find(({ key }) => key === "use");
    if (use !== undefined && isResponse(this.#context.defaults.valueOf(use, section))) {
      return this.#readResponse(section, use);
    }
    const module = this.#readModule(section, "app");
    if (module === null) return [];
    const { module: app, kind, settings, origin } = module;
    const own = this.#readOwnOptions(section);
    return [{ prefix: "", app, kind, settings, origin, middleware: [], ...own }];
  }

  /** A response in place of an app. */
  #readResponse(section: IniSection, use: IniEntry): MountSetting[] {
    const { problems, defaults } = this.#context;
    const place = (line: number) => `${problems.file}:${line}`;
    const text = defaults.valueOf(use, section);
    let builder: ResponseBuilder | null = null;
    collecting(problems, use.line, () => {
      builder = new ResponseBuilder(text, `${place(use.line)}: use`);
    });
    // What is wrong is told even if the beginning is.
    const terms = builder ?? new ResponseBuilder("respond:200", "use");
    for (const entry of section.entries) {
      const { key, line, lines } = entry;
      if (key === "use") continue;
      if (!RESPONSE_KEYS.includes(key)) {
        this.#problem(
          line,
          `${key} is not a key of a response, which has ${RESPONSE_KEYS.join(", ")}` +
            nearest(key, RESPONSE_KEYS),
        );
        continue;
      }
      const value = defaults.valueOf(entry, section);
      for (const [index, one] of (key === "header" ? value.split("\n") : [value]).entries()) {
        const at = lines[index] ?? line;
        collecting(problems, at, () => terms.set(key, one, `${place(at)}: ${key}`));
      }
    }
    const mounts: MountSetting[] = [];
    collecting(problems, use.line, () => {
      const response = terms.build(`${place(use.line)}: use`);
      mounts.push({ prefix: "", app: text, response, origin: place(use.line) });
    });
    return builder === null ? [] : mounts;
  }

  /** The options that the app has for itself. */
  #readOwnOptions(section: IniSection): Pick<MountSetting, "workers" | "permissions"> {
    const { problems, defaults } = this.#context;
    const given: Given[] = [];
    for (const entry of section.entries) {
      const option = ownOption(entry.key);
      if (option === undefined) continue;
      collecting(problems, entry.line, () => {
        const value = defaults.valueOf(entry, section);
        if (value === "") throw new ConfigError(`${entry.key} needs a value`);
        given.push(...givenByEntry(option, value, entry, this.#context));
      });
    }
    collecting(problems, section.line, () => refuseTwiceIn(given));
    const settings = defaultSettings();
    for (const each of given) applyOne(settings, each);
    const { appPermissions, appAllowAll } = settings;
    const workers = given.find(({ option }) => option.name === "workers");
    if (workers !== undefined && settings.workers === 0) {
      problems.addMessage(section.line, `${workers.name} of a single app must be at least 1`);
    }
    const [kind] = Object.keys(appPermissions);
    if (appAllowAll && kind !== undefined) {
      problems.add(section.line, `app-allow-all includes app-allow-${kind}: write one of them`);
    }
    const asked = appAllowAll ? "inherit" : kind === undefined ? undefined : appPermissions;
    return {
      ...workers === undefined ? {} : { workers: settings.workers },
      ...asked === undefined ? {} : { permissions: asked },
    };
  }

  #readPipeline(section: IniSection, trail: readonly string[]): MountSetting[] {
    const references = section.entries.flatMap((entry) => {
      if (entry.key === "pipeline") return this.#words(entry, section);
      this.#problem(
        entry.line,
        `${entry.key} is not a key of [pipeline:NAME], which takes only pipeline = FILTER... APP`,
      );
      return [];
    });
    const last = references.pop();
    if (last === undefined) {
      this.#problem(section.line, `[${section.name}] needs pipeline = FILTER... APP`);
      return [];
    }
    // The first filter is outermost; in the settings, the last is.
    const around = references.reverse().flatMap((reference) => {
      const filter = this.#filters.get(reference.name);
      if (filter !== undefined) return this.#readFilter(filter);
      this.#unknown(reference, "filter", [...this.#filters.keys()]);
      return [];
    });
    return this.#referred(last, trail).map((mount) => ({
      ...mount,
      middleware: [...mount.middleware ?? [], ...around],
    }));
  }

  #readComposite(section: IniSection, trail: readonly string[]): MountSetting[] {
    const mounts: MountSetting[] = [];
    for (const entry of section.entries) {
      const value = this.#context.defaults.valueOf(entry, section);
      if (entry.key === "use") {
        if (!/^(?:urlmap|egg:Paste#urlmap)$/.test(value)) {
          this.#problem(entry.line, `use takes urlmap here, not ${JSON.stringify(value)}`);
        }
        continue;
      }
      if (!/^\/[^?#]*$/.test(entry.key)) {
        this.#problem(
          entry.line,
          `${entry.key} is not a key of [composite:NAME], which takes use = urlmap and /PREFIX ` +
            `= APP`,
        );
        continue;
      }
      const above = withoutLastSlashes(entry.key);
      const { named, isStripped } = splitStrip(value);
      for (const mount of this.#referred({ ...entry, name: named }, trail)) {
        const prefix = above + mount.prefix;
        // What strips within a composite takes off all that is before it.
        const stripped = mount.stripped !== undefined
          ? above + mount.stripped
          : isStripped
          ? above
          : undefined;
        if (mounts.some((each) => each.prefix === prefix)) {
          this.#problem(entry.line, `two apps are mounted at ${prefix || "/"}`);
        } else {
          mounts.push({ ...mount, prefix, ...stripped === undefined ? {} : { stripped } });
        }
      }
    }
    if (!section.entries.some(({ key }) => key === "use")) {
      this.#problem(section.line, `[${section.name}] needs use = urlmap`);
    }
    if (!section.entries.some(({ key }) => key.startsWith("/"))) {
      this.#problem(section.line, `[${section.name}] mounts nothing: it needs /PREFIX = APP`);
    }
    return mounts;
  }

  #readFilter(section: IniSection): ModuleSetting[] {
    const filter = this.#readModule(section, "filter");
    if (filter === null) return [];
    return filter.kind === "factory"
      ? [{ ...filter, kind: "factory" }]
      : [{ ...filter, kind: "plain", settings: {} }];
  }

  #referred(reference: Reference, trail: readonly string[]): readonly MountSetting[] {
    const { name, line } = reference;
    if (trail.includes(name)) {
      const circle = [...trail.slice(trail.indexOf(name)), name];
      this.#problem(line, `apps refer to each other in a circle: ${circle.join(" -> ")}`);
      return [];
    }
    if (!this.#apps.has(name)) {
      this.#unknown(reference, "app", this.names);
      return [];
    }
    return this.mountsOf(name, trail);
  }

  /** A module with its settings; `null` if it names none. */
  #readModule(section: IniSection, kind: "app" | "filter"): SectionModule | null {
    const settings: Record<string, string> = {};
    let specifier: string | undefined;
    let line = section.line;
    let isFactory: boolean | undefined;
    let firstSetting: IniEntry | undefined;
    for (const entry of section.entries) {
      const value = this.#context.defaults.valueOf(entry, section);
      const foreign = FOREIGN.find(([pattern]) => pattern.test(entry.key));
      if (entry.key === "use") {
        line = entry.line;
        specifier = this.#specifier(entry, value, kind);
      } else if (entry.key === "factory") {
        isFactory = this.#truth(entry, value);
      } else if (kind === "app" && ownOption(entry.key) !== undefined) {
        continue;
      } else if (foreign !== undefined) {
        this.#problem(entry.line, `${entry.key}: ${foreign[1]}`);
      } else {
        settings[entry.key.replace(/^set /, "")] = value;
        firstSetting ??= entry;
      }
    }
    if (!section.entries.some(({ key }) => key === "use")) {
      this.#problem(section.line, `[${section.name}] needs use = URL_OR_PATH#EXPORT`);
    }
    if (isFactory === false && firstSetting !== undefined) {
      this.#problem(
        firstSetting.line,
        `${firstSetting.key} is a setting, which needs factory = true`,
      );
    }
    if (specifier === undefined) return null;
    const exportKind: ExportKind | undefined = isFactory ?? firstSetting !== undefined
      ? "factory"
      : isFactory === false
      ? "plain"
      : undefined;
    return {
      module: moduleFrom(specifier, this.#context.folder),
      kind: exportKind,
      settings,
      origin: `${this.#context.problems.file}:${line}`,
    };
  }

  #specifier(entry: IniEntry, value: string, kind: "app" | "filter"): string | undefined {
    const shape = `the path or URL of a module: use = ${kind}.ts#export`;
    if (/^(?:egg|call|config):/.test(value)) {
      this.#problem(
        entry.line,
        `use: ${JSON.stringify(value)} names a Python package; write ${shape}`,
      );
    } else if (value === "" || /\s/.test(value)) {
      this.#problem(entry.line, `use takes ${shape}, not ${JSON.stringify(value)}`);
    } else if (kind === "app" ? this.#apps.has(value) : this.#filters.has(value)) {
      this.#problem(entry.line, `use takes ${shape}; ${value} is a section`);
    } else {
      return value;
    }
    return undefined;
  }

  #truth({ key, line }: IniEntry, value: string): boolean | undefined {
    try {
      return parseTruth(key, value);
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      this.#problem(line, error.message);
      return undefined;
    }
  }

  /** The words of a value, with the lines that they are on. */
  #words(entry: IniEntry, section: IniSection): Reference[] {
    const { key } = entry;
    return this.#context.defaults.valueOf(entry, section).split("\n").flatMap((text, index) => {
      const line = entry.lines[index] ?? entry.line;
      return text.split(/\s+/).filter((name) => name !== "").map((name) => ({ name, line, key }));
    });
  }

  #unknown({ name, line, key }: Reference, kind: string, known: readonly string[]): void {
    const other = kind === "filter" ? this.#apps.has(name) : this.#filters.has(name);
    const hint = other
      ? kind === "filter" ? "; an app must come last" : "; that is a filter, and an app must " +
        "come last"
      : nearest(name, known);
    this.#problem(line, `${key}: there is no [${kind}:${name}]${hint}`);
  }

  #problem(line: number, message: string): void {
    this.#context.problems.add(line, message);
  }
}

/** What a section says of its module. */
interface SectionModule extends Omit<ModuleSetting, "kind"> {
  /** What the export is; undefined for an app that leaves it to `--factory`. */
  readonly kind: ExportKind | undefined;
}

/** The option of that name, if apps can have it for themselves. */
function ownOption(key: string): OptionSpec | undefined {
  const option = optionOf(key);
  return option?.name === "workers" || option?.group === "Permissions of apps" ? option : undefined;
}

/** Keys that mean something else to PasteDeploy than a setting. */
const FOREIGN: readonly (readonly [RegExp, string])[] = [
  [/^filter-with$/, "write a [pipeline:NAME] of the filter and the app"],
  [/^get /, "write key = %(name)s"],
  [/^paste\.\w+_factory$/, "write use = URL_OR_PATH#EXPORT"],
];
