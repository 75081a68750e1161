/** Frameworks and libraries of the real registry, in the executable. */

import { assertEquals } from "../support/assert.ts";
import { startGateway } from "../support/gateway.ts";
import { executable } from "./executable_path.ts";

const REGISTRY = "https://registry.npmjs.org/";

const APPS: Record<string, { source: string; expected: unknown }> = {
  "Hono with Zod": {
    source: `
import { Hono } from "npm:hono@4";
import { cors } from "npm:hono@4/cors";
import { z } from "npm:zod@4";
const app = new Hono();
app.use(cors());
const Query = z.object({ n: z.coerce.number().int().positive() });
app.get("/", (context) => {
  const { success, data } = Query.safeParse(context.req.query());
  return context.json({ success, n: data?.n, rejected: !Query.safeParse({ n: "x" }).success });
});
export default app;
`,
    expected: { success: true, n: 7, rejected: true },
  },
  "Koa, whose middleware is Oak's model": {
    source: `
import Koa from "npm:koa@2";
import compose from "npm:koa-compose@4";
const app = new Koa();
const trace: string[] = [];
const run = compose<{ body: unknown }>([
  async (context, next) => { trace.push("in"); await next(); trace.push("out"); context.body = trace; },
  async (_context, next) => { trace.push("inner"); await next(); },
]);
export default async () => {
  const context = { body: null as unknown };
  await run(context);
  return Response.json({ koa: typeof app.callback(), trace: context.body });
};
`,
    expected: { koa: "function", trace: ["in", "inner", "out"] },
  },
};

async function unreachable(): Promise<string | null> {
  try {
    const response = await fetch(`${REGISTRY}hono/latest`, { signal: AbortSignal.timeout(10_000) });
    await response.body?.cancel();
    return response.ok ? null : `${response.status}`;
  } catch (error) {
    return String(error);
  }
}

const reason = executable === null ? null : await unreachable();
if (reason !== null) {
  console.error(`\n*** ${REGISTRY} cannot be reached: ${reason}; its packages are NOT tested\n`);
}

for (const [name, { source, expected }] of Object.entries(APPS)) {
  Deno.test({
    name: `the executable runs ${name}, and again without the network`,
    ignore: executable === null || reason !== null,
    async fn() {
      const folder = await Deno.makeTempDir();
      const env = { GATEHOUSE_CACHE: `${folder}/cache`, DENO_TLS_CA_STORE: "mozilla,system" };
      await Deno.writeTextFile(`${folder}/app.ts`, source);
      try {
        for (const args of [[], ["--cached-only"]]) {
          const words = [`${folder}/app.ts`, "--workers", "1", ...args];
          await using gateway = await startGateway(words, { command: [executable!], env });
          assertEquals(await (await fetch(`${gateway.url}/?n=7`)).json(), expected);
        }
      } finally {
        await Deno.remove(folder, { recursive: true });
      }
    },
  });
}
