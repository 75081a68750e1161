import { assertEquals } from "../support/assert.ts";
import { commonJsAppTests } from "../loader/local_packages/common_js_apps.ts";
import { QUESTIONS } from "../loader/local_packages/project.ts";
import { compare, nativeAnswers, ownAnswers, projectLab } from "../loader/local_packages/runner.ts";
import { executable } from "./executable_path.ts";

if (executable !== null) {
  const command = [executable];
  commonJsAppTests({ name: "executable", command, args: ["--workers=1"] });
  for (const place of Object.keys(QUESTIONS)) {
    Deno.test(`names mean what they do with deno run (executable): ${place}`, async (test) => {
      await using lab = projectLab();
      const [native, own] = await Promise.all([
        nativeAnswers(lab, place),
        ownAnswers(lab, place, command),
      ]);
      // Its runtime does not know module-sync: each way loads its own.
      const expected = place === "npm/src"
        ? {
          ...native,
          "what is the same for require and import": [{ default: "CommonJS", state: {} }, true],
        }
        : native;
      await compare(test, place, own, expected, assertEquals);
    });
  }
}
