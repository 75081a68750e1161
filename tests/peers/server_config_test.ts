import { assert, assertEquals, assertMatch } from "../support/assert.ts";
import type { App, Server } from "gatehouse";
import { serve } from "gatehouse";
import { parseCommandLine } from "../../src/config/command_line.ts";
import { FRONTS } from "../../src/config/fronts/fronts.ts";
import { siteOf } from "../../src/config/fronts/site.ts";
import { NO_SOURCES } from "../../src/config/gather.ts";
import { makeOwnCertificate } from "../support/certificate.ts";
import { freePort, isMissing, libzmqIsMissing, run } from "../support/peers.ts";
import { get, RawClient } from "../support/raw_client.ts";
import type { Front, SiteServer } from "./front_servers.ts";
import { FRONT_PROGRAMS, startSites } from "./front_servers.ts";

/** The gateway looks after closed sockets, with the C library, beyond its own end. */
const OF_THE_PROCESS = { sanitizeOps: false, sanitizeResources: false };

/** What `gatehouse config` prints with these words, in `folder`. */
function printed(folder: string, ...words: string[]): string {
  const command = parseCommandLine(["config", ...words], { ...NO_SOURCES, cwd: folder });
  assert(command.kind === "server-config");
  return FRONTS.get(command.server)!(siteOf(command.settings));
}

/** Says what it is asked for, counts what it is sent, echoes messages, and names files. */
const app: App = {
  async fetch(request, context) {
    const { pathname } = new URL(request.url);
    if (pathname.endsWith("/count")) {
      const { byteLength } = await request.arrayBuffer();
      return new Response(String(byteLength));
    }
    if (pathname.endsWith("/file")) {
      const name = request.headers.get("x-file-field")!;
      return new Response(null, { headers: { [name]: request.headers.get("x-file")! } });
    }
    if (pathname.endsWith("/socket")) {
      const { socket, response } = Deno.upgradeWebSocket(request);
      socket.onmessage = ({ data }) => socket.send(`${data} back`);
      return response;
    }
    return Response.json({
      endpoint: context.endpoint,
      url: request.url,
      host: request.headers.get("host"),
      remote: context.remoteAddr,
      env: { ...context.env },
      fields: [...request.headers].filter(([name]) => /forwarded|request-id/.test(name)),
    });
  },
};

interface Lab extends AsyncDisposable {
  readonly server: Server;
  readonly folder: string;
  readonly ports: Readonly<Record<"http" | "https" | "fastcgi", number>>;
  readonly certificate: Awaited<ReturnType<typeof makeOwnCertificate>>;
}

/** A gateway in this process, at ports and at sockets in a folder that others can enter. */
async function openLab(): Promise<Lab> {
  const folder = await Deno.makeTempDir();
  await Deno.chmod(folder, 0o755);
  const made = await makeOwnCertificate(folder);
  // Where HAProxy looks for the key.
  const keyFile = `${made.certFile}.key`;
  await Deno.rename(made.keyFile, keyFile);
  const certificate = { ...made, keyFile };
  await Deno.mkdir(`${folder}/a folder`);
  await Deno.writeTextFile(`${folder}/a folder/a.txt`, "sent by the web server");
  const ports = { http: freePort(), https: freePort(), fastcgi: freePort() };
  const server = await serve({
    mounts: { "/": app, "/b": app },
    workers: 0,
    http: [`127.0.0.1:${ports.http}`, `unix:${folder}/http.sock,mode=0666`],
    https: `127.0.0.1:${ports.https}`,
    fastcgi: [`127.0.0.1:${ports.fastcgi}`, `unix:${folder}/fcgi.sock,mode=0666`],
    cert: certificate.cert,
    key: await Deno.readTextFile(keyFile),
    log: () => {},
  });
  const close = async () => {
    await server[Symbol.asyncDispose]();
    await Deno.remove(folder, { recursive: true });
  };
  return { server, folder, ports, certificate, [Symbol.asyncDispose]: close };
}

const FORGED = "Forwarded: for=6.6.6.6\r\nX-Forwarded-For: 6.6.6.6\r\nX-Forwarded-Host: evil\r\n" +
  "X-Forwarded-Proto: gopher\r\nX-Request-Id: forged\r\n";

/** Whether a server can speak TLS; says so if not. */
function speaksTls(name: SiteServer): boolean {
  if (name !== "lighttpd") return true;
  try {
    return Deno.statSync("/usr/lib/lighttpd/mod_openssl.so").isFile;
  } catch {
    if (Deno.env.get("CI")) throw new Error("lighttpd has no TLS: see scripts/install-peers.sh");
    console.error("SKIPPED: lighttpd has no TLS: see scripts/install-peers.sh");
    return false;
  }
}

/** A request arrives as it was sent, with the client's address as the web server has it. */
async function passesRequests(front: Front, port: number, endpoint: string): Promise<void> {
  using client = await RawClient.connect(port);
  await client.send(get("/b/info%20x?a=b%20c", FORGED));
  const { status, body } = await client.receive();
  assertEquals(status, 200, await front.errorLog());
  const seen = JSON.parse(body);
  assertEquals(seen.endpoint, endpoint);
  assertEquals(new URL(seen.url).pathname + new URL(seen.url).search, "/b/info%20x?a=b%20c");
  assertEquals(seen.host, "localhost");
  if (endpoint === "fastcgi") assertEquals(seen.env.REMOTE_ADDR, "127.0.0.1");
  else {
    const fields = new Headers(seen.fields);
    assertEquals(fields.get("x-forwarded-for"), "127.0.0.1");
    assertEquals(fields.get("x-forwarded-proto"), "http");
  }
  assert(!/6\.6\.6\.6|evil|gopher|forged/.test(JSON.stringify(seen.fields)), body);
}

async function passesUploads(url: string, client: Deno.HttpClient): Promise<void> {
  const body = new Uint8Array(3_000_000);
  const response = await fetch(`${url}/b/count`, { method: "POST", body, client });
  assertEquals(await response.text(), "3000000");
}

async function passesMessages(port: number): Promise<void> {
  const socket = new WebSocket(`ws://127.0.0.1:${port}/b/socket`);
  const message = await new Promise((resolve, reject) => {
    socket.onopen = () => socket.send("there and");
    socket.onmessage = ({ data }) => resolve(data);
    socket.onclose = socket.onerror = () => reject(new Error("the WebSocket is closed"));
  });
  assertEquals(message, "there and back");
  const closed = new Promise((resolve) => socket.onclose = resolve);
  socket.close();
  await closed;
}

/** How a server is told to send a file, if it can be; over FastCGI. */
const SENDFILE: Partial<Record<SiteServer, "x-accel-redirect" | "x-sendfile">> = {
  nginx: "x-accel-redirect",
  caddy: "x-accel-redirect",
  lighttpd: "x-sendfile",
};

for (const name of ["nginx", "apache", "lighttpd", "caddy", "haproxy"] as const) {
  Deno.test({
    name: `what gatehouse config ${name} prints is a working configuration`,
    ignore: isMissing(FRONT_PROGRAMS[name]),
    ...OF_THE_PROCESS,
    async fn(test) {
      await using lab = await openLab();
      const { folder, ports, certificate } = lab;
      const { certFile, keyFile, cert } = certificate;
      using trusting = Deno.createHttpClient({ caCerts: [cert] });
      const start = (port: number, ...words: string[]) =>
        startSites(
          name,
          port,
          () => printed(folder, name, "app.ts", "--site", `127.0.0.1:${port}`, ...words),
        );

      await test.step("over HTTP: requests, uploads, WebSockets", async () => {
        const port = freePort();
        await using front = await start(port, "--http", String(ports.http));
        using client = Deno.createHttpClient({});
        await passesRequests(front, port, "http");
        await passesUploads(front.url, client);
        await passesMessages(port);
      });

      await test.step("over FastCGI on a unix socket, with TLS: mounts, files", async () => {
        const port = freePort();
        const field = SENDFILE[name];
        const isTls = speaksTls(name);
        const words = [
          ...["--mount", "/b=b.ts", "--mount", "/c.d/e=c.ts"],
          ...["--fastcgi", "unix:fcgi.sock"],
          ...isTls ? ["--cert", certFile, "--key", keyFile] : [],
          ...field === undefined
            ? []
            : ["--sendfile", field + (field === "x-sendfile" ? "" : "=/files=a folder")],
        ];
        await using front = await startSites(
          name,
          port,
          () => printed(folder, name, "--site", `127.0.0.1:${port}`, ...words),
        );
        const url = `http${isTls ? "s" : ""}://127.0.0.1:${port}`;
        const text = async (path: string, headers: Record<string, string> = {}) => {
          const response = await fetch(url + path, { client: trusting, headers });
          return `${response.status} ${await response.text()}`;
        };
        const info = await text("/b/x?y");
        assertMatch(info, /^200 .*"endpoint":"fastcgi","url":"https?:/);
        assertEquals(JSON.parse(info.slice(4)).env.REQUEST_URI, "/b/x?y");
        assertMatch(await text("/b"), /^200 .*fastcgi/);
        assertMatch(await text("/c.d/e/f"), /^200 .*fastcgi/);
        for (const path of ["/bx", "/cxd/e", "/"]) {
          assert(!/^200 .*fastcgi/.test(await text(path)), `${path} is passed on`);
        }
        await passesUploads(url, trusting);
        if (field !== undefined) {
          const file = field === "x-sendfile" ? `${folder}/a folder/a.txt` : "/files/a.txt";
          assertEquals(
            await text("/b/file", { "x-file-field": field, "x-file": file }),
            "200 sent by the web server",
            await front.errorLog(),
          );
        }
      });

      await test.step(
        name === "lighttpd" ? "over HTTP on a unix socket" : "over HTTPS",
        async () => {
          const port = freePort();
          await using front = await (name === "lighttpd"
            ? start(port, "--http", "unix:http.sock")
            : start(port, "--https", String(ports.https), "--cert", certFile, "--key", keyFile));
          const isTls = name !== "lighttpd";
          const response = await fetch(`${isTls ? "https" : "http"}://127.0.0.1:${port}/x`, {
            client: trusting,
          });
          const seen = await response.json().catch(() =>
            null
          );
          assert(seen !== null, await front.errorLog());
          assertEquals(new URL(seen.url).protocol, isTls ? "https:" : "http:");
          assertEquals(new Headers(seen.fields).get("x-forwarded-proto"), isTls ? "https" : "http");
        },
      );

      if (name !== "apache" && name !== "lighttpd") {
        await test.step("of several processes on unix sockets, each is asked", async () => {
          const port = freePort();
          await Deno.symlink("http.sock", `${folder}/1.sock`);
          await Deno.symlink("http.sock", `${folder}/2.sock`);
          await using front = await start(port, "--http", "unix:{n}.sock", "--processes=2");
          for (let count = 0; count < 4; count++) {
            const response = await fetch(`${front.url}/x`);
            assertEquals((await response.json()).endpoint, "http");
          }
        });
      }
    },
  });
}

Deno.test({
  name: "what gatehouse config mongrel2 prints is a working configuration",
  ignore: isMissing("mongrel2") || libzmqIsMissing(),
  ...OF_THE_PROCESS,
  async fn() {
    const folder = await Deno.makeTempDir();
    // Without root, Mongrel2 stays where it is, and its paths are as others see them.
    const chroot = Deno.uid() === 0 ? folder : "";
    for (const name of ["run", "logs", "tmp"]) await Deno.mkdir(`${folder}/${name}`);
    const port = freePort();
    const uploads = chroot === "" ? `${folder}/tmp` : "/tmp";
    const spec = `tcp://127.0.0.1:${freePort()},recv=tcp://127.0.0.1:${freePort()}` +
      `${chroot === "" ? "" : `,chroot=${chroot}`},uploads=${uploads}`;
    const config = printed(
      folder,
      ...["mongrel2", "--mount", "/b=app.ts", "--mongrel2", spec],
      ...["--site", `127.0.0.1:${port}`],
    );
    await Deno.writeTextFile(`${folder}/m2.conf`, config);
    const database = `${folder}/config.sqlite`;
    await run("m2sh", "load", "-config", `${folder}/m2.conf`, "-db", database);
    const [, uuid] = /Server\(uuid='([^']+)'/.exec(config)!;
    const mongrel2 = new Deno.Command("mongrel2", {
      args: [database, uuid],
      cwd: folder,
      stdin: "null",
      stdout: "null",
      stderr: "null",
    }).spawn();
    try {
      await using _server = await serve({
        mounts: { "/b": app },
        workers: 0,
        mongrel2: spec,
        log: () => {},
      });
      const url = `http://127.0.0.1:${port}`;
      let response: Response | null = null;
      for (let attempt = 0; response === null && attempt < 200; attempt++) {
        response = await fetch(`${url}/b/x`).catch(() => null);
        if (response === null) await new Promise((resolve) => setTimeout(resolve, 50));
      }
      assertEquals((await response!.json()).endpoint, "mongrel2");
      using client = Deno.createHttpClient({});
      await passesUploads(url, client);
    } finally {
      mongrel2.kill("SIGKILL");
      await mongrel2.status;
      await Deno.remove(folder, { recursive: true });
    }
  },
});
