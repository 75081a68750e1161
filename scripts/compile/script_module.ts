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
 * The text of a module that evaluates a script. One of the `"main"` kind runs the program; if it is to `"make code"`, it keeps what V8 makes of the script.
 */
export function scriptModule(
  root: string,
  { name, builtins, lateText }: StagedScript,
  kind: "main" | "worker",
  purpose: "run" | "make code",
): string {
  const quotedUrl = (path: string) => JSON.stringify(pathToFileURL(root + path).href);
  const lines = [
    ...builtins.map((specifier, i) => `import * as builtin${i} from ${JSON.stringify(specifier)};`),
    `import { embeddedScript, evaluateScript } from ${quotedUrl("src/base/embedded_scripts.ts")};`,
  ];
  const isKept = purpose === "make code";
  if (isKept) lines.push(`import { keepCode } from ${quotedUrl("scripts/compile/keep_code.ts")};`);
  const opened = (file: string) => {
    const quoted = JSON.stringify(file);
    const script = `embeddedScript(${quoted})`;
    return isKept ? `keepCode(${quoted}, ${script})` : script;
  };
  const members = builtins.map((specifier, i) => `${JSON.stringify(specifier)}: builtin${i}`);
  lines.push(`function typeScript() {
  ${opened(TYPESCRIPT_FILE)}.runInThisContext();
  const made = globalThis.${TYPESCRIPT_GLOBAL};
  delete globalThis.${TYPESCRIPT_GLOBAL};
  return { default: made };
}
const exported = evaluateScript(${opened(`${name}.js`)}, "./${name}.js", {
  meta: import.meta,
  builtins: { ${members.join(", ")} },${
    lateText === null ? "" : `\n  late: () => ${opened(`${name}${LATE_SUFFIX}.js`)},`
  }
  scripts: { typescript: typeScript },
});`);
  if (kind === "main") lines.push("Deno.exit(await exported.main());");
  return lines.join("\n") + "\n";
}
