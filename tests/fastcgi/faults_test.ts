import { FastCgiClient } from "gatehouse";
import { assertEquals } from "../support/assert.ts";
import { startGateway } from "../support/gateway.ts";

const APP = new URL("../fixtures/app.ts", import.meta.url).pathname;

const cases: [string, string, RegExp[]][] = [
  ["none", "/throw", []],
  ["errors", "/throw", [/^Error: thrown on purpose$/, /^ +at /]],
  ["errors", "/complain", []],
  ["console", "/throw", [/^Error: thrown on purpose$/, /^ +at /]],
  ["console", "/complain", [/^a warning: 1$/, /^an error \{ code: 2 \}$/, /^later$/]],
];
for (const workers of [0, 1]) {
  for (const [what, path, patterns] of cases) {
    const outcome = patterns.length === 0 ? "nothing" : "what was asked for";
    Deno.test(
      `--fastcgi-stderr=${what} tells the web server of ${path} ${outcome} (--workers ${workers})`,
      async () => {
        await using gateway = await startGateway([
          APP,
          `--workers=${workers}`,
          `--fastcgi-stderr=${what}`,
          "--fastcgi=0",
        ]);
        const port = /:(\d+)$/.exec(await gateway.logged(/^listening fastcgi/))![1];
        const told: string[] = [];
        await using client = new FastCgiClient(port, { onStderr: (line) => told.push(line) });
        const neighbour = client.fetch("http://localhost/slow?ms=50");
        await (await client.fetch(`http://localhost${path}`)).text();
        await (await neighbour).text();
        const found = patterns.map((pattern) => told.some((line) => pattern.test(line)));
        assertEquals(found, patterns.map(() => true), told.join("\n"));
        if (patterns.length === 0) assertEquals(told, []);
      },
    );
  }
}
