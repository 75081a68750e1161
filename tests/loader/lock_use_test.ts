/** Lock files, as starts use them. */

import { assert, assertEquals, assertMatch, assertStringIncludes } from "../support/assert.ts";
import { jsrPages } from "../support/jsr_pages.ts";
import { complaints, importAt, IMPORTING_APP, LoaderLab } from "../support/loader_lab.ts";
import { answerHere, refusalHere, wrongUsageHere } from "../support/loading_here.ts";
import type { Ended } from "../support/loader_lab.ts";
import { FakeRegistry } from "../support/npm_registry.ts";
import { test } from "../support/strict.ts";
import { ModuleServer, redirectTo } from "./module_server.ts";

function refusal(ended: Ended): string {
  assertEquals(ended.code, 1, ended.stderr);
  assertEquals(complaints(ended).length, 1, ended.stderr);
  return complaints(ended)[0];
}

test("a lock pins modules, redirects and packages, and refuses what is another", async () => {
  const packages = (text: string) => ({
    "pack@1.0.0": {
      json: { type: "module", exports: "./index.js", dependencies: { below: "^1" } },
      files: { "index.js": 'export { default as p } from "below";' },
    },
    "below@1.0.0": {
      json: { type: "module", exports: "./index.js" },
      files: { "index.js": `export default "${text}";` },
    },
  });
  const jsrOf = (...versions: string[]) =>
    jsrPages(Object.fromEntries(versions.map((version) => [
      `@scope/name@${version}`,
      { "/mod.ts": `export const j: string = "${version}";\n` },
    ])));
  await using registry = await FakeRegistry.start(packages("below"));
  await using server = new ModuleServer({
    "/lib.ts": redirectTo("/lib@1.ts"),
    "/lib@1.ts": 'export const lib: string = "lib";\n',
    "/lib@2.ts": 'export const lib: string = "newer";\n',
    ...jsrOf("1.0.0"),
  });
  const { origin } = server;
  await using lab = new LoaderLab({
    ".npmrc": `registry=${registry.url}\n`,
    "app.ts": `import { lib } from "${origin}/lib.ts";\nimport { p } from "npm:pack@1";\n` +
      'import { j } from "jsr:@scope/name@1";\nexport default () => new Response(`${lib} ${p} ${j}`);\n',
  }, { JSR_URL: origin });
  const args = ["app.ts", "--allow-import", "--lock=app.lock"];
  const lockText = () => Deno.readTextFileSync(lab.path("app.lock"));

  const early = await lab.run(...args, "--frozen");
  assertMatch(refusal(early), /the lock file \S*app\.lock is out of date/);
  assertStringIncludes(refusal(early), `gatehouse cache --lock=${lab.path("app.lock")} APP`);
  assertEquals(await answerHere(lab, ...args), "lib below 1.0.0");
  const lock = JSON.parse(lockText());
  assertEquals(lock.redirects, { [`${origin}/lib.ts`]: `${origin}/lib@1.ts` });
  assertEquals(lock.specifiers, { "jsr:@scope/name@1": "1.0.0", "npm:pack@1": "1.0.0" });
  assertEquals(
    Object.keys(lock.modules).sort(),
    [
      `${origin}/@scope/name/1.0.0/mod.ts`,
      `${origin}/lib@1.ts`,
    ].sort(),
  );
  assertEquals(Object.keys(lock.packages).sort(), ["below@1.0.0", "pack@1.0.0"]);

  const before = lockText();
  assertEquals(await answerHere(lab, ...args, "--frozen"), "lib below 1.0.0");
  // Newer versions, and a redirect elsewhere, are not looked at.
  Object.assign(server.pages, jsrOf("1.0.0", "1.1.0"), { "/lib.ts": redirectTo("/lib@2.ts") });
  await registry.publish({ "pack@1.2.0": { files: { "index.js": "exports.p = 'newer';" } } });
  lab.dropCache();
  assertEquals(await answerHere(lab, ...args, "--frozen"), "lib below 1.0.0");
  assertEquals(await answerHere(lab, ...args, "--reload"), "lib below 1.0.0");
  assertEquals(lockText(), before);

  // A changed byte is noticed wherever it comes from.
  const whole = server.pages["/lib@1.ts"];
  server.pages["/lib@1.ts"] = 'export const lib: string = "lob";\n';
  assertMatch(
    await refusalHere(lab, ...args, "--reload"),
    new RegExp(`cannot load ${origin}/lib.*@1\\.ts: its content does not match the lock file`),
  );
  lab.dropCache();
  for (const more of [[], ["--frozen"]]) {
    const message = await refusalHere(lab, ...args, ...more);
    assertStringIncludes(message, `cannot load ${origin}/lib`);
    assertMatch(message, /\(imported by file:.*app\.ts:1\)/);
  }
  server.pages["/lib@1.ts"] = whole;
  lab.dropCache();
  await registry.publish(packages("BELOW"));
  assertMatch(await refusalHere(lab, ...args), /npm:below@1\.0\.0: its integrity does not match/);
  await registry.publish(packages("below"));
  lab.dropCache();
  assertEquals(await answerHere(lab, ...args), "lib below 1.0.0");

  // What is new is added, or refused.
  server.pages["/more.ts"] = 'export const more = "more";\n';
  lab.write({
    "app.ts":
      `import { more } from "${origin}/more.ts";\nexport default () => new Response(more);\n`,
  });
  assertMatch(
    await refusalHere(lab, ...args, "--frozen"),
    /cannot load \S+\/more\.ts: the lock file .* is out of date/,
  );
  assertEquals(lockText(), before);
  const prefetched = await lab.runCache("app.ts", "--allow-import", "--lock=app.lock");
  assertEquals(prefetched.code, 0, prefetched.stderr);
  assert(lockText().includes(`${origin}/more.ts`));
  assertEquals(await answerHere(lab, ...args, "--frozen"), "more");
});

test("what an app imports while it runs is compared with the lock as well", async () => {
  await using server = new ModuleServer({
    "/one.ts": 'export default "one" as string;\n',
    "/two.ts": 'export default "two" as string;\n',
  });
  const { origin } = server;
  await using lab = new LoaderLab({ "app.ts": IMPORTING_APP });
  const args = ["app.ts", "--allow-import", "--lock=late.lock"];
  {
    await using gateway = await lab.start(...args);
    assertEquals(await importAt(gateway, `${origin}/one.ts`), "one");
    assertStringIncludes(Deno.readTextFileSync(lab.path("late.lock")), `${origin}/one.ts`);
  }
  server.pages["/one.ts"] = 'export default "ONE" as string;\n';
  lab.dropCache();
  await using gateway = await lab.start(...args, "--frozen");
  assertMatch(
    String(await importAt(gateway, `${origin}/one.ts`)),
    /^TypeError: cannot load \S+\/one\.ts: its content does not match the lock file/,
  );
  assertMatch(
    String(await importAt(gateway, `${origin}/two.ts`)),
    /^TypeError: cannot load \S+\/two\.ts: the lock file .* is out of date/,
  );
});

test("a lock file that cannot be used is told with its line, and is not touched", async () => {
  const wrong: Record<string, [text: string, message: RegExp]> = {
    "no.lock": ["{\n  oops", /no\.lock:2: this is not JSON/],
    "newer.lock": ['{\n  "version": 99\n}', /newer\.lock:2: this lock file cannot be used/],
    "part.lock": [
      '{\n  "version": 1,\n  "moduls": {}\n}',
      /part\.lock:3: "moduls" does not belong/,
    ],
    "hash.lock": [
      '{\n  "version": 1,\n  "modules": {\n    "https://a.b/c.ts": "x"\n  }\n}',
      /hash\.lock:4: the value of/,
    ],
  };
  await using lab = new LoaderLab({ "app.ts": "export default () => new Response();\n" });
  for (const [name, [text, message]] of Object.entries(wrong)) {
    lab.write({ [name]: text });
    assertMatch(await wrongUsageHere(lab, "app.ts", `--lock=${name}`), message);
    assertEquals(Deno.readTextFileSync(lab.path(name)), text);
  }
  const ended = await lab.run("app.ts", "--lock=part.lock");
  assertEquals(ended.code, 2, ended.stderr);
  assertEquals(complaints(ended).length, 1, ended.stderr);
  assertMatch(complaints(ended)[0], wrong["part.lock"][1]);
});

test("Deno's lock beside an app's deno.json is kept to, and looked at anew when it changes", async () => {
  await using server = new ModuleServer({ "/lib.ts": 'export const lib: string = "lib";\n' });
  const url = `${server.origin}/lib.ts`;
  const source = new TextEncoder().encode('export const lib: string = "lib";\n');
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", source)).toHex();
  const lock = (sha256: string) => JSON.stringify({ version: "5", remote: { [url]: sha256 } });
  await using lab = new LoaderLab({
    "deno.json": "{}",
    "deno.lock": lock(digest),
    "src/app.ts": `import { lib } from "${url}";\nexport default () => new Response(lib);\n`,
  });
  const args = ["src/app.ts", "--allow-import"];
  assertEquals(await answerHere(lab, ...args, "--frozen"), "lib");
  assertEquals(await answerHere(lab, ...args), "lib");
  lab.write({ "deno.lock": lock("b".repeat(64)) });
  const message = await refusalHere(lab, ...args);
  assertMatch(message, /lib\.ts: its content does not match the lock file \S*deno\.lock:/);
  lab.write({ "deno.json": '{ "lock": false }' });
  assertEquals(await answerHere(lab, ...args), "lib");
  const usage = await wrongUsageHere(lab, ...args, "--frozen");
  assertMatch(usage, /--frozen needs --lock FILE, or a deno\.lock beside/);
  lab.write({
    "deno.json": '{ "lock": "locks/deno.lock" }',
    "locks/deno.lock": lock("c".repeat(64)),
  });
  assertMatch(
    await refusalHere(lab, ...args),
    /does not match the lock file \S*locks\/deno\.lock:/,
  );
  lab.write({ "locks/deno.lock": '{ "version": "99" }' });
  assertMatch(
    await wrongUsageHere(lab, ...args),
    /locks\/deno\.lock:1: this lock file cannot be used/,
  );
});
