import { pathToFileURL } from "node:url";
import { assert, assertEquals } from "../support/assert.ts";
import { hostApp } from "../support/hosted_app.ts";

const APP = new URL("./hostile_app.ts", import.meta.url);

/** What comes of each attempt. */
const outcomes: Record<string, RegExp> = {
  "the services' own": /^true,true,false(?:,true){8}$/,
  "a start of its own": /^undefined$/,
  "answers of its own": /^refused: no such module$/,
  "answers whose parts change": /^imported \{"place":"late"\}$/,
  "messages that are none": /^6$/,
  "a file that all objects have": /^refused: there is no \.\/unknown\.js$/,
  "an answer that all objects have": /^refused: there is no \.\/unknown\.js$/,
  "a then that all objects have": /^refused: (?:no such module|nothing came)$/,
  "promises that resolve to something else": /^refused: no such module$/,
  "texts that say what they are not": /^refused: there is no /,
  "a specifier that changes": /^refused: there is no \.\/unknown\.js$/,
  "a type that is none": /^refused: the import type 'json https:\/\/x' is not supported$/,
  "what it is given by postMessage": /^refused: postMessage\(\) is not available/,
};

for (const [name, expected] of Object.entries(outcomes)) {
  Deno.test(`an app gets nothing that the loader did not give it by ${name}`, async () => {
    await using app = await hostApp(APP, {
      late: { "./late.js": "export const place = 'late';" },
    });
    const secret = `${app.folder}/secret.js`;
    await Deno.writeTextFile(
      secret,
      "globalThis.secretPlace = 'secret'; export const place = 'secret'; export default () => 1;",
    );
    const { href } = pathToFileURL(secret);
    const url = `${app.url}/${encodeURIComponent(name)}?${encodeURIComponent(href)}`;
    const response = await fetch(url, { client: app.client });
    const outcome = await response.text();
    assert(expected.test(outcome), outcome);
    assertEquals(response.status, 200);
  });
}

const STALE = "what the ring held before";

/** Apps whose answers are not as long as they say; what is sent of them. */
const liars: Record<string, [body: string, sent: string]> = {
  "an array that says it is longer": [
    `const body = new Uint8Array(4).fill(65);
     Object.defineProperty(body, "length", { value: 4096 });
     return new Response(body);`,
    "AAAA",
  ],
  "a stream of arrays that say they are longer": [
    `class Liar extends Uint8Array { get length() { return 4096; } subarray() { return this; } }
     const part = new Liar(4).fill(65);
     return new Response(new ReadableStream({ start(c) { c.enqueue(part); c.close(); } }));`,
    "AAAA",
  ],
  "arrays of which all say that they are longer": [
    `const arrays = Object.getPrototypeOf(Uint8Array.prototype);
     Object.defineProperty(arrays, "length", { get: () => 4096, configurable: true });
     return new Response(new Uint8Array(4).map(() => 65));`,
    "AAAA",
  ],
};
for (const [name, [body, sent]] of Object.entries(liars)) {
  Deno.test(`no client gets what was meant for others from ${name}`, async () => {
    const folder = await Deno.makeTempDir();
    await Deno.writeTextFile(
      `${folder}/app.js`,
      `export default (request) => {
        if (request.url.endsWith("/before")) return new Response("${STALE}".repeat(40_000));
        ${body}
      };`,
    );
    try {
      await using app = await hostApp(pathToFileURL(`${folder}/app.js`));
      const { client } = app;
      const before = await (await fetch(`${app.url}/before`, { client })).text();
      assertEquals(before.length, STALE.length * 40_000);
      const text = await (await fetch(app.url, { client })).text();
      assertEquals(text, sent);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  });
}

/** What an app changes when it is loaded, for another module to be taken for its middleware. */
const swaps: Record<string, [target: string, key: string, descriptor: string]> = {
  "iterators": [
    "Array.prototype",
    "Symbol.iterator",
    `{ value() {
      return Reflect.apply(before.value, this[0]?.exportName === undefined ? this : [FORGED], []);
    } }`,
  ],
  "a list that all objects have": ["Object.prototype", '"middleware"', "{ value: [FORGED] }"],
  "a module that all objects have": ["Object.prototype", '"module"', "{ value: FORGED.url }"],
  "a method of arrays": ["Array.prototype", '"map"', "{ value: () => FORGED }"],
  "an accessor of places in arrays": ["Array.prototype", "0", "{ get: () => FORGED }"],
  "promises": [
    "Promise.prototype",
    '"then"',
    `{ value: function (onResolved, onRejected) {
      return Reflect.apply(then, this, [() => onResolved?.(FORGED), onRejected]);
    } }`,
  ],
};
for (const [name, [target, key, descriptor]] of Object.entries(swaps)) {
  Deno.test(`the middleware of an app is the one that was configured, in spite of ${name}`, async () => {
    const folder = await Deno.makeTempDir();
    const place = (file: string) => pathToFileURL(`${folder}/${file}`);
    const forged = { url: place("secret.js").href, exportName: "default", kind: "plain" };
    await Deno.writeTextFile(
      `${folder}/app.js`,
      `const FORGED = { ...${JSON.stringify(forged)}, settings: {} };
      const { then } = Promise.prototype;
      const before = Object.getOwnPropertyDescriptor(${target}, ${key});
      globalThis.restore = () => {
        delete ${target}[${key}];
        if (before !== undefined) Object.defineProperty(${target}, ${key}, before);
      };
      Object.defineProperty(${target}, ${key}, { ...${descriptor}, configurable: true });
      export default () => new Response(String(globalThis.secretPlace));`,
    );
    await Deno.writeTextFile(
      `${folder}/secret.js`,
      "globalThis.secretPlace = 'secret'; globalThis.restore(); export default (next) => next;",
    );
    await Deno.writeTextFile(
      `${folder}/around.js`,
      `globalThis.restore();
      export default (next) => ({
        fetch: async (request) => new Response("around " + await (await next.fetch(request)).text()),
      });`,
    );
    try {
      await using app = await hostApp(place("app.js"), { middleware: [place("around.js")] });
      const response = await fetch(app.url, { client: app.client });
      assertEquals(await response.text(), "around undefined");
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  });
}
