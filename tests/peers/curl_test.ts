import { assert, assertEquals, assertMatch, assertStringIncludes } from "../support/assert.ts";
import { startGateway } from "../support/gateway.ts";
import { isMissing, residentBytes, run } from "../support/peers.ts";

const APP = new URL("../fixtures/app.ts", import.meta.url).pathname;
const ignore = isMissing("curl");
const QUARTER_GIB = 268_435_456;

Deno.test({
  name: "curl is served: 1.0, 1.1, uploads in chunks, HEAD, unix socket, 100-continue",
  ignore,
  async fn(test) {
    const folder = await Deno.makeTempDir();
    const socket = `${folder}/a.sock`;
    await using gateway = await startGateway([
      APP,
      "--workers=2",
      "--http=127.0.0.1:0",
      `--http=unix:${socket}`,
    ]);
    const { url } = gateway;
    await Deno.writeFile(`${folder}/upload`, new Uint8Array(3_000_000).fill(97));
    const cases: [string, string[], RegExp][] = [
      ["HTTP/1.0", ["-i0", `${url}/`], /^HTTP\/1\.1 200 OK[\s\S]*connection: close[\s\S]*hello$/],
      ["HTTP/1.0 stream", ["-i0", `${url}/stream`], /part 2\n$/],
      ["HTTP/1.1", ["-i", "--http1.1", `${url}/`], /^HTTP\/1\.1 200 OK[\s\S]*\r\n\r\nhello$/],
      ["HEAD", ["-I", `${url}/`], /content-length: 5\r\n/],
      ["two requests on one connection", ["-v", `${url}/`, `${url}/`], /^hellohello$/],
      ["POST", ["-d", "body", `${url}/text`], /^body$/],
      ["chunked upload", [
        "-T",
        `${folder}/upload`,
        "-H",
        "Transfer-Encoding: chunked",
        `${url}/count`,
      ], /^3000000$/],
      ["upload that expects 100", [
        "-T",
        `${folder}/upload`,
        "-H",
        "Expect: 100-continue",
        "-sv",
        `${url}/count`,
      ], /^3000000$/],
      ["unix socket", ["--unix-socket", socket, "http://localhost/"], /^hello$/],
      ["form", ["-F", `file=@${folder}/upload`, `${url}/count`], /^3000\d+$/],
      [
        "absolute target",
        ["-x", url, "http://example.com/info"],
        /"url":"http:\/\/example\.com\/info"/,
      ],
    ];
    for (const [name, args, expected] of cases) {
      await test.step(name, async () => {
        assertMatch(await run("curl", "-s", "--max-time", "20", ...args), expected);
      });
    }
    await Deno.remove(folder, { recursive: true });
  },
});

Deno.test({
  name: "curl is served over TLS, with http/1.1 by ALPN",
  ignore: ignore || isMissing("openssl"),
  async fn() {
    const folder = await Deno.makeTempDir();
    const [cert, key] = [`${folder}/cert.pem`, `${folder}/key.pem`];
    await run(
      "openssl",
      ..."req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost"
        .split(" "),
      ...["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", key, "-out", cert],
    );
    await using gateway = await startGateway([
      APP,
      "--workers=1",
      "--https=127.0.0.1:0",
      "--cert",
      cert,
      "--key",
      key,
    ]);
    const { url } = gateway;
    assertMatch(url, /^https:/);
    const curl = (...args: string[]) =>
      run("curl", "-s", "--max-time", "20", "--cacert", cert, ...args);
    assertEquals(await curl(`${url}/`), "hello");
    assertEquals(await curl(`${url}/`, `${url}/stream`), "hellopart 0\npart 1\npart 2\n");
    assertEquals(await curl("-d", "x".repeat(100_000), `${url}/text`), "x".repeat(100_000));
    const info = JSON.parse(await curl(`${url}/info`));
    assertEquals(info.url, `${url}/info`);
    assertEquals(info.env.HTTPS, "on");
    assertEquals(await curl("-w", "%{http_version}", "-o", "/dev/null", `${url}/`), "1.1");
    // Somebody who does not speak TLS is no trouble.
    await run("curl", "-s", "--max-time", "5", url.replace("https", "http")).catch(() => {});
    assertEquals(await curl(`${url}/`), "hello");
    await Deno.remove(folder, { recursive: true });
  },
});

for (const workers of ["1", "0"]) {
  Deno.test({
    name: `a body of 256 MiB leaves memory flat, either way (--workers ${workers})`,
    ignore,
    async fn(test) {
      await using gateway = await startGateway([APP, `--workers=${workers}`]);
      const { url, pid } = gateway;
      await run("curl", "-s", "-o", "/dev/null", `${url}/bytes?n=50000000`);
      const before = residentBytes(pid);
      let peak = before;
      const watch = setInterval(() => peak = Math.max(peak, residentBytes(pid)), 50);
      const megabytes = () => `${Math.round((peak - before) / 1e6)} MB more`;
      try {
        await test.step("download", async () => {
          const size = await run(
            "curl",
            "-s",
            "-o",
            "/dev/null",
            "-w",
            "%{size_download}",
            `${url}/bytes?n=${QUARTER_GIB}`,
          );
          assertEquals(Number(size), QUARTER_GIB);
          assert(peak - before < 150_000_000, megabytes());
        });
        await test.step("upload", async () => {
          const folder = await Deno.makeTempDir();
          const file = await Deno.open(`${folder}/zeros`, { create: true, write: true });
          await file.truncate(QUARTER_GIB);
          file.close();
          assertEquals(
            await run("curl", "-s", "-T", `${folder}/zeros`, `${url}/count`),
            String(QUARTER_GIB),
          );
          await Deno.remove(folder, { recursive: true });
          assert(peak - before < 150_000_000, megabytes());
        });
        await test.step("a download that its client does not read", async () => {
          const conn = await Deno.connect({ hostname: "127.0.0.1", port: gateway.port });
          await conn.write(
            new TextEncoder().encode(`GET /bytes?n=${QUARTER_GIB} HTTP/1.1\r\nHost: a\r\n\r\n`),
          );
          await new Promise((resolve) => setTimeout(resolve, 1_000));
          conn.close();
          assert(peak - before < 150_000_000, megabytes());
        });
      } finally {
        clearInterval(watch);
      }
    },
  });
}

Deno.test({
  name: "wrk with many connections gets nothing but good answers",
  ignore: isMissing("wrk"),
  async fn() {
    for (const workers of ["2", "0"]) {
      await using gateway = await startGateway([APP, `--workers=${workers}`]);
      const report = await run("wrk", "-t1", "-c200", "-d1s", `${gateway.url}/`);
      assertMatch(report, /\d+ requests in/);
      assert(!/Non-2xx|Socket errors/.test(report), report);
      assertStringIncludes(await run("curl", "-s", `${gateway.url}/`), "hello");
    }
  },
});
