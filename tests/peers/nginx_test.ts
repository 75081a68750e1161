import { assert, assertEquals } from "../support/assert.ts";
import { blockOf } from "../support/docs.ts";
import { startGateway } from "../support/gateway.ts";
import { freePort, isMissing } from "../support/peers.ts";

const APP = new URL("../fixtures/app.ts", import.meta.url).pathname;

/** The nginx configuration of docs/front-servers.md, for these ports. */
function configFromDocs(port: number, upstream: number, folder: string): string {
  const snippet = blockOf("docs/front-servers.md", "nginx", "proxy_pass")
    .replace("127.0.0.1:8000", `127.0.0.1:${upstream}`)
    .replace("listen 80;", `listen 127.0.0.1:${port}; client_max_body_size 0;`);
  const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
    .map((name) => `${name}_temp_path ${folder}/${name};`).join("\n");
  // As root, nginx would give its workers another user, who cannot reach the folder.
  const user = Deno.uid() === 0 ? "user root;\n" : "";
  return `${user}daemon off;\npid ${folder}/pid;\nerror_log ${folder}/error.log;\nworker_processes 1;\n` +
    `events {}\nhttp {\naccess_log off;\n${temporary}\n${snippet}}\n`;
}

Deno.test({
  name: "behind nginx, as docs/front-servers.md says, connections are kept and everything passes",
  ignore: isMissing("nginx"),
  async fn(test) {
    await using gateway = await startGateway([APP, "--workers=2"]);
    const folder = await Deno.makeTempDir();
    const port = freePort();
    await Deno.writeTextFile(
      `${folder}/nginx.conf`,
      configFromDocs(port, gateway.port, folder),
    );
    const nginx = new Deno.Command("nginx", {
      args: ["-c", `${folder}/nginx.conf`, "-e", `${folder}/error.log`],
      env: { PATH: `${Deno.env.get("PATH")}:/usr/sbin` },
      stdout: "null",
      stderr: "null",
    }).spawn();
    const url = `http://127.0.0.1:${port}`;
    try {
      for (let i = 0; i < 100; i++) {
        try {
          await (await fetch(`${url}/`)).body?.cancel();
          break;
        } catch {
          await new Promise((resolve) => setTimeout(resolve, 50));
        }
      }
      await test.step("many requests at once", async () => {
        for (let round = 0; round < 5; round++) {
          const texts = await Promise.all(
            Array.from({ length: 50 }, async () => await (await fetch(`${url}/`)).text()),
          );
          assert(texts.every((text) => text === "hello"));
        }
      });
      await test.step("nginx keeps its connections", async () => {
        const ports = new Set<number>();
        for (let i = 0; i < 20; i++) {
          ports.add((await (await fetch(`${url}/info`)).json()).remoteAddr.port);
        }
        assert(ports.size < 20, `${ports.size} connections for 20 requests`);
      });
      await test.step("fields say the client's address, scheme and host, and none that it sent", async () => {
        const sent = { "forwarded": "for=6.6.6.6", "x-forwarded-host": "evil.example" };
        const info = await (await fetch(`${url}/info`, { headers: sent })).json();
        const headers = Object.fromEntries(info.headers);
        assertEquals(headers["x-forwarded-for"], "127.0.0.1");
        assertEquals(headers["x-forwarded-proto"], "http");
        assertEquals(headers["x-forwarded-host"], `127.0.0.1:${port}`);
        assertEquals(headers["forwarded"], undefined);
      });
      await test.step("uploads and downloads", async () => {
        const response = await fetch(`${url}/count`, {
          method: "POST",
          body: new Uint8Array(5_000_000),
        });
        assertEquals(await response.text(), "5000000");
        const download = await fetch(`${url}/bytes?n=5000000`);
        assertEquals((await download.bytes()).length, 5_000_000);
      });
      await test.step("errors of the app", async () => {
        const response = await fetch(`${url}/throw`);
        assertEquals(response.status, 500);
        await response.body?.cancel();
      });
      await test.step("a stream that breaks is seen to break", async () => {
        const response = await fetch(`${url}/break`);
        const outcome = await response.text().then(() => "whole", () => "broken");
        assertEquals(outcome, "broken");
      });
    } finally {
      nginx.kill("SIGTERM");
      await nginx.status;
      await Deno.remove(folder, { recursive: true });
    }
  },
});
