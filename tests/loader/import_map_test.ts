/** Import maps, by the cases of the HTML standard (section 8.1.6). */

import { ConfigError, LoadError } from "../../src/base/errors.ts";
import { NO_IMPORT_MAP, parseImportMap } from "../../src/loader/names/import_map.ts";
import type { ImportMapDialect } from "../../src/loader/names/import_map.ts";
import { resolveSpecifier } from "../../src/loader/names/meaning.ts";
import { assertEquals, assertStringIncludes, assertThrows } from "../support/assert.ts";

const BASE = "https://example.com/app/map.json";
const REFERRER = "https://example.com/js/app.mjs";

/** What a specifier means: a URL, or what the refusal says. */
type Meaning = string | { readonly refused: string };

function check(map: unknown, cases: Record<string, Meaning>, referrer = REFERRER): void {
  checkIn("standard", map, cases, referrer);
}

function checkIn(
  dialect: ImportMapDialect,
  map: unknown,
  cases: Record<string, Meaning>,
  referrer: string,
): void {
  const parsed = parseImportMap(map, BASE, dialect);
  for (const [specifier, meaning] of Object.entries(cases)) {
    if (typeof meaning === "string") {
      assertEquals(resolveSpecifier(specifier, referrer, parsed), meaning, specifier);
    } else {
      const error = assertThrows(() => resolveSpecifier(specifier, referrer, parsed), LoadError);
      assertStringIncludes(error.message, meaning.refused, specifier);
      assertStringIncludes(error.message, `"${specifier}"`);
    }
  }
}

const noMeaning = { refused: "no import map has it" };
const blocked = { refused: "the import map blocks it" };

Deno.test("without a map, URLs and relative paths mean themselves, and names nothing", () => {
  check({}, {
    "./a.js": "https://example.com/js/a.js",
    "../a.js": "https://example.com/a.js",
    "/a.js": "https://example.com/a.js",
    "../../../a.js": "https://example.com/a.js",
    "//other.example/a.js": "https://other.example/a.js",
    "https://a.example/b": "https://a.example/b",
    "HTTPS://A.example:443/b/../c": "https://a.example/c",
    "data:text/javascript,1": "data:text/javascript,1",
    "npm:@a/b@^1.0.0/c": "npm:@a/b@^1.0.0/c",
    "jsr:@a/b@1": "jsr:@a/b@1",
    "node:fs": "node:fs",
    "a": noMeaning,
    "a/b.js": noMeaning,
    ".a": noMeaning,
    "..a": noMeaning,
    "~/a.js": {
      refused: 'to have "~/" mean a folder, write "imports": { "~/": "./" } into deno.json',
    },
    "@std/a": { refused: "for a package, write jsr:@std/a" },
    "#a": noMeaning,
    "%2E/a.js": noMeaning,
  });
  assertEquals(resolveSpecifier("./x", "file:///a/b.ts", NO_IMPORT_MAP), "file:///a/x");
});

Deno.test("what is relative to a data: URL is told", () => {
  const error = assertThrows(
    () => resolveSpecifier("./a.js", "data:text/javascript,1", NO_IMPORT_MAP),
    LoadError,
  );
  assertStringIncludes(error.message, "is not a place that it can be relative to");
});

Deno.test("names are mapped as a whole, and by prefixes of paths, the longest first", () => {
  check({
    imports: {
      "moment": "/node_modules/moment/src/moment.js",
      "moment/": "/node_modules/moment/src/",
      "a": "./1.js",
      "a/": "./2/",
      "a/b/": "./3/",
      "a/b/c.js": "./4.js",
      "é": "./5.js",
      "": "./6.js",
      "npm-like": "npm:thing@1",
      "npm-like/": "npm:/thing@1/",
    },
  }, {
    "moment": "https://example.com/node_modules/moment/src/moment.js",
    "moment/locale/de.js": "https://example.com/node_modules/moment/src/locale/de.js",
    "moments": noMeaning,
    "a": "https://example.com/app/1.js",
    "a/": "https://example.com/app/2/",
    "a/x": "https://example.com/app/2/x",
    "a/b": "https://example.com/app/2/b",
    "a/b/": "https://example.com/app/3/",
    "a/b/x?q#f": "https://example.com/app/3/x?q#f",
    "a/b/c.js": "https://example.com/app/4.js",
    "é": "https://example.com/app/5.js",
    "A": noMeaning,
    "npm-like": "npm:thing@1",
    "npm-like/sub": "npm:/thing@1/sub",
  });
});

Deno.test("URLs are mapped by what they are, however they are written", () => {
  check({
    imports: {
      "./x.js": "./mapped-x.js",
      "https://example.com/app/y.js": "./mapped-y.js",
      "/lib/": "https://cdn.example/lib/",
      "https://cdn.example/": "./local/",
      "data:text/": "./never/",
      "data:text/javascript,1": "./mapped-data.js",
      "node:fs": "./mapped-fs.js",
      "npm:x@1": "npm:y@2",
    },
  }, {
    "../app/x.js": "https://example.com/app/mapped-x.js",
    "https://example.com/app/x.js": "https://example.com/app/mapped-x.js",
    "/app/y.js": "https://example.com/app/mapped-y.js",
    "./y.js": "https://example.com/js/y.js",
    "/lib/z.js": "https://cdn.example/lib/z.js",
    "https://cdn.example/a/b.js": "https://example.com/app/local/a/b.js",
    "data:text/plain,1": "data:text/plain,1",
    "data:text/javascript,1": "https://example.com/app/mapped-data.js",
    "node:fs": "https://example.com/app/mapped-fs.js",
    "npm:x@1": "npm:y@2",
  });
});

Deno.test("targets that are no URLs, null, or lose their slash, block what they map", () => {
  check({
    imports: {
      "null": null,
      "number": 1,
      "object": {},
      "bare": "bare-target",
      "invalid": "https://exa mple.com/",
      "slash/": "./no-slash",
      "also/": "https://a.example/x/?q=/",
      "https://blocked.example/": null,
    },
  }, {
    "null": blocked,
    "number": blocked,
    "object": blocked,
    "bare": blocked,
    "invalid": blocked,
    "slash/": blocked,
    "slash/x": blocked,
    "https://blocked.example/a.js": blocked,
    "https://blocked.example": blocked,
    "https://open.example/a.js": "https://open.example/a.js",
  });
});

Deno.test("nothing leaves the target of its prefix", () => {
  const leaves = { refused: "it leaves https://" };
  check({ imports: { "a/": "./lib/", "b/": "https://b.example/", "c/": "./lib/deep/" } }, {
    "a/x/../y": "https://example.com/app/lib/y",
    "a/../y": leaves,
    "a/x/../../y": leaves,
    "a//y": leaves,
    "a/%2e%2e/y": leaves,
    "a/\\..\\y": leaves,
    "b/../y": "https://b.example/y",
    "b/https://c.example/": leaves,
    "c/../deep/y": "https://example.com/app/lib/deep/y",
    "c/../deeper/y": leaves,
  });
});

Deno.test("scopes are for the URLs below them, the longest first, then come the imports", () => {
  const map = {
    imports: { "a": "./a-0.js", "b": "./b-0.js", "c/": "./c-0/", "d": "./d-0.js" },
    scopes: {
      "/js/": { "a": "./a-1.js", "c/": "./c-1/", "d": null },
      "/js/deep/": { "a": "./a-2.js" },
      "/js/deep/one.js": { "a": "./a-3.js" },
      "/no-slash": { "a": "./a-4.js" },
      "https://other.example/": { "b": "./b-5.js", "./x.js": "./x-5.js" },
    },
  };
  const app = (file: string) => `https://example.com/app/${file}`;
  const scopes: Record<string, Record<string, Meaning>> = {
    "https://example.com/app.js": { "a": app("a-0.js"), "b": app("b-0.js"), "c/x": app("c-0/x") },
    "https://example.com/js/app.js": {
      "a": app("a-1.js"),
      "b": app("b-0.js"),
      "c/x": app("c-1/x"),
      "d": blocked,
    },
    "https://example.com/js": { "a": app("a-0.js") },
    "https://example.com/jsx/app.js": { "a": app("a-0.js") },
    "https://example.com/js/deep/two.js": { "a": app("a-2.js"), "c/x": app("c-1/x") },
    "https://example.com/js/deep/one.js": { "a": app("a-3.js"), "b": app("b-0.js") },
    "https://example.com/js/deep/one.js/x": { "a": app("a-2.js") },
    "https://example.com/no-slash": { "a": app("a-4.js") },
    "https://example.com/no-slash/x.js": { "a": app("a-0.js") },
    "https://other.example/y.js": { "a": app("a-0.js"), "b": app("b-5.js") },
    "https://example.com/app/x.js": { "./x.js": app("x.js") },
  };
  for (const [referrer, cases] of Object.entries(scopes)) check(map, cases, referrer);
});

Deno.test("in a deno.json, the name of a package also stands for what is below it", () => {
  const map = {
    imports: {
      "hono": "npm:hono@4",
      "@std/path": "jsr:@std/path@^1",
      "own": "npm:own@1",
      "own/": "./own/",
      "file": "./file.ts",
    },
  };
  checkIn("deno.json", map, {
    "hono": "npm:hono@4",
    "hono/cors": "npm:/hono@4/cors",
    "@std/path/posix": "jsr:/@std/path@^1/posix",
    "own": "npm:own@1",
    "file": "https://example.com/app/file.ts",
    "file/x": noMeaning,
    "honos": noMeaning,
  }, REFERRER);
  check(map, { "hono": "npm:hono@4", "hono/cors": noMeaning });
});

Deno.test("an explicit prefix comes before the one that a package's name stands for", () => {
  for (
    const imports of [
      { "own": "npm:own@1", "own/": "./own/" },
      { "own/": "./own/", "own": "npm:own@1" },
    ]
  ) {
    checkIn("deno.json", { imports }, { "own/x": "https://example.com/app/own/x" }, REFERRER);
  }
});

Deno.test("a map that is none is a fault of the configuration, named with its place", () => {
  const wrong: [unknown, string][] = [
    [null, `the import map ${BASE} is not an object`],
    [[], `the import map ${BASE} is not an object`],
    ["x", `the import map ${BASE} is not an object`],
    [{ imports: [] }, '"imports" of the import map'],
    [{ imports: null }, '"imports" of the import map'],
    [{ scopes: 1 }, '"scopes" of the import map'],
    [{ scopes: { "/a/": 1 } }, "/a/"],
    [{ scopes: { "https://:80/": 1 } }, "https://:80/"],
  ];
  for (const [map, message] of wrong) {
    const error = assertThrows(() => parseImportMap(map, BASE), ConfigError);
    assertStringIncludes(error.message, message);
  }
  // What the standard does not know yet is let be, and scopes that are no URLs.
  const map = { integrity: {}, other: 1, scopes: { "https://:80/": {} } };
  assertEquals(parseImportMap(map, BASE), NO_IMPORT_MAP);
});
