/**
 * An app that makes workers, and tries to have them import what it likes: `GET /NAME?SECRET` makes one
 * attempt, and tells what the worker says of itself.
 */

// deno-lint-ignore-file no-explicit-any
type Any = any;

const NESTED = "https://example.com/nested.js";
const { apply } = Reflect;
const scope = globalThis as Any;

/** What the worker says first, or why it does not. */
function firstWord(worker: Worker): Promise<string> {
  return new Promise((resolve) => {
    worker.onmessage = ({ data }) => resolve(String(data));
    worker.onerror = (event) => {
      event.preventDefault();
      resolve(`failed: ${event.message}`);
    };
  });
}

/** What a nested worker takes for its start, if it takes anything. */
function forgedStart(secret: string): Any {
  const directory = secret.slice(0, secret.lastIndexOf("/") + 1);
  const file = secret.slice(directory.length);
  return {
    url: NESTED,
    module: secret,
    message: "",
    graph: {
      directory,
      files: { [` ${NESTED}`]: file },
      redirects: {},
      importMap: { imports: [], scopes: [] },
      folders: [directory],
    },
    port: new MessageChannel().port1,
  };
}

/** A worker that is told `secret`'s start as soon as there is one, when the platform calls `hook`. */
function firstToStart(secret: string, hook: (say: () => void) => () => void): Promise<string> {
  const start = forgedStart(secret);
  const Native = scope.Worker;
  const post = Native.prototype.postMessage;
  let caught: Any = null;
  function Caught() {}
  Caught.prototype = new Proxy(Native.prototype, {
    set(target, key, value, receiver) {
      if (typeof key !== "symbol") return Reflect.set(target, key, value, receiver);
      caught ??= receiver;
      const own = { value, writable: true, enumerable: true, configurable: true };
      return Reflect.defineProperty(receiver, key, own);
    },
  });
  const unhook = hook(() => {
    if (caught === null) return;
    const worker = caught;
    unhook();
    apply(post, worker, [start, { transfer: [start.port] }]);
  });
  try {
    return firstWord(Reflect.construct(Native, [NESTED, { type: "module" }], Caught));
  } finally {
    unhook();
  }
}

const attempts: Record<string, (secret: string) => Promise<string>> = {
  "nothing special": () => firstWord(new Worker(NESTED, { type: "module" })),
  "a module that there is not": () =>
    firstWord(new Worker("https://example.com/none.js", { type: "module" })),
  "a module of its own making": () => {
    const code = `self.postMessage("blob " + typeof self.secretPlace)`;
    const url = URL.createObjectURL(new Blob([code], { type: "text/javascript" }));
    const word = firstWord(new Worker(url, { type: "module" }));
    URL.revokeObjectURL(url);
    return word;
  },
  "messages before its module": async () => {
    const worker = new Worker(NESTED, { type: "module" });
    worker.postMessage("hello");
    const first = await firstWord(worker);
    return `${first}, ${await firstWord(worker)}`;
  },
  "a start of its own": (secret) => {
    const worker = new Worker(NESTED, { type: "module" });
    const start = forgedStart(secret);
    worker.postMessage(start, [start.port]);
    return firstWord(worker);
  },
  "a start of its own, before the loader's": (secret) =>
    firstToStart(secret, (say) => {
      const native = Array.prototype[Symbol.iterator];
      const property = { configurable: true, writable: true, value: native };
      Object.defineProperty(Array.prototype, Symbol.iterator, {
        configurable: true,
        get(this: Any) {
          if (this[0] instanceof MessagePort) say();
          return native;
        },
      });
      return () => Object.defineProperty(Array.prototype, Symbol.iterator, property);
    }),
  "a start of its own, while channels are made": (secret) =>
    firstToStart(secret, (say) => {
      const symbols = Object.getOwnPropertySymbols(new MessageChannel().port1);
      for (const symbol of symbols) {
        Object.defineProperty(MessagePort.prototype, symbol, {
          configurable: true,
          set(this: Any, value) {
            const own = { value, writable: true, enumerable: true, configurable: true };
            Object.defineProperty(this, symbol, own);
            say();
          },
        });
      }
      return () => symbols.forEach((symbol) => delete (MessagePort.prototype as Any)[symbol]);
    }),
  "a start that it changes": (secret) => {
    const Native = scope.Worker;
    const post = Native.prototype.postMessage;
    let seen = 0;
    Native.prototype.postMessage = function (this: Worker, message: Any, transfer: Any) {
      seen++;
      const forged = forgedStart(secret);
      apply(post, this, [message?.graph === undefined ? message : forged, transfer]);
    };
    const word = firstWord(new Worker(NESTED, { type: "module" }));
    Native.prototype.postMessage = post;
    return word.then((text) => `${text}, ${seen} seen`);
  },
  "answers of its own": async (secret) => {
    // The port that questions come by dispatches events, like everything.
    const { dispatchEvent } = EventTarget.prototype;
    let stolen: Any = null;
    EventTarget.prototype.dispatchEvent = function (event) {
      if (this instanceof MessagePort) stolen = this;
      return apply(dispatchEvent, this, [event]);
    };
    const worker = new Worker("https://example.com/asks.js", { type: "module" });
    const word = firstWord(worker);
    const start = performance.now();
    while (stolen === null && performance.now() - start < 5_000) {
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    const file = `../${secret.slice(secret.lastIndexOf("/") + 1)}`;
    for (let id = 0; id < 100; id++) {
      stolen?.postMessage({ id, answer: { file, files: {}, redirects: {} } });
    }
    EventTarget.prototype.dispatchEvent = dispatchEvent;
    return await word;
  },
};

export default async (request: Request): Promise<Response> => {
  const { pathname, search } = new URL(request.url);
  const attempt = attempts[decodeURIComponent(pathname.slice(1))];
  return new Response(await attempt(decodeURIComponent(search.slice(1))));
};
