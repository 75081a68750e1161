/** The files of cases, in a folder and on two servers. */

import type { CaseFile, Place, SemanticsCase, ServedFile } from "./case.ts";

/** What servers call files, by the end of their name. */
const CONTENT_TYPES: Readonly<Record<string, string>> = {
  ts: "application/typescript",
  mts: "application/typescript",
  cts: "application/typescript",
  tsx: "text/tsx",
  js: "text/javascript; charset=utf-8",
  mjs: "text/javascript",
  jsx: "text/jsx",
  json: "application/json",
  wasm: "application/wasm",
  txt: "text/plain; charset=utf-8",
  html: "text/html",
};

/** A case in one of its places. */
export interface PlacedCase {
  /** The case. */
  readonly semanticsCase: SemanticsCase;
  /** Where its app is. */
  readonly place: Place;
  /** What tells it from the others. */
  readonly id: string;
  /** URL of its app. */
  readonly appUrl: string;
  /** Puts what the placeholders stand for into a text. */
  fill(text: string): string;
}

/** A folder and servers that cases can be put into. */
export class Site implements AsyncDisposable {
  /** The folder. */
  readonly folder: string;
  readonly #served = new Map<string, CaseFile>();
  readonly #servers: readonly Deno.HttpServer<Deno.NetAddr>[];
  readonly #change: (path: string, text: string) => string;
  // No two runs have a URL in common: loaders keep what they have seen.
  readonly #token = crypto.randomUUID().slice(0, 8);

  /** Makes an empty site. `change` may have another text for a file. */
  constructor(change: (path: string, text: string) => string) {
    this.folder = Deno.realPathSync(Deno.makeTempDirSync({ prefix: "gatehouse-semantics-" }));
    this.#change = change;
    const options = { hostname: "127.0.0.1", port: 0, onListen() {} };
    const answer = (request: Request) => this.#answer(request);
    this.#servers = [Deno.serve(options, answer), Deno.serve(options, answer)];
  }

  /** Puts the files of a case where they belong. */
  place(semanticsCase: SemanticsCase, place: Place, id: string): PlacedCase {
    const [base, site] = this.#servers.map(({ addr }) =>
      `http://127.0.0.1:${addr.port}/${this.#token}/${id}`
    );
    const folder = `${this.folder}/${id}`;
    const appBase = place === "remote" ? base : `file://${folder}`;
    const fill = (text: string) =>
      text.replaceAll("{base}", appBase).replaceAll("{site}", site)
        .replaceAll("{folder}", folder).replaceAll("{port}", new URL(site).port);
    for (const [path, file] of Object.entries(semanticsCase.files)) {
      const filled = this.#filled(path, file, fill);
      this.#served.set(`/${this.#token}/${id}/${path}`, filled);
      if (place === "local" && filled.body !== undefined) {
        const target = `${folder}/${path}`;
        Deno.mkdirSync(target.slice(0, target.lastIndexOf("/")), { recursive: true });
        if (typeof filled.body === "string") Deno.writeTextFileSync(target, filled.body);
        else Deno.writeFileSync(target, filled.body);
      }
    }
    const appUrl = `${appBase}/${semanticsCase.entry ?? "app.ts"}`;
    return { semanticsCase, place, id, appUrl, fill };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const server of this.#servers) await server.shutdown();
    await Deno.remove(this.folder, { recursive: true });
  }

  #filled(path: string, file: CaseFile, fill: (text: string) => string): ServedFile {
    const served = typeof file === "string" ? { body: file } : file;
    const { body, redirect } = served;
    return {
      ...served,
      ...(typeof body === "string" ? { body: this.#change(path, fill(body)) } : {}),
      ...(redirect === undefined ? {} : { redirect: fill(redirect) }),
    };
  }

  #answer(request: Request): Response {
    const { pathname } = new URL(request.url);
    const file = this.#served.get(decodeURIComponent(pathname)) as ServedFile | undefined;
    if (file === undefined) return new Response("there is nothing here", { status: 404 });
    // Deno keeps connections for all threads, but one that a worker has made ends with it, even while
    // another worker asks over it.
    const headers = new Headers({ connection: "close" });
    if (file.redirect !== undefined) headers.set("location", file.redirect);
    const byName = CONTENT_TYPES[/\.(\w+)$/.exec(pathname)?.[1] ?? ""];
    const type = file.contentType === undefined ? byName : file.contentType;
    if (typeof type === "string") headers.set("content-type", type);
    const status = file.status ?? (file.redirect === undefined ? 200 : 302);
    // As bytes, so that a text without a type stays without.
    const body = typeof file.body === "string" ? new TextEncoder().encode(file.body) : file.body;
    return new Response(body, { status, headers });
  }
}
