/**
 * The apps of a site that is attacked: `neighbour`, which is asked for its right answers all the time, and
 * `hostile`, which does what apps should not, by the last part of the path.
 */

import type { Context } from "gatehouse";

// deno-lint-ignore no-explicit-any
type Any = any;
const scope = globalThis as Any;
const sleep = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));
const encode = (text: string) => new TextEncoder().encode(text);

/** Answers with what it is sent, and with much, and little by little. */
export async function neighbour(request: Request, context: Context): Promise<Response> {
  const { pathname, searchParams } = new URL(request.url);
  switch (pathname) {
    case "/text":
      return new Response(await request.text());
    case "/count": {
      let bytes = 0;
      for await (const chunk of request.body ?? []) bytes += chunk.length;
      return new Response(`${bytes}`);
    }
    case "/large": {
      let left = Number(searchParams.get("bytes"));
      return new Response(
        new ReadableStream({
          pull(controller) {
            const part = new Uint8Array(Math.min(left, 65_536)).fill(121);
            left -= part.length;
            if (part.length > 0) controller.enqueue(part);
            if (left === 0) controller.close();
          },
        }),
      );
    }
    case "/endless":
      return new Response(
        new ReadableStream({
          async pull(controller) {
            await sleep(1);
            controller.enqueue(encode("part"));
          },
        }),
      );
    case "/throw":
      throw new Error(decodeURIComponent(pathname + searchParams.get("text")));
    case "/info":
      return Response.json({ env: context.env, headers: [...request.headers] });
  }
  return new Response("neighbour");
}

/** Never answers. */
const nothing = () => new Promise<never>(() => {});

/** Whether an attempt at something is refused. */
async function refused(attempt: () => unknown): Promise<string> {
  try {
    await attempt();
    return "done";
  } catch (error) {
    return `refused: ${(error as Error).message}`;
  }
}

/** What becomes of several attempts: one line each. */
async function tried(attempts: Record<string, () => unknown>): Promise<Response> {
  const lines: string[] = [];
  for (const [name, attempt] of Object.entries(attempts)) {
    lines.push(`${name}: ${(await refused(attempt)).split("\n")[0]}`);
  }
  return new Response(lines.join("\n"));
}

const streamOf = (start: (controller: ReadableStreamDefaultController) => void) =>
  new ReadableStream({ start });

/** What the app does to its worker, to the process and to its answers. */
const deeds: Record<string, (request: Request, context: Context) => unknown> = {
  // Its thread is of no use to anybody afterwards.
  "loop": () => {
    for (;;);
  },
  "wait": () => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0),
  "microtasks": async () => {
    for (;;) await null;
  },
  "exit": () => Deno.exit(0),
  "process-exit": async () => (await import("node:process")).exit(0),
  "close": () => (scope.close(), nothing()),
  "uncaught": () => (setTimeout(() => {
    throw new Error("nobody catches it");
  }),
    nothing()),
  "rejection": () => (Promise.reject(new Error("nobody catches it")), nothing()),

  // It goes for what the whole process has.
  "signals": ({ url }) => {
    const pid = Number(new URL(url).searchParams.get("pid"));
    return tried({
      kill: () => Deno.kill(pid, "SIGKILL"),
      "kill of its own process": () => Deno.kill(Deno.pid, "SIGKILL"),
      "process.kill": async () => (await import("node:process")).kill(pid, "SIGKILL"),
      abort: () => scope.process.abort(),
      umask: () => Deno.umask(0o777),
      chdir: () => Deno.chdir("/"),
      "process.chdir": async () => (await import("node:process")).chdir("/"),
    });
  },
  "reach": ({ url }) => {
    const secret = new URL(url).searchParams.get("secret")!;
    return tried({
      read: () => Deno.readTextFileSync(secret),
      stat: () => Deno.statSync(secret),
      "node:fs": async () => (await import("node:fs")).readFileSync(secret),
      import: () => import(`file://${secret}`),
      "import of JSON": () => import(`file://${secret}`, { with: { type: "json" } }),
      "import by data:": () => import(`data:text/javascript,import "file://${secret}"`),
      write: () => Deno.writeTextFileSync(secret, "overwritten"),
      run: () => new Deno.Command("true").outputSync(),
      dlopen: () => Deno.dlopen("libc.so.6", {}),
      "a worker with more": () => worker({ deno: { permissions: { run: true } } }),
      "asking for more": async () => {
        const { state } = await Deno.permissions.request({ name: "run" });
        if (state !== "granted") throw new Error(state);
      },
    });
  },
  "listen": ({ url }) => {
    const port = Number(new URL(url).searchParams.get("port"));
    const listenBy = async (name: string, options: object) => {
      const { createServer } = await import(name);
      const server = createServer();
      await new Promise((resolve, reject) => {
        server.on("error", reject).listen({ port, ...options }, resolve);
      });
      server.close();
    };
    return tried({
      listen: () => Deno.listen({ hostname: "127.0.0.1", port }).close(),
      "listen, shared": () => Deno.listen({ hostname: "127.0.0.1", port, reusePort: true }).close(),
      "listen everywhere": () =>
        Deno.listen({ hostname: "0.0.0.0", port, reusePort: true }).close(),
      serve: () =>
        Deno.serve({ port, reusePort: true, onListen() {} }, () => new Response()).unref(),
      "node:net": () => listenBy("node:net", { host: "127.0.0.1" }),
      "node:net, shared": () => listenBy("node:net", { host: "127.0.0.1", reusePort: true }),
      "node:http": () => listenBy("node:http", { host: "0.0.0.0" }),
    });
  },
  "descriptors": async () => {
    const { Socket } = await import("node:net");
    const opened: number[] = [];
    for (let fd = 0; fd < 64; fd++) {
      try {
        new Socket({ fd }).on("error", () => {});
        opened.push(fd);
      } catch {
        // It is not its own.
      }
    }
    return new Response(`opened: ${opened.join()}`);
  },
  "fatal": async () => {
    const crypto = (await import("node:crypto") as Any).default;
    return tried({
      "a prime of a bit": () => crypto.generatePrimeSync(1),
      "a prime without end": () => crypto.generatePrimeSync(2 ** 30),
      "keys of a bit": () => crypto.generateKeyPairSync("dh", { primeLength: 1 }),
      "a huge image": () =>
        createImageBitmap(new ImageData(4, 2), {
          resizeWidth: 2 ** 32 - 1,
          resizeHeight: 2 ** 32 - 1,
        }),
    });
  },
  "shared": async () => {
    // Older versions of Deno have no locks.
    const locks = await scope.navigator.locks?.query();
    return Response.json([typeof scope.caches, Deno.args, locks?.held.length ?? 0]);
  },
  "environment": () => {
    const variables = {
      GATEHOUSE_APP_ALLOW_ALL: "yes",
      GATEHOUSE_MAX_BODY_BYTES: "1",
      NPM_CONFIG_REGISTRY: "http://127.0.0.1:1/",
      HTTP_PROXY: "http://127.0.0.1:1/",
      PATH: "/nowhere",
      TMPDIR: "/nowhere",
      HOME: "/nowhere",
    };
    return tried(Object.fromEntries(
      Object.entries(variables).map(([name, value]) => [name, () => Deno.env.set(name, value)]),
    ));
  },

  // It goes for the code that it shares a thread with.
  "messages": () => {
    const start = { kind: "start", framesVersion: 1, apps: { mounts: [] }, imported: 0 };
    for (let i = 0; i < 1_000; i++) {
      scope.dispatchEvent(new MessageEvent("message", { data: { ...start, imported: i } }));
    }
    return tried({ postMessage: () => scope.postMessage({ kind: "ready" }) });
  },
  "services": () => {
    const services = scope[Symbol.for("gatehouse.modules")];
    return tried({
      change: () => {
        "use strict";
        services.import = () => {};
      },
      prototype: () => {
        if (Object.getPrototypeOf(services) === null) throw new Error("there is none");
      },
    });
  },
  "spoil-rings": () => {
    const { store } = Atomics;
    scope.Atomics.store = (array: Int32Array, index: number, value: number) => {
      new Uint8Array(array.buffer).fill(0x5a);
      return store(array, index, value ^ 0x12345678);
    };
    const arrays = Object.getPrototypeOf(Uint8Array.prototype);
    arrays.set = arrays.subarray = arrays.slice = function () {
      return this.fill(255);
    };
    return new Response("spoilt");
  },
  "spoil-objects": () => {
    for (const name of ["kind", "file", "message", "then", "status", "id", "data", "value"]) {
      Object.defineProperty(Object.prototype, name, { get: () => 1, set() {}, configurable: true });
    }
    scope.Map.prototype.get = scope.Map.prototype.set = () => undefined;
    scope.Promise.prototype.then = () => {};
    scope.JSON.parse = scope.JSON.stringify = () => ({});
    return new Response("spoilt");
  },

  // It answers with what is none.
  "bad-field": () => new Response("x", { headers: { "x-a": "a\x01b" } }),
  "bad-object": () => ({ status: 200, headers: [["a", "b\r\nc: d"]], body: "x" }),
  "short": () =>
    new Response(streamOf((c) => (c.enqueue(encode("12345")), c.close())), {
      headers: { "content-length": "50" },
    }),
  "long": () =>
    new Response(streamOf((c) => (c.enqueue(encode("12345")), c.close())), {
      headers: { "content-length": "2" },
    }),
  "framing": () =>
    new Response("framed", {
      headers: { "transfer-encoding": "gzip", "connection": "x", "content-length": "1" },
    }),
  "liar": () => {
    const body = new Uint8Array(4).fill(65);
    Object.defineProperty(body, "length", { value: 65_536 });
    return new Response(body);
  },
  "broken": () =>
    new Response(
      new ReadableStream({
        async pull(controller) {
          controller.enqueue(encode("some"));
          await sleep(10);
          throw new Error("broken on purpose");
        },
      }, { highWaterMark: 0 }),
    ),
  "throw": () => {
    throw { toString: () => "\x1b[2J\nerror: forged", stack: "\x1b[2J\nready" };
  },

  // It does much of what it may.
  "prints": () => {
    for (let i = 0; i < 20_000; i++) console.error("ready\x1b[2J", "x".repeat(100));
    return new Response("printed");
  },
  "fields": () => {
    const headers = new Headers();
    for (let i = 0; i < 300; i++) headers.append(`x-${i}`, "y".repeat(1_000));
    return new Response("many", { headers });
  },
  "workers": async () => {
    const ends = Array.from({ length: 4 }, () => worker({}).catch(() => "refused"));
    await Promise.all(ends);
    return new Response("they came to their ends");
  },
};

/** A worker of the app's own; the executable has none for code of URLs that are data. */
async function worker(options: object): Promise<unknown> {
  const thread = new Worker("data:text/javascript,postMessage(1);close()", {
    type: "module",
    ...options,
  });
  return await new Promise((resolve, reject) => {
    thread.onmessage = resolve;
    thread.onerror = (event) => {
      event.preventDefault();
      reject(new Error(event.message));
    };
  });
}

/** Does what it is asked for. */
export function hostile(request: Request, context: Context): unknown {
  const deed = deeds[new URL(request.url).pathname.split("/").at(-1)!];
  return deed === undefined ? new Response("hostile") : deed(request, context);
}
