import { Loader } from "../../src/loader/loader.ts";
import type { LoaderOptions } from "../../src/loader/protocol.ts";
import { assert } from "../support/assert.ts";
import { LoaderLab } from "../support/loader_lab.ts";
import { test } from "../support/strict.ts";

const COUNT = 60;

function optionsFor({ cache }: LoaderLab): LoaderOptions {
  return {
    cacheRoot: cache,
    importMapUrl: undefined,
    reload: "none",
    cachePolicy: "use",
    allowImport: "any",
    allowHttp: "loopback",
    lockFile: undefined,
    lockOrigin: "named",
    lockMode: "extend",
    env: {},
  };
}

test("a start from the cache has few files open at a time, however many it looks at", async () => {
  const names = Array.from({ length: COUNT }, (_, index) => `m${index}.js`);
  const imports = names.map((name) => `import "./${name}";\n`).join("");
  await using lab = new LoaderLab({
    "app.js": `${imports}export default () => new Response("ok");\n`,
    ...Object.fromEntries(names.map((name) => [name, "export {};\n"])),
  });
  using loader = new Loader(optionsFor(lab), () => {});
  await loader.prepare([lab.url("app.js")]);
  let [open, most, opened] = [0, 0, 0];
  const { open: openFile } = Deno;
  Deno.open = async (...args) => {
    opened++;
    most = Math.max(most, ++open);
    const file = await openFile(...args);
    const close = file[Symbol.dispose];
    file[Symbol.dispose] = () => {
      open--;
      close.call(file);
    };
    return file;
  };
  try {
    await loader.prepare([lab.url("app.js")]);
  } finally {
    Deno.open = openFile;
  }
  assert(opened > COUNT, `${opened} were looked at`);
  assert(most <= 10, `${most} were open at a time`);
});
