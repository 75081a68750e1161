import { assert, assertEquals } from "../support/assert.ts";
import { parseCommand } from "../../src/config/command_line.ts";
import { NO_SOURCES } from "../../src/config/gather.ts";
import { codeBlocks } from "../../scripts/docs/markdown.ts";
import { pagePaths, readPage, ROOT } from "../../scripts/docs/pages.ts";
import { blockOf } from "../support/docs.ts";
import { FROM_SOURCE, startGateway } from "../support/gateway.ts";
import { inFolder } from "../support/processes.ts";

const CONFIG = new URL("deno.json", ROOT).pathname;
const decoder = new TextDecoder();

/** All blocks of all pages in one of these languages, each with its place. */
function allBlocks(...languages: string[]): { place: string; language: string; code: string }[] {
  return pagePaths().flatMap((page) =>
    codeBlocks(readPage(page))
      .filter(({ language }) => languages.includes(language))
      .map(({ language, code, line }) => ({ place: `${page}:${line}`, language, code }))
  );
}

/** Runs `deno` with the project's configuration. */
async function deno(args: string[], env: Record<string, string> = {}): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args,
    cwd: ROOT,
    env: { NO_COLOR: "1", ...env },
  }).output();
  assert(success, decoder.decode(stderr));
  return decoder.decode(stdout);
}

Deno.test("the TypeScript in the documentation has no type errors", async () => {
  const blocks = allBlocks("ts", "tsx");
  assert(blocks.length > 5, String(blocks.length));
  const files = blocks.map(({ place, language, code }) =>
    // Blocks that import nothing are modules, too.
    [`${place.replace(/\W/g, "_")}.${language}`, `${code}\nexport {};\n`] as const
  );
  await inFolder(Object.fromEntries(files), async (folder) => {
    await deno(["check", "--config", CONFIG, ...files.map(([name]) => `${folder}/${name}`)]);
  });
});

/** The words of the commands in a block of a shell, without comments and continuations. */
function commandsIn(code: string): string[] {
  return code.replaceAll("\\\n", " ").split("\n").map((line) => line.replace(/ +#.*$/, "").trim());
}

/** The words of a command, as a shell takes them apart. */
function wordsOf(command: string): string[] {
  return (command.match(/(?:'[^']*'|[^\s'])+/g) ?? []).map((word) => word.replaceAll("'", ""));
}

Deno.test("the gatehouse commands in the documentation are understood", async () => {
  const ini = blockOf("docs/configuration.md", "ini");
  const sources = { ...NO_SOURCES, readTextFile: () => ini };
  let count = 0;
  for (const { place, code } of allBlocks("sh")) {
    for (const command of commandsIn(code)) {
      // Variables before it, and what takes its output, are the shell's.
      const words = wordsOf(command.replace(/^(?:\w+=\S+ )+/, "").replace(/ [|>] .*$/, ""));
      if (words[0] !== "gatehouse") continue;
      count++;
      try {
        await parseCommand(words.slice(1), sources);
      } catch (error) {
        throw new Error(`${place}: ${command}`, { cause: error });
      }
    }
  }
  assert(count > 30, String(count));
});

Deno.test("the configuration files in the documentation are understood", async () => {
  const files = allBlocks("ini").filter(({ code }) => code.includes("[server:main]"));
  assert(files.length > 3, String(files.length));
  for (const { place, code } of files) {
    try {
      await parseCommand(["--config", "gatehouse.ini"], {
        ...NO_SOURCES,
        readTextFile: () => code,
      });
    } catch (error) {
      throw new Error(place, { cause: error });
    }
  }
});

Deno.test("the tasks that the documentation names are there", () => {
  const { tasks } = JSON.parse(Deno.readTextFileSync(CONFIG));
  const named = pagePaths().flatMap((page) =>
    [...readPage(page).matchAll(/deno(?:@[\d.]+)? task ([a-z][\w:-]*)/g)].map(([, name]) => name)
  );
  assert(named.length > 20, String(named.length));
  assertEquals(named.filter((name) => !Object.hasOwn(tasks, name)), []);
});

for (const page of ["README.md", "docs/apps.md"]) {
  Deno.test(`the app in ${page} runs`, async () => {
    await inFolder({ "app.ts": blockOf(page, "ts", "// app.ts") }, async (folder) => {
      await using gateway = await startGateway([`${folder}/app.ts`, "--workers=1"]);
      assertEquals(await (await fetch(gateway.url)).text(), "Hello, 127.0.0.1");
      const echo = await fetch(gateway.url, { method: "POST", body: "[1]" });
      assertEquals(await echo.json(), [1]);
    });
  });
}

Deno.test("the program that serves itself, and the middleware, in docs/apps.md run", async () => {
  const files = {
    "app.ts": blockOf("docs/apps.md", "ts", "Deno.serve("),
    "stamp.ts": blockOf("docs/apps.md", "ts", "// stamp.ts"),
  };
  await inFolder(files, async (folder) => {
    await using gateway = await startGateway([
      `${folder}/app.ts`,
      `${folder}/stamp.ts`,
      "--workers=1",
    ]);
    const response = await fetch(gateway.url);
    assertEquals(response.headers.get("x-stamp"), "seen");
    assertEquals(await response.text(), "Hello, 127.0.0.1");
  });
});

Deno.test("the configuration file in docs/configuration.md passes its check, and starts", async () => {
  const api = `export const makeApi = ({ database }) => () =>
    Response.json({ database, data: Deno.readTextFileSync(database) });`;
  await using remote = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    () => new Response(api, { headers: { "content-type": "application/typescript" } }),
  );
  const text = blockOf("docs/configuration.md", "ini");
  const files = {
    "gatehouse.ini": text.replace("https://example.com", `http://127.0.0.1:${remote.addr.port}`),
    "site.ts": 'export default () => new Response("the site");',
    "timing.ts": `export default (next) => ({
      async fetch(request, context) {
        const response = await next.fetch(request, context);
        response.headers.set("server-timing", "app;dur=1");
        return response;
      },
    });`,
    "data.db": "rows",
    "run/.keep": "",
  };
  await inFolder(files, async (folder) => {
    const env = { GATEHOUSE_CACHE: `${folder}/cache` };
    const [program, ...words] = FROM_SOURCE;
    const check = await new Deno.Command(program, {
      args: [...words, "config", "check", `${folder}/gatehouse.ini`],
      env: { NO_COLOR: "1", ...env },
    }).output();
    assert(check.success);
    assertEquals(
      decoder.decode(check.stdout),
      `${folder}/gatehouse.ini: no problems found, 2 apps\n`,
    );
    await using gateway = await startGateway(["--config", `${folder}/gatehouse.ini`], { env });
    assertEquals(await (await fetch(gateway.url)).text(), "the site");
    const response = await fetch(`${gateway.url}/api`);
    assertEquals(response.headers.get("server-timing"), "app;dur=1");
    assertEquals(await response.json(), { database: `${folder}/data.db`, data: "rows" });
  });
});

const PROGRAMS = [
  ["README.md", "await serve(", "Hello from /here\n"],
  ["docs/library.md", "await serve(", "Hello from /here\n"],
  ["docs/library.md", "FastCgiServer.listen(", "echo\n"],
] as const;
for (const [page, call, printed] of PROGRAMS) {
  Deno.test(`the program with ${call}) in ${page} runs`, async () => {
    const code = blockOf(page, "ts", call);
    assertEquals(await deno(["eval", "--config", CONFIG, "--ext=ts", code]), printed);
  });
}

for (const page of ["README.md", "docs/library.md"]) {
  Deno.test(`the deno.json in ${page} gives a program the library`, async () => {
    const files = {
      "program/deno.json": blockOf(page, "json", '"links"'),
      "program/main.ts": blockOf(page, "ts", "await serve("),
    };
    await inFolder(files, async (folder) => {
      await Deno.symlink(new URL(".", ROOT).pathname, `${folder}/gatehouse`);
      const printed = await deno(["run", "-A", `${folder}/program/main.ts`]);
      assertEquals(printed, "Hello from /here\n");
    });
  });
}
