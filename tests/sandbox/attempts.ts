/**
 * An app that tries to get at what is not its own: `GET /NAME` makes one attempt, and answers with the
 * name of the error that came of it, or `done`. The test serves it from a URL and from a file.
 */

// deno-lint-ignore no-explicit-any
type Any = any;
const own = new URL(import.meta.url);

/** What the test tells by the query: files and ports of its own. */
interface Places {
  /** A file that exists, outside the app's folder. */
  readonly secret: string;
  /** A folder outside the app's. */
  readonly folder: string;
  /** The gateway's own port. */
  readonly port: number;
  /** A port that something else listens on. */
  readonly other: number;
  /** Process id of the gateway. */
  readonly pid: number;
}

async function inWorker(options: Any, code: string): Promise<unknown> {
  const url = `data:text/javascript,${encodeURIComponent(code)}`;
  const worker = new Worker(url, { type: "module", ...options });
  try {
    return await new Promise((resolve, reject) => {
      worker.onmessage = (event) => resolve(event.data);
      worker.onerror = (event) => {
        event.preventDefault();
        reject(new Error(event.message));
      };
    });
  } finally {
    worker.terminate();
  }
}

const READ_AND_TELL = (path: string) =>
  `try { postMessage(Deno.readTextFileSync(${
    JSON.stringify(path)
  })) } catch (e) { postMessage(e.name) }`;

const attempts: Record<string, (places: Places) => unknown> = {
  "Deno.readTextFile": ({ secret }) => Deno.readTextFile(secret),
  "Deno.open": ({ secret }) => Deno.openSync(secret).close(),
  "Deno.stat": ({ secret }) => Deno.statSync(secret),
  "Deno.readDir": ({ folder }) => [...Deno.readDirSync(folder)],
  "Deno.readLink": () => Deno.readLinkSync("/proc/self/cwd"),
  "Deno.watchFs": ({ folder }) => Deno.watchFs(folder).close(),
  "fetch of a file": ({ secret }) => fetch(`file://${secret}`),
  "node:fs": async ({ secret }) => (await import("node:fs")).readFileSync(secret),
  "node:fs/promises": async ({ secret }) => (await import("node:fs/promises")).readFile(secret),
  "import of a file": ({ secret }) => import(`file://${secret}`),
  "import of JSON": ({ secret }) => import(`file://${secret}`, { with: { type: "json" } }),
  "import by data:": ({ secret }) => import(`data:text/javascript,import "file://${secret}"`),
  "import in eval": ({ secret }) => eval(`import("file://${secret}")`),
  "import in Function": ({ secret }) => new Function(`return import("file://${secret}")`)(),
  "require()": async ({ secret }) =>
    (await import("node:module")).createRequire("file:///x.js")(secret),
  "node:vm": async ({ secret }) =>
    await (await import("node:vm")).runInThisContext(`import("file://${secret}")`),
  "import from elsewhere": ({ other }) => import(`http://127.0.0.1:${other}/x.js`),
  "Deno.writeTextFile": ({ folder }) => Deno.writeTextFileSync(`${folder}/new`, ""),
  "Deno.remove": ({ secret }) => Deno.removeSync(secret),
  "Deno.makeTempFile": () => Deno.makeTempFileSync(),
  "Deno.symlink": ({ secret }) => Deno.symlinkSync(secret, "link"),
  "node:sqlite": async ({ folder }) =>
    new (await import("node:sqlite")).DatabaseSync(`${folder}/x.db`),
  "Deno.env.get": () => Deno.env.get("HOME"),
  "Deno.env.set": () => Deno.env.set("GATEHOUSE_TRIED", "1"),
  "process.env": async () => Object.keys((await import("node:process")).env),
  "Deno.Command": () => new Deno.Command("true").outputSync(),
  "node:child_process": async ({ folder }) =>
    (await import("node:child_process")).execSync(`touch ${folder}/ran`),
  "Deno.dlopen": () => Deno.dlopen("libc.so.6", {}),
  "process.dlopen": async () =>
    (await import("node:process") as Any).default.dlopen({ exports: {} }, "/x.node"),
  "Deno.hostname": () => Deno.hostname(),
  "node:os": async () => (await import("node:os")).hostname(),
  "os.setPriority": async () => (await import("node:os")).setPriority(0, 1),
  "fetch of another port": async ({ other }) =>
    await (await fetch(`http://127.0.0.1:${other}/`)).text(),
  "Deno.connect": ({ other }) => connected(Deno.connect({ hostname: "127.0.0.1", port: other })),
  "node:net": async ({ other }) => {
    const { connect } = await import("node:net");
    await new Promise((resolve, reject) => {
      const socket = connect(other, "127.0.0.1", () => resolve(socket.destroy()));
      socket.on("error", reject);
    });
  },
  "WebSocket": ({ other }) => {
    new WebSocket(`ws://127.0.0.1:${other}/`).onerror = () => {};
  },
  "Deno.listen": () => Deno.listen({ hostname: "127.0.0.1", port: 0 }).close(),
  "Deno.listen at the gateway's port": ({ port }) =>
    Deno.listen({ hostname: "127.0.0.1", port }).close(),
  "Deno.listen at the gateway's port, shared": ({ port }) =>
    Deno.listen({ hostname: "127.0.0.1", port, reusePort: true }).close(),
  "Deno.listen at the gateway's port everywhere": ({ port }) =>
    Deno.listen({ hostname: "0.0.0.0", port, reusePort: true }).close(),
  "Deno.serve": ({ port }) =>
    Deno.serve({ hostname: "127.0.0.1", port, onError: () => new Response() }, () => new Response())
      .shutdown(),
  "a unix socket": ({ folder }) => Deno.listen({ transport: "unix", path: `${folder}/s` } as Any),
  "a connection to a unix socket": ({ folder }) =>
    connected(Deno.connect({ transport: "unix", path: `${folder}/s` } as Any)),
  "a worker with more permissions": () =>
    inWorker({ deno: { permissions: { read: true, run: true } } }, "postMessage(1)"),
  "a worker that inherits": async ({ secret }) => told(await inWorker({}, READ_AND_TELL(secret))),
  "a worker that inherits by name": async ({ secret }) =>
    told(await inWorker({ deno: { permissions: "inherit" } }, READ_AND_TELL(secret))),
  "Deno.permissions.request": async () => denied(await Deno.permissions.request({ name: "run" })),
  "Deno.permissions.requestSync": () => denied(Deno.permissions.requestSync({ name: "ffi" })),
  "Deno.kill of the gateway": ({ pid }) => Deno.kill(pid, "SIGTERM"),
  "Deno.kill of its own process": () => Deno.kill(Deno.pid, "SIGKILL"),
  "process.kill": async () => (await import("node:process")).kill(Deno.pid, "SIGKILL"),
  "process.kill by name": async () => {
    const { kill } = await import("node:process");
    return kill(Deno.pid, "SIGKILL");
  },
  "process.abort": () => (globalThis as Any).process.abort(),
  "Deno.chdir": ({ folder }) => Deno.chdir(folder),
  "Deno.chdir to the app": () => Deno.chdir(own.protocol === "file:" ? new URL(".", own) : "/"),
  "Deno.umask": () => Deno.umask(0o777),
  "process.umask": () => (globalThis as Any).process.umask(0o777),
  "v8 flags": async () => (await import("node:v8")).default.setFlagsFromString("--stack-size=1"),
  "process.setuid": async () => (await import("node:process")).setuid!(65_534),
  "the inspector": async () => new ((await import("node:inspector")).Session)().connect(),
};

async function connected(connection: Promise<Deno.Conn>): Promise<void> {
  (await connection).close();
}

/** What a nested worker tells of its attempt. */
function told(text: unknown): void {
  if (text === "NotCapable" || text === "PermissionDenied") {
    throw new Deno.errors.NotCapable("told");
  }
}

function denied({ state }: Deno.PermissionStatus): void {
  if (state !== "granted") throw new Deno.errors.NotCapable(state);
}

export default {
  async fetch(request: Request): Promise<Response> {
    const { pathname, searchParams } = new URL(request.url);
    const attempt = attempts[decodeURIComponent(pathname.slice(1))];
    if (attempt === undefined) return new Response("alive");
    try {
      await attempt(JSON.parse(searchParams.get("places")!));
      return new Response("done");
    } catch (error) {
      const { name, message, code } = error as Error & { code?: string };
      const isDenied = name === "NotCapable" || /Requires \w+ access|escalate/.test(message);
      return new Response(isDenied ? "denied" : `${name}: ${code ?? ""} ${message}`);
    }
  },
};
