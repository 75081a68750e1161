/** What JSR says about packages, as pages of a server. */

import { createHash } from "node:crypto";

/** Files of packages by `@scope/name@version` and path: `{ "@a/b@1.0.0": { "/mod.ts": "…" } }`. */
export type JsrPackages = Readonly<Record<string, Readonly<Record<string, string>>>>;

/** Pages of a registry whose packages export `/mod.ts` as themselves, and other files by path. */
export function jsrPages(packages: JsrPackages): Record<string, string> {
  const pages: Record<string, string> = {};
  const versions: Record<string, Record<string, object>> = {};
  for (const [id, files] of Object.entries(packages)) {
    const at = id.lastIndexOf("@");
    const [name, version] = [id.slice(0, at), id.slice(at + 1)];
    versions[name] = { ...versions[name], [version]: {} };
    const manifest: Record<string, object> = {};
    const exports: Record<string, string> = {};
    for (const [path, text] of Object.entries(files)) {
      const hash = createHash("sha256").update(text).digest("hex");
      manifest[path] = { size: text.length, checksum: `sha256-${hash}` };
      exports[path === "/mod.ts" ? "." : `.${path.replace(/\.ts$/, "")}`] = `.${path}`;
      pages[`/${name}/${version}${path}`] = text;
    }
    pages[`/${name}/${version}_meta.json`] = JSON.stringify({ manifest, exports });
  }
  for (const [name, known] of Object.entries(versions)) {
    pages[`/${name}/meta.json`] = JSON.stringify({ name, versions: known });
  }
  return pages;
}
