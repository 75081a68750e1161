import { assert, assertEquals, assertStringIncludes, assertThrows } from "../support/assert.ts";
import { ConfigError } from "../../src/base/errors.ts";
import { parseCommandLine } from "../../src/config/command_line.ts";
import { CONFIG_SERVERS } from "../../src/config/commands.ts";
import { FRONTS } from "../../src/config/fronts/fronts.ts";
import { siteOf } from "../../src/config/fronts/site.ts";
import { systemdUnit } from "../../src/config/fronts/systemd.ts";
import { NO_SOURCES } from "../../src/config/gather.ts";
import { isMissing, run } from "../support/peers.ts";

const ROOT = new URL("../../", import.meta.url);

/** What `gatehouse config` prints with these words, in `/srv/app`, with these variables. */
function printed(words: readonly string[], env: Record<string, string> = {}): string {
  const command = parseCommandLine(["config", ...words], { ...NO_SOURCES, cwd: "/srv/app", env });
  assert(command.kind === "server-config");
  const { server, settings, origins, args } = command;
  if (server !== "systemd") return FRONTS.get(server)!(siteOf(settings));
  return systemdUnit({
    command: ["/usr/local/bin/gatehouse"],
    args,
    cwd: "/srv/app",
    settings,
    origins,
  });
}

Deno.test("each server that the help names has a configuration", () => {
  assertEquals([...FRONTS.keys(), "systemd"], CONFIG_SERVERS);
});

const values: [words: string[], line: string][] = [
  [
    ["nginx", "a", "--cert", 'a "b\\.pem', "--key", "k"],
    String.raw`  ssl_certificate "/srv/app/a \"b\\.pem";`,
  ],
  [["nginx", "a", "--http", "unix:a b.sock"], '  server "unix:/srv/app/a b.sock";'],
  [["nginx", "a", "--http", "[::1]:80"], "  server [::1]:80;"],
  [["nginx", "a", "--http", ":8000"], "  server 127.0.0.1:8000;"],
  [["nginx", "a", "--max-body-bytes=1m"], "  client_max_body_size 1048576;"],
  [["nginx", "a", "--site=*.b.org"], "  server_name *.b.org;"],
  [["nginx", "a", "--site=[::1]:8080"], "  listen [::1]:8080;"],
  [["nginx", "--mount", "/b=c"], "  location = /b { proxy_pass http://gatehouse; }"],
  [
    ["nginx", "a", "--sendfile", "x-accel-redirect=/f=g h"],
    '    alias "/srv/app/g h/";',
  ],
  [
    ["apache", "a", "--cert", 'a "b\\', "--key", "k"],
    String.raw`  SSLCertificateFile "/srv/app/a \"b\\"`,
  ],
  [["apache", "a", "--site=b.org:8080"], "Listen 8080"],
  [["apache", "a", "--site=*.b.org"], "  ServerAlias *.b.org"],
  [["apache", "a", "--site=[::1]:81"], "<VirtualHost [::1]:81>"],
  [
    ["apache", "--mount", "/b=c", "--http", "unix:a.sock", "--idle-timeout=20"],
    '    ProxyPass "unix:/srv/app/a.sock|http://localhost/b" nocanon upgrade=websocket ttl=10 ' +
    "timeout=3600 flushpackets=on",
  ],
  [["lighttpd", "a", "--site=b.org"], String.raw`$HTTP["host"] =~ "^b\.org(?::\d+)?$" {`],
  [
    ["lighttpd", "--mount", "/b.c=d", "--mount", "/e=f"],
    String.raw`$HTTP["url"] =~ "^(?:/b\.c|/e)(?:/|$|\?)" {`,
  ],
  [
    ["lighttpd", "a", "--http", 'unix:a "b'],
    String.raw`proxy.server = ( "/" => ( ( "socket" => "/srv/app/a \"b" ) ) )`,
  ],
  [["lighttpd", "a", "--max-body-bytes=1025"], "server.max-request-size = 2"],
  [
    ["haproxy", "a", "--http", "8000,proxy-protocol", "--trusted-proxies=127.0.0.1"],
    "  server gatehouse1 127.0.0.1:8000 send-proxy-v2",
  ],
  [
    ["nginx", "a", "--http", "unix:a.sock"],
    "# Start gatehouse with --trusted-proxies unix, too: X-Forwarded-For has the client.",
  ],
  [
    ["nginx", "a", "--trusted-proxies=127.0.0.1", "--forwarded-fields=forwarded"],
    "# This sets x-forwarded-for and x-forwarded-proto, of which not all count: " +
    "--forwarded-fields forwarded",
  ],
  // Else the id that gatehouse takes over from them would be one that their clients choose.
  [["nginx", "a"], "  proxy_set_header X-Request-Id $request_id;"],
  [["apache", "a"], "  RequestHeader unset X-Request-Id early"],
  [["lighttpd", "a"], '  "X-Forwarded-Proto" => "", "X-Request-Id" => ""'],
  [["caddy", "a"], "    header_up -X-Request-Id"],
  [["haproxy", "a"], "  http-request del-header x-request-id"],
  [["caddy", "a", "--site=b.org"], "b.org {"],
  [["caddy", "a", "--site=b.org:81"], "http://b.org:81 {"],
  [["caddy", "a", "--http", "unix:a b"], "  reverse_proxy `unix//srv/app/a b` {"],
  [["caddy", "a", "--cert", "a b", "--key", "k"], "  tls `/srv/app/a b` /srv/app/k"],
  [["caddy", "--mount", "/b=c"], "  @gatehouse path /b /b/*"],
  [
    ["haproxy", "a", "--cert", "a'b $c", "--key", "a'b $c"],
    String.raw`  bind 0.0.0.0:443 ssl crt '/srv/app/a'\''b $c'`,
  ],
  [
    ["haproxy", "a", "--site=*.b.org"],
    "  acl gatehouse_host req.hdr(host),host_only -m end -i .b.org",
  ],
  [["haproxy", "--mount", "/b=c"], "  acl gatehouse_path path_beg /b/"],
  [
    ["haproxy", "a", "--http", "unix:{n}.sock", "--processes=2"],
    "  server gatehouse2 unix@/srv/app/2.sock",
  ],
  [
    ["haproxy", "a", "--http", "8001", "--health", "9101"],
    "  server gatehouse1 127.0.0.1:8001 check addr 127.0.0.1 port 9101",
  ],
  [["haproxy", "a", "--status", "9101"], "  http-check expect status 200"],
  [["haproxy", "a", "--health", "unix:h"], "  server gatehouse1 127.0.0.1:8000"],
  [["haproxy", "a", "--health", "0"], "  server gatehouse1 127.0.0.1:8000"],
  [
    ["mongrel2", "--mount", "/b=c", "--mongrel2", "ipc://a b,recv=ipc://c"],
    "  hosts=[Host(name='localhost', routes={'/b': gatehouse})])",
  ],
];
for (const [words, line] of values) {
  Deno.test(`config ${words.join(" ")} prints ${line.trim()}`, () => {
    const lines = printed(words).split("\n");
    assert(lines.includes(line), lines.join("\n"));
  });
}

const refusals: [words: string[], message: string][] = [
  [["nginx", "a", "--http", "unix:a$b"], "nginx takes $ for a variable"],
  [["nginx", "a", "--http", "unix:a\nb"], "it has control characters"],
  [["nginx", "a", "--http", "0"], "--http: a web server in front needs a port that stays"],
  [["nginx", "--mount", "/a b=c"], 'the prefix "/a b"'],
  [["nginx", "--mount", "/a;b=c"], 'the prefix "/a;b"'],
  [["nginx", "a", "--sendfile", "x-sendfile"], "nginx has x-accel-redirect"],
  [["nginx", "a", "--sendfile", "x-accel-redirect=/=b"], "it needs a prefix of its own"],
  [["nginx", "--mount", "/b=c", "--sendfile", "x-accel-redirect=/b=c"], "a prefix of its own"],
  [["nginx", "a", "--sendfile", "x-accel-redirect=/b;}=c"], "a prefix of its own"],
  [["nginx", "a", "--mongrel2", "tcp://b:9"], "give --http, --https or --fastcgi"],
  [
    ["nginx", "a", "--https", "b.org:1", "--cert=c", "--key=k"],
    "--https b.org cannot be expressed: the gateway's certificate would go unchecked",
  ],
  [
    ["nginx", "a", "--http", "8000,proxy-protocol", "--trusted-proxies=127.0.0.1"],
    "it sends no such header",
  ],
  [["apache", "a", "--http", "unix:a|b"], "Apache reads the path of a socket as a URL"],
  [["apache", "a", "--cert", "${a}", "--key", "k"], "Apache takes ${ for a definition"],
  [["apache", "a", "--sendfile", "x-sendfile"], "mod_xsendfile"],
  [["apache", "a", "--http", "unix:{n}", "--processes=2"], "it would need a balancer"],
  [["lighttpd", "a", "--http", "unix:a\\b"], "it has a backslash"],
  [["lighttpd", "a", "--sendfile", "x-sendfile"], "over --fastcgi"],
  [["lighttpd", "a", "--https", "1", "--cert=c", "--key=k"], "speaks --http and --fastcgi"],
  [["caddy", "a", "--http", "unix:{$HOME}"], "it has a backquote or a brace"],
  [["caddy", "a", "--http", "unix:a`b"], "it has a backquote or a brace"],
  [["caddy", "a", "--sendfile", "x-sendfile"], "write x-accel-redirect"],
  [["caddy", "a", "--sendfile", "x-accel-redirect=/{a}=b"], "write x-accel-redirect"],
  [["haproxy", "a", "--http", "unix:$HOME"], "HAProxy reads variables in addresses"],
  [["haproxy", "a", "--cert=c", "--key=k"], "or in /srv/app/c.key"],
  [["haproxy", "a", "--sendfile", "x-sendfile"], "HAProxy sends no files"],
  [["mongrel2", "a"], "give one --mongrel2"],
  [["mongrel2", "a", "--mongrel2=dispatch+tcp://b:9"], "give one --mongrel2"],
  [["mongrel2", "a", "--mongrel2=tcp://b:9", "--mongrel2=tcp://c:9"], "give one --mongrel2"],
  [["mongrel2", "a", "--mongrel2=tcp://b:9,chroot=/a'b"], "it has a quotation mark"],
  [["mongrel2", "a", "--mongrel2=tcp://b:9", "--cert=c", "--key=k"], "certdir"],
  [["systemd", "a", "--http", "unix:/run/a.sock"], "give the socket a folder of its own"],
  [["systemd", "a", "--http", "unix:/run/a:b/s"], "RuntimeDirectory= cannot have it"],
  [["systemd", "a\nb"], "it has control characters"],
  [["systemd", "a", "--signals=redis://:pw@b"], "everybody may read units"],
  [["systemd", "a", "--user=me"], "the service has User="],
  [["nginx", "a", "--cert=a", "--key=a", "--cert=b", "--key=b"], "one certificate"],
  [["systemd", "a", "--site=b.org"], "--site is for web servers"],
  [["nginx"], "no app given"],
  [["squid", "a"], "config needs a subcommand: check FILE, show [FILE], or one of nginx, apache"],
];
for (const [words, message] of refusals) {
  Deno.test(`config ${words.join(" ").replace("\n", "\\n")} is refused`, () => {
    const error = assertThrows(() => printed(words), ConfigError);
    assertStringIncludes((error as Error).message, message);
  });
}

for (
  const text of ["", ":", "a b", "a;", "*", "1.2.3.400", "1.2.3", "[a]", "::1", "a:0", "a:65536"]
) {
  Deno.test(`--site ${JSON.stringify(text)} is refused`, () => {
    assertThrows(() => printed(["nginx", "a", "--site", text]), ConfigError, "--site");
  });
}

Deno.test("a certificate is the web server's, where gatehouse does not need it", () => {
  const text = printed(["nginx", "a", "--cert=c", "--key=k"]);
  assertStringIncludes(text, "listen 443 ssl;");
  assertStringIncludes(text, "proxy_pass http://gatehouse;");
  assertThrows(() => printed(["nginx", "a", "--cert=c"]), ConfigError, "--cert");
});

Deno.test("--site is for gatehouse config alone", () => {
  assertThrows(() => parseCommandLine(["a", "--site", "b.org"]), ConfigError, "gatehouse config");
});

Deno.test("the unit of the documentation is what gatehouse config systemd prints", async () => {
  const lines = (text: string) =>
    text.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
  const documented = await Deno.readTextFile(new URL("docs/gatehouse.service", ROOT));
  const unit = printed(["systemd", "app.ts", "--http", "unix:/run/gatehouse/app.sock,mode=0660"]);
  assertEquals(lines(unit), lines(documented));
});

const units: [words: string[], lines: string[]][] = [
  [
    ["systemd", "a b.ts", "--mount", '/x=50% "$HOME"\\', "--", "--odd"],
    [
      String
        .raw`ExecStart=/usr/local/bin/gatehouse "a b.ts" --mount "/x=50%% \"$$HOME\"\\" -- --odd`,
    ],
  ],
  [
    ["systemd", "a", "--http", ":80", "--drain-timeout=2m"],
    [
      "AmbientCapabilities=CAP_NET_BIND_SERVICE",
      "CapabilityBoundingSet=CAP_NET_BIND_SERVICE",
      "TimeoutStopSec=130",
    ],
  ],
  [
    ["systemd", "a", "--profile=prof", "--status=unix:/run/g/s", "--redirect-http=:80"]
      .concat("--https=:443", "--cert=c", "--key=k", "--access-log=logs/a.log"),
    [
      "ReadWritePaths=-/srv/app/logs -/srv/app/prof",
      "RuntimeDirectory=g",
      "AmbientCapabilities=CAP_NET_BIND_SERVICE",
    ],
  ],
  [
    ["systemd", "a", "--http", "unix:/run/50% it's/a.sock", "--status=unix:/run/g $h/s"],
    [`RuntimeDirectory="50%% it's" "g $h"`],
  ],
  [
    ["systemd", "a", "--app-allow-write=data,/var/x y", "--pidfile=/run/g/pid"],
    ['ReadWritePaths=-/run/g -/srv/app/data "-/var/x y"'],
  ],
];
for (const [words, expected] of units) {
  Deno.test(`config ${words.join(" ")} prints a unit that means it`, () => {
    const lines = printed(words).split("\n");
    for (const line of expected) assert(lines.includes(line), lines.join("\n"));
  });
}

Deno.test("a unit has no private folders where what it needs lies in them", () => {
  const lines = printed(["systemd", "a", "--http", "unix:/tmp/x/a.sock"]).split("\n");
  assert(!lines.includes("PrivateTmp=yes"));
  assert(lines.includes("ReadWritePaths=-/tmp/x"));
  const home = printed(["systemd", "a", "--pidfile=/home/me/pid"]).split("\n");
  assert(home.includes("ProtectHome=read-only"));
});

Deno.test("variables of the environment, which a service does not get, are refused", () => {
  assertThrows(
    () => printed(["systemd", "a"], { GATEHOUSE_WORKERS: "2" }),
    ConfigError,
    "GATEHOUSE_WORKERS cannot be expressed",
  );
});

Deno.test({
  name: "systemd finds no fault in the units",
  ignore: isMissing("systemd-analyze"),
  async fn() {
    const folder = await Deno.makeTempDir();
    try {
      for (const [index, words] of [["systemd", "a"], ...units.map(([words]) => words)].entries()) {
        // It looks for the program.
        const text = printed(words).replace("/usr/local/bin/gatehouse", Deno.execPath());
        await Deno.writeTextFile(`${folder}/gatehouse${index}.service`, text);
      }
      const files = [...Deno.readDirSync(folder)].map(({ name }) => `${folder}/${name}`);
      await run("systemd-analyze", "verify", "--man=no", ...files);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});
