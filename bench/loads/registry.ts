/**
 * A registry of npm on 127.0.0.1 that asks the real one once and keeps what it says in memory: what loads
 * packages through it does not measure the network.
 *
 * @module
 */

const UPSTREAM = "https://registry.npmjs.org/";

/** An answer of the real registry. */
interface Answer {
  readonly status: number;
  readonly type: string;
  readonly body: Uint8Array<ArrayBuffer>;
}

/** A registry that remembers. */
export class CachingRegistry implements AsyncDisposable {
  /** What `NPM_CONFIG_REGISTRY` is to be. */
  readonly url: string;
  readonly #server: Deno.HttpServer;
  /** By what was asked for, and in which form. */
  readonly #answers = new Map<string, Promise<Answer>>();

  /** Listens at once. */
  constructor() {
    this.#server = Deno.serve(
      { hostname: "127.0.0.1", port: 0, onListen() {} },
      (request) => this.#answer(request),
    );
    this.url = `http://127.0.0.1:${(this.#server.addr as Deno.NetAddr).port}/`;
  }

  async #answer({ method, url, headers }: Request): Promise<Response> {
    if (method !== "GET") return new Response(null, { status: 405 });
    const { pathname, search } = new URL(url);
    const path = (pathname + search).slice(1);
    const accept = headers.get("accept") ?? "*/*";
    const key = `${path}\n${accept}`;
    let answer = this.#answers.get(key);
    if (answer === undefined) {
      answer = this.#ask(path, accept);
      this.#answers.set(key, answer);
      answer.catch(() => this.#answers.delete(key));
    }
    const { status, type, body } = await answer;
    // Deno would compress it for each request.
    const fields = { "content-type": type, "cache-control": "no-transform" };
    return new Response(body, { status, headers: fields });
  }

  async #ask(path: string, accept: string): Promise<Answer> {
    const response = await fetch(UPSTREAM + path, { headers: { accept } });
    const type = response.headers.get("content-type") ?? "";
    const bytes = await response.bytes();
    if (!type.includes("json")) return { status: response.status, type, body: bytes };
    const text = new TextDecoder().decode(bytes).replaceAll(UPSTREAM, this.url);
    return { status: response.status, type, body: new TextEncoder().encode(text) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.shutdown();
  }
}

if (import.meta.main) console.log(new CachingRegistry().url);
