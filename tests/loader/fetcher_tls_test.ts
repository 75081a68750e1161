import { assertEquals } from "../support/assert.ts";
import { isMissing, run } from "../support/peers.ts";
import { ModuleServer, TemporaryFolder } from "./module_server.ts";

const PROCESS = new URL("tls_process.ts", import.meta.url).pathname;
const ignore = isMissing("openssl");

interface Certificate {
  readonly certPath: string;
  readonly cert: string;
  readonly key: string;
}

/** Makes a certificate that signs itself. */
async function makeCertificate(
  folder: TemporaryFolder,
  name: string,
  host: string,
  ...args: string[]
): Promise<Certificate> {
  const [certPath, keyPath] = [`${folder.path}/${name}.pem`, `${folder.path}/${name}.key`];
  await run(
    "openssl",
    ..."req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes".split(" "),
    ...["-subj", `/CN=${name}`, "-addext", "basicConstraints=critical,CA:FALSE"],
    ...["-addext", `subjectAltName=${host}`, "-keyout", keyPath, "-out", certPath, ...args],
  );
  return {
    certPath,
    cert: await Deno.readTextFile(certPath),
    key: await Deno.readTextFile(keyPath),
  };
}

/** Signs the certificate `name` anew for a day that is over. */
async function aged(folder: TemporaryFolder, name: string): Promise<string> {
  const { path } = folder;
  const settings = `[ca]
default_ca = it
[it]
database = ${path}/index
rand_serial = yes
new_certs_dir = ${path}
default_md = sha256
policy = names
x509_extensions = extensions
[names]
commonName = supplied
[extensions]
basicConstraints = critical, CA:FALSE
subjectAltName = IP:127.0.0.1
`;
  await Deno.writeTextFile(`${path}/settings`, settings);
  await Deno.writeTextFile(`${path}/index`, "");
  const [key, request, cert] = ["key", "csr", "pem"].map((suffix) => `${path}/${name}.${suffix}`);
  await run("openssl", "req", "-new", "-key", key, "-subj", `/CN=${name}`, "-out", request);
  await run(
    "openssl",
    ...["ca", "-batch", "-notext", "-selfsign", "-config", `${path}/settings`, "-keyfile", key],
    ...["-startdate", "20200101000000Z", "-enddate", "20200102000000Z"],
    ...["-in", request, "-out", cert],
  );
  return await Deno.readTextFile(cert);
}

/** What a process says that loads `url`, with `env` besides this one's; the URL is left out. */
async function load(
  folder: TemporaryFolder,
  url: string,
  env: Readonly<Record<string, string>>,
): Promise<string> {
  const { DENO_CERT: _cert, DENO_TLS_CA_STORE: _store, ...others } = Deno.env.toObject();
  const { stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", "--quiet", PROCESS, `${folder.path}/cache`, url],
    clearEnv: true,
    env: { ...others, ...env },
    stdin: "null",
    stderr: "inherit",
  }).output();
  return new TextDecoder().decode(stdout).trim().replaceAll(url, "URL");
}

const PAGES = { "/m.ts": { body: "1", headers: { "content-type": "text/typescript" } } };

Deno.test({
  name: "a certificate that is not trusted is one line that says how to trust it, and that works",
  ignore,
  async fn() {
    await using folder = new TemporaryFolder();
    const tls = await makeCertificate(folder, "good", "IP:127.0.0.1", "-days", "2");
    await using server = new ModuleServer(PAGES, tls);
    const url = `${server.origin}/m.ts`;
    assertEquals(
      await load(folder, url, {}),
      "cannot load URL: the server's certificate is not trusted (UnknownIssuer); set DENO_CERT to " +
        "the file of its authority's certificate, or DENO_TLS_CA_STORE=system to trust what this " +
        "system trusts",
    );
    assertEquals(await load(folder, url, { DENO_CERT: tls.certPath }), "text/typescript");
  },
});

Deno.test({
  name: "a certificate for another host is one line that says so",
  ignore,
  async fn() {
    await using folder = new TemporaryFolder();
    const tls = await makeCertificate(folder, "other", "DNS:example.com", "-days", "2");
    await using server = new ModuleServer(PAGES, tls);
    const message = await load(folder, `${server.origin}/m.ts`, { DENO_CERT: tls.certPath });
    assertEquals(
      message.replace(/\([^\n]*\)$/, "(DETAIL)"),
      "cannot load URL: the server's certificate is for another host (DETAIL)",
    );
  },
});

Deno.test({
  name: "a certificate that has expired is one line that says so",
  ignore,
  async fn() {
    await using folder = new TemporaryFolder();
    const fresh = await makeCertificate(folder, "old", "IP:127.0.0.1", "-days", "2");
    const tls = { ...fresh, cert: await aged(folder, "old") };
    await using server = new ModuleServer(PAGES, tls);
    const message = await load(folder, `${server.origin}/m.ts`, { DENO_CERT: tls.certPath });
    assertEquals(
      message.replace(/\([^\n]*\)$/, "(DETAIL)"),
      "cannot load URL: the server's certificate has expired, or the clock of this machine is " +
        "wrong (DETAIL)",
    );
  },
});

Deno.test({
  name: "a redirect may lead from http: to https:, but not back to another machine",
  ignore,
  async fn() {
    await using folder = new TemporaryFolder();
    const tls = await makeCertificate(folder, "good", "IP:127.0.0.1", "-days", "2");
    await using secure = new ModuleServer({
      ...PAGES,
      "/back": { status: 302, headers: { location: "http://example.com/m.ts" } },
    }, tls);
    await using plain = new ModuleServer({
      "/up": { status: 302, headers: { location: `${secure.origin}/m.ts` } },
    });
    const env = { DENO_CERT: tls.certPath };
    assertEquals(await load(folder, `${plain.origin}/up`, env), "text/typescript");
    assertEquals(
      await load(folder, `${secure.origin}/back`, env),
      "cannot load http://example.com/m.ts: http: is allowed from this machine only, since " +
        "others could change what is sent; use https:, or allow it with --allow-insecure-import (redirected from URL)",
    );
  },
});

Deno.test({
  name: "a server that speaks no TLS is one line that says so",
  async fn() {
    await using folder = new TemporaryFolder();
    await using server = new ModuleServer(PAGES);
    const message = await load(folder, `${server.origin.replace("http:", "https:")}/m.ts`, {});
    assertEquals(message, "cannot load URL: the server does not speak TLS: should it be http:?");
  },
});

for (
  const [env, reason] of [
    [{ DENO_CERT: "/nowhere.pem" }, "No such file or directory"],
    [{ DENO_CERT: "/" }, "Is a directory"],
    [
      { DENO_TLS_CA_STORE: "moon" },
      'Unknown certificate store "moon" specified (allowed: "system,mozilla")',
    ],
  ] as const
) {
  Deno.test(`certificates that cannot be used are one line that says so: ${reason}`, async () => {
    await using folder = new TemporaryFolder();
    await using server = new ModuleServer(PAGES);
    assertEquals(
      await load(folder, `${server.origin.replace("http:", "https:")}/m.ts`, env),
      `cannot load URL: DENO_CERT or DENO_TLS_CA_STORE cannot be used: ${reason}`,
    );
  });
}
