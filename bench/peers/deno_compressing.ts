/** `Deno.serve()`, which compresses by itself: `deno run -A deno_compressing.ts PORT`. */

import app from "../apps/compressible.ts";

Deno.serve(
  { hostname: "127.0.0.1", port: Number(Deno.args[0]), automaticCompression: true },
  app.fetch,
);
