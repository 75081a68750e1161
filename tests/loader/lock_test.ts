import { ConfigError, LoadError } from "../../src/base/errors.ts";
import { Lock } from "../../src/loader/project/lock.ts";
import type { LockMode } from "../../src/loader/project/lock.ts";
import { assertEquals, assertRejects, assertThrows } from "../support/assert.ts";
import { filesIn, TemporaryFolder } from "./module_server.ts";

const A = "a".repeat(64);
const B = "b".repeat(64);
const URL_A = "https://example.com/a.ts";
const INTEGRITY = `sha512-${"A".repeat(86)}==`;
const OTHER_INTEGRITY = `sha512-${"B".repeat(86)}==`;

/** A lock file with everything. */
const WHOLE = `{
  "version": 1,
  "modules": {
    "https://example.com/a.ts": "${A}",
    "https://example.com/b.ts": "${B}"
  },
  "packages": {
    "@scope/name@1.0.0": "sha1-qqqqqqqqqqqqqqqqqqqqqqqqqqo=",
    "hono@4.13.19": "${INTEGRITY}"
  },
  "redirects": {
    "https://example.com/a": "https://example.com/a.ts"
  },
  "specifiers": {
    "jsr:@std/assert@1": "1.0.16",
    "npm:hono@^4": "4.13.19"
  }
}
`;

function fill(lock: Lock): void {
  lock.pinSpecifier("npm:hono@^4", "4.13.19");
  lock.pinSpecifier("jsr:@std/assert@1", "1.0.16");
  lock.pinRedirect("https://example.com/a", URL_A);
  lock.checkPackage("hono@4.13.19", INTEGRITY);
  lock.checkPackage("@scope/name@1.0.0", "sha1-qqqqqqqqqqqqqqqqqqqqqqqqqqo=");
  lock.checkModule("https://example.com/b.ts", B);
  lock.checkModule(URL_A, A);
}

Deno.test("a new lock is written with sorted keys, and read back by either mode", async () => {
  await using folder = new TemporaryFolder();
  const path = `${folder.path}/new/gatehouse.lock`;
  const lock = await Lock.read(path, "extend");
  fill(lock);
  await lock.write();
  assertEquals(await Deno.readTextFile(path), WHOLE);
  for (const mode of ["extend", "frozen"] as LockMode[]) {
    const again = await Lock.read(path, mode);
    assertEquals([again.path, again.mode], [path, mode]);
    fill(again);
    assertEquals(again.specifier("npm:hono@^4"), "4.13.19");
    assertEquals(again.specifier("npm:hono@^3"), undefined);
    assertEquals(again.redirect("https://example.com/a"), URL_A);
    assertEquals(again.redirect(URL_A), undefined);
    assertEquals(again.packageIntegrity("hono@4.13.19"), INTEGRITY);
    assertEquals(again.packageIntegrity("hono@4.13.20"), undefined);
  }
  assertEquals(await filesIn(folder.path), ["new/gatehouse.lock"]);
});

Deno.test("a lock is written only when something was added", async () => {
  await using folder = new TemporaryFolder();
  const path = `${folder.path}/gatehouse.lock`;
  const untouched = await Lock.read(path, "extend");
  await untouched.write();
  assertEquals(await filesIn(folder.path), []);
  await Deno.writeTextFile(path, WHOLE);
  const lock = await Lock.read(path, "extend");
  fill(lock);
  await Deno.remove(path);
  await lock.write();
  assertEquals(await filesIn(folder.path), []);
  lock.checkModule("https://example.com/c.ts", A);
  await lock.write();
  assertEquals((await Lock.read(path, "frozen")).mode, "frozen");
  await Deno.remove(path);
  await lock.write();
  assertEquals(await filesIn(folder.path), []);
});

Deno.test("another version or redirect replaces the one before when the lock is extended", async () => {
  await using folder = new TemporaryFolder();
  const path = `${folder.path}/gatehouse.lock`;
  await Deno.writeTextFile(path, WHOLE);
  const lock = await Lock.read(path, "extend");
  lock.pinSpecifier("npm:hono@^4", "4.14.0");
  lock.pinRedirect("https://example.com/a", "https://example.com/b.ts");
  await lock.write();
  const again = await Lock.read(path, "frozen");
  assertEquals(again.specifier("npm:hono@^4"), "4.14.0");
  assertEquals(again.redirect("https://example.com/a"), "https://example.com/b.ts");
});

Deno.test("names that objects have of themselves are names like others", async () => {
  await using folder = new TemporaryFolder();
  const path = `${folder.path}/gatehouse.lock`;
  const lock = await Lock.read(path, "extend");
  for (const name of ["__proto__", "constructor", "toString"]) {
    assertEquals(lock.specifier(name), undefined);
    lock.pinSpecifier(name, "1.0.0");
  }
  await lock.write();
  const again = await Lock.read(path, "frozen");
  for (const name of ["__proto__", "constructor", "toString"]) {
    assertEquals(again.specifier(name), "1.0.0");
  }
});

const REFUSED: [string, LockMode, (lock: Lock) => void, string, string][] = [
  [
    "a module that has changed",
    "extend",
    (lock) => lock.checkModule(URL_A, B),
    URL_A,
    `cannot load ${URL_A}: its content does not match the lock file LOCK: SHA-256 bbbbbbbbbbbb… ` +
    "and not aaaaaaaaaaaa…; if you expect the change, remove its line from the lock file; if " +
    "not, find out who made it (--reload asks the server again)",
  ],
  [
    "a package that has changed",
    "extend",
    (lock) => lock.checkPackage("hono@4.13.19", OTHER_INTEGRITY),
    "npm:hono@4.13.19",
    "cannot load npm:hono@4.13.19: its integrity does not match the lock file LOCK: " +
    "sha512-BBBBBBBBBBBB… and not sha512-AAAAAAAAAAAA…; published versions do not change, so " +
    "find out why before you remove its line from the lock file",
  ],
  [
    "an unknown module",
    "frozen",
    (lock) => lock.checkModule("https://example.com/c.ts", A),
    "https://example.com/c.ts",
    "cannot load https://example.com/c.ts: the lock file LOCK is out of date: it does not list " +
    "it; update it with gatehouse cache --lock=LOCK APP",
  ],
  [
    "an unknown package",
    "frozen",
    (lock) => lock.checkPackage("zod@4.0.0", INTEGRITY),
    "npm:zod@4.0.0",
    "cannot load npm:zod@4.0.0: the lock file LOCK is out of date: it does not list it; update " +
    "it with gatehouse cache --lock=LOCK APP",
  ],
  [
    "an unknown redirect",
    "frozen",
    (lock) => lock.pinRedirect("https://example.com/c", URL_A),
    "https://example.com/c",
    "cannot load https://example.com/c: the lock file LOCK is out of date: it does not list it; " +
    "update it with gatehouse cache --lock=LOCK APP",
  ],
  [
    "another version",
    "frozen",
    (lock) => lock.pinSpecifier("npm:hono@^4", "4.14.0"),
    "npm:hono@^4",
    "cannot load npm:hono@^4: the lock file LOCK is out of date: it does not list 4.14.0 for " +
    "it; update it with gatehouse cache --lock=LOCK APP",
  ],
];

for (const [name, mode, check, url, message] of REFUSED) {
  Deno.test(`a lock (${mode}) refuses ${name}, and stays as it is`, async () => {
    await using folder = new TemporaryFolder();
    const path = `${folder.path}/gatehouse.lock`;
    await Deno.writeTextFile(path, WHOLE);
    const lock = await Lock.read(path, mode);
    const error = assertThrows(() => check(lock), LoadError);
    assertEquals(error.message, message.replaceAll("LOCK", path));
    assertEquals(error.url, url);
    await lock.write();
    assertEquals(await Deno.readTextFile(path), WHOLE);
  });
}

const MALFORMED: [string, string, string][] = [
  ["nothing", "", "1: this is not JSON: Unexpected end of JSON input"],
  ["half of it", WHOLE.slice(0, 60), "4: this is not JSON: Unterminated string"],
  [
    "marks of a conflict",
    WHOLE.replace('    "https://example.com/b', '<<<<<<< HEAD\n    "https://example.com/b'),
    "5: this is not JSON: Expected double-quoted property name",
  ],
  ["no object", "[]", "1: a lock file should be a JSON object"],
  [
    "no version",
    "{}",
    "1: this lock file cannot be used: it has no version, and this gatehouse reads version 1",
  ],
  [
    "another version",
    WHOLE.replace("1", "5"),
    "2: this lock file cannot be used: its version is 5, and this gatehouse reads version 1",
  ],
  [
    "an unknown part",
    WHOLE.replace("packages", "remote"),
    '7: "remote" does not belong in a lock file',
  ],
  [
    "a part that is no object",
    '{\n  "version": 1,\n  "modules": []\n}',
    '3: "modules" should be an object',
  ],
  [
    "a hash that is too short",
    WHOLE.replace(B, "bbb"),
    '5: the value of "https://example.com/b.ts" should be a SHA-256 of 64 hexadecimal digits',
  ],
  [
    "an integrity that is none",
    WHOLE.replace(INTEGRITY, "none"),
    '9: the value of "hono@4.13.19" should be an integrity such as "sha512-…"',
  ],
  [
    "a redirect to no URL",
    WHOLE.replace(
      /"redirects": \{[^}]*\}/,
      '"redirects": {\n    "https://example.com/x": "/y"\n  }',
    ),
    '12: the value of "https://example.com/x" should be a URL',
  ],
  [
    "a version that is a number",
    WHOLE.replace('"1.0.16"', "1"),
    '15: the value of "jsr:@std/assert@1" should be a version',
  ],
];

for (const [name, text, message] of MALFORMED) {
  Deno.test(`a lock file with ${name} is an error with its line`, async () => {
    await using folder = new TemporaryFolder();
    const path = `${folder.path}/gatehouse.lock`;
    await Deno.writeTextFile(path, text);
    const error = await assertRejects(() => Lock.read(path, "extend"), ConfigError);
    assertEquals(error.message, `${path}:${message}`);
  });
}

Deno.test("a lock file that cannot be read or written is an error that says so", async () => {
  await using folder = new TemporaryFolder();
  const reading = await assertRejects(() => Lock.read(folder.path, "extend"), ConfigError);
  assertEquals(
    reading.message,
    `cannot read the lock file ${folder.path}: Is a directory`,
  );
  const path = `${folder.path}/folder/gatehouse.lock`;
  const lock = await Lock.read(path, "extend");
  lock.checkModule(URL_A, A);
  await Deno.writeTextFile(`${folder.path}/folder`, "");
  const writing = await assertRejects(() => lock.write(), ConfigError);
  assertEquals(
    writing.message,
    `cannot write the lock file ${path}: a file is where a folder should be`,
  );
  await Deno.remove(`${folder.path}/folder`);
  await lock.write();
  (await Lock.read(path, "frozen")).checkModule(URL_A, A);
});
