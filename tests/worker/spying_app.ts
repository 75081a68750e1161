/**
 * An app that replaces everything of the platform that it can, and looks at whatever passes by: shared
 * memory, and what only the gateway has. `GET /spied` tells what that was.
 */

// deno-lint-ignore-file no-explicit-any
type Any = any;

const { apply, construct, defineProperty, getOwnPropertyDescriptor, ownKeys } = Reflect;
const { bind, call } = Function.prototype;
const uncurried = bind.bind(call) as Any;
const push = uncurried(Array.prototype.push);
const join = uncurried(Array.prototype.join);
const hasOwn = Object.hasOwn;
const isView = ArrayBuffer.isView;
const Shared = SharedArrayBuffer;
const StringOf = String;
const typedArrays = Object.getPrototypeOf(Uint8Array.prototype);
const bufferOf = uncurried(getOwnPropertyDescriptor(typedArrays, "buffer")!.get);
const dataViewBufferOf = uncurried(getOwnPropertyDescriptor(DataView.prototype, "buffer")!.get);
const isTypedArray = uncurried(getOwnPropertyDescriptor(typedArrays, Symbol.toStringTag)!.get);
const PlatformResponse = Response;

const spied: string[] = [];
let isSpying = false;

/** Members that only objects of the gateway's have. */
const TELLING = ["directory", "toGateway", "toWorker", "framesVersion", "imported", "receiver"];

function tells(value: Any): string | null {
  if ((typeof value !== "object" && typeof value !== "function") || value === null) return null;
  if (value instanceof Shared) return "shared memory";
  if (isView(value)) {
    const buffer = isTypedArray(value) === undefined ? dataViewBufferOf(value) : bufferOf(value);
    return buffer instanceof Shared ? "a view of shared memory" : null;
  }
  for (let i = 0; i < TELLING.length; i++) if (hasOwn(value, TELLING[i])) return TELLING[i];
  return null;
}

function look(where: string, value: Any): void {
  const told = tells(value);
  if (told !== null) push(spied, `${told} in ${where}`);
}

/** A function that does what `native` does, and looks at all that it is given. */
function spy(where: string, native: Any): Any {
  const looking = (self: Any, args: Any) => {
    if (isSpying) return;
    isSpying = true;
    look(where, self);
    for (let i = 0; i < args.length; i++) look(where, args[i]);
    isSpying = false;
  };
  return new Proxy(native, {
    apply(target, self, args) {
      looking(self, args);
      return apply(target, self, args);
    },
    construct(target, args, newTarget) {
      looking(null, args);
      return construct(target, args, newTarget);
    },
  });
}

/** What the runtime itself needs as it is to tell what went wrong, or the app to be one. */
const KEPT = new Set(["constructor", "caller", "callee", "arguments", "prototype", "globalThis"]);

function replaceAll(name: string, target: Any): void {
  for (const key of ownKeys(target)) {
    const property = `${name}.${StringOf(key)}`;
    const descriptor = getOwnPropertyDescriptor(target, key)!;
    if (KEPT.has(StringOf(key)) || !descriptor.configurable) continue;
    for (const part of ["value", "get", "set"] as const) {
      if (typeof descriptor[part] === "function") {
        descriptor[part] = spy(property, descriptor[part]);
      }
    }
    defineProperty(target, key, descriptor);
  }
}

/** Setters and getters for what the gateway's objects have, on the prototype of all objects. */
function pollute(): void {
  const names = [
    "kind",
    "message",
    "file",
    "files",
    "redirects",
    "module",
    "type",
    "imported",
    "answer",
    "then",
    "url",
    "request",
    "0",
  ];
  for (const name of names) {
    for (const target of [Object.prototype, Array.prototype]) {
      if (hasOwn(target, name)) continue;
      defineProperty(target, name, {
        configurable: true,
        get(this: Any) {
          look(`a getter of ${name}`, this);
          return undefined;
        },
        set(this: Any, value: Any) {
          look(`a setter of ${name}`, this);
          look(`a setter of ${name}`, value);
          const own = { value, writable: true, enumerable: true, configurable: true };
          defineProperty(this, name, own);
        },
      });
    }
  }
}

function spyOnEverything(): void {
  const constructors = [
    "Array",
    "ArrayBuffer",
    "DataView",
    "Error",
    "Event",
    "EventTarget",
    "Float64Array",
    "Function",
    "Headers",
    "Int32Array",
    "Map",
    "MessageEvent",
    "MessagePort",
    "Number",
    "Object",
    "Promise",
    "ReadableByteStreamController",
    "ReadableStream",
    "ReadableStreamDefaultReader",
    "RegExp",
    "Request",
    "Response",
    "Set",
    "SharedArrayBuffer",
    "String",
    "Symbol",
    "TextDecoder",
    "TextEncoder",
    "URL",
    "Uint32Array",
    "Uint8Array",
    "WeakMap",
    "WeakSet",
    "AbortController",
    "AbortSignal",
  ];
  const scope = globalThis as Any;
  const iterators = [[][Symbol.iterator](), new Map().entries(), new Set().values()];
  for (const iterator of iterators) replaceAll("iterator", Object.getPrototypeOf(iterator));
  for (const name of constructors) {
    replaceAll(`${name}.prototype`, scope[name].prototype);
    replaceAll(name, scope[name]);
    const value = spy(`instanceof ${name}`, Function.prototype[Symbol.hasInstance]);
    defineProperty(scope[name], Symbol.hasInstance, { configurable: true, value });
  }
  replaceAll("TypedArray.prototype", typedArrays);
  replaceAll("TypedArray", Object.getPrototypeOf(Uint8Array));
  for (const name of ["Atomics", "JSON", "Math", "Reflect"]) replaceAll(name, scope[name]);
  const globals = [
    "MessageChannel",
    "clearTimeout",
    "close",
    "dispatchEvent",
    "addEventListener",
    "fetch",
    "queueMicrotask",
    "setTimeout",
    "structuredClone",
    ...constructors,
  ];
  for (const name of globals) scope[name] = spy(name, scope[name]);
  // A typed array asks its constructor for what it makes of itself.
  const species = { configurable: true, get: () => spy("species", Uint8Array) };
  defineProperty(Object.getPrototypeOf(scope.Uint8Array), Symbol.species, species);
  const constructor = { configurable: true, get: () => spy("constructor", Uint8Array) };
  defineProperty(typedArrays, "constructor", constructor);
  pollute();
}

const encoder = new TextEncoder();

async function answer(request: Request, context: Any): Promise<Response> {
  switch (new URL(request.url).pathname) {
    case "/spy":
      spyOnEverything();
      return new PlatformResponse("spying");
    case "/spied":
      return new PlatformResponse(join(spied, "\n"));
    case "/text":
      return new PlatformResponse(await request.text());
    case "/json":
      return PlatformResponse.json(await request.json(), { headers: { "x-a": "b" } });
    case "/stream": {
      let length = 0;
      for await (const chunk of request.body!) length += chunk.length;
      return new PlatformResponse(`${length}`);
    }
    case "/chunks": {
      const sizes: number[] = [];
      for await (const { chunkBytes, data } of context.chunks()) {
        sizes[sizes.length] = chunkBytes ?? -data.length;
      }
      return new PlatformResponse(join(sizes, ","));
    }
    case "/large":
      return new PlatformResponse("é".repeat(300_000));
    case "/bytes":
      return new PlatformResponse(new Uint8Array(300_000));
    case "/streamed":
      return new PlatformResponse(
        new ReadableStream({
          start(controller) {
            for (let i = 0; i < 3; i++) controller.enqueue(encoder.encode("part"));
            controller.close();
          },
        }),
      );
    case "/context":
      context.waitUntil(Promise.resolve());
      return new PlatformResponse(
        `${context.remoteAddr.hostname} ${context.env.REQUEST_METHOD} ${
          request.headers.get("x-b")
        }`,
      );
    case "/import": {
      const modules = (globalThis as Any)[Symbol.for("gatehouse.modules")];
      const { place } = await modules.import("https://example.com/app.js", ["./late.js"]);
      return new PlatformResponse(place);
    }
    case "/fail":
      throw new Error("on purpose");
    default:
      return new PlatformResponse("alive");
  }
}

export default answer;
