import { LoadError } from "../../../src/base/errors.ts";
import { parseDependency, parseNpmSpecifier } from "../../../src/loader/names/specifier.ts";
import { nearestVersions } from "../../../src/loader/npm/versions.ts";
import { assertEquals, assertThrows } from "../../support/assert.ts";

const SPECIFIERS: readonly (readonly [string, string, string, string])[] = [
  ["npm:hono", "hono", "*", "."],
  ["npm:hono@4", "hono", "4", "."],
  ["npm:hono@^4.1/cors", "hono", "^4.1", "./cors"],
  ["npm:hono/cors/x.js", "hono", "*", "./cors/x.js"],
  ["npm:/hono@latest/cors", "hono", "latest", "./cors"],
  ["npm:hono@*", "hono", "*", "."],
  ["npm:@oak/oak", "@oak/oak", "*", "."],
  ["npm:@oak/oak@17.1.0-rc.1/router", "@oak/oak", "17.1.0-rc.1", "./router"],
  ["npm:/@oak/oak@~17/a/b", "@oak/oak", "~17", "./a/b"],
  ["npm:a@>=1%20<2", "a", ">=1 <2", "."],
  ["npm:a@1 || 2", "a", "1 || 2", "."],
  ["npm:a@1/", "a", "1", "."],
  ["npm:JSONStream@1", "JSONStream", "1", "."],
];

for (const [specifier, name, range, subPath] of SPECIFIERS) {
  Deno.test(`${specifier} is ${name}, ${range}, ${subPath}`, () => {
    assertEquals(parseNpmSpecifier(specifier), { name, range, subPath });
  });
}

for (
  const specifier of [
    "npm:",
    "npm:/",
    "npm:@oak",
    "npm:@/x",
    "npm:..",
    "npm:.hidden",
    "npm:a b",
    "npm:node_modules",
    "npm:a@%zz",
    "npm:a@!1",
  ]
) {
  Deno.test(`${specifier} is refused`, () => {
    const error = assertThrows(() => parseNpmSpecifier(specifier), LoadError);
    assertEquals(error.url, specifier);
    assertEquals(error.message.startsWith(`cannot load ${specifier}: `), true);
  });
}

const DEPENDENCIES: readonly (readonly [string, string, string | null])[] = [
  ["a", "^1", "a@^1"],
  ["a", "", "a@*"],
  ["a", "latest", "a@latest"],
  ["a", " 1 - 2 ", "a@1 - 2"],
  ["@s/a", "1.x", "@s/a@1.x"],
  ["a", "npm:b@^2", "b@^2"],
  ["a", "npm:@s/b", "@s/b@*"],
  ["a", "file:../b", null],
  ["a", "link:../b", null],
  ["a", "workspace:*", null],
  ["a", "git+ssh://git@example.com/b.git", null],
  ["a", "github:user/b", null],
  ["a", "user/b", null],
  ["a", "https://example.com/b.tgz", null],
  ["../a", "1", null],
  ["a", "npm:../b", null],
];

for (const [alias, wanted, expected] of DEPENDENCIES) {
  Deno.test(`the dependency "${alias}": "${wanted}" is ${expected ?? "none of a registry"}`, () => {
    const found = parseDependency(alias, wanted);
    assertEquals(found === null ? null : `${found.name}@${found.range}`, expected);
  });
}

const VERSIONS = ["1.0.0", "1.1.0", "2.0.0", "2.1.0-rc.1", "3.0.0", "4.0.0"];

for (
  const [range, near] of [
    ["^1.5", "1.0.0 1.1.0 2.0.0 3.0.0 4.0.0"],
    ["0.1", "1.0.0 1.1.0 4.0.0"],
    [">=9", "3.0.0 4.0.0"],
    ["no-tag", "3.0.0 4.0.0"],
  ]
) {
  Deno.test(`near to ${range} there are ${near}`, () => {
    assertEquals(nearestVersions(VERSIONS, range).join(" "), near);
  });
}
