/** What a program sees of the package: a copy of what is published, used from outside. */

import { assert, assertEquals, assertStringIncludes } from "../support/assert.ts";
import { inFolder } from "../support/processes.ts";

const ROOT = new URL("../../", import.meta.url);
const NAME = "@gatehouse/gatehouse";

interface Manifest {
  readonly name: string;
  readonly exports: Readonly<Record<string, string>>;
  readonly imports: Readonly<Record<string, string>>;
  readonly unstable: readonly string[];
  readonly publish: { readonly include: readonly string[] };
}

async function readManifest(): Promise<Manifest> {
  return JSON.parse(await Deno.readTextFile(new URL("deno.json", ROOT)));
}

async function copy(path: string, target: string): Promise<void> {
  const source = new URL(path, ROOT);
  if (!(await Deno.stat(source)).isDirectory) return await Deno.copyFile(source, target);
  await Deno.mkdir(target);
  for await (const { name } of Deno.readDir(source)) {
    await copy(`${path}/${name}`, `${target}/${name}`);
  }
}

/** Runs `deno` in a folder that has `files`, and in `package/` what is published. */
async function withPackage(
  files: Readonly<Record<string, string>>,
  ...args: readonly string[]
): Promise<string> {
  const { exports, imports, unstable, publish } = await readManifest();
  let text = "";
  await inFolder(files, async (folder) => {
    await Deno.mkdir(`${folder}/package`);
    for (const path of publish.include) await copy(path, `${folder}/package/${path}`);
    // What JSR does with the imports of a package: its names are not those of the program.
    const ours = Object.entries(imports).filter(([, target]) => !target.startsWith("./"));
    const program = Object.entries(exports).map(([name, target]) =>
      [name.replace(".", NAME), target.replace(".", "./package")] as const
    );
    const config = {
      unstable,
      nodeModulesDir: "none",
      lock: false,
      imports: Object.fromEntries(program),
      scopes: { "./package/": Object.fromEntries(ours) },
    };
    await Deno.writeTextFile(`${folder}/deno.json`, JSON.stringify(config));
    const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: [...args],
      cwd: folder,
      env: { NO_COLOR: "1" },
      stdin: "null",
    }).output();
    text = new TextDecoder().decode(stdout);
    assert(success, new TextDecoder().decode(stderr));
  });
  return text;
}

Deno.test("a program that imports the package serves an app, and its types are checked", async () => {
  const program = `
import { type App, type Context, serve, type ServeOptions, SettingsError } from "${NAME}";

const app: App = { fetch: (request: Request, context: Context) =>
  new Response(\`\${new URL(request.url).pathname} \${context.endpoint}\`) };
const options: ServeOptions = { http: "127.0.0.1:0", app };
await using server = await serve(options);
const { port } = server.addresses[0] as Deno.NetAddr;
console.log(await (await fetch(\`http://127.0.0.1:\${port}/here\`)).text());
try {
  await serve({ ...options, backlog: -1 });
} catch (error) {
  if (error instanceof SettingsError) console.log(error.problems.length);
}
`;
  const printed = await withPackage(
    { "program.ts": program },
    "run",
    "-A",
    "--check",
    "program.ts",
  );
  assertEquals(printed, "/here http\n1\n");
});

Deno.test("protocols are in subpaths of the package", async () => {
  const program = `
import { HEAD, NEED_DATA, RequestParser } from "${NAME}/http1";
import { RecordReader, STDIN } from "${NAME}/fastcgi";
import { formatTnetstring, parseMessage } from "${NAME}/mongrel2";
import * as root from "${NAME}";

console.log(typeof RequestParser, typeof RecordReader, typeof parseMessage);
console.log([HEAD, NEED_DATA, STDIN].every((each) => typeof each === "number"));
console.log(new TextDecoder().decode(formatTnetstring("a")));
console.log(["HEAD", "STDIN", "Slab", "parseMessage"].filter((name) => name in root).length);
`;
  const printed = await withPackage(
    { "program.ts": program },
    "run",
    "-A",
    "program.ts",
  );
  assertEquals(printed, "function function function\ntrue\n1:a,\n0\n");
});

Deno.test("the package's documentation says what its main module has", async () => {
  const printed = await withPackage({}, "doc", "./package/mod.ts");
  for (const name of ["function serve", "interface ServeOptions", "class FastCgiServer"]) {
    assertStringIncludes(printed, name);
  }
});
