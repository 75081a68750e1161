/**
 * Modules that evaluate scripts, for the runtime to begin with.
 *
 * @module
 */

import { pathToFileURL } from "node:url";
import { LATE_SUFFIX } from "../../src/base/embedded_scripts.ts";
import type { StagedScript } from "./stage.ts";
import { TYPESCRIPT_FILE, TYPESCRIPT_GLOBAL } from "./typescript.ts";

/**
 * What a script is of: the program, a thread of its own, or an app's worker, which may not read it and is sent
 * it.
 */
export type ScriptKind = "main" | "thread" | "app worker";

/**
 * The text of a module that evaluates a script. That of the `"main"` kind runs the program; if it is to
 * `"make code"`, it keeps what V8 makes of the script.
 */
export function scriptModule(
  root: string,
  { name, builtins, lateText, usesTypeScript }: StagedScript,
  kind: ScriptKind,
  purpose: "run" | "make code",
): string {
  const quotedUrl = (path: string) => JSON.stringify(pathToFileURL(root + path).href);
  const lines = [
    ...builtins.map((specifier, i) => `import * as builtin${i} from ${JSON.stringify(specifier)};`),
    `import { embeddedScript, evaluateScript, scriptOf } from ${
      quotedUrl("src/base/embedded_scripts.ts")
    };`,
  ];
  const isKept = purpose === "make code";
  if (isKept) lines.push(`import { keepCode } from ${quotedUrl("scripts/compile/keep_code.ts")};`);
  const kept = (file: string, script: string) =>
    isKept ? `keepCode(${JSON.stringify(file)}, ${script})` : script;
  const opened = (file: string) => kept(file, `embeddedScript(${JSON.stringify(file)})`);
  const members = builtins.map((specifier, i) => `${JSON.stringify(specifier)}: builtin${i}`);
  if (usesTypeScript) {
    lines.push(`function typeScript() {
  ${opened(TYPESCRIPT_FILE)}.runInThisContext();
  const made = globalThis.${TYPESCRIPT_GLOBAL};
  delete globalThis.${TYPESCRIPT_GLOBAL};
  return { default: made };
}`);
  }
  const evaluate = (script: string) =>
    `evaluateScript(${script}, "./${name}.js", {
  meta: import.meta,
  builtins: { ${members.join(", ")} },${
      lateText === null ? "" : `\n  late: () => ${opened(`${name}${LATE_SUFFIX}.js`)},`
    }
  scripts: {${usesTypeScript ? " typescript: typeScript " : ""}},
});`;
  switch (kind) {
    case "main":
      lines.push(`const exported = ${evaluate(opened(`${name}.js`))}`);
      lines.push("Deno.exit(await exported.main());");
      break;
    case "thread":
      lines.push(evaluate(opened(`${name}.js`)));
      break;
    case "app worker": {
      const file = JSON.stringify(`${name}.js`);
      const sent = kept(`${name}.js`, `scriptOf(${file}, event.data)`);
      lines.push(`addEventListener("message", (event) => {
  event.stopImmediatePropagation();
  ${evaluate(sent)}
}, { once: true });`);
    }
  }
  return lines.join("\n") + "\n";
}
