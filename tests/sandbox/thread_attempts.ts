/**
 * An app that makes threads, which try to get at a file that they may not read: `GET /NAME?SECRET` makes one
 * attempt at the folder `SECRET`, and tells what the thread says.
 */

import { Worker as NodeThread } from "node:worker_threads";

// deno-lint-ignore no-explicit-any
type Any = any;

/** Imports the module at `url`, and says what is in it. */
const importing = (url: string) =>
  `import(${
    JSON.stringify(url)
  }).then(({ secret }) => say(secret), (error) => say(error.message));`;
/** The same, by code that is made at run time. */
const making = (url: string) =>
  `try { new Function("say", ${
    JSON.stringify(importing(url))
  })(say); } catch (error) { say(error.message); }`;
const FROM_WEB = "const say = (word) => self.postMessage(word);";
const FROM_MODULE =
  `import { parentPort } from "node:worker_threads"; const say = (word) => parentPort.postMessage(word);`;
const FROM_TEXT =
  `const { parentPort } = require("node:worker_threads"); const say = (word) => parentPort.postMessage(word);`;

const dataUrl = (code: string) => `data:text/javascript,${encodeURIComponent(code)}`;

function ofWeb(url: string): Promise<string> {
  return new Promise((resolve) => {
    const worker = new Worker(url, { type: "module" });
    worker.onmessage = ({ data }) => {
      worker.terminate();
      resolve(`${data}`);
    };
    worker.onerror = (event) => {
      event.preventDefault();
      resolve(event.message);
    };
  });
}

function ofNode(main: string | URL, options: Any = {}): Promise<string> {
  return new Promise((resolve) => {
    const thread = new NodeThread(main, options);
    thread.on("message", (word: unknown) => {
      thread.terminate();
      resolve(`${word}`);
    });
    thread.on("error", (error: Error) => resolve(error.message));
  });
}

/** A thread that is made while URLs look like that of a module which leads to the secret. */
async function behindUrls(secret: string): Promise<string> {
  const { prototype } = URL;
  const before = Object.getOwnPropertyDescriptors(prototype);
  const evil = dataUrl(
    `import { parentPort } from "node:worker_threads"; import { secret } from ${
      JSON.stringify(`${secret}/secret.js`)
    }; parentPort.postMessage(secret);`,
  );
  prototype.toString = () => evil;
  Object.defineProperty(prototype, "href", { get: () => evil });
  Object.defineProperty(prototype, "protocol", { get: () => "data:" });
  let said: Promise<string>;
  try {
    said = ofNode(`${FROM_TEXT} say("no secret");`, { eval: true });
  } finally {
    Object.defineProperties(prototype, before);
  }
  return await said;
}

const attempts: Record<string, (secret: string) => Promise<string>> = {
  "none, in a worker": () => ofWeb(dataUrl(`${FROM_WEB} say("no secret");`)),
  "none, in a thread": () => ofNode(new URL(dataUrl(`${FROM_MODULE} say("no secret");`))),
  "none, in a thread of text": () => ofNode(`${FROM_TEXT} say("no secret");`, { eval: true }),
  "an import in a worker": (secret) =>
    ofWeb(dataUrl(`${FROM_WEB} ${importing(`${secret}/secret.js`)}`)),
  "an import in a thread": (secret) =>
    ofNode(new URL(dataUrl(`${FROM_MODULE} ${importing(`${secret}/secret.js`)}`))),
  "an import in a thread of text": (secret) =>
    ofNode(`${FROM_TEXT} ${importing(`${secret}/secret.js`)}`, { eval: true }),
  "made code in a worker": (secret) =>
    ofWeb(dataUrl(`${FROM_WEB} ${making(`${secret}/secret.js`)}`)),
  "made code in a thread": (secret) =>
    ofNode(new URL(dataUrl(`${FROM_MODULE} ${making(`${secret}/secret.js`)}`))),
  "made code in a thread of text": (secret) =>
    ofNode(`${FROM_TEXT} ${making(`${secret}/secret.js`)}`, { eval: true }),
  "made code in a worker of a worker": (secret) => {
    const inner = dataUrl(`${FROM_WEB} ${making(`${secret}/secret.js`)}`);
    return ofWeb(
      dataUrl(
        `const inner = new Worker(${
          JSON.stringify(inner)
        }, { type: "module" }); inner.onmessage = ({ data }) => self.postMessage(data);`,
      ),
    );
  },
  "a worker's module": (secret) => ofWeb(`${secret}/secret.js`),
  "a thread's module": (secret) => ofNode(new URL(`${secret}/secret.js`)),
  "URLs that look like others": behindUrls,
};

export default async (request: Request): Promise<Response> => {
  const { pathname, search } = new URL(request.url);
  const attempt = attempts[decodeURIComponent(pathname.slice(1))];
  try {
    return new Response(await attempt(decodeURIComponent(search.slice(1))));
  } catch (error) {
    return new Response((error as Error).message);
  }
};
