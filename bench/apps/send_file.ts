/** Has the gateway send the files of the folder FILES_ROOT. */

import type { Context } from "../../mod.ts";

const root = Deno.env.get("FILES_ROOT")!;

export default {
  fetch: ({ url }: Request, context: Context): Response =>
    context.sendFile(root + new URL(url).pathname),
};
