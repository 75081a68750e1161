/** HTTPS and privileges of the executable, whose runtime is older (`deno task test:compiled`). */

import { ownKeyPair } from "../../src/certificates/keys.ts";
import type { TlsKeyPair } from "../../src/net/tls_identity.ts";
import { assertEquals } from "../support/assert.ts";
import { startGateway } from "../support/gateway.ts";
import { inFolder } from "../support/processes.ts";
import { get, RawClient } from "../support/raw_client.ts";
import { executable as found } from "./executable_path.ts";

const UID_APP = `
import { setuid } from "node:process";
export default () => {
  try {
    setuid(0);
  } catch {
    return new Response(String(Deno.uid()));
  }
};
`;
/** An address of this test alone, where it has port 443 and 80. */
const HOST = `127.${[Deno.pid >> 16, Deno.pid >> 8, Deno.pid].map((n) => (n & 127) + 1).join(".")}`;

async function uidOver(pair: TlsKeyPair): Promise<string> {
  const plain = await Deno.connect({ hostname: HOST, port: 443 });
  const conn = await Deno.startTls(plain, { hostname: "a.test", caCerts: [pair.cert] });
  using client = new RawClient(conn);
  await client.send(get("/"));
  return (await client.receive()).body;
}

Deno.test({
  name: "the executable drops root, takes new certificates after that, and chooses them by name",
  ignore: found === null || Deno.build.os !== "linux" || Deno.uid() !== 0,
  fn: () =>
    inFolder({ "app.js": UID_APP }, async (folder) => {
      await Deno.chmod(folder, 0o755);
      const write = (name: string, { cert, key }: TlsKeyPair) => {
        Deno.writeTextFileSync(`${folder}/${name}.key`, key);
        Deno.writeTextFileSync(`${folder}/${name}.pem`, cert);
      };
      const [old, renewed, other] = await Promise.all(
        ["a.test", "a.test", "b.test"].map((name) => ownKeyPair([name])),
      );
      write("b", other);
      write("a", old);
      await using gateway = await startGateway([
        `${folder}/app.js`,
        "--app-allow-all",
        "--workers=1",
        "--user=nobody",
        `--https=${HOST}:443`,
        `--redirect-http=${HOST}:80`,
        ...["b", "a"].flatMap((name) => [
          `--cert=${folder}/${name}.pem`,
          `--key=${folder}/${name}.key`,
        ]),
      ], { command: [found!] });
      assertEquals(await uidOver(old), "65534");
      write("a", renewed);
      await gateway.logged(/^the certificates have changed: new connections get the new ones$/);
      assertEquals(await uidOver(renewed), "65534");
      using client = new RawClient(await Deno.connect({ hostname: HOST, port: 80 }));
      await client.send("GET /x HTTP/1.1\r\nhost: a.test\r\n\r\n");
      assertEquals((await client.receive()).headers.get("location"), "https://a.test/x");
    }),
});
