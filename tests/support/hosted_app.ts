/** An app in a worker of its own, behind an HTTP endpoint, on the test's thread. */

import { pathToFileURL } from "node:url";
import { HttpEndpoint } from "../../src/http1/endpoint.ts";
import { DEFAULT_HTTP_LIMITS } from "../../src/http1/codec/limits.ts";
import { NO_IMPORT_MAP } from "../../src/loader/names/import_map.ts";
import { AppWorker } from "../../src/pool/app_worker.ts";
import type { ReservedAddresses } from "../../src/sandbox/rules.ts";
import type { AppSet, ExportSource, Imported, ImportRequest } from "../../src/worker/protocol.ts";

/** An app that is served. */
export interface HostedApp extends AsyncDisposable {
  /** URL of the endpoint, without a final slash. */
  readonly url: string;
  /** A client to ask it with, which ends with it. */
  readonly client: Deno.HttpClient;
  /** Folder that holds the folder of the app's modules. */
  readonly folder: string;
  /** Resolves to the reason when the worker has died. */
  readonly death: Promise<string>;
  /** What was logged. */
  readonly log: readonly string[];
  /** What the app has imported by way of the gateway. */
  readonly imports: readonly ImportRequest[];
}

/** What an app is hosted with. */
export interface HostedAppOptions {
  /** Code of modules that the app may import, by specifier. */
  readonly late?: Readonly<Record<string, string>>;
  /** Middleware around the app. */
  readonly middleware?: readonly URL[];
  /** Answers to imports, by specifier, in the place of the right ones. */
  readonly answers?: Readonly<Record<string, Imported>>;
  /** What it may do. Default: everything. */
  readonly permissions?: Deno.PermissionOptionsObject;
  /** Addresses that it may not listen at. */
  readonly reserved?: ReservedAddresses;
}

/** Serves the app at `module`, as the built-in loader would have made it ready. */
export async function hostApp(module: URL, options: HostedAppOptions = {}): Promise<HostedApp> {
  const { late = {}, middleware = [], answers = {}, permissions, reserved } = options;
  const folder = await Deno.makeTempDir();
  await Deno.mkdir(`${folder}/graph`);
  const files = new Map<string, string>();
  for (const [specifier, code] of Object.entries(late)) {
    const file = `${files.size.toString(16).padStart(27, "0")}.js`;
    await Deno.writeTextFile(`${folder}/graph/${file}`, code);
    files.set(specifier, file);
  }
  const exportOf = (url: string): ExportSource => {
    return { url, module: url, exportName: "default", kind: "plain", settings: {} };
  };
  const apps: AppSet = {
    mounts: [{
      ...exportOf(module.href),
      prefix: "",
      middleware: middleware.map(({ href }) => exportOf(href)),
    }],
    faultReports: "none",
    graph: {
      directory: `${pathToFileURL(`${folder}/graph`).href}/`,
      files: {},
      redirects: {},
      importMap: NO_IMPORT_MAP,
      folders: [],
      packageRoot: "/nowhere",
      packages: {},
      nodeModules: false,
      commonJs: {},
    },
  };
  const imports: ImportRequest[] = [];
  const log: string[] = [];
  const died = Promise.withResolvers<string>();
  const owner = {
    supply: (request: ImportRequest): Promise<Imported> => {
      imports.push(request);
      const { specifier } = request;
      const file = files.get(specifier);
      const right = file === undefined
        ? { message: `there is no ${specifier}` }
        : { file, files: { [` ${specifier}`]: file }, redirects: {}, packages: {} };
      return Promise.resolve(answers[specifier] ?? right);
    },
    onDeath: (_: AppWorker, reason: string) => died.resolve(reason),
    onUncaught: () => {},
    onRequestLimit: () => {},
    onRing: () => {},
  };
  const worker = new AppWorker(
    {
      name: "worker 1",
      apps,
      permissions: withOwnFiles(permissions),
      reserved,
      ringBytes: 1_048_576,
    },
    owner,
    (_, line) => log.push(line),
  );
  await worker.ready;
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr as Deno.NetAddr;
  const onLine = (_: unknown, line: string) => log.push(line);
  const endpoint = new HttpEndpoint(listener, "http", worker, DEFAULT_HTTP_LIMITS, onLine);
  const client = Deno.createHttpClient({});
  return {
    url: `http://127.0.0.1:${port}`,
    client,
    folder,
    death: died.promise,
    log,
    imports,
    async [Symbol.asyncDispose]() {
      worker.terminate();
      client.close();
      await endpoint[Symbol.asyncDispose]();
      await Deno.remove(folder, { recursive: true });
    },
  };
}

/** Deno loads the app, and what it makes, as it would any module: it must be allowed to. */
function withOwnFiles(
  permissions: Deno.PermissionOptionsObject | undefined,
): Deno.PermissionOptions {
  if (permissions === undefined) return "inherit";
  if (permissions.read === true) return permissions;
  const folders = ["../../src", "../../tests"].map((path) => new URL(path, import.meta.url));
  return { ...permissions, read: [...folders, ...permissions.read as string[] ?? []] };
}
