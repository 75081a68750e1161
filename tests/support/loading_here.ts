/**
 * Makes apps ready as `gatehouse` does with the same words, in the process of the test: a start without
 * processes, sockets and workers, which costs a small part of one with them.
 */

import { appGroups, appLoading, loaderOptions } from "../../src/cli/app_loading.ts";
import { parseCommandLine } from "../../src/config/command_line.ts";
import type { ServeSettings } from "../../src/config/settings.ts";
import { ConfigError, LoadError } from "../../src/errors.ts";
import { ModuleCache } from "../../src/loader/cache.ts";
import { GraphBuilder } from "../../src/loader/graph_builder.ts";
import type { Log } from "../../src/log.ts";
import type { Surroundings } from "../../src/surroundings.ts";
import { takeSurroundings } from "../../src/surroundings.ts";
import { asApp } from "../../src/loader/load.ts";
import { modulesOf } from "../../src/worker/protocol.ts";
import { assertRejects } from "./assert.ts";
import type { LoaderLab } from "./loader_lab.ts";

/** What one start of a gateway has for loading its apps: as long as it lasts, it has one thread for that. */
export class LoadingHere implements Disposable {
  /** The lines that a gateway would write. */
  readonly log: string[] = [];
  readonly #loading: ReturnType<typeof appLoading>;

  /**
   * Begins a start.
   *
   * @throws {ConfigError} when the words are wrong usage
   */
  constructor(lab: LoaderLab, ...args: string[]) {
    const { settings, surroundings } = asked(lab, args);
    const log: Log = (_level, message) => this.log.push(message);
    this.#loading = appLoading(settings, () => settings, surroundings, [], log);
  }

  /** What the only app, as its files are by now, answers to one request. */
  async answer(): Promise<string> {
    const { host } = this.#loading;
    if (host.kind !== "workers") throw new TypeError("apps here are those of workers");
    const [{ apps: { mounts: [mount] } }] = await host.prepare();
    const { url, exportName, module } = mount;
    const exported = (await import(module ?? url))[exportName];
    const app = asApp(exported, url, exportName);
    const response = await app.fetch(new Request("http://localhost/"), {} as never);
    return await (response as Response).text();
  }

  /** Ends it. */
  [Symbol.dispose](): void {
    this.#loading[Symbol.dispose]();
  }
}

/** What the only app of a start answers to one request, and what would be in the log. */
export async function answerHere(
  lab: LoaderLab,
  ...args: string[]
): Promise<{ text: string; log: string }> {
  using loading = new LoadingHere(lab, ...args);
  return { text: await loading.answer(), log: loading.log.join("\n") };
}

/**
 * Makes the graph of apps that do not use what they may import, with what the loader's thread runs, in
 * the thread of the test.
 */
export async function buildHere(lab: LoaderLab, ...args: string[]): Promise<void> {
  const { settings, surroundings } = asked(lab, args);
  const options = loaderOptions(settings.loading, surroundings, () => {});
  const cache = new ModuleCache(options.cacheRoot);
  const builder = await GraphBuilder.open(cache, options, () => {});
  const roots = appGroups(settings, surroundings).flatMap(({ apps }) => modulesOf(apps));
  await builder.prepare(roots);
}

/** The message of the `LoadError` that ends such a start, which is to be one line. */
export async function refusalHere(lab: LoaderLab, ...args: string[]): Promise<string> {
  return oneLine(await assertRejects(() => buildHere(lab, ...args), LoadError));
}

/** The message of the `ConfigError` that does. */
export async function wrongUsageHere(lab: LoaderLab, ...args: string[]): Promise<string> {
  return oneLine(await assertRejects(() => buildHere(lab, ...args), ConfigError));
}

function oneLine({ message }: Error): string {
  if (message.includes("\n")) throw new Error(`these are several lines: ${message}`);
  return message;
}

function asked(
  lab: LoaderLab,
  args: readonly string[],
): { settings: ServeSettings; surroundings: Surroundings } {
  const taken = takeSurroundings();
  const surroundings = { ...taken, env: { ...taken.env, ...lab.env }, cwd: lab.folder };
  const command = parseCommandLine(lab.withDefaults(args), {
    env: surroundings.env,
    cwd: surroundings.cwd,
    readTextFile: Deno.readTextFileSync,
    warn() {},
  });
  if (command.kind !== "serve") throw new TypeError(`this is no start: ${args}`);
  return { settings: command.settings, surroundings };
}
