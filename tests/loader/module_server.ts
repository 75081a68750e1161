/** A server of modules on loopback, which remembers what it was asked for. */

/** What the server says about a path. */
export type Page =
  | string
  | { readonly body?: BodyInit; readonly status?: number; readonly headers?: HeadersInit }
  | ((request: Request) => Response | Promise<Response>);

/** A request, as far as tests look at it. */
export interface SeenRequest {
  readonly path: string;
  readonly headers: Headers;
}

/** Serves pages by path; other paths are 404. */
export class ModuleServer implements AsyncDisposable {
  /** Origin, such as `http://127.0.0.1:1234`. */
  readonly origin: string;
  /** All requests so far. */
  readonly requests: SeenRequest[] = [];
  /** The pages, which may be changed. */
  readonly pages: Record<string, Page>;
  readonly #server: Deno.HttpServer<Deno.NetAddr>;

  /** Starts the server; with a certificate it speaks TLS. */
  constructor(pages: Record<string, Page>, tls?: { readonly cert: string; readonly key: string }) {
    this.pages = pages;
    this.#server = Deno.serve(
      { hostname: "127.0.0.1", port: 0, onListen() {}, ...tls },
      (request) => this.#respond(request),
    );
    const { port } = this.#server.addr;
    this.origin = `${tls === undefined ? "http" : "https"}://127.0.0.1:${port}`;
  }

  /** Paths that were asked for so far, in order; they are forgotten. */
  takePaths(): string[] {
    return this.requests.splice(0).map(({ path }) => path);
  }

  #respond(request: Request): Response | Promise<Response> {
    const url = new URL(request.url);
    const path = url.pathname + url.search;
    this.requests.push({ path, headers: request.headers });
    const page = this.pages[path];
    if (page === undefined) return new Response("nothing here", { status: 404 });
    if (typeof page === "function") return page(request);
    const { body, status, headers } = typeof page === "string" ? { body: page } : page;
    return new Response(body ?? null, { status, headers });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.shutdown();
  }
}

/** A page that leads to `location`. */
export function redirectTo(location: string, status = 302): Page {
  return { status, headers: { location } };
}

/** A folder that is removed with all that is in it. */
export class TemporaryFolder implements AsyncDisposable {
  /** Absolute path of the folder. */
  readonly path: string = Deno.makeTempDirSync({ prefix: "gatehouse-" });

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.path, { recursive: true });
  }
}

/** Paths of all files below `folder`, relative to it, in order. */
export async function filesIn(folder: string, prefix = ""): Promise<string[]> {
  const paths: string[] = [];
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    if (isDirectory) paths.push(...await filesIn(`${folder}/${name}`, `${prefix}${name}/`));
    else paths.push(prefix + name);
  }
  return paths.sort();
}
