import { assertEquals, assertStringIncludes } from "../support/assert.ts";
import { runGateway, startGateway } from "../support/gateway.ts";

const WRITE_HTTP = "its server of node:http2 cannot be served: write createServer() of node:http";
const NET_TOO = "import net from 'node:net'; net.createServer().listen(0, '127.0.0.1').unref();\n" +
  "import http from 'node:http'; http.createServer((_, res) => res.end('http')).listen(3000);\n";

/** Modules that serve with what cannot be served, and what is said of them. */
const REFUSED: Readonly<Record<string, readonly [code: string, message: string]>> = {
  "node:http2": [
    "import http2 from 'node:http2'; http2.createServer(() => {}).listen(0);",
    WRITE_HTTP,
  ],
  "node:http2 over TLS": [
    "import http2 from 'node:http2'; http2.createSecureServer({}, () => {}).listen(0);",
    WRITE_HTTP,
  ],
  "node:net": [
    "import net from 'node:net'; net.createServer(() => {}).listen(0);",
    "its server of node:net cannot be served: those of node:http and node:https can",
  ],
};

async function withModule(code: string, use: (path: string) => Promise<void>): Promise<void> {
  const path = await Deno.makeTempFile({ suffix: ".mjs" });
  try {
    await Deno.writeTextFile(path, code);
    await use(path);
  } finally {
    await Deno.remove(path);
  }
}

/** What Deno 2.6 says by itself of what it does not have. */
const LACKING = "Not implemented: http2.createSecureServer";

for (const [what, [code, message]] of Object.entries(REFUSED)) {
  Deno.test(`an app that serves with ${what} alone is refused, saying what to write`, async () => {
    await withModule(code, async (path) => {
      const { stderr } = await runGateway(["--http=127.0.0.1:0", "--workers=1", path]);
      const isLacking = Deno.version.deno.startsWith("2.6.") && stderr.includes(LACKING);
      if (!isLacking) assertStringIncludes(stderr, message);
    });
  });
}

Deno.test("an app may have a server of node:net beside one of node:http", async () => {
  await withModule(NET_TOO, async (path) => {
    await using gateway = await startGateway([path, "--workers=1"]);
    assertEquals(await (await fetch(gateway.url)).text(), "http");
  });
});
