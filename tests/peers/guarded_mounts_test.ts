import { assert, assertEquals } from "../support/assert.ts";
import { startGateway } from "../support/gateway.ts";
import { freePort, isMissing } from "../support/peers.ts";
import { RawClient } from "../support/raw_client.ts";
import { FastCgiClient } from "../../mod.ts";
import type { FrontName, Sites } from "./front_servers.ts";
import { FRONT_PROGRAMS, nginxFolder, startSites } from "./front_servers.ts";

/** The mounts, each with an app that tells where a request has got to. */
const MOUNTS = { "/": "SITE", "/admin": "ADMIN", "/public": "PUBLIC" };

/**
 * Spellings of targets, and what gatehouse itself makes of them: the mount that they lead to, or the
 * status of the refusal.
 */
const SPELLINGS: Record<string, string | number> = {
  "/": "SITE",
  "/admin": "ADMIN",
  "/admin/": "ADMIN",
  "/admin/x?y=z": "ADMIN",
  "/public/x": "PUBLIC",
  "/administration": "SITE",
  "/ADMIN": "SITE",
  // Dot segments.
  "/x/../admin": 400,
  "/x/../admin/": 400,
  "/x/../admin/y": 400,
  "/./admin": 400,
  "/admin/.": "ADMIN",
  "/admin/..": 400,
  "/admin/../x": 400,
  "/admin/../public/x": 400,
  "/../admin": 400,
  "/../../admin": 400,
  "/public/../admin": 400,
  "/public/../admin/x": 400,
  "/public/./../admin": 400,
  "/public/x/../../admin": 400,
  "/public/../admin?x": 400,
  "/x/..;/admin": "SITE",
  "/x;/../admin": 400,
  "/x/.../admin": "SITE",
  "/admin.": "SITE",
  "/admin..": "SITE",
  "/admin;x=y": "SITE",
  // Encoded dot segments.
  "/%2e/admin": 400,
  "/x/%2e%2e/admin": 400,
  "/x/.%2e/admin": 400,
  "/x/%2E./admin": 400,
  "/public/%2e%2e/admin": 400,
  "/public/%2e%2e/admin/x": 400,
  "/public/%252e%252e/admin": 400,
  "/x/%252e%252e/admin": 400,
  "/admin/%2e%2e/public/x": 400,
  // Empty segments, which are none to some.
  "//admin": 400,
  "///admin/x": 400,
  "/admin//x": "ADMIN",
  "/admin//../public/x": 400,
  "/admin//../x": 400,
  "/admin//..": 400,
  "/admin/x//../../public/y": 400,
  "/public//../admin": 400,
  "/public//..//admin": 400,
  "/public/x//../../admin": 400,
  "/x//../admin": 400,
  // Encoded letters and slashes.
  "/%61dmin": 400,
  "/%41dmin": "SITE",
  "/ad%6din/x": 400,
  "/%2561dmin": "SITE",
  "/%2fadmin": 400,
  "/admin%2f": 400,
  "/admin%2Fx": 400,
  "/admin%2f..%2fpublic%2fx": 400,
  "/public%2f..%2fadmin": 400,
  "/public/..%2fadmin": 400,
  "/public/..%2Fadmin%2Fx": 400,
  "/public%2fx": 400,
  "/x%2f..%2fadmin": 400,
  "/x%252f..%252fadmin": "SITE",
  // Backslashes, and what else cannot be in a path.
  "/\\admin": 400,
  "/.\\admin": 400,
  "/x\\..\\admin": 400,
  "/x/..\\admin": 400,
  "/public\\..\\admin": 400,
  "/public/..\\admin/secret": 400,
  "/x/.%2e\\admin": 400,
  "/admin\\": 400,
  "/%5cadmin": 400,
  "/admin%5cx": 400,
  "/x%5c..%5cadmin": 400,
  "/public/..%5cadmin": 400,
  "/x?y\\..\\admin": "SITE",
  "/\xe1dmin": 400,
  "/ad{m}in": 400,
  '/"admin"': 400,
  "/admin<": 400,
  // Control characters.
  "/%00/../admin": 400,
  "/admin%00": "SITE",
  "/public%00/../admin": 400,
  "/%0d%0aadmin": "SITE",
  "/%09/../admin": 400,
  "/admin%20": "SITE",
  // The end of a path.
  "/?/../admin": "SITE",
  "/x?/admin": "SITE",
  "/x%3f/../admin": 400,
  "/x%23/../admin": 400,
  "/x#/../admin": 400,
  "/admin#x": 400,
  "/public#/../admin": 400,
  // Targets of other forms.
  "http://127.0.0.1/admin": "ADMIN",
  "http://127.0.0.1/x/../admin": 400,
  "http://127.0.0.1//admin": 400,
  "http://127.0.0.1/%61dmin": 400,
  "http://127.0.0.1\\admin": 400,
  "http://127.0.0.1/public/../admin": 400,
  "https://127.0.0.1/admin": "ADMIN",
  "HTTP://127.0.0.1/admin": "ADMIN",
  "http://x@127.0.0.1/admin": 400,
  "http://127.0.0.1?/admin": "SITE",
  "http:///admin": 400,
  "//127.0.0.1/admin": "SITE",
  "admin": 400,
  "*": 400,
};

/** What a server in front lets through: all but `/admin`, or nothing but what is below `/public/`. */
type Guard = "all but /admin" | "none but /public/";

/** Ports of the gateway, and that of the server in front. */
interface Ports {
  readonly http: number;
  readonly fastcgi: number;
  readonly front: number;
}

/** A server in front, and how it is configured. */
interface Setup {
  readonly name: FrontName;
  readonly how: string;
  readonly sites: (ports: Ports, guard: Guard) => Sites;
}

const nginx = (
  how: string,
  pass: (ports: Ports, params: string) => string,
  options = "",
): Setup => ({
  name: "nginx",
  how,
  sites: (ports, guard) => async () => {
    const passing = pass(ports, `${await nginxFolder()}/fastcgi_params`);
    const locations = guard === "all but /admin"
      ? `location /admin { return 403; } location / { ${passing} }`
      : `location /public/ { ${passing} } location / { return 403; }`;
    return `server { listen 127.0.0.1:${ports.front}; ${options} ${locations} }`;
  },
});

const apache = (how: string, proxyPass: (ports: Ports) => string, options = ""): Setup => ({
  name: "apache",
  how,
  sites: (ports, guard) => () => {
    const access = guard === "all but /admin"
      ? `<Location "/admin">\nRequire all denied\n</Location>`
      : `<Location "/">\nRequire all denied\n</Location>\n` +
        `<Location "/public/">\nRequire all granted\n</Location>`;
    return `Listen 127.0.0.1:${ports.front}\n<VirtualHost 127.0.0.1:${ports.front}>\n${options}\n` +
      `${proxyPass(ports)}\n${access}\n</VirtualHost>`;
  },
});

const caddy = (how: string, proxy: (ports: Ports) => string): Setup => ({
  name: "caddy",
  how,
  sites: (ports, guard) => () => {
    const handlers = guard === "all but /admin"
      ? `handle /admin* {\nrespond 403\n}\nhandle {\n${proxy(ports)}\n}`
      : `handle /public/* {\n${proxy(ports)}\n}\nhandle {\nrespond 403\n}`;
    return `http://:${ports.front} {\nbind 127.0.0.1\n${handlers}\n}`;
  },
});

const lighttpd = (how: string, module: string, proxy: (ports: Ports) => string): Setup => ({
  name: "lighttpd",
  how,
  sites: (ports, guard) => () => {
    const denied = guard === "all but /admin"
      ? '$HTTP["url"] =~ "^/admin"'
      : '$HTTP["url"] !~ "^/public/"';
    return `server.modules += ( "mod_access", "${module}" )\n` +
      `${denied} { url.access-deny = ( "" ) }\n${proxy(ports)}`;
  },
});

const SETUPS: readonly Setup[] = [
  nginx("proxy_pass", ({ http }) => `proxy_pass http://127.0.0.1:${http};`),
  nginx("proxy_pass with a path", ({ http }) => `proxy_pass http://127.0.0.1:${http}/public/;`),
  nginx(
    "proxy_pass, slashes not merged",
    ({ http }) => `proxy_pass http://127.0.0.1:${http};`,
    "merge_slashes off;",
  ),
  nginx("proxy_pass of $uri", ({ http }) => `proxy_pass http://127.0.0.1:${http}$uri;`),
  nginx(
    "fastcgi_pass",
    ({ fastcgi }, params) => `include ${params}; fastcgi_pass 127.0.0.1:${fastcgi};`,
  ),
  nginx(
    "fastcgi_pass without REQUEST_URI",
    ({ fastcgi }) =>
      "fastcgi_param REQUEST_METHOD $request_method; fastcgi_param SCRIPT_NAME $fastcgi_script_name; " +
      `fastcgi_param QUERY_STRING $query_string; fastcgi_pass 127.0.0.1:${fastcgi};`,
  ),
  apache("mod_proxy_http", ({ http }) => `ProxyPass "/" "http://127.0.0.1:${http}/"`),
  apache(
    "mod_proxy_http, nocanon",
    ({ http }) => `ProxyPass "/" "http://127.0.0.1:${http}/" nocanon`,
    "AllowEncodedSlashes NoDecode",
  ),
  apache(
    "mod_proxy_http, slashes decoded and not merged",
    ({ http }) => `ProxyPass "/" "http://127.0.0.1:${http}/"`,
    "AllowEncodedSlashes On\nMergeSlashes Off",
  ),
  apache(
    "mod_proxy_fcgi",
    ({ fastcgi }) => `ProxyPass "/" "fcgi://127.0.0.1:${fastcgi}/"`,
    "AllowEncodedSlashes NoDecode",
  ),
  apache(
    "mod_proxy_fcgi, slashes decoded and not merged",
    ({ fastcgi }) => `ProxyPass "/" "fcgi://127.0.0.1:${fastcgi}/"`,
    "AllowEncodedSlashes On\nMergeSlashes Off",
  ),
  caddy("reverse_proxy", ({ http }) => `reverse_proxy 127.0.0.1:${http}`),
  caddy(
    "reverse_proxy over FastCGI",
    ({ fastcgi }) => `reverse_proxy 127.0.0.1:${fastcgi} {\ntransport fastcgi\n}`,
  ),
  lighttpd(
    "mod_proxy",
    "mod_proxy",
    ({ http }) => `proxy.server = ( "/" => (( "host" => "127.0.0.1", "port" => ${http} )) )`,
  ),
  lighttpd(
    "mod_fastcgi",
    "mod_fastcgi",
    ({ fastcgi }) =>
      `fastcgi.server = ( "/" => (( "host" => "127.0.0.1", "port" => ${fastcgi}, ` +
      '"check-local" => "disable", "fix-root-scriptname" => "enable" )) )',
  ),
];

/** Starts a gateway with the mounts, at both kinds of endpoints. */
async function startMounts(folder: string) {
  const args: string[] = [];
  for (const [prefix, name] of Object.entries(MOUNTS)) {
    // Apps of different folders may read different files: they have workers of their own.
    await Deno.mkdir(`${folder}/${name}`);
    await Deno.writeTextFile(
      `${folder}/${name}/app.js`,
      `export default (request) => new Response("${name} " + new URL(request.url).pathname);`,
    );
    args.push("--mount", `${prefix}=${folder}/${name}/app.js`);
  }
  const gateway = await startGateway([
    ...args,
    "--workers=1",
    "--http=127.0.0.1:0",
    "--fastcgi=127.0.0.1:0",
  ]);
  return { gateway, http: gateway.port, fastcgi: fastcgiPort(gateway.log) };
}

function fastcgiPort(log: readonly string[]): number {
  const line = log.find((each) => each.startsWith("listening fastcgi:"));
  return Number(/:(\d+)$/.exec(line!)![1]);
}

/** What the app has answered, or else the status. */
async function ask(port: number, target: string): Promise<string | number> {
  using client = await RawClient.connect(port);
  const bytes = `GET ${target} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n`;
  await client.send(Uint8Array.from(bytes, (char) => char.charCodeAt(0)));
  const { status, body } = await client.receive();
  return status === 200 ? body : status;
}

/** The name of the app that has answered, or else the status. */
async function nameOf(asked: Promise<string | number>): Promise<string | number> {
  const answer = await asked;
  return typeof answer === "string" ? answer.split(" ")[0] : answer;
}

Deno.test("each spelling of a target leads to its mount, over HTTP and FastCGI, or nowhere", async () => {
  assert(Object.keys(SPELLINGS).length >= 60);
  const folder = await Deno.makeTempDir();
  try {
    const { gateway, http, fastcgi } = await startMounts(folder);
    await using _gateway = gateway;
    await using client = new FastCgiClient(`127.0.0.1:${fastcgi}`);
    for (const [target, expected] of Object.entries(SPELLINGS)) {
      assertEquals(await nameOf(ask(http, target)), expected, target);
      // Parameters are text here: what is no ASCII would not be the same bytes. FastCGI knows no *.
      if (/[^\0-\x7f]/.test(target) || target === "*") continue;
      const params = { REQUEST_URI: target };
      const response = await client.fetch("http://127.0.0.1/", { params });
      const text = await response.text();
      assertEquals(
        response.status === 200 ? text.split(" ")[0] : response.status,
        expected,
        target,
      );
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

/** Each of the servers in front of a gateway, in both ways to guard. */
async function behindEachServer(
  test: Deno.TestContext,
  setups: readonly Setup[],
  gateway: { readonly http: number; readonly fastcgi: number },
  check: (front: number, guard: Guard) => Promise<void>,
): Promise<void> {
  for (const { name, how, sites } of setups) {
    await test.step({
      name: `${name} (${how})`,
      ignore: isMissing(FRONT_PROGRAMS[name]),
      async fn() {
        for (const guard of ["all but /admin", "none but /public/"] as const) {
          const front = freePort();
          await using _front = await startSites(name, front, sites({ ...gateway, front }, guard));
          await check(front, guard);
        }
      },
    });
  }
}

Deno.test("what a server guards by its path is reached by no other spelling", async (test) => {
  const folder = await Deno.makeTempDir();
  try {
    const { gateway, ...ports } = await startMounts(folder);
    await using _gateway = gateway;
    await behindEachServer(test, SETUPS, ports, async (front, guard) => {
      const isOpen = (answer: string | number) =>
        guard === "all but /admin" ? answer !== "ADMIN" : answer !== "ADMIN" && answer !== "SITE";
      const seen = new Set<string | number>();
      for (const target of Object.keys(SPELLINGS)) {
        const answer = await nameOf(ask(front, target));
        assert(isOpen(answer), `${guard}: ${target} has got to ${answer}`);
        seen.add(answer);
      }
      // It does guard, and it does pass on the rest.
      assert(seen.has(403) && seen.has("PUBLIC"), [...seen].join(" "));
    });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("what a server guards of one app is what the app sees", async (test) => {
  // What nginx has decoded once, it does not decode a second time; who asks for it gets it.
  const setups = SETUPS.filter(({ how }) => how !== "proxy_pass of $uri");
  const folder = await Deno.makeTempDir();
  try {
    const app = `${folder}/app.js`;
    await Deno.writeTextFile(
      app,
      "export default (request) => new Response(new URL(request.url).pathname);",
    );
    await using gateway = await startGateway([
      app,
      "--workers=1",
      "--http=127.0.0.1:0",
      "--fastcgi=127.0.0.1:0",
    ]);
    const ports = { http: gateway.port, fastcgi: fastcgiPort(gateway.log) };
    await behindEachServer(test, setups, ports, async (front, guard) => {
      for (const target of Object.keys(SPELLINGS)) {
        const answer = await ask(front, target);
        if (typeof answer === "number") continue;
        const isLetThrough = guard === "all but /admin"
          ? !/^\/admin(?:\/|$)/.test(answer)
          : answer.startsWith("/public");
        assert(isLetThrough, `${guard}: ${target} is ${answer} to the app`);
      }
    });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
