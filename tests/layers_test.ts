import type { Import } from "../scripts/check_layers.ts";
import { faultsOf, importsOf, MAY_IMPORT } from "../scripts/check_layers.ts";
import { readPage } from "../scripts/docs/pages.ts";
import { assert, assertEquals } from "./support/assert.ts";

/** Modules that import others, each with `code`, or with `type` in front as types. */
function modules(imports: Record<string, readonly string[]>): Map<string, Import[]> {
  return new Map(
    Object.entries(imports).map(([path, targets]) => [
      path,
      targets.map((target): Import =>
        target.startsWith("type ")
          ? { path: target.slice(5), kind: "type" }
          : { path: target, kind: "code" }
      ),
    ]),
  );
}

const refused: Record<string, [Record<string, readonly string[]>, string[]]> = {
  "a worker that imports the gateway's side": [
    { "src/worker/a.ts": ["src/pool/b.ts"] },
    ["src/worker/a.ts (worker) may not import src/pool/b.ts (pool)"],
  ],
  "a type of the gateway's side in a worker": [
    { "src/worker/serving/a.ts": ["type src/gateway/b.ts"] },
    ["src/worker/serving/a.ts (worker) may not import src/gateway/b.ts (gateway)"],
  ],
  "a protocol that imports another": [
    { "src/http1/a.ts": ["src/fastcgi/b.ts"] },
    ["src/http1/a.ts (http1) may not import src/fastcgi/b.ts (fastcgi)"],
  ],
  "a codec that imports its endpoint": [
    { "src/http1/codec/a.ts": ["src/http1/b.ts"] },
    ["src/http1/codec/a.ts (http1/codec) may not import src/http1/b.ts (http1)"],
  ],
  "a module that imports the command line": [
    { "src/base/a.ts": ["cli.ts"] },
    ["src/base/a.ts (base) may not import cli.ts (outside)"],
  ],
  "a module in no folder": [
    { "src/a.ts": [], "src/new/b.ts": [] },
    [
      "src/a.ts is in no folder that scripts/check_layers.ts knows",
      "src/new/b.ts is in no folder that scripts/check_layers.ts knows",
    ],
  ],
  "modules that import each other": [
    { "src/base/a.ts": ["src/base/b.ts"], "src/base/b.ts": ["src/base/a.ts"] },
    ["import circle: src/base/a.ts -> src/base/b.ts -> src/base/a.ts"],
  ],
};
for (const [name, [imports, faults]] of Object.entries(refused)) {
  Deno.test(`the check of layers finds ${name}`, () => {
    assertEquals(faultsOf(modules(imports)), faults);
  });
}

Deno.test("the check of layers lets pass what points down, and types that know each other", () => {
  const fine = modules({
    "mod.ts": ["src/gateway/a.ts"],
    "src/gateway/a.ts": ["src/http1/b.ts", "src/loader/npm/c.ts"],
    "src/http1/b.ts": ["src/http1/codec/d.ts", "type src/http1/e.ts"],
    "src/http1/e.ts": ["src/http1/b.ts"],
  });
  assertEquals(faultsOf(fine), []);
});

Deno.test("the check of layers sees all kinds of imports", () => {
  const text = `
import { a } from "./a.ts";
import type { B } from "../base/b.ts";
export * from "./c.ts";
export type { D } from "./d.ts";
import "./e.ts";
type F = import("./f.ts").F;
async function later() {
  return await import("./g.ts");
}
import other from "elsewhere";
// import "./h.ts";
const text = 'import "./i.ts"';
`;
  assertEquals(importsOf("src/pool/x.ts", text), [
    { path: "src/pool/a.ts", kind: "code" },
    { path: "src/base/b.ts", kind: "type" },
    { path: "src/pool/c.ts", kind: "code" },
    { path: "src/pool/d.ts", kind: "type" },
    { path: "src/pool/e.ts", kind: "code" },
    { path: "src/pool/f.ts", kind: "type" },
    { path: "src/pool/g.ts", kind: "code" },
  ]);
});

Deno.test("a folder of the layers comes after all that it may import", () => {
  const seen = new Set<string>();
  for (const [folder, below] of Object.entries(MAY_IMPORT)) {
    for (const each of below) assert(seen.has(each), `${folder} is before ${each}`);
    seen.add(folder);
  }
});

Deno.test("the table of layers has every folder, after all that it may import", () => {
  const [, section] = readPage("ARCHITECTURE.md").split("\n## Layers\n");
  const rows = section.split("\n## ")[0].split("\n").filter((line) => line.startsWith("| `"));
  const listed = rows.map((row) =>
    [...row.split("|")[1].matchAll(/`([^`]+)\/`/g)].map(([, folder]) => folder)
  );
  const top = Object.keys(MAY_IMPORT).filter((folder) => !folder.includes("/"));
  assertEquals(listed.flat().sort(), top.toSorted());
  const rowOf = (folder: string) => listed.findIndex((row) => row.includes(folder));
  for (const folder of top) {
    for (const below of MAY_IMPORT[folder]) {
      if (!top.includes(below)) continue;
      assert(rowOf(below) <= rowOf(folder), `${folder}/ is before ${below}/`);
    }
  }
});
