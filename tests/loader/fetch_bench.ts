/** A server of modules, a cache, and fetchers in between, for the tests of fetching. */

import { LoadError } from "../../src/base/errors.ts";
import { ModuleCache } from "../../src/loader/cache/cache.ts";
import { DEFAULT_FETCH_LIMITS, ModuleFetcher } from "../../src/loader/fetch/fetcher.ts";
import type { FetchLimits, FetchOptions } from "../../src/loader/fetch/fetcher.ts";
import { HttpClients } from "../../src/loader/fetch/http_clients.ts";
import { Lock } from "../../src/loader/project/lock.ts";
import { environmentOf } from "../../src/base/surroundings.ts";
import { assertEquals, assertNotMatch, assertRejects } from "../support/assert.ts";
import { ModuleServer, TemporaryFolder } from "./module_server.ts";
import type { Page } from "./module_server.ts";

const decoder = new TextDecoder();
/** A module that can be revalidated. */
export const MODULE: Page = {
  body: "export default 1;",
  headers: { "content-type": "text/typescript", etag: '"1"' },
};
/** Limits by which attempts follow each other at once. */
export const LIMITS: FetchLimits = { ...DEFAULT_FETCH_LIMITS, retryDelaysMs: [1, 1] };

/** A server, a cache, and fetchers in between. */
export class Bench implements AsyncDisposable {
  readonly folder = new TemporaryFolder();
  readonly cache = new ModuleCache(`${this.folder.path}/cache`);
  readonly server: ModuleServer;
  readonly origin: string;
  readonly clients = new HttpClients(environmentOf({}));

  constructor(pages: Record<string, Page> = { "/m.ts": MODULE }) {
    this.server = new ModuleServer(pages);
    this.origin = this.server.origin;
  }

  /** A fetcher with `options` besides those that suit a test. */
  fetcher(options: Partial<FetchOptions> = {}): ModuleFetcher {
    return new ModuleFetcher(this.cache, {
      reload: "none",
      cachePolicy: "use",
      allowImport: "any",
      allowHttp: "loopback",
      limits: LIMITS,
      lock: null,
      clients: this.clients,
      ...options,
    });
  }

  /** The lock beside the cache. */
  lock(mode: "extend" | "frozen"): Promise<Lock> {
    return Lock.read(`${this.folder.path}/gatehouse.lock`, mode);
  }

  /** Why the module at `path`, or at a URL, cannot be loaded. */
  async fault(path: string, options: Partial<FetchOptions> = {}): Promise<string> {
    const url = path.startsWith("/") ? this.origin + path : path;
    const error = await assertRejects(() => this.fetcher(options).load(url), LoadError);
    assertEquals(error.url, url);
    assertNotMatch(error.message, /\n/);
    return error.message.replaceAll(this.origin, "");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.server[Symbol.asyncDispose]();
    await this.folder[Symbol.asyncDispose]();
    this.clients[Symbol.dispose]();
  }
}

/** The source of the module at `url`. */
export async function textOf(fetcher: ModuleFetcher, url: string): Promise<string> {
  return decoder.decode((await fetcher.load(url)).bytes);
}
