import { pathToFileURL } from "node:url";
import { assert } from "../support/assert.ts";
import { hostApp } from "../support/hosted_app.ts";

const APP = new URL("./nested_app.ts", import.meta.url);

const SAYS_ITS_NAME = `
  self.onmessage = ({ data }) => self.postMessage("heard " + data);
  self.postMessage("nested " + typeof self.secretPlace);
`;
/** A nested worker that has a question. */
const ASKS = `
  const services = globalThis[Symbol.for("gatehouse.modules")];
  const say = (what) => self.postMessage(what + " " + typeof self.secretPlace);
  setTimeout(() => services.import("https://example.com/asks.js", ["./unknown.js"])
    .then(() => say("imported"), (error) => say("refused")), 100);
`;

/** What comes of each attempt. */
const outcomes: Record<string, RegExp> = {
  "nothing special": /^nested undefined$/,
  "a module that there is not": /^failed: .*there is no https:\/\/example\.com\/none\.js/,
  "a module of its own making": /^blob undefined$/,
  "messages before its module": /^nested undefined, heard hello$/,
  "a start of its own": /^nested undefined$/,
  "a start of its own, before the loader's": /^nested undefined$/,
  "a start of its own, while channels are made": /^nested undefined$/,
  "a start that it changes": /^nested undefined, 0 seen$/,
  // Either of its two questions gets them.
  "answers of its own": /^refused undefined$|^failed: .*no such module/,
};

Deno.test("workers that an app makes get the app's own modules, whatever it does", async (test) => {
  const blob = `self.postMessage("blob " + typeof self.secretPlace)`;
  await using app = await hostApp(APP, {
    late: {
      "https://example.com/nested.js": SAYS_ITS_NAME,
      "https://example.com/asks.js": ASKS,
      [`data:text/javascript,${encodeURIComponent(blob)}`]: blob,
    },
  });
  const secret = `${app.folder}/secret.js`;
  await Deno.writeTextFile(
    secret,
    "self.secretPlace = 'secret'; self.postMessage('secret'); export const place = 'secret';",
  );
  const { href } = pathToFileURL(secret);
  for (const [name, expected] of Object.entries(outcomes)) {
    await test.step(`in spite of ${name}`, async () => {
      const url = `${app.url}/${encodeURIComponent(name)}?${encodeURIComponent(href)}`;
      const response = await fetch(url, { client: app.client });
      const outcome = await response.text();
      assert(expected.test(outcome), outcome);
    });
  }
});
