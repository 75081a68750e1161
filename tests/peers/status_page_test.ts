/** The status page, in a browser: what it shows, and what its buttons do. */

import { assert, assertEquals } from "../support/assert.ts";
import type { Page } from "../support/browser.ts";
import { Browser, hasBrowser } from "../support/browser.ts";
import { startGateway } from "../support/gateway.ts";
import { inFolder } from "../support/processes.ts";
import { get, RawClient } from "../support/raw_client.ts";
import { until } from "../support/reloading.ts";

const TOKEN = "0123456789abcdef0123456789abcdef";

const APP = `
export default async (request) => {
  const { pathname } = new URL(request.url);
  if (pathname === "/throw") throw new Error("thrown on purpose: <img src=x onerror=alert(1)>");
  if (pathname.startsWith("/slow")) await new Promise(() => {});
  return new Response("hello");
};
`;

/** Sizes of a phone and of a wide screen, and the schemes that a page can be asked to follow. */
const SCREENS = [
  { width: 360, height: 740, mobile: true, scheme: "light" },
  { width: 360, height: 740, mobile: true, scheme: "dark" },
  { width: 1_600, height: 1_000, mobile: false, scheme: "light" },
  { width: 1_600, height: 1_000, mobile: false, scheme: "dark" },
];

/** How light the page's background and its text are, from 0 to 765. */
const LIGHTNESS = `(() => {
  const { backgroundColor, color } = getComputedStyle(document.body);
  const light = (text) => text.match(/\\d+/g).slice(0, 3).reduce((sum, each) => sum + Number(each), 0);
  return [light(backgroundColor), light(color)];
})()`;

/** Waits until an expression has `expected` as its value. */
async function becomes(page: Page, expression: string, expected: unknown): Promise<void> {
  let last: unknown;
  await until(`${expression} is ${expected}`, async () => {
    last = await page.value(expression);
    return last === expected ? true : null;
  }).catch((error) => {
    throw new Error(`${error.message}, but ${JSON.stringify(last)}`);
  });
}

const textOf = (id: string) => `document.getElementById("${id}").innerText`;
const click = (selector: string) => `document.querySelector(${JSON.stringify(selector)}).click()`;
const enter = (token: string) => `document.getElementById("token").value = "${token}"`;

Deno.test({
  name: "the status page shows what happens, fits any screen, and its buttons work",
  ignore: !await hasBrowser(),
  fn: (test) =>
    inFolder({ "app.js": APP, "token": TOKEN }, async (folder) => {
      await using gateway = await startGateway([
        `${folder}/app.js`,
        ...["--workers", "2", "--status", "0", "--status-control", `${folder}/token`],
        ...["--drain-timeout", "60"],
      ]);
      const { port, log } = gateway;
      const line = log.find((line) => line.startsWith("monitoring at http://127.0.0.1:"))!;
      const origin = line.slice("monitoring at ".length);
      await using browser = await Browser.start();
      const page = await browser.open("about:blank");
      await page.send("Page.enable");
      // What else it loads, and what its policy forbids, it would tell here.
      await page.send("Page.addScriptToEvaluateOnNewDocument", {
        source: `globalThis.faults = [];
          addEventListener("error", ({ message }) => faults.push(message), true);
          addEventListener("securitypolicyviolation", ({ blockedURI }) => faults.push(blockedURI));`,
      });
      await page.send("Page.navigate", { url: `${origin}/` });

      await test.step("it becomes ready, with a row for each worker", async () => {
        await becomes(page, textOf("state"), "ready");
        await becomes(page, `document.querySelectorAll("#workers tbody tr").length`, 2);
      });

      using slow = await RawClient.connect(port);
      await test.step("requests under way are shown, without queries", async () => {
        await slow.send(get("/slow/&lt;b&gt;?secret=1"));
        await becomes(page, `${textOf("requests")}.includes("/slow/&lt;b&gt;")`, true);
        assertEquals(await page.value(`document.body.innerText.includes("secret")`), false);
      });

      await test.step("requests are counted, and the plots move", async () => {
        const lines =
          `[...document.querySelectorAll("#plots path")].map((each) => each.getAttribute("d")).join()`;
        const before = await page.value(lines);
        for (let i = 0; i < 20; i++) {
          using client = await RawClient.connect(port);
          await client.send(get("/"));
          await client.receive();
        }
        await becomes(
          page,
          `${textOf("tiles")}.replace(/\\n/g, " ").includes("20 requests")`,
          true,
        );
        await becomes(page, `${lines} !== ${JSON.stringify(before)}`, true);
      });

      await test.step("errors are shown as text to who knows the token", async () => {
        using client = await RawClient.connect(port);
        await client.send(get("/throw"));
        await client.receive();
        await becomes(page, `${textOf("errors")}.includes("(shown with the token)")`, true);
        assertEquals(await page.value(`${textOf("errors")}.includes("thrown on purpose")`), false);
        await page.value(enter(TOKEN));
        await becomes(page, `${textOf("errors")}.includes("on purpose: <img")`, true);
        assertEquals(await page.value(`document.querySelectorAll("#errors img").length`), 0);
      });

      for (const { scheme, ...size } of SCREENS) {
        await test.step(`it fits ${size.width} pixels, ${scheme}`, async () => {
          await page.send("Emulation.setDeviceMetricsOverride", { ...size, deviceScaleFactor: 1 });
          const features = [{ name: "prefers-color-scheme", value: scheme }];
          await page.send("Emulation.setEmulatedMedia", { features });
          await becomes(page, "document.documentElement.scrollWidth <= innerWidth", true);
          await becomes(page, "innerWidth", size.width);
          const [background, text] = await page.value(LIGHTNESS) as number[];
          assertEquals(background > text, scheme === "light");
          assert(Math.abs(background - text) > 380, `contrast of ${background} and ${text}`);
        });
      }

      await test.step("the buttons do nothing without the token, or with a wrong one", async () => {
        await page.value(enter(""));
        await page.value(click("[data-action=reload]"));
        await becomes(page, textOf("outcome"), "Enter the token first.");
        await page.value(enter("wrong"));
        await page.value(click("[data-action=reload]"));
        await becomes(page, `${textOf("outcome")}.startsWith("reload: ")`, true);
        assert(!gateway.log.includes("generation 2 serves"));
      });

      await test.step("the apps are reloaded, and a worker is retired", async () => {
        await page.value(enter(TOKEN));
        await page.value(click("[data-action=reload]"));
        await gateway.logged(/^generation 2 serves$/);
        await becomes(page, `document.querySelectorAll("#workers tbody tr button").length`, 2);
        await page.value(click("#workers tbody tr button"));
        await gateway.logged(/^worker \d of generation 2 is replaced: somebody has asked for it$/);
      });

      await test.step("the gateway drains once this is confirmed, and the page says so", async () => {
        await page.value("globalThis.confirm = () => false");
        await page.value(click("[data-action=drain]"));
        await becomes(page, textOf("state"), "ready");
        await page.value("globalThis.confirm = () => true");
        await page.value(click("[data-action=drain]"));
        await becomes(page, `${textOf("state")}.includes("drain")`, true);
        slow[Symbol.dispose]();
        await becomes(page, textOf("state"), "no answer");
        assertEquals((await gateway.status).code, 0);
      });

      assertEquals(await page.value("faults"), []);
    }),
});
