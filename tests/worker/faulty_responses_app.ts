/**
 * An app whose answers are none that can be sent: `GET /NAME` gives the one of that name. `/wait` is
 * answered after `/release`, `/instance` says which copy of the app it is.
 */

// deno-lint-ignore-file no-explicit-any
type Any = any;

const TRAP: ProxyHandler<Any> = {
  get(): never {
    throw new Error("a trap");
  },
  has(): never {
    throw new Error("a trap");
  },
  getPrototypeOf(): never {
    throw new Error("a trap");
  },
};

const stream = (...parts: unknown[]) =>
  new ReadableStream<Any>({
    start(controller) {
      for (const part of parts) controller.enqueue(part);
      controller.close();
    },
  });
const bytes = new TextEncoder().encode("part");

/** A response with something else in the place of `name`. */
function withGetter(name: string, get: () => unknown, body: Any = stream(bytes)): Response {
  return Object.defineProperty(new Response(body), name, { get });
}
function thrower(): never {
  throw new Error("looked at");
}
function* endless(): Generator<[string, string]> {
  for (;;) yield ["x-more", "and more"];
}

/** Each is called for one request, and gives what the app returns. */
export const faults: Record<string, () => unknown> = {
  "a giant header field": () => new Response("x", { headers: { "x-giant": "a".repeat(600_000) } }),
  "a giant header field of a headers object, with a stream": () =>
    new Response(stream(bytes), { headers: new Headers({ "x-giant": "a".repeat(600_000) }) }),
  "more header fields than fit": () => {
    const headers = new Headers();
    for (let i = 0; i < 1_000; i++) headers.append(`x-${i}`, "a".repeat(600));
    return new Response("x", { headers });
  },
  "a giant header field without a body": () =>
    new Response(null, { status: 204, headers: { "x-giant": "a".repeat(300_000) } }),
  "a status that throws": () => withGetter("status", thrower),
  "a status that is none": () => withGetter("status", () => 99_999),
  "a status that is text": () => withGetter("status", () => "200"),
  "a status that is a symbol": () => withGetter("status", () => Symbol.iterator),
  "headers that throw": () => withGetter("headers", thrower),
  "headers without end": () => withGetter("headers", endless),
  "headers that are nothing": () => withGetter("headers", () => null),
  "headers whose values throw": () =>
    withGetter("headers", () => [["x-name", { toString: thrower }]]),
  "headers whose values are symbols": () =>
    withGetter("headers", () => [["x-name", Symbol.iterator]]),
  "headers whose values are no bytes": () =>
    withGetter("headers", () => [["x-name", "a\u010d\u010aset-cookie: b"]]),
  "headers with a line end": () => withGetter("headers", () => [["x-name", "a\r\n\r\nb"]]),
  "headers whose pairs throw": () => withGetter("headers", () => [new Proxy([], TRAP)]),
  "a body that throws": () => withGetter("body", thrower),
  "a body that is none": () => withGetter("body", () => "text"),
  "a body whose reader throws": () => withGetter("body", () => ({ getReader: thrower })),
  "a body that is locked": () => {
    const response = new Response(stream(bytes));
    response.body!.getReader();
    return response;
  },
  "a body that was read": async () => {
    const response = new Response(stream(bytes));
    await response.text();
    return response;
  },
  "a response that is a proxy with traps": () => new Proxy(new Response("x"), TRAP),
  "a response with another prototype": () =>
    Object.setPrototypeOf(new Response(stream(bytes)), new Proxy(Response.prototype, TRAP)),
  "an object with a prototype that is a response's": () => Object.create(Response.prototype),
  "an object whose constructor throws": () => ({
    get constructor() {
      return thrower();
    },
  }),
  "an object whose class has no name that is text": () => ({
    constructor: { name: Symbol.iterator },
  }),
  "a proxy with traps": () => new Proxy({}, TRAP),
  "a revoked proxy": () => {
    const { proxy, revoke } = Proxy.revocable({}, {});
    revoke();
    return proxy;
  },
  "a symbol": () => Symbol.iterator,
  "nothing": () => undefined,
  "a function that throws when it is made text": () =>
    Object.assign(() => {}, { toString: thrower }),
  "a then that throws": () => ({ then: thrower }),
  "a then whose getter throws": () => ({
    get then() {
      return thrower();
    },
  }),
  "a then that says both": () => ({
    then(resolve: Any, reject: Any) {
      reject(new Error("no"));
      resolve(new Response("yes"));
    },
  }),
  "an error whose stack throws": () => {
    throw Object.defineProperty(new Error("x"), "stack", { get: thrower });
  },
  "an error whose stack is no text": () => {
    throw Object.assign(new Error("x"), { stack: { toString: thrower } });
  },
  "an error whose stack is a symbol": () => {
    throw Object.assign(new Error("x"), { stack: Symbol.iterator });
  },
  "an error of many megabytes": () => {
    throw new Error("x".repeat(30_000_000));
  },
  "an error that is a proxy with traps": () => {
    throw new Proxy(new Error("x"), TRAP);
  },
  "an error without a prototype": () => {
    throw Object.create(null);
  },
  "an error that throws when it is made text": () => {
    throw { toString: thrower };
  },
};

/** Responses that have begun when their fault shows. */
export const broken: Record<string, () => unknown> = {
  "a stream of text": () => new Response(stream(bytes, "text")),
  "a stream of proxies": () => new Response(stream(bytes, new Proxy(bytes, TRAP))),
  "a stream that fails with an error that throws": () => {
    let pulls = 0;
    return new Response(
      new ReadableStream({
        pull(controller) {
          if (pulls++ === 0) controller.enqueue(bytes);
          else controller.error(Object.defineProperty(new Error(), "stack", { get: thrower }));
        },
      }),
    );
  },
  "a stream of the app's own whose reader gives what throws": () =>
    withGetter("body", () => ({
      getReader: () => ({
        read: () =>
          Promise.resolve({
            done: false,
            get value() {
              return thrower();
            },
          }),
        cancel: thrower,
      }),
    })),
  "a stream of the app's own whose reader gives nothing": () =>
    withGetter("body", () => ({ getReader: () => ({ read: () => undefined }) })),
};

const instance = crypto.randomUUID();
const waiting: ((response: Response) => void)[] = [];

export default (request: Request, context: Any): unknown => {
  const { pathname } = new URL(request.url);
  const name = decodeURIComponent(pathname.slice(1));
  if (name === "instance") return new Response(instance);
  if (name === "wait") return new Promise((resolve) => waiting.push(resolve));
  if (name === "release") {
    for (const resolve of waiting) resolve(new Response("waited"));
    return new Response(`${waiting.length}`);
  }
  if (name === "a proxy without traps") return new Proxy(new Response(stream(bytes)), {});
  if (name === "work that throws what throws") {
    context.waitUntil({ then: thrower });
    context.waitUntil(Promise.reject(new Proxy(new Error("x"), TRAP)));
    return new Response("done");
  }
  const [way, kind] = name.split(": ");
  const make = faults[kind] ?? broken[kind];
  if (way === "at once") return make();
  return way === "in a promise" ? Promise.resolve().then(make) : new Response("no such way");
};
