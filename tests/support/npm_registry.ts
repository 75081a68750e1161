/** An imitation of an npm registry, with packages that tests make. */

import { createHash } from "node:crypto";

/** An entry of an archive. */
export interface TarEntry {
  readonly name: string;
  readonly content?: string | Uint8Array;
  readonly mode?: number;
  /** Type flag of the header: `"0"` for files, `"2"` for symbolic links, `"5"` for folders. */
  readonly type?: string;
  readonly linkName?: string;
}

/** Makes a tar archive; of names that are longer than 100 bytes by extended headers. */
export function tar(entries: readonly TarEntry[]): Uint8Array<ArrayBuffer> {
  const blocks: Uint8Array[] = [];
  const add = (name: string, type: string, content: Uint8Array, entry: Partial<TarEntry>) => {
    blocks.push(header(name, type, content.length, entry), content);
    blocks.push(new Uint8Array((512 - content.length % 512) % 512));
  };
  for (const entry of entries) {
    const content = bytesOf(entry.content ?? "");
    if (entry.name.length > 100) {
      const record = ` path=${entry.name}\n`;
      let length = record.length;
      while (String(length).length + record.length !== length) length++;
      add("PaxHeader/long", "x", bytesOf(`${length}${record}`), {});
    }
    add(entry.name.slice(0, 100), entry.type ?? "0", content, entry);
  }
  blocks.push(new Uint8Array(1024));
  return concatenated(blocks);
}

function header(
  name: string,
  type: string,
  size: number,
  { mode = 0o644, linkName = "" }: Partial<TarEntry>,
): Uint8Array {
  const block = new Uint8Array(512);
  const put = (offset: number, text: string) => block.set(bytesOf(text), offset);
  const octal = (value: number, width: number) => `${value.toString(8).padStart(width, "0")}\0`;
  put(0, name);
  put(100, octal(mode, 7));
  put(108, octal(0, 7));
  put(116, octal(0, 7));
  put(124, octal(size, 11));
  put(136, octal(0, 11));
  put(156, type);
  put(157, linkName);
  put(257, "ustar\x0000");
  block.fill(0x20, 148, 156);
  const sum = block.reduce((total, byte) => total + byte, 0);
  put(148, `${sum.toString(8).padStart(6, "0")}\0 `);
  return block;
}

/** Compresses as packages are. */
export async function gzip(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>> {
  const stream = new Blob([bytes]).stream().pipeThrough(new CompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

function bytesOf(content: string | Uint8Array): Uint8Array {
  return typeof content === "string" ? new TextEncoder().encode(content) : content;
}

function concatenated(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    whole.set(part, offset);
    offset += part.length;
  }
  return whole;
}

/** A version of a package. */
export interface FakePackage {
  /** What its `package.json` says besides name and version. */
  readonly json?: Readonly<Record<string, unknown>>;
  /** Its files, besides `package.json`. */
  readonly files?: Readonly<Record<string, string>>;
  /** Paths of files that can be executed. */
  readonly executables?: readonly string[];
  /** An archive that is not made from these. */
  readonly tarball?: Uint8Array<ArrayBuffer>;
  /** What the registry says of the archive, in place of what is true. */
  readonly dist?: Readonly<Record<string, unknown>>;
}

/** Packages by `name@version`. */
export type FakePackages = Readonly<Record<string, FakePackage>>;

/** Says what a package and those that it finds are, in the form of `treeOf`. */
const TREE_MODULE = `
const { name, version, ...json } = require("./package.json");
const fields = ["dependencies", "optionalDependencies", "peerDependencies"];
const names = new Set(fields.flatMap((field) => Object.keys(json[field] ?? {})));
exports.tree = (above = []) => {
  const id = name + "@" + version;
  if (above.includes(id)) return id;
  const children = [...names].sort().flatMap((each) => {
    let found;
    try {
      found = require(each);
    } catch {
      return [];
    }
    const tree = found.tree([...above, id]);
    return [tree.startsWith(each + "@") ? tree : each + "=" + tree];
  });
  return children.length === 0 ? id : id + "(" + children.join(" ") + ")";
};
`;

/** A package with a module that can say what it finds. */
export function plain(json: Readonly<Record<string, unknown>> = {}): FakePackage {
  return { json, files: { "index.js": TREE_MODULE } };
}

/** How a registry behaves. */
export interface RegistryOptions {
  /** `Authorization` that every request has to have. */
  readonly authorization?: string;
  /** Path that everything is below, with slashes around it. */
  readonly base?: string;
  /** Tags by package, besides `latest`, which is the last version unless it is given. */
  readonly tags?: Readonly<Record<string, Readonly<Record<string, string>>>>;
  /** What takes the place of an answer. */
  readonly intercept?: (request: Request) => Response | undefined;
}

/** The registry. */
export class FakeRegistry {
  /** Its URL. */
  readonly url: string;
  /** Paths that were asked for, in order. */
  readonly requests: string[] = [];
  /** `Authorization` of each of these requests. */
  readonly authorizations: (string | null)[] = [];
  readonly #packages = new Map<string, Map<string, FakePackage>>();
  readonly #archives = new Map<string, Uint8Array<ArrayBuffer>>();
  readonly #options: RegistryOptions;
  readonly #stop = new AbortController();
  readonly #server: Deno.HttpServer<Deno.NetAddr>;

  private constructor(options: RegistryOptions) {
    this.#options = options;
    this.#server = Deno.serve(
      { port: 0, hostname: "127.0.0.1", onListen: () => {}, signal: this.#stop.signal },
      (request) => this.#answer(request),
    );
    this.url = `http://127.0.0.1:${this.#server.addr.port}${options.base ?? "/"}`;
  }

  /** Starts a registry with packages. */
  static async start(
    packages: FakePackages,
    options: RegistryOptions = {},
  ): Promise<FakeRegistry> {
    const registry = new FakeRegistry(options);
    await registry.publish(packages);
    return registry;
  }

  /** Adds packages. */
  async publish(packages: FakePackages): Promise<void> {
    for (const [id, each] of Object.entries(packages)) {
      const at = id.lastIndexOf("@");
      const [name, version] = [id.slice(0, at), id.slice(at + 1)];
      const json = JSON.stringify({ name, version, ...each.json });
      const files = Object.entries({ "package.json": json, ...each.files });
      const archive = each.tarball ??
        await gzip(tar(files.map(([path, content]) => ({
          name: `package/${path}`,
          content,
          mode: each.executables?.includes(path) ? 0o755 : 0o644,
        }))));
      this.#archives.set(`/${name}/-/${version}.tgz`, archive);
      const versions = this.#packages.get(name) ?? new Map<string, FakePackage>();
      this.#packages.set(name, versions.set(version, each));
    }
  }

  /** Stops it. */
  async [Symbol.asyncDispose](): Promise<void> {
    // A graceful shutdown would wait for connections that never asked for anything.
    this.#stop.abort();
    await this.#server.finished;
  }

  #answer(request: Request): Response {
    const { pathname } = new URL(request.url);
    this.requests.push(decodeURIComponent(pathname));
    this.authorizations.push(request.headers.get("authorization"));
    const intercepted = this.#options.intercept?.(request);
    if (intercepted !== undefined) return intercepted;
    const { authorization, base = "/" } = this.#options;
    if (authorization !== undefined && authorization !== request.headers.get("authorization")) {
      return new Response("who are you?", { status: 401 });
    }
    const path = decodeURIComponent(pathname).slice(base.length - 1);
    const archive = this.#archives.get(path);
    if (archive !== undefined) return new Response(archive);
    const name = path.slice(1);
    const versions = this.#packages.get(name);
    if (versions === undefined) return new Response("{}", { status: 404 });
    const body = JSON.stringify(this.#packument(name, versions));
    const etag = `"${createHash("sha256").update(body).digest("hex")}"`;
    if (request.headers.get("if-none-match") === etag) return new Response(null, { status: 304 });
    return new Response(body, { headers: { "content-type": "application/json", etag } });
  }

  #packument(name: string, versions: ReadonlyMap<string, FakePackage>): unknown {
    const manifests: Record<string, unknown> = {};
    for (const [version, { json, dist }] of versions) {
      const path = `${name}/-/${version}.tgz`;
      const archive = this.#archives.get(`/${path}`)!;
      const hash = (algorithm: string) => createHash(algorithm).update(archive);
      manifests[version] = {
        name,
        version,
        ...json,
        dist: {
          tarball: this.url + path,
          integrity: `sha512-${hash("sha512").digest("base64")}`,
          shasum: hash("sha1").digest("hex"),
          ...dist,
        },
      };
    }
    const latest = [...versions.keys()].at(-1);
    const tags = { latest, ...this.#options.tags?.[name] };
    return { name, "dist-tags": tags, versions: manifests };
  }
}
