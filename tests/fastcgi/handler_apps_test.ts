import type { FastCgiRequestInit, Log, Server } from "gatehouse";
import { ConfigError, FastCgiClient, LoadError, serve } from "gatehouse";
import {
  assert,
  assertEquals,
  assertMatch,
  assertRejects,
  assertStringIncludes,
} from "../support/assert.ts";
import { runGateway, startGateway } from "../support/gateway.ts";
import { inFolder } from "../support/processes.ts";
import { textOf } from "../support/streams.ts";
import type { FastCgiHandler } from "../../src/message/fastcgi_request.ts";
import type { Context } from "../../src/worker/context.ts";
import { handlerApp } from "../../src/worker/fastcgi_handler.ts";

const FIXTURE = new URL("../fixtures/fastcgi_handler.ts", import.meta.url);
const EXAMPLE = new URL("../../examples/fastcgi_handler.ts", import.meta.url);

/** What a handler answers, as it goes over the wire. */
interface Answer {
  readonly stdout: string;
  readonly appStatus: number;
  readonly stderr: readonly string[];
}

class Asker implements AsyncDisposable {
  readonly #client: FastCgiClient;
  #stderr: string[] = [];

  constructor(server: Server) {
    const { port } = server.addresses.at(-1) as Deno.NetAddr;
    this.#client = new FastCgiClient(`127.0.0.1:${port}`, {
      onStderr: (text) => this.#stderr.push(text),
    });
  }

  async ask(
    uri: string,
    init: FastCgiRequestInit = {},
    params: Record<string, string> = {},
  ): Promise<Answer> {
    this.#stderr = [];
    const length = params.CONTENT_LENGTH ?? "";
    const { stdout, appStatus } = await this.#client.request({
      REQUEST_METHOD: "POST",
      REQUEST_URI: uri,
      QUERY_STRING: uri.split("?")[1] ?? "",
      CONTENT_LENGTH: length,
      ...params,
    }, init);
    const text = await textOf(stdout);
    return { stdout: text, appStatus: await appStatus, stderr: this.#stderr };
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#client[Symbol.asyncDispose]();
  }
}

async function* bytes(...parts: string[]): AsyncGenerator<Uint8Array> {
  for (const part of parts) yield new TextEncoder().encode(part);
}

/** The body of an answer, and its head without what every response has. */
function parts(stdout: string): { head: string[]; body: string } {
  const end = stdout.indexOf("\r\n\r\n");
  return { head: stdout.slice(0, end).split("\r\n"), body: stdout.slice(end + 4) };
}

for (const workers of [0, 1]) {
  Deno.test(`a handler as an app answers with what it writes (workers: ${workers})`, async (test) => {
    const log: string[] = [];
    const keep: Log = (_, message) => void log.push(message);
    await using server = await serve({
      app: `fastcgi-handler:${FIXTURE}`,
      fastcgi: "127.0.0.1:0",
      workers,
      log: keep,
    });
    await using asker = new Asker(server);

    await test.step("a head in pieces, and the body after it", async () => {
      const { stdout, appStatus } = await asker.ask("/pieces");
      const { head, body } = parts(stdout);
      assertMatch(head[0], /^Status: 404/);
      assertEquals(head.filter((line) => /^x-a:/i.test(line)).join(), "x-a: 1, 2");
      assertEquals([body, appStatus], ["body", 0]);
    });
    await test.step("what it does not wait for", async () => {
      const { body } = parts((await asker.ask("/unawaited")).stdout);
      assertEquals(body.split(" ").length, 101);
    });
    await test.step("more than fits a window", async () => {
      const { body } = parts((await asker.ask("/large")).stdout);
      assertEquals(body.length, 4_000_000);
    });
    await test.step("the body of the request, of a GET, too", async () => {
      for (const method of ["POST", "GET"]) {
        const { stdout } = await asker.ask("/echo", { stdin: bytes("one ", "two") }, {
          REQUEST_METHOD: method,
          CONTENT_LENGTH: "7",
        });
        assertEquals(parts(stdout).body, "one two", method);
      }
    });
    await test.step("a redirection without a status", async () => {
      const { head } = parts((await asker.ask("/redirect")).stdout);
      assertMatch(head[0], /^Status: 302/);
    });
    await test.step("no body where there can be none", async () => {
      const { head, body } = parts((await asker.ask("/empty")).stdout);
      assertMatch(head[0], /^Status: 304/);
      assertEquals(body, "");
    });
    await test.step("lines of STDERR are the web server's", async () => {
      const { stderr } = await asker.ask("/stderr");
      assertEquals(stderr, ["one line", "and another"]);
    });
    await test.step("an exit status is told in a line", async () => {
      const { stdout, stderr } = await asker.ask("/status");
      assertEquals(parts(stdout).body, "done");
      assertEquals(stderr, ["the handler ended with 7"]);
    });

    const failures: Record<string, RegExp> = {
      "/nothing": /its head has no end/,
      "/no-head": /its head has no end/,
      "/no-field": /a line of its head is not a field: "hello"/,
      "/endless-head": /its head has more than 65536 bytes/,
      "/bad-status": /its Status is not a code from 200 to 599: "101 Switching"/,
      "/bad-value": /a line of its head is not a field/,
      "/number": /the stream takes only Uint8Array and string/,
      "/throw": /thrown on purpose/,
    };
    for (const [path, reason] of Object.entries(failures)) {
      await test.step(`${path} is a 500, and the log says why`, async () => {
        const { stdout, appStatus, stderr } = await asker.ask(path);
        assertMatch(stdout, /^Status: 500/);
        assert(!/purpose|head/.test(stdout), stdout);
        assertEquals(appStatus, 1);
        assertMatch(stderr.join("\n"), reason);
        assertMatch(log.join("\n"), reason);
      });
    }
    await test.step("a failure after the head breaks the response off", async () => {
      const outcome = await asker.ask("/throw-later").then(
        ({ appStatus }) => appStatus,
        () => "broken off",
      );
      assert(outcome === 1 || outcome === "broken off", String(outcome));
    });
  });

  Deno.test(`examples/fastcgi_handler.ts serves all roles (workers: ${workers})`, async () => {
    await using server = await serve({
      app: `fastcgi-handler:${EXAMPLE}`,
      http: "127.0.0.1:0",
      fastcgi: "127.0.0.1:0",
      workers,
    });
    await using asker = new Asker(server);
    const refused = await asker.ask("/", { role: "authorizer" }, { REMOTE_ADDR: "192.0.2.1" });
    assertMatch(refused.stdout, /^Status: 403/);
    assertEquals(refused.stderr, ["192.0.2.1 is not let in"]);
    const admitted = await asker.ask("/", { role: "authorizer" }, {
      HTTP_X_PASSWORD: "open sesame",
    });
    assertMatch(admitted.stdout, /^Status: 200 OK\r\n(?:.*\r\n)*Variable-VISITOR: a friend\r\n/i);
    const filtered = await asker.ask("/", { role: "filter", data: bytes("a\nb", "c\nd") }, {
      FCGI_DATA_LENGTH: "6",
      FCGI_DATA_LAST_MOD: "0",
    });
    assertEquals(parts(filtered.stdout).body, "1\ta\n2\tbc\n3\td\n");
    // What CGI has of a request is there over HTTP, too.
    const { port } = server.addresses[0] as Deno.NetAddr;
    const response = await fetch(`http://127.0.0.1:${port}/x?y`, { method: "POST", body: "123" });
    assertEquals(await response.text(), "POST /x?y with 3 bytes\n");
  });
}

/** Has `handler` answer a client that leaves after the first bytes; resolves to the errors that nobody caught. */
async function left(handler: FastCgiHandler): Promise<unknown[]> {
  const uncaught: unknown[] = [];
  const last = Promise.withResolvers<void>();
  const onUncaught = (event: PromiseRejectionEvent) => {
    event.preventDefault();
    if (event.reason === last) last.resolve();
    else uncaught.push(event.reason);
  };
  const controller = new AbortController();
  const ended = Promise.withResolvers<void>();
  const app = handlerApp((request) =>
    (async () => await handler(request))().finally(() => ended.resolve())
  );
  const context = { endpoint: "http", signal: controller.signal } as Context;
  const response = await app.fetch(new Request("http://localhost/"), context) as Response;
  const reader = response.body!.getReader();
  await reader.read();
  // The handler writes until it has to wait.
  await new Promise((resolve) => setTimeout(resolve));
  addEventListener("unhandledrejection", onUncaught);
  controller.abort(new DOMException("the client has left", "AbortError"));
  await reader.cancel();
  await ended.promise;
  // They are told in their order.
  Promise.reject(last);
  await last.promise;
  removeEventListener("unhandledrejection", onUncaught);
  return uncaught;
}

const HEAD = "Content-Type: text/plain\n\n";

Deno.test("a client that leaves makes no error that nobody catches of what was not waited for", async () => {
  const uncaught = await left(async ({ stdout, signal }) => {
    const writer = stdout.getWriter();
    writer.write(HEAD);
    for (let i = 0; i < 5; i++) writer.write(new Uint8Array(65_536));
    await assertRejects(() => writer.close(), DOMException, "the client has left");
    assert(signal.aborted);
    writer.write("more");
    writer.close();
    writer.abort();
    writer.releaseLock();
    stdout.close();
    stdout.abort();
  });
  assertEquals(uncaught, []);
});

Deno.test("a handler that writes without end hears that the client has left", async () => {
  const rejections: string[] = [];
  const endless = (pause: () => Promise<void>): FastCgiHandler => async ({ stdout }) => {
    const writer = stdout.getWriter();
    await writer.write(HEAD);
    try {
      for (;;) {
        await writer.write("again ".repeat(1_000));
        await pause();
      }
    } catch (error) {
      rejections.push(String(error));
      throw error;
    }
  };
  assertEquals(await left(endless(() => Promise.resolve())), []);
  // One that the window never holds up.
  assertEquals(await left(endless(() => new Promise((resolve) => setTimeout(resolve)))), []);
  assertEquals(rejections, Array(2).fill("AbortError: the client has left"));
});

Deno.test("a client that has said its last gets all of the response", async () => {
  const controller = new AbortController();
  const app = handlerApp(async ({ stdout }) => {
    const writer = stdout.getWriter();
    await writer.write(HEAD);
    controller.abort(new DOMException("half-closed", "AbortError"));
    for (let i = 0; i < 3; i++) await writer.write("part ");
  });
  const context = { endpoint: "http", signal: controller.signal } as Context;
  const response = await app.fetch(new Request("http://localhost/"), context) as Response;
  assertEquals(await response.text(), "part part part ");
});

Deno.test("a failure of what was not waited for breaks the response off", async () => {
  const app = handlerApp(({ stdout }) => {
    const writer = stdout.getWriter();
    writer.write(HEAD);
    writer.write(5 as never);
  });
  const context = { endpoint: "http", signal: new AbortController().signal } as Context;
  const response = await app.fetch(new Request("http://localhost/"), context) as Response;
  await assertRejects(() => response.text(), TypeError, "only Uint8Array and string");
});

Deno.test("what is no handler, and a handler that is to be middleware, are refused", async () => {
  const start = (app: string, middleware: string[] = []) =>
    serve({ app, middleware, fastcgi: "127.0.0.1:0", workers: 0 });
  const { message } = await assertRejects(
    () => start(`fastcgi-handler:${FIXTURE}#app`),
    LoadError,
  ) as Error;
  assertMatch(message, /an object, and should be a function .* leave fastcgi-handler: out/);
  await assertRejects(
    () => start(`fastcgi-handler:${FIXTURE}#none`),
    LoadError,
    'no export "none"',
  );
  await assertRejects(
    () => start(String(FIXTURE), [`fastcgi-handler:${FIXTURE}`]),
    ConfigError,
    "cannot be middleware",
  );
});

Deno.test("a file names handlers, whose settings and permissions are as those of apps", async () => {
  const files = {
    "handlers.ts": await Deno.readTextFile(FIXTURE),
    "allowed.txt": "allowed",
    "gatehouse.ini": `
[server:main]
use = http
port = 0
workers = 1
app-allow-read = allowed.txt
[composite:main]
use = urlmap
/read = plain
/made = made
[app:plain]
use = fastcgi-handler:handlers.ts
[app:made]
use = fastcgi-handler:%(here)s/handlers.ts#made
color = red
`,
  };
  await inFolder(files, async (folder) => {
    const checked = await runGateway(["config", "check", `${folder}/gatehouse.ini`]);
    assertEquals(checked.code, 0, checked.stderr);
    await using gateway = await startGateway(["--config", `${folder}/gatehouse.ini`]);
    const text = async (path: string) => await (await fetch(gateway.url + path)).text();
    assertEquals(await text("/made"), '{"color":"red"}');
    assertEquals(await text(`/read?${folder}/allowed.txt`), "allowed");
    assertStringIncludes(await text("/read?/etc/passwd"), "NotCapable");
  });
});
