/**
 * Makes apps ready as `gatehouse` does with the same words, in the process of the test: a start without
 * processes, sockets and workers, which costs a small part of one with them.
 */

import { appGroups } from "../../src/gateway/app_groups.ts";
import { checkLoader, loaderOptions } from "../../src/gateway/app_loader.ts";
import { importPolicy } from "../../src/gateway/app_supply.ts";
import { appLoading } from "../../src/gateway/apps.ts";
import { usualCacheRoot } from "../../src/gateway/module_cache.ts";
import { lockCommand } from "../../src/cli/lock.ts";
import { cacheCommand } from "../../src/cli/cache.ts";
import type { Command } from "../../src/config/command.ts";
import { parseCommandLine } from "../../src/config/command_line.ts";
import type { ServeSettings } from "../../src/config/settings.ts";
import { ConfigError, LoadError } from "../../src/base/errors.ts";
import { ModuleCache } from "../../src/loader/cache/cache.ts";
import { GraphBuilder } from "../../src/loader/graph_builder.ts";
import { workerGraphOf } from "../../src/loader/graph/graph_store.ts";
import type { Log } from "../../src/base/log.ts";
import type { Surroundings } from "../../src/base/surroundings.ts";
import { takeSurroundings } from "../../src/base/surroundings.ts";
import { asApp } from "../../src/worker/app_forms.ts";
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
    checkLoader(settings);
    this.#loading = appLoading(settings, () => settings, surroundings, [], log);
  }

  /** What the only app, as its files are by now, answers to one request. */
  async answer(): Promise<string> {
    const { host } = this.#loading;
    if (host.kind !== "workers") throw new TypeError("apps here are those of workers");
    const [{ apps: { mounts: [mount] } }] = await host.prepare();
    const { url, exportName, module } = mount;
    return await answerOf(module ?? url, url, exportName);
  }

  /** Ends it. */
  [Symbol.dispose](): void {
    this.#loading[Symbol.dispose]();
  }
}

/** What the only app of a start answers to one request, and what would be in the log. */
export async function startHere(
  lab: LoaderLab,
  ...args: string[]
): Promise<{ text: string; log: string }> {
  using loading = new LoadingHere(lab, ...args);
  return { text: await loading.answer(), log: loading.log.join("\n") };
}

/**
 * What the only app of a start answers to one request, when its graph is made anew: with what the loader's
 * thread runs, in the thread of the test, which has TypeScript already.
 */
export async function answerHere(lab: LoaderLab, ...args: string[]): Promise<string> {
  const { settings, surroundings } = asked(lab, args);
  const root = usualCacheRoot(surroundings, () => {});
  const options = loaderOptions(
    settings.loading,
    settings.mounts.map(({ app }) => app),
    surroundings,
    root,
  );
  const builder = await GraphBuilder.open(new ModuleCache(options.cacheRoot), options, () => {});
  const [{ apps, permissions }] = appGroups(settings, surroundings);
  const { files } = importPolicy(permissions, options.allowImport);
  const builtins = permissions === "inherit" ? "native" : "guarded";
  const { graph } = await builder.prepare(modulesOf(apps), { files, builtins });
  const { directory, files: placed } = workerGraphOf(graph, graph.manifest.packageRoot ?? "");
  const { url, exportName } = apps.mounts[0];
  return await answerOf(directory + placed[graph.manifest.roots[0]], url, exportName);
}

async function answerOf(module: string, url: string, exportName: string): Promise<string> {
  const app = asApp((await import(module))[exportName], url, exportName);
  const response = await app.fetch(new Request("http://localhost/"), {} as never);
  return await (response as Response).text();
}

/** The message of the `LoadError` that ends such a start, which is to be one line. */
export async function refusalHere(lab: LoaderLab, ...args: string[]): Promise<string> {
  return oneLine(await assertRejects(() => answerHere(lab, ...args), LoadError));
}

/** The message of the `ConfigError` that does. */
export async function wrongUsageHere(lab: LoaderLab, ...args: string[]): Promise<string> {
  return oneLine(await assertRejects(() => answerHere(lab, ...args), ConfigError));
}

/** Does what `gatehouse lock` does with these words. */
export async function lockHere(lab: LoaderLab, ...args: string[]): Promise<void> {
  const { command, surroundings } = understood(lab, ["lock", ...lab.withDefaults(args)]);
  if (command.kind !== "lock") throw new TypeError(`this makes no lock: ${args}`);
  await lockCommand(command.path, command.settings, surroundings);
}

/** The message of the `ConfigError` that ends `gatehouse cache` with these words. */
export async function wrongCacheUsageHere(lab: LoaderLab, ...args: string[]): Promise<string> {
  const run = async () => {
    const { command, surroundings } = understood(lab, ["cache", ...args]);
    if (command.kind !== "cache") throw new TypeError(`this is not about the cache: ${args}`);
    await cacheCommand(command.action, command.apps, command.settings.loading, surroundings);
  };
  return oneLine(await assertRejects(run, ConfigError));
}

/** A message without the piece of code below it, if there is one. */
function oneLine({ message }: Error): string {
  const [line, ...code] = message.split("\n");
  if (!code.every((each) => each.startsWith("  "))) throw new Error(`several lines: ${message}`);
  return line;
}

function asked(
  lab: LoaderLab,
  args: readonly string[],
): { settings: ServeSettings; surroundings: Surroundings } {
  const { command, surroundings } = understood(lab, lab.withDefaults(args));
  if (command.kind !== "serve") throw new TypeError(`this is no start: ${args}`);
  return { settings: command.settings, surroundings };
}

function understood(
  lab: LoaderLab,
  args: readonly string[],
): { command: Command; surroundings: Surroundings } {
  const taken = takeSurroundings();
  const surroundings = { ...taken, env: { ...taken.env, ...lab.env }, cwd: lab.folder };
  const command = parseCommandLine(args, {
    env: surroundings.env,
    cwd: surroundings.cwd,
    readTextFile: Deno.readTextFileSync,
    warn() {},
  });
  return { command, surroundings };
}
