import { assert, assertEquals, assertMatch, assertRejects } from "../support/assert.ts";
import { LoadError } from "../../src/errors.ts";
import { canonicalRequirement } from "../../src/loader/deno_lock.ts";
import { Lock } from "../../src/loader/lock.ts";
import { inFolder } from "../support/processes.ts";

const A = "a".repeat(64);
const INTEGRITY = `sha512-${"A".repeat(86)}==`;

const V5 = {
  version: "5",
  specifiers: {
    "npm:hono@4": "4.13.19",
    "npm:react-dom@18": "18.3.1_react@18.3.1",
    "jsr:@std/path@1": "1.0.2",
  },
  jsr: { "@std/path@1.0.2": { integrity: "x", dependencies: [] } },
  npm: {
    "hono@4.13.19": { integrity: INTEGRITY },
    "@scope/with_line@1.0.0_react@18.3.1": { integrity: INTEGRITY, dependencies: ["react"] },
  },
  redirects: { "https://example.com/a": "https://example.com/b" },
  remote: { "https://example.com/b": A },
  workspace: { dependencies: ["npm:hono@4"] },
};
const V3 = {
  version: "3",
  packages: {
    specifiers: {
      "npm:hono@4": "npm:hono@4.13.19",
      "npm:react-dom@18": "npm:react-dom@18.3.1_react@18.3.1",
      "jsr:@std/path@1": "jsr:@std/path@1.0.2",
    },
    jsr: V5.jsr,
    npm: V5.npm,
  },
  redirects: V5.redirects,
  remote: V5.remote,
};

for (const contents of [V5, { ...V5, version: "4" }, V3]) {
  Deno.test(`Deno's lock file of version ${contents.version} pins what it says, and is left as it is`, () => {
    const text = JSON.stringify(contents);
    return inFolder({ "deno.lock": text }, async (folder) => {
      const path = `${folder}/deno.lock`;
      const lock = await Lock.read(path, "extend");
      for (
        const [requirement, version] of [
          ["npm:hono@4", "4.13.19"],
          ["npm:hono@^4", "4.13.19"],
          ["npm:hono@^4.0.0", "4.13.19"],
          ["npm:hono@5", undefined],
          ["npm:react-dom@^18", "18.3.1"],
          ["jsr:@std/path@^1", "1.0.2"],
        ] as const
      ) assertEquals(lock.specifier(requirement), version, requirement);
      assertEquals(lock.packageIntegrity("hono@4.13.19"), INTEGRITY);
      assertEquals(lock.packageIntegrity("@scope/with_line@1.0.0"), INTEGRITY);
      assertEquals(lock.redirect("https://example.com/a"), "https://example.com/b");
      lock.checkModule("https://example.com/b", A);
      lock.checkModule("https://example.com/new", A);
      lock.pinSpecifier("npm:new@1", "1.0.0");
      await lock.write();
      assertEquals(await Deno.readTextFile(path), text);
      const other = await assertRejects(
        // deno-lint-ignore require-await
        async () => lock.checkModule("https://example.com/b", "b".repeat(64)),
        LoadError,
      );
      assertMatch(other.message, /its content is not what the lock file .*deno\.lock pins/);
      const frozen = await Lock.read(path, "frozen");
      frozen.pinSpecifier("npm:hono@^4", "4.13.19");
      const unknown = await assertRejects(
        // deno-lint-ignore require-await
        async () => frozen.pinSpecifier("npm:new@1", "1.0.0"),
        LoadError,
      );
      assertMatch(
        unknown.message,
        /deno\.lock is out of date, .*bring it up to date with deno install/,
      );
    });
  });
}

for (
  const [requirement, same] of [
    ["npm:a@^1", "npm:a@1"],
    ["npm:a@~1.2", "npm:a@1.2"],
    ["npm:a", "npm:a@*"],
    ["npm:@b/a@1.x", "npm:@b/a@1"],
    ["npm:a@>=2.1", "npm:a@>=2.1.0"],
    ["jsr:@b/a@^1.0.0", "jsr:@b/a@1"],
  ]
) {
  Deno.test(`${requirement} and ${same} are one requirement`, () => {
    assertEquals(canonicalRequirement(requirement), canonicalRequirement(same));
  });
}
Deno.test("requirements of other versions and packages are others", () => {
  const all = ["npm:a@1", "npm:a@2", "npm:b@1", "jsr:a@1", "npm:a@latest", "npm:a@next"];
  assertEquals(new Set(all.map(canonicalRequirement)).size, all.length);
  assert(canonicalRequirement("x") === "x");
});
