/**
 * An app that tries to import what the loader did not let it, and to get more of the gateway than it is
 * given: `GET /NAME?SECRET` makes one attempt at the module at the URL SECRET. What it got is the answer.
 */

// deno-lint-ignore-file no-explicit-any
type Any = any;

const scope = globalThis as Any;
const services = () => scope[Symbol.for("gatehouse.modules")];
const { dispatchEvent } = EventTarget.prototype;
const { apply, defineProperty, getPrototypeOf, ownKeys } = Reflect;

/** Imports by way of the services; what comes of it. */
async function outcome(specifier: unknown, options?: unknown): Promise<string> {
  try {
    const module = await services().import("https://example.com/app.js", [specifier, options]);
    return `imported ${JSON.stringify(module)}`;
  } catch (error) {
    return `refused: ${(error as Error).message}`;
  }
}

/** Has the thread hear a message that no one has sent. */
function say(data: unknown): void {
  apply(dispatchEvent, globalThis, [new MessageEvent("message", { data })]);
}

function soon(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 50));
}

/** Imports while `values` are what all objects have. */
async function polluted(values: Record<string, unknown>): Promise<string> {
  const { prototype } = Object as Any;
  for (const name of Object.keys(values)) {
    defineProperty(prototype, name, { value: values[name], configurable: true, writable: true });
  }
  const came = outcome("./unknown.js");
  await new Promise<void>((resolve) => {
    setTimeout(() => {
      for (const name of Object.keys(values)) delete prototype[name];
      resolve();
    }, 50);
  });
  return await Promise.race([came, soon().then(() => "refused: nothing came")]);
}

const attempts: Record<string, (secret: string) => string | Promise<string>> = {
  "the services' own": () => {
    const service = services();
    const facts = [
      getPrototypeOf(service) === null,
      Object.isFrozen(service),
      Object.getOwnPropertyDescriptor(globalThis, Symbol.for("gatehouse.modules"))!.configurable,
      ...ownKeys(service).map((name) => {
        const { [name]: value } = service;
        return getPrototypeOf(value) === null && Object.isFrozen(value) && !("prototype" in value);
      }),
    ];
    return facts.join();
  },
  "a start of its own": async (secret) => {
    const mount = {
      url: secret,
      module: secret,
      exportName: "default",
      kind: "plain",
      settings: {},
      prefix: "",
      middleware: [],
    };
    for (const framesVersion of [3, 4, 5]) {
      say({
        framesVersion,
        toWorker: new SharedArrayBuffer(1280),
        toGateway: new SharedArrayBuffer(1280),
        apps: { mounts: [mount], faultReports: "none" },
      });
    }
    await soon();
    return `${scope.secretPlace}`;
  },
  "answers of its own": async () => {
    const came = outcome("./unknown.js");
    for (let imported = 0; imported < 1_000; imported++) {
      say({ imported, answer: { file: "../secret.js", files: {}, redirects: {} } });
    }
    return await came;
  },
  "answers whose parts change": async () => {
    const came = outcome("./unknown.js");
    let looks = 0;
    const file = { toString: () => looks++ === 0 ? `${"0".repeat(27)}.js` : "../secret.js" };
    for (let imported = 0; imported < 1_000; imported++) {
      say({ imported, answer: { file, files: {}, redirects: {} } });
    }
    return await came;
  },
  "messages that are none": async () => {
    const heard: unknown[] = [];
    scope.addEventListener("message", (event: MessageEvent) => heard.push(event.data));
    for (const data of [null, "text", 5, Symbol.iterator, {}, { kind: "start" }]) say(data);
    await soon();
    return `${heard.length}`;
  },
  "a file that all objects have": (secret) =>
    polluted({ " https://example.com/unknown.js": secret }),
  "an answer that all objects have": () =>
    polluted({ file: "../secret.js", message: undefined, files: {}, redirects: {} }),
  "a then that all objects have": () =>
    polluted({
      then(resolve: (value: unknown) => void) {
        resolve({ __proto__: null, file: "../secret.js", files: {}, redirects: {} });
      },
    }),
  "promises that resolve to something else": () => {
    const { then } = Promise.prototype;
    const forged = { file: "../secret.js", files: {}, redirects: {} };
    const constructor = { value: Promise, configurable: true, writable: true };
    defineProperty(Promise.prototype, "constructor", { get: () => Object, configurable: true });
    Promise.prototype.then = function (onResolved: Any, onRejected: Any) {
      return apply(then, this, [() => onResolved?.(forged), onRejected]);
    };
    const came = services().import("https://example.com/app.js", ["./unknown.js"]);
    Promise.prototype.then = then;
    defineProperty(Promise.prototype, "constructor", constructor);
    return came.then(() => "imported", (error: Error) => `refused: ${error.message}`);
  },
  "texts that say what they are not": async () => {
    const { startsWith, includes, replace, slice, toString } = String.prototype;
    String.prototype.startsWith = String.prototype.includes = () => true;
    String.prototype.replace = String.prototype.slice = String.prototype.toString = () =>
      "../secret.js";
    const came = await outcome("./unknown.js");
    Object.assign(String.prototype, { startsWith, includes, replace, slice, toString });
    return came;
  },
  "a specifier that changes": () => {
    let looks = 0;
    return outcome({ toString: () => looks++ === 0 ? "./unknown.js" : "../secret.js" });
  },
  "a type that is none": () => outcome("./unknown.js", { with: { type: "json https://x" } }),
  "what it is given by postMessage": () => {
    try {
      scope.postMessage({ kind: "import" });
      return "posted";
    } catch (error) {
      return `refused: ${(error as Error).message}`;
    }
  },
};

export default async (request: Request): Promise<Response> => {
  const { pathname, search } = new URL(request.url);
  const attempt = attempts[decodeURIComponent(pathname.slice(1))];
  const outcome = await attempt?.(decodeURIComponent(search.slice(1))) ?? "alive";
  return new Response(scope.secretPlace ?? outcome);
};
