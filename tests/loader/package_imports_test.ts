/** What is kept of the imports in packages. */

import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { ModuleCache } from "../../src/loader/cache/cache.ts";
import type { ModuleSource } from "../../src/loader/names/sources.ts";
import { PackageImports } from "../../src/loader/package_imports.ts";
import type { ModuleUses } from "../../src/loader/transform/module_uses.ts";
import { plainUses } from "../../src/loader/transform/plain_uses.ts";
import { assertEquals } from "../support/assert.ts";
import { test } from "../support/strict.ts";

/** A cache with a set of packages, of whose modules nothing is read but what a test says. */
class Lab {
  readonly cache = new ModuleCache(Deno.realPathSync(Deno.makeTempDirSync()));
  readonly root = this.cache.npmSetFolder("set");
  /** Modules that were looked at. */
  readonly found: string[] = [];

  source(path: string, sha256 = "0".repeat(64)): ModuleSource {
    const bytes = new Uint8Array();
    return { url: pathToFileURL(join(this.root, path)).href, bytes, contentType: "", sha256 };
  }

  usesIn(
    imports: PackageImports,
    source: ModuleSource,
    uses = plainUses(`import "${source.url}"`, "module"),
  ): Promise<ModuleUses | null> {
    return imports.usesIn(source, this.root, () => {
      this.found.push(source.url.slice(source.url.lastIndexOf("/") + 1));
      return Promise.resolve(uses);
    });
  }

  files(): string[] {
    const folders = [...Deno.readDirSync(join(this.cache.root, "js"))].map(({ name }) => name);
    return folders.flatMap((folder) => {
      const path = join(this.cache.root, "js", folder);
      return [...Deno.readDirSync(path)].map(({ name }) => join(path, name));
    });
  }

  [Symbol.dispose](): void {
    Deno.removeSync(this.cache.root, { recursive: true });
  }
}

const MODULES = [
  ".store/a@1/node_modules/a/x.js",
  ".store/a@1/node_modules/a/y.js",
  ".store/b@1/node_modules/b/z.js",
];

test("imports in the modules of a package are in one file, and found once", async () => {
  using lab = new Lab();
  const first = new PackageImports(lab.cache);
  const found = await Promise.all(MODULES.map((path) => lab.usesIn(first, lab.source(path))));
  await first.write();
  assertEquals(lab.found.splice(0).sort(), ["x.js", "y.js", "z.js"]);
  assertEquals(lab.files().length, 2);
  const second = new PackageImports(lab.cache);
  const again = await Promise.all(MODULES.map((path) => lab.usesIn(second, lab.source(path))));
  assertEquals([again, lab.found], [found, []]);
  const more = lab.source(".store/b@1/node_modules/b/more.js");
  await lab.usesIn(second, more);
  await second.write();
  await lab.usesIn(new PackageImports(lab.cache), more);
  assertEquals(lab.found, ["more.js"]);
  assertEquals(lab.files().length, 2);
});

test("imports are found again in modules of packages that are not what they were", async () => {
  using lab = new Lab();
  const [path] = MODULES;
  const before = new PackageImports(lab.cache);
  await lab.usesIn(before, lab.source(path));
  await before.write();
  const after = new PackageImports(lab.cache);
  await lab.usesIn(after, lab.source(path, "1".repeat(64)));
  await lab.usesIn(after, { ...lab.source(path), contentType: "text/javascript" });
  assertEquals(lab.found, ["x.js", "x.js", "x.js"]);
});

test("imports in packages are found again when the file is damaged that has them", async () => {
  using lab = new Lab();
  const [path] = MODULES;
  for (const damage of ["", "{}", null]) {
    const before = new PackageImports(lab.cache);
    const uses = await lab.usesIn(before, lab.source(path));
    await before.write();
    lab.found.length = 0;
    const [file] = lab.files();
    const text = damage ?? Deno.readTextFileSync(file).replace('"line":1', '"line":2');
    Deno.writeTextFileSync(file, text);
    assertEquals(await lab.usesIn(new PackageImports(lab.cache), lab.source(path)), uses);
    assertEquals(lab.found, ["x.js"]);
  }
});

test("imports of what is in no package, or takes TypeScript, are not kept", async () => {
  using lab = new Lab();
  const imports = new PackageImports(lab.cache);
  for (const path of ["x.js", ".store/a@1", "../x.js", ".store/../x.js"]) {
    assertEquals(await lab.usesIn(imports, lab.source(path)), null);
  }
  assertEquals(lab.found, []);
  assertEquals(await lab.usesIn(imports, lab.source(MODULES[0]), null), null);
  await imports.write();
  assertEquals(lab.found, ["x.js"]);
  assertEquals([...Deno.readDirSync(lab.cache.root)].map(({ name }) => name), []);
});
