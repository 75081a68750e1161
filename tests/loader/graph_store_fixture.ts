/** Graphs to store. */

import type { Graph, KnownModules } from "../../src/loader/graph/graph_types.ts";
import { sha256Of } from "../../src/base/sha256.ts";

/** A graph that is the first one. */
export const NOTHING_KNOWN: KnownModules = { targets: new Map(), redirects: new Map() };

/** A graph of modules in a circle. */
export function graphOf(count: number, text = "export const one = 1;"): Graph {
  const key = (index: number) => ` https://example.com/m${index % count}.ts`;
  return {
    modules: Array.from({ length: count }, (_, index) => ({
      key: key(index),
      url: key(index).slice(1),
      origin: "remote",
      sha256: sha256Of(text),
      contentType: "",
      module: {
        parts: ["import ", ";\nimport ", `;\n${text}\n`],
        imports: [
          { specifier: `./m${index + 1}.ts`, type: "", line: 1 },
          { specifier: "node:path", type: "", line: 2 },
        ],
        dynamicImports: [],
        map: "",
      },
      targets: [
        { kind: "module", key: key(index + 1) },
        { kind: "builtin", specifier: "node:path" },
      ],
      dynamicTargets: [],
    })),
    roots: [key(0)],
    redirects: new Map([["https://example.com/old.ts", "https://example.com/m0.ts"]]),
    requirements: ["npm:x@1"],
    packageRoot: null,
    packages: new Map(),
    nodeModules: false,
    required: [],
  };
}
