import { mediaTypeOf } from "../../src/loader/fetch/media_type.ts";
import type { MediaType } from "../../src/loader/names/sources.ts";
import { assertEquals } from "../support/assert.ts";

const JAVASCRIPT = [
  "text/javascript",
  "application/javascript",
  "text/ecmascript",
  "application/ecmascript",
  "application/x-javascript",
  "application/node",
  "TEXT/JavaScript",
  " text/javascript ; charset=utf-8",
];
const TYPESCRIPT = [
  "application/typescript",
  "text/typescript",
  "application/x-typescript",
  "video/vnd.dlna.mpeg-tts",
  "video/mp2t",
];

/** What names of modules mean when the content type says JavaScript, TypeScript, or little. */
const NAMES: readonly (readonly [string, MediaType, MediaType, MediaType])[] = [
  ["m", "javascript", "typescript", "unknown"],
  ["m.js", "javascript", "typescript", "javascript"],
  ["m.JS", "javascript", "typescript", "javascript"],
  ["m.mjs", "javascript", "javascript", "javascript"],
  ["m.jsx", "jsx", "jsx", "jsx"],
  ["m.ts", "javascript", "typescript", "typescript"],
  [".ts", "javascript", "typescript", "typescript"],
  ["m.mts", "javascript", "typescript", "typescript"],
  ["m.tsx", "tsx", "tsx", "tsx"],
  ["m.d.ts", "declaration", "declaration", "declaration"],
  ["m.d.mts", "declaration", "declaration", "declaration"],
  ["m.d.cts", "declaration", "declaration", "declaration"],
  ["m.d.css.ts", "declaration", "declaration", "declaration"],
  ["d.ts", "javascript", "typescript", "typescript"],
  ["m.json", "javascript", "typescript", "json"],
  ["m.wasm", "javascript", "typescript", "wasm"],
  ["m.txt", "javascript", "typescript", "unknown"],
  ["m.css", "javascript", "typescript", "unknown"],
  ["m.js.", "javascript", "typescript", "unknown"],
  ["m%2Ets", "javascript", "typescript", "unknown"],
  ["m.js?x=.ts", "javascript", "typescript", "javascript"],
  ["m.js#.ts", "javascript", "typescript", "javascript"],
];

for (const [name, asJavaScript, asTypeScript, byName] of NAMES) {
  Deno.test(`media type of ${name} from a server`, () => {
    const url = `https://example.com/a.b/${name}`;
    for (const type of JAVASCRIPT) assertEquals(mediaTypeOf(url, type), asJavaScript, type);
    for (const type of TYPESCRIPT) assertEquals(mediaTypeOf(url, type), asTypeScript, type);
    for (
      const type of ["", "text/plain", "text/plain; charset=utf-8", "application/octet-stream"]
    ) {
      assertEquals(mediaTypeOf(url, type), byName, type);
    }
    const exact: [string, MediaType][] = [
      ["text/jsx", "jsx"],
      ["text/tsx", "tsx"],
      ["application/json; charset=utf-8", "json"],
      ["text/json", "json"],
      ["application/ld+json", "json"],
      ["application/wasm", "wasm"],
      ["text/html", "unknown"],
      ["text/css", "unknown"],
      ["image/png", "unknown"],
      ["garbage", "unknown"],
    ];
    for (const [type, expected] of exact) assertEquals(mediaTypeOf(url, type), expected, type);
  });

  Deno.test(`media type of ${name} from a file is what its name says`, () => {
    const expected = name === "m" ? "typescript" : byName;
    assertEquals(mediaTypeOf(`file:///a.b/${name}`, ""), expected);
    assertEquals(mediaTypeOf(`file:///a.b/${name}`, "text/jsx"), expected);
  });
}

Deno.test("CommonJS files are JavaScript, and TypeScript if they say so", () => {
  assertEquals(mediaTypeOf("file:///m.cjs", ""), "javascript");
  assertEquals(mediaTypeOf("file:///m.cts", ""), "typescript");
});

Deno.test("media type of a data: URL is what its content type says", () => {
  const cases: [string, string, MediaType][] = [
    ["data:text/javascript,1", "text/javascript", "javascript"],
    ["data:text/javascript;base64,MQ==", "text/javascript", "javascript"],
    ["data:application/typescript,1", "application/typescript", "typescript"],
    ["data:text/tsx,1//.js", "text/tsx", "tsx"],
    ["data:application/json,1", "application/json", "json"],
    ["data:application/wasm,1", "application/wasm", "wasm"],
    ["data:,1", "text/plain;charset=US-ASCII", "unknown"],
    ["data:text/plain,1.js", "text/plain", "unknown"],
  ];
  for (const [url, type, expected] of cases) assertEquals(mediaTypeOf(url, type), expected, url);
});
