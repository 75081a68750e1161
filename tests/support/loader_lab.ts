/** Runs gatehouse with its built-in loader, on files and with a cache of its own. */

import { FROM_SOURCE, startGateway } from "./gateway.ts";
import type { GatewayProcess } from "./gateway.ts";
import { linesOf, textOf } from "./streams.ts";

/** Time after which a run that should end has failed, in milliseconds. */
const PATIENCE_MS = 90_000;

/** How a run came to its end. */
export interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** A folder with apps, a cache, and gateways that use them. */
export class LoaderLab implements AsyncDisposable {
  /** Absolute and real path of the folder with the apps. */
  readonly folder: string;
  /** Absolute path of the cache, which does not exist at first. */
  readonly cache: string;
  /** What all that is run has in its environment. */
  readonly env: Readonly<Record<string, string>>;
  readonly #root: string;

  /** Makes the folder, with `files`; `env` is for all that is run. */
  constructor(
    files: Readonly<Record<string, string>> = {},
    env: Readonly<Record<string, string>> = {},
  ) {
    this.#root = Deno.realPathSync(Deno.makeTempDirSync({ prefix: "gatehouse-lab-" }));
    this.folder = `${this.#root}/apps`;
    this.cache = `${this.#root}/cache`;
    this.env = { GATEHOUSE_CACHE: this.cache, ...env };
    Deno.mkdirSync(this.folder);
    this.write(files);
  }

  /** Writes files below the folder. */
  write(files: Readonly<Record<string, string>>): void {
    for (const [name, text] of Object.entries(files)) {
      const path = this.path(name);
      Deno.mkdirSync(path.slice(0, path.lastIndexOf("/")), { recursive: true });
      Deno.writeTextFileSync(path, text);
    }
  }

  /** Absolute path of a file in the folder. */
  path(name: string): string {
    return `${this.folder}/${name}`;
  }

  /** URL of a file in the folder. */
  url(name: string): string {
    return `file://${this.path(name)}`;
  }

  /** Starts a gateway with one worker, unless `args` say otherwise, and waits until it serves. */
  start(...args: string[]): Promise<GatewayProcess> {
    return startGateway(this.withDefaults(args), { env: this.env, cwd: this.folder });
  }

  /** What an app answers to one request, and the log of the gateway that it ran in. */
  async answerOf(...args: string[]): Promise<{ text: string; log: string }> {
    await using gateway = await this.start(...args);
    return { text: await ask(gateway), log: gateway.log.join("\n") };
  }

  /** Runs a gateway that is not to serve, to its end. */
  run(...args: string[]): Promise<Ended> {
    return this.#run([...this.withDefaults(args), "--http=127.0.0.1:0"]);
  }

  /** Runs `gatehouse cache`. */
  runCache(...args: string[]): Promise<Ended> {
    return this.#run(["cache", ...args]);
  }

  /** Paths of all files in a part of the cache, relative to that, in order. */
  filesInCache(part = ""): string[] {
    const top = part === "" ? this.cache : `${this.cache}/${part}`;
    const paths: string[] = [];
    const walk = (folder: string, prefix: string) => {
      for (const { name, isDirectory } of entriesOf(folder)) {
        if (isDirectory) walk(`${folder}/${name}`, `${prefix}${name}/`);
        else paths.push(prefix + name);
      }
    };
    walk(top, "");
    return paths.sort();
  }

  /** Removes parts of the cache; without any, all of it. */
  dropCache(...parts: string[]): void {
    for (const path of parts.length === 0 ? [this.cache] : parts.map((p) => `${this.cache}/${p}`)) {
      Deno.removeSync(path, { recursive: true });
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.#root, { recursive: true });
  }

  /** The words of a command line with the built-in loader and one worker, unless they say otherwise. */
  withDefaults(args: readonly string[]): string[] {
    const named = (name: string) => args.some((arg) => arg.startsWith(`--${name}=`));
    return [
      ...args,
      ...(named("loader") ? [] : ["--loader=own"]),
      ...(named("workers") ? [] : ["--workers=1"]),
    ];
  }

  async #run(args: readonly string[]): Promise<Ended> {
    const [program, ...first] = FROM_SOURCE;
    const child = new Deno.Command(program, {
      args: [...first, ...args],
      env: { NO_COLOR: "1", ...this.env },
      cwd: this.folder,
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
      signal: AbortSignal.timeout(PATIENCE_MS),
    }).spawn();
    const stdout = textOf(child.stdout);
    let stderr = "";
    for await (const line of linesOf(child.stderr)) {
      stderr += `${line}\n`;
      // One that serves, though it should not, would never end.
      if (line === "ready") child.kill("SIGKILL");
    }
    return { code: (await child.status).code, stdout: await stdout, stderr };
  }
}

function entriesOf(folder: string): Deno.DirEntry[] {
  try {
    return [...Deno.readDirSync(folder)];
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  }
}

/** The text that a gateway answers with. */
export async function ask(gateway: GatewayProcess, path = "/"): Promise<string> {
  const response = await fetch(gateway.url + path, { signal: AbortSignal.timeout(PATIENCE_MS) });
  return await response.text();
}

/** The lines of a run that say what is wrong; without code frames and what it fetches. */
export function complaints({ stderr }: Ended): string[] {
  return stderr.split("\n").filter((line) => line.startsWith("gatehouse: "));
}

/**
 * An app that imports what its requests name: `/?m=SPECIFIER&type=TYPE`, and answers with the
 * default export, or with the error's message and status 500.
 */
export const IMPORTING_APP = `
export default async (request: Request): Promise<Response> => {
  const { searchParams } = new URL(request.url);
  const type = searchParams.get("type");
  try {
    const specifier = searchParams.get("m") ?? "";
    const module = type === null
      ? await import(specifier)
      : await import(specifier, { with: { type } });
    const value = typeof module.default === "function" ? module.default() : module.default;
    return Response.json(value instanceof Uint8Array ? [...value] : value ?? null);
  } catch (error) {
    return new Response((error as Error).name + ": " + (error as Error).message, { status: 500 });
  }
};
`;

/** What {@linkcode IMPORTING_APP} makes of a specifier: a value, or a message. */
export async function importAt(
  gateway: Pick<GatewayProcess, "url">,
  specifier: string,
  type?: string,
): Promise<unknown> {
  const query = new URLSearchParams({ m: specifier, ...(type === undefined ? {} : { type }) });
  const response = await fetch(`${gateway.url}/?${query}`, {
    signal: AbortSignal.timeout(PATIENCE_MS),
  });
  const text = await response.text();
  return response.ok ? JSON.parse(text) : text;
}
