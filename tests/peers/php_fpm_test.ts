import type { FastCgiClientOptions } from "gatehouse";
import { FastCgiClient } from "gatehouse";
import { assert, assertEquals, assertMatch, assertStringIncludes } from "../support/assert.ts";
import { freePort, isMissing } from "../support/peers.ts";

const ROOT = Deno.uid() === 0;
const ATTEMPTS = 400;
const PAUSE_MS = 25;
/** Each connection that is kept keeps a worker busy: there are more workers than connections. */
const WORKERS = 6;
const CONNECTIONS = 4;
const UPLOAD_BYTES = 5_000_000;
const decoder = new TextDecoder();

const sleep = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

/** Path of php-fpm, which Debian names after its version. */
function findPhpFpm(): string | null {
  for (const folder of `${Deno.env.get("PATH")}:/usr/sbin:/usr/local/sbin`.split(":")) {
    try {
      for (const { name } of Deno.readDirSync(folder)) {
        if (/^php-fpm[\d.]*$/.test(name)) return `${folder}/${name}`;
      }
    } catch {
      // No such folder.
    }
  }
  return null;
}

const SCRIPTS: Readonly<Record<string, string>> = {
  "echo.php": `header("X-Powered-By: us");
    echo json_encode([
      "server" => $_SERVER, "get" => $_GET, "post" => $_POST, "cookie" => $_COOKIE,
      "body" => file_get_contents("php://input"),
    ], JSON_INVALID_UTF8_SUBSTITUTE);`,
  "status.php": `http_response_code(404);
    setcookie("a", "1");
    setcookie("b", "2", 0, "/path");
    echo "not here";`,
  "redirect.php": `header("Location: /there");`,
  "hash.php": `$input = fopen("php://input", "rb");
    $hash = hash_init("sha256");
    $bytes = hash_update_stream($hash, $input);
    echo $bytes, " ", hash_final($hash);`,
  "download.php": `for ($i = 0; $i < 5000; $i++) echo str_repeat(sprintf("%08d", $i), 125);`,
  "error.php": `error_log("a note\\nof two lines");
    throw new Exception("thrown");`,
  "endless.php": `register_shutdown_function(function () {
      if (connection_aborted()) touch(__DIR__ . "/aborted");
    });
    while (true) {
      echo str_repeat("x", 1000);
      flush();
    }`,
};

/** A running php-fpm. */
interface PhpFpm extends AsyncDisposable {
  readonly folder: string;
  /** Addresses of pools that keep their workers. */
  readonly addresses: readonly string[];
  /** Address of a pool whose workers end, and their connections with them, after some requests. */
  readonly shortLived: string;
  /** Makes a client that runs scripts by the path of the URL. */
  client(address: string, options?: FastCgiClientOptions): PhpClient;
}

/** A client of php-fpm. */
class PhpClient implements AsyncDisposable {
  readonly fastcgi: FastCgiClient;
  /** What came over STDERR. */
  readonly stderr: string[] = [];
  readonly #folder: string;

  constructor(address: string, folder: string, options: FastCgiClientOptions = {}) {
    this.#folder = folder;
    this.fastcgi = new FastCgiClient(address, {
      maxConnections: CONNECTIONS,
      onStderr: (line) => this.stderr.push(line),
      ...options,
    });
  }

  fetch(path: string, init: RequestInit = {}): Promise<Response> {
    const url = new URL(path, "http://example.org");
    const params = {
      SCRIPT_FILENAME: this.#folder + url.pathname,
      DOCUMENT_ROOT: this.#folder,
    };
    return this.fastcgi.fetch(url, { ...init, params });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.fastcgi[Symbol.asyncDispose]();
  }
}

async function startPhpFpm(program: string): Promise<PhpFpm> {
  const folder = await Deno.makeTempDir();
  const port = freePort();
  const addresses = [`unix:${folder}/php.sock`, `127.0.0.1:${port}`];
  const shortLived = `unix:${folder}/short.sock`;
  const pools = [...addresses, shortLived].map((address, index) =>
    `[pool${index}]
listen = ${address.replace("unix:", "")}
${ROOT ? "user = root\ngroup = root" : ""}
pm = static
pm.max_children = ${WORKERS}
pm.max_requests = ${address === shortLived ? 50 : 0}
php_admin_flag[display_errors] = off
php_admin_flag[log_errors] = on
`
  );
  await Deno.writeTextFile(
    `${folder}/php-fpm.conf`,
    `[global]\npid = ${folder}/pid\nerror_log = ${folder}/error.log\n${pools.join("")}`,
  );
  for (const [name, script] of Object.entries(SCRIPTS)) {
    await Deno.writeTextFile(`${folder}/${name}`, `<?php\n${script}\n`);
  }
  const child = new Deno.Command(program, {
    args: [
      "--no-php-ini",
      "--nodaemonize",
      ...ROOT ? ["--allow-to-run-as-root"] : [],
      "--fpm-config",
      `${folder}/php-fpm.conf`,
    ],
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).spawn();
  let ended = false;
  child.status.then(() => ended = true);
  const stop = async () => {
    try {
      child.kill("SIGTERM");
    } catch {
      // It has ended by itself.
    }
    await child.status;
    await Deno.remove(folder, { recursive: true });
  };
  for (let attempt = 0; attempt < ATTEMPTS && !ended; attempt++) {
    try {
      (await Deno.connect({ transport: "unix", path: `${folder}/php.sock` })).close();
      (await Deno.connect({ hostname: "127.0.0.1", port })).close();
      return {
        folder,
        addresses,
        shortLived,
        client: (address, options) => new PhpClient(address, folder, options),
        [Symbol.asyncDispose]: stop,
      };
    } catch {
      await sleep(PAUSE_MS);
    }
  }
  const log = await Deno.readTextFile(`${folder}/error.log`).catch(() => "");
  await stop();
  throw new Error(`php-fpm does not accept connections:\n${log}`);
}

/** Passes connections on, and counts them. */
class CountingRelay implements AsyncDisposable {
  readonly address: string;
  connections = 0;
  readonly #listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  readonly #relaying: Promise<void>;

  constructor(port: number) {
    this.address = `127.0.0.1:${(this.#listener.addr as Deno.NetAddr).port}`;
    this.#relaying = this.#relay(port);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    await this.#relaying;
  }

  async #relay(port: number): Promise<void> {
    const passing: Promise<unknown>[] = [];
    for await (const conn of this.#listener) {
      this.connections++;
      const upstream = await Deno.connect({ hostname: "127.0.0.1", port });
      // Who closes first ends both ways.
      const ways = [
        conn.readable.pipeTo(upstream.writable),
        upstream.readable.pipeTo(conn.writable),
      ];
      passing.push(...ways.map((way) => way.catch(() => {})));
    }
    await Promise.all(passing);
  }
}

/** Bytes without a pattern, and what SHA-256 makes of them. */
async function randomBytes(
  bytes: number,
): Promise<{ bytes: Uint8Array<ArrayBuffer>; hash: string }> {
  const all = new Uint8Array(bytes);
  for (let at = 0; at < bytes; at += 65_536) crypto.getRandomValues(all.subarray(at, at + 65_536));
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", all));
  return { bytes: all, hash: Array.from(digest, (b) => b.toString(16).padStart(2, "0")).join("") };
}

/** Asks `count` times, more of them at once than there are connections. */
async function askMany(client: PhpClient, count: number): Promise<void> {
  let next = 0;
  await Promise.all(Array.from({ length: 3 * CONNECTIONS }, async () => {
    for (let i = next++; i < count; i = next++) {
      const response = await client.fetch(`/echo.php?i=${i}`);
      assertEquals((await response.json()).get, { i: String(i) });
    }
  }));
}

const program = findPhpFpm();

Deno.test({
  name: "the client asks php-fpm, over TCP and over a Unix socket",
  ignore: program === null && isMissing("php-fpm"),
  sanitizeOps: true,
  sanitizeResources: true,
  async fn(test) {
    await using php = await startPhpFpm(program!);
    for (const address of php.addresses) {
      const step = (name: string, body: (client: PhpClient) => Promise<void>) =>
        test.step(`${address.startsWith("unix:") ? "Unix socket" : "TCP"}: ${name}`, async () => {
          await using client = php.client(address);
          await body(client);
        });

      await step("a query, header fields and cookies", async (client) => {
        const response = await client.fetch("/echo.php?a=1&b[]=x%20y", {
          headers: { "X-One": "eins", Cookie: "c=d; e=f" },
        });
        assertEquals(response.status, 200);
        assertMatch(response.headers.get("content-type")!, /^text\/html/);
        assertEquals(response.headers.get("x-powered-by"), "us");
        const { server, get, cookie, body } = await response.json();
        assertEquals(get, { a: "1", b: ["x y"] });
        assertEquals(cookie, { c: "d", e: "f" });
        assertEquals(body, "");
        assertEquals(server.REQUEST_METHOD, "GET");
        assertEquals(server.REQUEST_URI, "/echo.php?a=1&b[]=x%20y");
        assertEquals(server.QUERY_STRING, "a=1&b[]=x%20y");
        assertEquals(server.SCRIPT_NAME, "/echo.php");
        assertEquals(server.HTTP_HOST, "example.org");
        assertEquals(server.HTTP_X_ONE, "eins");
        assertEquals(server.SERVER_SOFTWARE, "gatehouse");
      });

      await step("bodies", async (client) => {
        const ask = async (body: BodyInit, headers: HeadersInit = {}) =>
          await (await client.fetch("/echo.php", { method: "POST", body, headers })).json();
        const text = await ask("tä€xt");
        assertEquals(text.body, "tä€xt");
        assertEquals(text.server.CONTENT_LENGTH, "8");
        assertEquals((await ask(new URLSearchParams({ a: "1 2" }))).post, { a: "1 2" });
        const form = new FormData();
        form.set("field", "välue");
        assertEquals((await ask(form)).post, { field: "välue" });
        assertEquals((await ask("")).body, "");
        // php-fpm reads no more than it was told the length of.
        const stream = ReadableStream.from(
          ["one ", "two"].map((part) => new TextEncoder().encode(part)),
        );
        assertEquals((await ask(stream, { "Content-Length": "7" })).body, "one two");
      });

      await step("a status, cookies and redirects", async (client) => {
        const response = await client.fetch("/status.php");
        assertEquals([response.status, response.statusText], [404, "Not Found"]);
        assertEquals(response.headers.getSetCookie(), ["a=1", "b=2; path=/path"]);
        assertEquals(await response.text(), "not here");
        const redirect = await client.fetch("/redirect.php");
        assertEquals([redirect.status, redirect.headers.get("location")], [302, "/there"]);
        assertEquals(await redirect.text(), "");
        const head = await client.fetch("/status.php", { method: "HEAD" });
        assertEquals([head.status, await head.text()], [404, ""]);
      });

      await step("a large upload, and a large download", async (client) => {
        const { bytes, hash } = await randomBytes(UPLOAD_BYTES);
        for (const body of [bytes, ReadableStream.from([bytes])]) {
          const headers = { "Content-Length": String(bytes.length) };
          const response = await client.fetch("/hash.php", { method: "POST", body, headers });
          assertEquals(await response.text(), `${UPLOAD_BYTES} ${hash}`);
        }
        const expected = Array.from(
          { length: 5_000 },
          (_, i) => String(i).padStart(8, "0").repeat(125),
        );
        assert((await (await client.fetch("/download.php")).text()) === expected.join(""));
      });

      await step("a script that fails is told of", async (client) => {
        const response = await client.fetch("/error.php");
        assertEquals(response.status, 500);
        assertEquals(await response.text(), "");
        const told = client.stderr.join("\n");
        assertStringIncludes(told, "a note\nof two lines");
        assertStringIncludes(told, "Uncaught Exception: thrown");
        const none = await client.fetch("/none.php");
        assertEquals([none.status, await none.text()], [404, "File not found.\n"]);
        assertStringIncludes(client.stderr.join("\n"), "Primary script unknown");
      });

      await step("a request that is given up ends its script", async (client) => {
        const controller = new AbortController();
        const response = await client.fetch("/endless.php", { signal: controller.signal });
        const reader = response.body!.getReader();
        assertMatch(decoder.decode((await reader.read()).value), /^x+$/);
        controller.abort();
        const left = await reader.read().then(() => "read", (error) => error.name);
        assertEquals(left, "AbortError");
        let isAborted = false;
        for (let attempt = 0; attempt < ATTEMPTS && !isAborted; attempt++) {
          isAborted = await Deno.remove(`${php.folder}/aborted`).then(() => true, () => false);
          if (!isAborted) await sleep(PAUSE_MS);
        }
        assert(isAborted, "the script goes on");
        assertEquals((await (await client.fetch("/echo.php?on")).json()).get, { on: "" });
      });

      await step("its values", async (client) => {
        // Versions differ in which others they tell.
        const names = ["FCGI_MPXS_CONNS", "FCGI_MAX_CONNS", "FCGI_MAX_REQS"];
        const values = await client.fastcgi.getValues(...names, "NOT_KNOWN");
        assertEquals(values.FCGI_MPXS_CONNS, "0");
        for (const name of Object.keys(values)) assert(names.includes(name), name);
      });

      await step("many requests", (client) => askMany(client, 1_000));
    }

    await test.step("connections that php-fpm closes are replaced", async () => {
      await using client = php.client(php.shortLived);
      await askMany(client, 3_000);
    });

    await test.step("connections are kept", async () => {
      await using relay = new CountingRelay(Number(php.addresses[1].split(":")[1]));
      await using client = php.client(relay.address);
      for (let i = 0; i < 40; i++) {
        const method = ["GET", "POST", "HEAD", "PUT"][i % 4];
        const body = method === "POST" || method === "PUT" ? "x".repeat(i * 1_000) : null;
        const response = await client.fetch("/echo.php", { method, body });
        assertEquals(response.status, 200);
        await response.text();
        if (i % 2 === 1) continue;
        const text = await (await client.fetch("/hash.php", { method: "POST", body: "x" })).text();
        assertMatch(text, /^1 [0-9a-f]{64}$/);
      }
      // After HEAD, the request may end later than its response.
      assert(relay.connections <= CONNECTIONS, `${relay.connections} connections`);
    });
  },
});
