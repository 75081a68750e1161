/** A folder of files, served over HTTP on the test's thread. */

import type { FolderOptions } from "../../src/files/folder.ts";
import { FolderHandler } from "../../src/files/folder.ts";
import { FileSender } from "../../src/files/file_sender.ts";
import { DEFAULT_HTTP_LIMITS } from "../../src/http1/codec/limits.ts";
import { HttpEndpoint } from "../../src/http1/endpoint.ts";
import type { RawResponse } from "../support/raw_client.ts";
import { RawClient } from "../support/raw_client.ts";

/** A folder that is served. */
export interface ServedFolder extends AsyncDisposable {
  /** Path of the folder. */
  readonly path: string;
  /** Port of the endpoint. */
  readonly port: number;
  /** What was logged. */
  readonly log: readonly string[];
  /** Sends one request over a connection of its own, and reads the answer. */
  ask(path: string, fields?: string, method?: string): Promise<RawResponse>;
}

/** When the files were changed last, unless a test says otherwise: long ago. */
export const CHANGED = new Date("2024-02-03T04:05:06.789Z");

/** Serves `files`, contents by path. */
export async function serveFolder(
  files: Readonly<Record<string, string | Uint8Array>>,
  options: Partial<FolderOptions> = {},
  prefix = "",
): Promise<ServedFolder> {
  const path = await Deno.realPath(await Deno.makeTempDir());
  for (const [name, content] of Object.entries(files)) {
    const file = `${path}/${name}`;
    await Deno.mkdir(file.slice(0, file.lastIndexOf("/")), { recursive: true });
    await Deno.writeFile(
      file,
      typeof content === "string" ? new TextEncoder().encode(content) : content,
    );
    await Deno.utime(file, CHANGED, CHANGED);
  }
  const log: string[] = [];
  const onLine = (_: unknown, line: string) => log.push(line);
  const settings = { listing: "none", fallback: "", cacheControl: "", ...options } as const;
  const handler = new FolderHandler(
    path,
    prefix,
    settings,
    new FileSender({ cwd: "/", log: onLine }),
    onLine,
  );
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr as Deno.NetAddr;
  const endpoint = new HttpEndpoint(listener, "http", handler, DEFAULT_HTTP_LIMITS, onLine);
  return {
    path,
    port,
    log,
    async ask(target, fields = "", method = "GET") {
      using client = await RawClient.connect(port);
      await client.send(`${method} ${target} HTTP/1.1\r\nHost: localhost\r\n${fields}\r\n`);
      return await client.receive(method === "HEAD" ? "head" : "response");
    },
    async [Symbol.asyncDispose]() {
      await endpoint[Symbol.asyncDispose]();
      await Deno.remove(path, { recursive: true });
    },
  };
}
