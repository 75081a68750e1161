/** Says what the copy has when the process has other surroundings. */

import { environmentOf, takeSurroundings } from "../../src/base/surroundings.ts";

Deno.env.set("COPIED", "before");
const surroundings = takeSurroundings();
Deno.env.set("COPIED", "after");
Deno.chdir("/");
Deno.env.set("TMPDIR", "/nowhere");
const { args, cwd, env, tempFolder } = surroundings;
console.log(JSON.stringify([args, cwd, environmentOf(env).get("COPIED"), tempFolder]));
