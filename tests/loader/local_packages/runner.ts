/** Asks the project's questions under Deno, and under gatehouse. */

import { startGateway } from "../../support/gateway.ts";
import { ask, LoaderLab } from "../../support/loader_lab.ts";
import { LINKS, PROJECT, QUESTIONS } from "./project.ts";

/** A lab with the project in it, and a module `native.ts` and one `app.ts` in each place that asks. */
export function projectLab(): LoaderLab {
  const asking = Object.entries(QUESTIONS).flatMap(([place, questions]) => {
    const lines = Object.entries(questions).map(([name, expression]) => {
      return `  ${JSON.stringify(name)}: await valueOf(async () => ${expression}),`;
    });
    const text = `// @ts-nocheck
import { createRequire } from "node:module";
void createRequire;
const name = (text) => text.slice();
const failing = async (work) => {
  try {
    await work();
    return "no error";
  } catch (error) {
    return error instanceof TypeError ? "a TypeError" : String(error);
  }
};
const valueOf = async (ask) => {
  try {
    return await ask() ?? null;
  } catch (error) {
    return "FAILED: " + error.message;
  }
};
const answers = async () => ({
${lines.join("\n")}
});
`;
    return [
      [`${place}/native.ts`, `${text}console.log(JSON.stringify(await answers()));\n`],
      [`${place}/app.ts`, `${text}export default async () => Response.json(await answers());\n`],
    ];
  });
  const lab = new LoaderLab({ ...PROJECT, ...Object.fromEntries(asking) });
  for (const [path, target] of Object.entries(LINKS)) Deno.symlinkSync(target, lab.path(path));
  return lab;
}

/** What Deno answers in a place of the project. */
export async function nativeAnswers(lab: LoaderLab, place: string): Promise<Answers> {
  const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-lock", "--quiet", lab.path(`${place}/native.ts`)],
    env: { NO_COLOR: "1" },
    stdin: "null",
  }).output();
  const said = new TextDecoder().decode(stdout).trim().split("\n").at(-1)!;
  if (!said.startsWith("{")) throw new Error(new TextDecoder().decode(stderr));
  return JSON.parse(said);
}

/** What gatehouse answers there, from source or as `command` starts it. */
export async function ownAnswers(
  lab: LoaderLab,
  place: string,
  command?: readonly string[],
  ...args: string[]
): Promise<Answers> {
  const words = [lab.path(`${place}/app.ts`), "--workers=1", ...args];
  await using gateway = await startGateway(words, {
    ...command === undefined ? {} : { command },
    env: { ...lab.env },
  });
  const said = await ask(gateway);
  if (!said.startsWith("{")) throw new Error([said, ...gateway.log].join("\n"));
  return JSON.parse(said);
}

/** Answers by the names of the questions. */
export type Answers = Readonly<Record<string, unknown>>;

/** Answers to the same questions, of which each is a test of its own. */
export async function compare(
  test: Deno.TestContext,
  place: string,
  own: Answers,
  native: Answers,
  assertEquals: (own: unknown, native: unknown) => void,
): Promise<void> {
  for (const name of Object.keys(QUESTIONS[place])) {
    await test.step(name, () => {
      assertEquals(`${native[name]}`.startsWith("FAILED: "), false);
      assertEquals(own[name], native[name]);
    });
  }
}
