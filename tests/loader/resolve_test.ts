/** What users name apps by. */

import { ConfigError } from "../../src/base/errors.ts";
import { resolveApp } from "../../src/loader/names/resolve.ts";
import { assert, assertEquals, assertMatch, assertThrows } from "../support/assert.ts";
import { complaints, LoaderLab } from "../support/loader_lab.ts";
import { test } from "../support/strict.ts";

Deno.test("an app is named by path or URL, and its export by a fragment", () => {
  const cases: [name: string, url: string, exportName: string][] = [
    ["app.ts", "file:///srv/app.ts", "default"],
    ["/x/a b.ts#admin", "file:///x/a%20b.ts", "admin"],
    ["file:///x/../app.ts", "file:///app.ts", "default"],
    ["HTTPS://Example.com:443/a#b", "https://example.com/a", "b"],
    ["npm:hono@4/x", "npm:hono@4/x", "default"],
  ];
  for (const [name, url, exportName] of cases) {
    assertEquals(resolveApp(name, "/srv"), { url, exportName }, name);
  }
});

const UNUSABLE: readonly [name: string, reason: RegExp][] = [
  ["http://[bad/app.ts", /it is not a valid URL/],
  ["https://", /it is not a valid URL/],
  [
    "https://ann:hunter2@example.com:99999/app.ts",
    /ann:\*\*\*@example\.com:99999\/app\.ts": it is no/,
  ],
  ["https://hunter2@example.com:x/app.ts", /\/\/\*\*\*@example\.com:x/],
  ["file://elsewhere/app.ts", /it is not the path of a file on this machine/],
  ["file:///a%2fb.ts", /it is not the path of a file on this machine/],
];

Deno.test("a URL that nothing can be loaded from is one message, without passwords", () => {
  for (const [name, reason] of UNUSABLE) {
    const { message } = assertThrows(() => resolveApp(name, "/srv"), ConfigError);
    assertMatch(message, reason);
    assert(!message.includes("hunter2"), message);
  }
});

test("such a URL on the command line ends gatehouse with 2, for apps and import maps", async () => {
  await using lab = new LoaderLab({ "app.ts": "export default () => new Response();\n" });
  for (
    const args of [
      ["https://ann:hunter2@[x/app.ts"],
      ["--mount=/=http://[x"],
      ["app.ts", "http://[x"],
      ["app.ts", "--import-map=http://[x"],
      ["http://[x", "--loader=native"],
    ]
  ) {
    const ended = await lab.run(...args);
    assertEquals([args[0], ended.code, complaints(ended).length], [args[0], 2, 1], ended.stderr);
    assertMatch(complaints(ended)[0], /it is not a valid URL/);
    assert(!ended.stderr.includes("hunter2"), ended.stderr);
  }
});
