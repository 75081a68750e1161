/** Web servers in front of a FastCGI endpoint, configured with those of docs/front-servers.md. */

import { blockOf } from "../support/docs.ts";
import { freePort } from "../support/peers.ts";

/** A server that passes requests on over FastCGI. */
export type FrontName = "nginx" | "apache" | "lighttpd" | "caddy";

/** Programs of the servers. */
export const FRONT_PROGRAMS: Readonly<Record<SiteServer, string>> = {
  nginx: "nginx",
  apache: "apache2",
  lighttpd: "lighttpd",
  caddy: "caddy",
  haproxy: "haproxy",
};

/** A server that passes requests on, over FastCGI or otherwise. */
export type SiteServer = FrontName | "haproxy";

/** A running server. */
export interface Front extends AsyncDisposable {
  /** Its base URL, without a final slash. */
  readonly url: string;
  /** Its port on 127.0.0.1. */
  readonly port: number;
  /** What it has complained about so far. */
  errorLog(): Promise<string>;
}

/** What a server is started with. */
interface Setup {
  readonly config: string;
  readonly args: string[];
  readonly env?: Record<string, string>;
}

/** Makes the sites of a server's configuration; its own files are in `folder`. */
export type Sites = (folder: string) => string | Promise<string>;

const ROOT = Deno.uid() === 0;
/** What lets nginx pass bytes on; `null` if it is not installed. */
export const STREAM_MODULE = existing("/usr/lib/nginx/modules/ngx_stream_module.so");
const ERROR_LOG = "error.log";
const ATTEMPTS = 200;
const PAUSE_MS = 50;
const GRACE_MS = 5_000;
const decoder = new TextDecoder();

const sleep = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

/** Starts a server in front of `upstream` (`HOST:PORT`, or `unix:PATH` for nginx), and waits until it accepts. */
export function startFront(name: FrontName, upstream: string): Promise<Front> {
  const port = freePort();
  return startSites(name, port, () => DOCUMENTED_SITES[name](port, upstream));
}

/** Starts a server with these sites, and waits until it accepts connections at `port`. */
export async function startSites(name: SiteServer, port: number, sites: Sites): Promise<Front> {
  const folder = await Deno.makeTempDir();
  const { config, args, env } = SETUPS[name](port, await sites(folder), folder);
  await Deno.writeTextFile(`${folder}/config`, config);
  const child = new Deno.Command(FRONT_PROGRAMS[name], {
    args,
    env: { PATH: `${Deno.env.get("PATH")}:/usr/sbin:/usr/local/sbin`, ...env },
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  }).spawn();
  let written = "";
  let ended = false;
  const reading = (async () => {
    for await (const chunk of child.stderr) written += decoder.decode(chunk);
  })();
  child.status.then(() => ended = true);
  const errorLog = async () =>
    await Deno.readTextFile(`${folder}/${ERROR_LOG}`).catch(() => "") + written;
  const stop = async () => {
    // Some wait for their clients first, for as long as it takes.
    const timer = setTimeout(() => child.kill("SIGKILL"), GRACE_MS);
    try {
      child.kill("SIGTERM");
    } catch {
      // It has ended by itself.
    }
    await child.status;
    clearTimeout(timer);
    await reading;
    await Deno.remove(folder, { recursive: true });
  };
  for (let attempt = 0; attempt < ATTEMPTS && !ended; attempt++) {
    try {
      (await Deno.connect({ hostname: "127.0.0.1", port })).close();
      return { url: `http://127.0.0.1:${port}`, port, errorLog, [Symbol.asyncDispose]: stop };
    } catch {
      await sleep(PAUSE_MS);
    }
  }
  const log = await errorLog();
  await stop();
  throw new Error(`${name} does not accept connections:\n${log}\n${config}`);
}

/** The documented snippet for FastCGI in a server's language, with `changes` made. */
function snippet(language: string, changes: readonly (readonly [string, string])[]): string {
  let text = blockOf("docs/front-servers.md", language, "", "## FastCGI");
  for (const [from, to] of changes) {
    if (!text.includes(from)) throw new Error(`the documented snippet has no ${from}:\n${text}`);
    text = text.replace(from, to);
  }
  return text;
}

/** The sites of the documented snippets. */
const DOCUMENTED_SITES: Record<
  FrontName,
  (port: number, upstream: string) => string | Promise<string>
> = {
  nginx: async (port, upstream) =>
    snippet("nginx", [
      ["127.0.0.1:9000", upstream],
      ["listen 80;", `listen 127.0.0.1:${port};`],
      // A relative path would be looked for beside this configuration.
      ["include fastcgi_params;", `include ${await nginxFolder()}/fastcgi_params;`],
    ]),
  apache: (port, upstream) =>
    `Listen 127.0.0.1:${port}\n` +
    snippet("apache", [["127.0.0.1:9000", upstream], ["*:80", `127.0.0.1:${port}`]]),
  lighttpd: (_port, upstream) => snippet("lighttpd", [["9000", upstream.split(":")[1]]]),
  caddy: (port, upstream) =>
    snippet("caddy", [["127.0.0.1:9000", upstream], [
      ":80 {",
      `http://:${port} {\n  bind 127.0.0.1`,
    ]]),
};

const SETUPS: Record<SiteServer, (port: number, sites: string, folder: string) => Setup> = {
  nginx(_port, sites, folder) {
    const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
      .map((name) => `${name}_temp_path ${folder}/${name};`).join("\n");
    return {
      // As root, nginx would give its workers another user, who cannot reach the folder.
      config: `${ROOT ? "user root;" : ""}
${STREAM_MODULE === null ? "" : `load_module ${STREAM_MODULE};`}
daemon off;
pid ${folder}/pid;
error_log ${folder}/${ERROR_LOG};
worker_processes 1;
events { worker_connections 1024; }
http {
access_log off;
client_max_body_size 0;
${temporary}
${sites}
}
`,
      args: ["-c", `${folder}/config`, "-e", `${folder}/${ERROR_LOG}`],
    };
  },

  apache(_port, sites, folder) {
    const modules = apacheModules([
      "mpm_event",
      "unixd",
      "authz_core",
      "env",
      "headers",
      "ssl",
      "proxy",
      "proxy_http",
      "proxy_fcgi",
    ])
      .map(([name, path]) => `LoadModule ${name}_module ${path}`).join("\n");
    return {
      // As root, Apache wants another user for its processes: 65534 is nobody. A response that
      // breaks is seen to break when the connection is closed, for which the default is 5 seconds;
      // less than this, and a slow client sends on a connection that is just being closed.
      config: `ServerRoot ${folder}
ServerName localhost
DefaultRuntimeDir ${folder}
PidFile ${folder}/pid
ErrorLog ${folder}/${ERROR_LOG}
${modules}
${ROOT ? "User #65534\nGroup #65534" : ""}
LimitRequestBody 0
KeepAliveTimeout 3
${sites}
`,
      args: ["-f", `${folder}/config`, "-DFOREGROUND"],
    };
  },

  lighttpd(port, sites, folder) {
    return {
      config: `server.document-root = "${folder}"
server.errorlog = "${folder}/${ERROR_LOG}"
server.upload-dirs = ( "${folder}" )
server.bind = "127.0.0.1"
server.port = ${port}
server.max-request-size = 0
${sites}
`,
      args: ["-D", "-f", `${folder}/config`],
    };
  },

  caddy(_port, sites, folder) {
    return {
      config: `{\n  admin off\n  grace_period 1s\n}\n${sites}`,
      args: ["run", "--config", `${folder}/config`, "--adapter", "caddyfile"],
      env: { HOME: folder, XDG_CONFIG_HOME: folder, XDG_DATA_HOME: folder },
    };
  },

  haproxy(_port, sites, folder) {
    return { config: `global\n  maxconn 100\n${sites}`, args: ["-db", "-f", `${folder}/config`] };
  },
};

/** The folder that nginx looks for its configuration in. */
export async function nginxFolder(): Promise<string> {
  const { stderr } = await new Deno.Command("nginx", {
    args: ["-V"],
    env: { PATH: `${Deno.env.get("PATH")}:/usr/sbin:/usr/local/sbin` },
  }).output();
  const path = /--conf-path=(\S+)\/[^/\s]+/.exec(decoder.decode(stderr))?.[1];
  return path ?? "/etc/nginx";
}

function existing(path: string): string | null {
  try {
    Deno.statSync(path);
    return path;
  } catch {
    return null;
  }
}

/** Names and paths of Apache's modules, but for those that are built in. */
function apacheModules(names: readonly string[]): [string, string][] {
  const folders = [
    "/usr/lib/apache2/modules",
    "/usr/lib64/httpd/modules",
    "/usr/lib/httpd/modules",
  ];
  const found: [string, string][] = [];
  for (const name of names) {
    for (const folder of folders) {
      const path = `${folder}/mod_${name}.so`;
      try {
        Deno.statSync(path);
        found.push([name, path]);
        break;
      } catch {
        // Not there.
      }
    }
  }
  return found;
}
