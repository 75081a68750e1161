import { assertEquals } from "../support/assert.ts";
import { makeOwnCertificate } from "../support/certificate.ts";
import type { GatewayProcess } from "../support/gateway.ts";
import { startGateway } from "../support/gateway.ts";
import { isMissing } from "../support/peers.ts";
import { inFolder } from "../support/processes.ts";

/** An app that fetches what it is asked to, and tells what it sees of the environment. */
const APP = `export default async (request) => {
  const url = new URL(request.url).searchParams.get("url");
  const answer = await fetch(url).then((response) => response.text(), () => "not trusted");
  return Response.json([answer, Deno.env.get("DENO_CERT") ?? null]);
};`;

async function withGateway(
  folder: string,
  env: Record<string, string>,
  body: (gateway: GatewayProcess, ask: () => Promise<unknown>) => Promise<void>,
): Promise<void> {
  const { certFile, keyFile, cert } = await makeOwnCertificate(folder);
  const key = await Deno.readTextFile(keyFile);
  await using server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, cert, key, onListen() {} },
    () => new Response("secure"),
  );
  const named = Object.fromEntries(
    Object.entries(env).map(([name, value]) => [name, value.replace("CERT", certFile)]),
  );
  await using gateway = await startGateway([`${folder}/app.js`, "--workers=1"], {
    env: { DENO_CERT: "", NODE_EXTRA_CA_CERTS: "", DENO_TLS_CA_STORE: "", ...named },
    cwd: folder,
  });
  const url = `https://127.0.0.1:${server.addr.port}/`;
  await body(gateway, async () => {
    return await (await fetch(`${gateway.url}/?url=${encodeURIComponent(url)}`)).json();
  });
}

const cases: Record<string, [env: Record<string, string>, answer: string]> = {
  "nobody else's certificate is trusted": [{}, "not trusted"],
  "NODE_EXTRA_CA_CERTS is trusted, too": [{ NODE_EXTRA_CA_CERTS: "CERT" }, "secure"],
  "NODE_EXTRA_CA_CERTS begins at the working directory": [
    { NODE_EXTRA_CA_CERTS: "own.pem" },
    "secure",
  ],
};
for (const [name, [env, answer]] of Object.entries(cases)) {
  Deno.test({
    name: `whom apps trust: ${name}`,
    ignore: isMissing("openssl"),
    fn: () =>
      inFolder({ "app.js": APP }, (folder) =>
        withGateway(folder, env, async (_, ask) => {
          const [text, seen] = await ask() as [string, string | null];
          assertEquals(text, answer);
          // What gatehouse sets for a moment is not left to apps.
          assertEquals(seen || null, null);
        })),
  });
}

Deno.test({
  name: "whom apps trust: a file that is none is left out with a warning",
  ignore: isMissing("openssl"),
  fn: () =>
    inFolder(
      { "app.js": APP },
      (folder) =>
        withGateway(folder, { NODE_EXTRA_CA_CERTS: "nowhere.pem" }, async (gateway, ask) => {
          await gateway.logged(/^warning: NODE_EXTRA_CA_CERTS is not used: /);
          assertEquals(await ask(), ["not trusted", null]);
        }),
    ),
});
