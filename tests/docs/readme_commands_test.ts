/** The commands of the README are run: what they name is there, and ports are free ones. */

import { assert, assertEquals } from "../support/assert.ts";
import { makeOwnCertificate } from "../support/certificate.ts";
import { blockOf, blocksOf } from "../support/docs.ts";
import { startGateway } from "../support/gateway.ts";
import { isMissing, libzmqIsMissing } from "../support/peers.ts";
import { inFolder } from "../support/processes.ts";

const API = 'export default () => new Response("the API");';
const MIDDLEWARE = "export default (next) => (request, context) => next(request, context);";
/** What the files are that the commands name, besides the app and the configuration. */
const FILES: Readonly<Record<string, string>> = {
  "site.ts": 'export default () => new Response("the site");',
  "timing.ts": MIDDLEWARE,
  "data.db": "rows",
  "run/.keep": "",
  "public/index.html": "static",
};
/** Beginnings of what the root of each app answers. */
const ANSWERS = ["Hello, ", "the site"];

/** What is mounted besides the root, a path there, and its answer. */
const MOUNTED = [["/api=", "/api", "the API"], ["/static=", "/static/", "static"]];

/** What a part of a command needs that may be missing. */
const unable: Readonly<Record<string, () => boolean>> = {
  "--mongrel2": libzmqIsMissing,
  "--https": () => isMissing("openssl"),
  "[::1]": () => !hasIpv6(),
};

function hasIpv6(): boolean {
  try {
    Deno.listen({ hostname: "::1", port: 0 }).close();
    return true;
  } catch {
    return false;
  }
}

/** All commands of the README that start a gateway, as words. */
const commands = blocksOf("README.md", "sh")
  .flatMap(({ code }) => code.split("\n"))
  .map((line) => line.replace(/ +#.*$/, "").trim())
  .filter((line) => /^gatehouse (?!help\b|--help\b|config\b)/.test(line));

Deno.test("the README has commands that start a gateway", () => {
  assert(commands.length >= 8, commands.join("\n"));
});

for (const command of commands) {
  Deno.test({
    name: `the command of the README starts: ${command}`,
    ignore: Object.entries(unable).some(([part, isUnable]) => {
      return command.includes(part) && isUnable();
    }),
    async fn() {
      await using remote = Deno.serve(
        { hostname: "127.0.0.1", port: 0, onListen() {} },
        () => new Response(API, { headers: { "content-type": "application/typescript" } }),
      );
      const origin = `http://127.0.0.1:${remote.addr.port}`;
      const ini = blockOf("docs/configuration.md", "ini")
        .replace("use = fastcgi", "use = http")
        .replace("https://example.com/api.ts#makeApi", `${origin}/api.ts`)
        .replace(/^database = .*\n/m, "");
      const files = { ...FILES, "app.ts": blockOf("README.md", "ts", "// app.ts") };
      await inFolder({ ...files, "gatehouse.ini": ini }, async (folder) => {
        const args = command.split(/ +/).slice(1).map((word) =>
          word.replace("https://example.com", origin)
            .replace("unix:/run/", `unix:${folder}/`)
            .replace(/^((?:127\.0\.0\.1|\[::1\])?:)\d+$/, "$10")
        );
        const port = args.indexOf("--port");
        if (port >= 0) args[port + 1] = "0";
        if (args.includes("--https")) {
          const { certFile, keyFile } = await makeOwnCertificate(folder);
          await Deno.rename(certFile, `${folder}/chain.pem`);
          await Deno.rename(keyFile, `${folder}/key.pem`);
        }
        await using gateway = await startGateway(args, {
          cwd: folder,
          env: { GATEHOUSE_CACHE: `${folder}/cache` },
        });
        const listening = gateway.log.filter((line) => line.startsWith("listening "));
        const endpoints = args.filter((word) => /^--(?:https?|fastcgi|port)$/.test(word)).length;
        if (endpoints > 0) assertEquals(listening.length, endpoints, gateway.log.join("\n"));
        if (!gateway.url.startsWith("http://")) return;
        const text = await (await fetch(gateway.url)).text();
        assert(ANSWERS.some((answer) => text.startsWith(answer)), text);
        for (const [mount, path, text] of MOUNTED) {
          if (!args.some((word) => word.startsWith(mount))) continue;
          assertEquals(await (await fetch(`${gateway.url}${path}`)).text(), text);
        }
      });
    },
  });
}
