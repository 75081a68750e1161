import { assert, assertEquals, assertMatch } from "../support/assert.ts";
import { eventually } from "../support/fastcgi.ts";
import { hasCoding } from "../../src/compression/engine.ts";
import { startGateway } from "../support/gateway.ts";
import { isMissing, run } from "../support/peers.ts";

const APP = new URL("../fixtures/compressed.ts", import.meta.url).pathname;
const LINE = "a line of text that comes again and again, and costs little when it does\n";
const CODINGS = (["br", "zstd", "gzip"] as const).filter(hasCoding);
/** Longer than a silent stream keeps its encoder. */
const PAUSE_MS = 7_000;

/** Paths, and what they say. */
const PATHS: Record<string, string> = {
  "/text": LINE.repeat(100).slice(0, 5_000),
  "/large?lines=3000": LINE.repeat(3_000),
  "/stream?count=30": Array.from({ length: 30 }, (_, i) => `${i} ${LINE}`).join(""),
  "/bytewise?n=300": LINE.repeat(100).slice(0, 300),
  [`/pause?ms=${PAUSE_MS}`]: Array.from({ length: 5 }, (_, i) => `${i} ${LINE}`).join(""),
};

Deno.test({
  name: "curl reads each coding that it has, also after a pause in which its encoder was given up",
  ignore: isMissing("curl"),
  async fn(test) {
    const features = await run("curl", "--version");
    await using gateway = await startGateway([APP, "--compress", "--workers=2"]);
    await Promise.all(CODINGS.map(async (coding) => {
      const feature = { br: /\bbrotli\b/, zstd: /\bzstd\b/, gzip: /\blibz\b/ }[coding];
      if (!feature.test(features)) {
        console.error(`SKIPPED: this curl has no ${coding}`);
        return;
      }
      const args = ["-s", "--max-time", "60", "--compressed", "-H", `Accept-Encoding: ${coding}`];
      for (const [path, expected] of Object.entries(PATHS)) {
        const text = await run("curl", ...args, `${gateway.url}${path}`);
        assertEquals(text === expected, true, `${coding} ${path}: ${text.slice(-200)}`);
      }
    }));
    await test.step("HEAD and conditional requests", async () => {
      const args = ["-s", "--max-time", "20", "--compressed"];
      const tagged = `${gateway.url}/text?h-etag=%22a%22`;
      const head = await run("curl", ...args, "-I", tagged);
      assertMatch(head, /content-encoding: (?:br|zstd|gzip)\r\n[\s\S]*etag: W\/"a"/);
      const both = await run("curl", ...args, "-i", tagged, tagged);
      assertEquals(both.match(/HTTP\/1.1 200 OK/g)?.length, 2);
    });
  },
});

Deno.test({
  name: "Chromium reads each coding, also after a pause in which its encoder was given up",
  ignore: isMissing("chromium"),
  async fn() {
    await Promise.all(CODINGS.map(async (coding) => {
      const folder = await Deno.makeTempDir();
      await using gateway = await startGateway([
        APP,
        `--compress=${coding}`,
        "--compress-min-bytes=1",
        "--workers=1",
      ]);
      const query = Object.keys(PATHS).map((path) => `path=${encodeURIComponent(path)}`).join("&");
      const browser = new Deno.Command("chromium", {
        args: [
          "--headless",
          "--no-sandbox",
          "--disable-gpu",
          `--user-data-dir=${folder}`,
          `${gateway.url}/page?${query}`,
        ],
        stdout: "null",
        stderr: "null",
      }).spawn();
      try {
        let report = "";
        await eventually(`Chromium has read ${coding}`, async () => {
          report = await (await fetch(`${gateway.url}/reported`)).text();
          return report !== "";
        });
        const expected = Object.values(PATHS).map((text) => [
          coding,
          text.length,
          text.slice(-80),
        ]);
        assertEquals(JSON.parse(report), expected);
      } finally {
        browser.kill("SIGKILL");
        await browser.status;
        await Deno.remove(folder, { recursive: true }).catch(() => {});
      }
      assert(!gateway.log.some((line) => /^(?:error|warning)/.test(line)), gateway.log.join("\n"));
    }));
  },
});
