import { assertEquals } from "../support/assert.ts";
import { startGateway } from "../support/gateway.ts";

const APP = `export default async (request, context) => {
  const { pathname, search } = new URL(request.url);
  const copy = new URL(new Request(request).url).pathname;
  const { SCRIPT_NAME, PATH_INFO } = context.env;
  return new Response([pathname + search, copy === pathname, context.mount, SCRIPT_NAME, PATH_INFO].join(" "));
};`;

/** Paths, and what the app that takes them off its URLs sees. */
const ROWS: readonly (readonly [path: string, told: string])[] = [
  ["/api", "/ true /api /api "],
  ["/api/", "/ true /api /api /"],
  ["/api?a=/api", "/?a=/api true /api /api "],
  ["/api/users/1?b", "/users/1?b true /api /api /users/1"],
  ["/api//evil.example/x", "//evil.example/x true /api /api //evil.example/x"],
  ["/api/a%2Fb/%41", "/a%2Fb/%41 true /api /api /a%2Fb/A"],
  ["/whole/users", "/whole/users true /whole /whole /users"],
  ["/deep/api/x", "/x true /deep/api /deep/api /x"],
];

const FILE = `[composite:main]
use = urlmap
/api = app,strip
/whole = app
/deep = inner,strip
[composite:inner]
use = urlmap
/api = app,strip
[app:app]
use = app.js
`;

for (const workers of ["1", "0"]) {
  Deno.test(`apps see URLs without their prefix, if it is to be stripped (--workers ${workers})`, async (test) => {
    const folder = await Deno.makeTempDir();
    try {
      const app = `${folder}/app.js`;
      await Deno.writeTextFile(app, APP);
      await Deno.writeTextFile(`${folder}/g.ini`, FILE);
      const flags = [`/api=${app},strip`, `/whole=${app}`, `/deep/api=${app},strip`]
        .map((mount) => `--mount=${mount}`);
      for (
        const [how, args] of [["flags", flags], ["file", [`--config=${folder}/g.ini`]]] as const
      ) {
        await test.step(how, async () => {
          await using gateway = await startGateway([...args, `--workers=${workers}`]);
          for (const [path, told] of ROWS) {
            assertEquals(await (await fetch(gateway.url + path)).text(), told, path);
          }
        });
      }
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  });
}
