import {
  assert,
  assertEquals,
  assertMatch,
  assertStringIncludes,
  assertThrows,
} from "../support/assert.ts";
import { COMMAND_NAMES, RESERVED_WORDS } from "../../src/config/commands.ts";
import { parseCommandLine } from "../../src/config/command_line.ts";
import { NO_SOURCES } from "../../src/config/gather.ts";
import type { ServeSettings } from "../../src/config/settings.ts";
import { ConfigError } from "../../src/base/errors.ts";

function settingsOf(...args: string[]): ServeSettings {
  const command = parseCommandLine(args);
  assert(command.kind === "serve");
  return command.settings;
}

Deno.test("an app alone is served at the root, on port 8000 of this host", () => {
  const settings = settingsOf("app.ts");
  assertEquals(settings.mounts, [{ prefix: "", app: "app.ts" }]);
  assertEquals(settings.http, [{ transport: "tcp", hostname: "127.0.0.1", port: 8000 }]);
  assertEquals(settings.https, []);
  assertEquals(settings.workers, navigator.hardwareConcurrency);
  assertEquals(settings.appKind, "plain");
});

Deno.test("serve may be named, middleware follows the app, -- ends the options", () => {
  const settings = settingsOf("serve", "app.ts", "--workers=1", "m1.ts", "--", "--odd.ts");
  assertEquals(settings.mounts, [{ prefix: "", app: "app.ts" }]);
  assertEquals(settings.middleware, ["m1.ts", "--odd.ts"]);
});

Deno.test("an app, or middleware, whose name is a reserved word is served where no command could stand", () => {
  for (const word of RESERVED_WORDS) {
    assert(!COMMAND_NAMES.has(word), word);
    for (const named of [`./${word}`, `/a/${word}`, `${word}.ts`]) {
      assertEquals(settingsOf(named).mounts, [{ prefix: "", app: named }]);
    }
    assertEquals(settingsOf("serve", word).mounts, [{ prefix: "", app: word }]);
    assertEquals(settingsOf("app.ts", word).middleware, [word]);
    assertEquals(settingsOf("--mount", `/=${word}`).mounts, [{ prefix: "", app: word }]);
  }
});

Deno.test("an option whose value may be left out never takes the next word", () => {
  const settings = settingsOf("--app-allow-net", "app.ts", "--app-allow-read", "--workers", "3");
  assertEquals(settings.mounts, [{ prefix: "", app: "app.ts" }]);
  assertEquals(settings.appPermissions, { net: true, read: true });
  assertEquals(settings.workers, 3);
  assertEquals(settingsOf("a", "--", "--app-allow-net").middleware, ["--app-allow-net"]);
});

Deno.test("names that look like numbers stay names", () => {
  assertEquals(settingsOf("123").mounts, [{ prefix: "", app: "123" }]);
});

for (const args of [["-h"], ["help"], ["--help"], ["app.ts", "--help"], ["--help", "--version"]]) {
  Deno.test(`${args.join(" ")} asks for help`, () => {
    assertEquals(parseCommandLine(args).kind, "help");
  });
}
for (const args of [["-V"], ["--version"]]) {
  Deno.test(`${args.join(" ")} asks for the version`, () => {
    assertEquals(parseCommandLine(args).kind, "version");
  });
}

const endpoints: [args: string[], scheme: "http" | "https", host: string, port: number][] = [
  [["--port", "8080"], "http", "127.0.0.1", 8080],
  [["-p", "8080", "--host", "0.0.0.0"], "http", "0.0.0.0", 8080],
  [["--host=::1"], "http", "::1", 8000],
  [["--port=1", "--cert=c", "--key=k"], "https", "127.0.0.1", 1],
];
for (const [args, scheme, hostname, port] of endpoints) {
  Deno.test(`${args.join(" ")} serves at one address, as deno serve has it`, () => {
    const settings = settingsOf("a", ...args);
    assertEquals(settings[scheme], [{ transport: "tcp", hostname, port }]);
    assertEquals(settings[scheme === "http" ? "https" : "http"], []);
  });
}
Deno.test("--port sets the addresses of the environment and the file aside, and goes with --http", () => {
  const sources = { ...NO_SOURCES, env: { GATEHOUSE_HTTP: "1 2" } };
  const { settings } = parseCommandLine(["a", "--port=3", "--http=4"], sources) as {
    settings: ServeSettings;
  };
  assertEquals(settings.http.map((address) => "port" in address && address.port), [4, 3]);
});

const refusals: [string[], string | RegExp][] = [
  [[], "no app given"],
  [["serve"], "no app given"],
  [["a", "--worker", "1"], "unknown option --worker; did you mean --workers?"],
  [["a", "--htp=1"], "unknown option --htp; did you mean --http?"],
  [["a", "-x"], "unknown option -x"],
  [["a", "--hlep"], "unknown option --hlep; did you mean --help?"],
  [["a", "--stats"], "unknown option --stats; did you mean --status?"],
  [["a", "--unstable-sloppy-imports"], /^unknown option --unstable-sloppy-imports$/],
  [["a", "--allow-net"], "unknown option --allow-net; did you mean --app-allow-net?"],
  ...[...RESERVED_WORDS].map((word): [string[], string] => [
    [word],
    `"${word}" is reserved for a command of a later version: write ./${word} for an app`,
  ]),
  [
    ["a", "--mongrel2", "tcp://a:9,uploads-start=early", "--processes=2"],
    "uploads-start=early needs one process",
  ],
  [["--workers=1", "respond", "m.ts"], "respond comes first, before its options"],
  [["--workers=1", "log", "summarize"], "log has options of its own"],
  [["run", "a"], 'there is no command "run": gatehouse APP serves an app'],
  [["a", "--http", "http://h:1"], "write an address, not a URL: leave out http://"],
  [["a", "--port", "x"], "--port takes a whole number from 0 to 65535"],
  [["a", "-p", "1", "--port=2"], "--port is given more than once"],
  [["a", "--host=::1/"], '--host: bad address "[::1/]:8000"'],
  [["a", "--workers"], "--workers needs a value: --workers N"],
  [["a", "--workers="], "--workers needs a value"],
  [["a", "--workers", "--factory"], "--workers needs a value"],
  [["a", "--workers", "two"], '--workers takes a whole number from 0 to 1024, not "two"'],
  [["a", "--workers=-1"], "--workers takes a whole number"],
  [["a", "--workers", "1", "--workers", "2"], "--workers is given more than once"],
  [["a", "--app-allow-net="], "--app-allow-net= needs a value after the equals sign"],
  [["a", "--app-allow-net=a,,b,"], "--app-allow-net has an empty value in its list"],
  [["a", "--app-allow-net=http://b"], '--app-allow-net takes HOST or HOST:PORT, not "http://b"'],
  [["a", "--app-allow-import=b/"], '--app-allow-import takes HOST or HOST:PORT, not "b/"'],
  [["a", "--app-allow-env=A=1"], '--app-allow-env takes names of variables, not "A=1"'],
  [["a", "--app-allow-all=net"], "--app-allow-all takes no value"],
  [["a", "--app-allow"], "unknown option --app-allow"],
  [["-A", "a"], "unknown option -A; use --app-allow-all to let apps do everything"],
  [["a", "-E"], "unknown option -E; use --app-allow-env"],
  [["a", "--parallel"], "unknown option --parallel; apps run in --workers N, by default one for"],
  [["a", "--no-check"], "unknown option --no-check; gatehouse checks no types: leave it out"],
  [["a", "-r"], "unknown option -r; use --reload"],
  [["a", "--deny-net=b"], "unknown option --deny-net; list what apps may do: --app-allow-…=LIST"],
  [["a", "--unstable-temporal"], "apps always have it: leave it out"],
  [["a", "--watch-hmr"], "unknown option --watch-hmr; use --watch"],
  [["a", "--no-app-allow-net=b"], "unknown option --no-app-allow-net"],
  [["a", "--app-allow-all", "--app-allow-env"], "--app-allow-all includes --app-allow-env"],
  [["a", "--workers=0", "--app-allow-env"], "--app-allow-env applies to apps in workers"],
  [["a", "--factory=no"], "--factory takes no value"],
  [["a", "--factory", "false"], "--factory takes no value"],
  [["a", "--factory", "true"], "--factory takes no value"],
  [["a", "-h=1"], "-h takes no value"],
  [["a", "-h5"], "unknown option -h5"],
  [["a", "--no-workers=3"], "unknown option --no-workers; did you mean --workers?"],
  [["a", "--no-workers"], "unknown option --no-workers; did you mean --workers?"],
  [["a", "--workers", ""], "--workers needs a value: --workers N"],
  [[""], "an argument is empty"],
  [["a", ""], "an argument is empty"],
  [["a", "--http", "nowhere"], '--http: bad address "nowhere"'],
  [["a", "--mongrel2", "nowhere"], '--mongrel2: bad Mongrel2 address "nowhere"'],
  [["a", "--mongrel2=dispatch+tcp://b"], "--mongrel2: bad address of a dispatcher"],
  [
    ["a", "--mongrel2=dispatch+tcp://b:9,name=c", "--mongrel2=dispatch+tcp://d:9,name=e"],
    "the handler of all dispatchers is one: name cannot be c for one and e for another",
  ],
  [["a", "--mongrel2-route", "/"], "need --mongrel2-config"],
  [["status"], "status needs the address that a gateway was given with --status, or --mongrel2"],
  [["status", "1", "2"], "status takes one address"],
  [["status", "1", "--mongrel2-control", "ipc://c"], "ADDR or --mongrel2-control, not both"],
  [["a", "--status-control", "f"], "--status-control needs --status ADDR"],
  [["a", "--access-log-format", "json"], "--access-log-format needs --access-log FILE|-"],
  [["a", "--health-check-timeout", "3"], "--health-check-timeout needs --health-check PATH"],
  [["a", "--profile-seconds", "3"], "--profile-seconds needs --profile DIR"],
  [["a", "--compress-types", "a/b"], /--compress-types needs --compress$/],
  [["a", "--compress-except", "/a"], /--compress-except needs --compress$/],
  [["a", "--compress-min-bytes", "1"], /--compress-min-bytes needs --compress$/],
  [["a", "--forwarded-fields", "forwarded"], "--forwarded-fields needs --trusted-proxies"],
  [["a", "--acme-contact", "a@b"], "--acme-contact needs --acme DOMAIN"],
  [["a", "--acme-agree-terms"], "--acme-agree-terms needs --acme DOMAIN"],
  [["lock", "a", "--app-lock=l", "--profile-seconds=3"], "needs --profile DIR"],
  [["config", "nginx", "a", "--access-log-format=json"], "needs --access-log FILE|-"],
  [["config", "systemd", "a", "--access-log-format=json"], "needs --access-log FILE|-"],
  [["a", "--status", "nowhere"], '--status: bad address "nowhere"'],
  [["a", "--health-check", "health"], "--health-check takes a path such as /health"],
  [["a", "--health-check-timeout", "0"], "--health-check-timeout takes a time of 1ms to 596h"],
  [["a", "--health-check", "/a b"], "--health-check takes a path such as /health"],
  [["a", "--health-check", "/a\r\nb: c"], "--health-check takes a path such as /health"],
  [["a", "--mongrel2-control", "ipc://c"], "--mongrel2-control is for gatehouse status"],
  [["a", "--fastcgi", "nowhere"], '--fastcgi: bad address "nowhere"'],
  [["a", "--compress-messages", "all"], "--compress-messages takes none, each or stream"],
  [["a", "--fastcgi-stderr", "all"], "--fastcgi-stderr takes none, errors or console"],
  [["a", "--https", "nowhere"], '--https: bad address "nowhere"'],
  [["a", "--https", "1"], "--https needs --cert FILE and --key FILE"],
  [
    ["a", "--https", "unix:/s", "--cert", "c", "--key", "k"],
    "HTTPS needs a port, not unix:/s: the runtime has no TLS over unix sockets; serve HTTP there",
  ],
  [["a", "--https", "1", "--cert", "c"], "--https needs --cert FILE and --key FILE"],
  [["a", "--cert", "c"], "--cert and --key need --https ADDR"],
  [["a", "--mount", "x=y"], "--mount takes /PREFIX=APP"],
  [["a", "--mount", "/x"], "--mount takes /PREFIX=APP"],
  [["a", "--mount", "/x="], "--mount takes /PREFIX=APP"],
  [["a", "--mount", "/=b"], "two apps are mounted at /"],
  [["--mount", "/x=a", "--mount", "/x/=b"], "two apps are mounted at /x"],
  [
    ["a", "--idle-timeout", "soon"],
    '--idle-timeout takes a time such as 30 (seconds), 500ms, 5m or 1h, not "soon"',
  ],
  [["a", "--max-body-bytes", "big"], "--max-body-bytes takes a size in bytes"],
  [["a", "--max-header-bytes", "1g"], "of at most 262144"],
  [["a", "--max-header-bytes", "unlimited"], "--max-header-bytes takes a size"],
  [["a", "--max-connections", "0"], "--max-connections takes a whole number from 1 on"],
  [["a", "--backlog", "0"], "--backlog takes a whole number from 1 to 65535"],
];
for (const [args, message] of refusals) {
  Deno.test(`the command line "${args.join(" ")}" is refused with what is wrong`, () => {
    const error = assertThrows(() => parseCommandLine(args), ConfigError);
    if (typeof message === "string") assertStringIncludes(error.message, message);
    else assertMatch(error.message, message);
  });
}

Deno.test("an unknown option of one letter is refused without a guess", () => {
  const error = assertThrows(() => parseCommandLine(["a", "-x"]), ConfigError);
  assertEquals(error.message, "unknown option -x");
});

Deno.test("a flag that is given twice is as good as once", () => {
  assertEquals(settingsOf("a", "--factory", "--factory"), settingsOf("a", "--factory"));
});

Deno.test("nothing after -- is taken for an option", () => {
  const { middleware } = settingsOf("a", "--", "--no-workers=3", "--factory=no", "-x");
  assertEquals(middleware, ["--no-workers=3", "--factory=no", "-x"]);
});

Deno.test("commands that do not exist are apps", () => {
  assertEquals(settingsOf("start").mounts, [{ prefix: "", app: "start" }]);
});
