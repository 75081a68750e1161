import { assert, assertEquals, assertStringIncludes, assertThrows } from "../support/assert.ts";
import { parseCommandLine } from "../../src/config/command_line.ts";
import { configText } from "../../src/config/config_show.ts";
import { NO_SOURCES } from "../../src/config/gather.ts";
import { OPTIONS } from "../../src/config/options.ts";
import { ConfigError } from "../../src/base/errors.ts";

const FILE = `
[server:main]
use = fastcgi
backlog = 9
workers = 2
app-allow-net = true
app-allow-env = no
[composite:main]
use = urlmap
/ = site
/api = api
[app:site]
use = site.ts
workers = 3
app-allow-read = data
app-allow-net = no
[pipeline:api]
pipeline = timing greeting
[filter:timing]
use = timing.ts
unit = ms
[app:greeting]
use = https://example.com/a.ts
factory = yes
`;

/** What `gatehouse config show` prints, with blanks squeezed. */
function shown(args: readonly string[], env: Record<string, string> = {}): string[] {
  const command = parseCommandLine(["config", "show", ...args], {
    ...NO_SOURCES,
    cwd: "/srv",
    env,
    readTextFile: () => FILE,
  });
  assert(command.kind === "config" && command.action === "show");
  return configText(command.settings, command.origins).split("\n")
    .map((line) => line.trim().replace(/\s+/g, " "));
}

Deno.test("config show tells each value of an option, and where it was said", () => {
  const lines = shown(["f.ini", "--workers=4", "--http", ":1", "--http=2", "--factory"], {
    GATEHOUSE_BACKLOG: "7",
    GATEHOUSE_IDLE_TIMEOUT: "5m",
  });
  const expected = [
    "http :1 2 flag --http",
    "fastcgi 127.0.0.1:5000 f.ini:3",
    "workers 4 flag --workers",
    "backlog 7 environment GATEHOUSE_BACKLOG",
    "idle-timeout 5m environment GATEHOUSE_IDLE_TIMEOUT",
    "app-allow-net all f.ini:6",
    "app-allow-env no f.ini:7",
    "app-allow-read - default",
    "factory yes flag --factory",
    "max-conns 1024 default",
    "config f.ini argument",
  ];
  for (const line of expected) assert(lines.includes(line), `${line}\n${lines.join("\n")}`);
});

Deno.test("config show tells the endpoints, and the apps with what is around them", () => {
  const lines = shown(["f.ini"]);
  assertEquals(lines.slice(0, lines.indexOf("Options:")), [
    "Endpoints:",
    "fastcgi://127.0.0.1:5000",
    "",
    "Apps:",
    "/ /srv/site.ts f.ini:13",
    "workers = 3",
    "app-allow-read = /srv/data",
    "app-allow-net = no",
    "/api https://example.com/a.ts f.ini:23",
    "(a factory without settings)",
    "in /srv/timing.ts f.ini:20",
    'unit = "ms"',
    "",
  ]);
});

Deno.test("config show tells of apps that no file names where they are named", () => {
  const lines = shown(["--mount", "/x=x.ts"], { GATEHOUSE_CONFIG: "g.ini" });
  assert(lines.includes("/x x.ts flag --mount"));
  assert(lines.includes("config g.ini environment GATEHOUSE_CONFIG"));
  const named = shown(["f.ini", "a.ts", "m.ts"]);
  assert(named.includes("/ a.ts argument") && named.includes("in m.ts argument"));
  const variable = shown([], { GATEHOUSE_MOUNT: "/=a.ts" });
  assert(variable.includes("/ a.ts environment GATEHOUSE_MOUNT"));
});

Deno.test("config show tells of every option that serve has", () => {
  const text = shown([]).join("\n");
  for (const { name, givenBy } of OPTIONS) {
    if (givenBy === "flag" || name === "mongrel2-control") continue;
    assertStringIncludes(text, `\n${name} `);
  }
  assertStringIncludes(text, "Endpoints:\nhttp://127.0.0.1:8000\n");
  assertStringIncludes(text, "Apps:\n(none)\n");
});

const refusals: [string[], string][] = [
  [["config"], "config needs a subcommand: check FILE, show [FILE], or one of nginx"],
  [["config", "chek", "f"], "config needs a subcommand"],
  [["config", "check"], "config check needs a FILE"],
  [["config", "check", "f", "--server-name", "x"], "there is no [server:x]"],
  [["config", "check", "f", "--https=1"], "--https needs --cert FILE and --key FILE"],
];
for (const [args, message] of refusals) {
  Deno.test(`"${args.join(" ")}" is refused`, () => {
    assertThrows(
      () => parseCommandLine(args, { ...NO_SOURCES, readTextFile: () => FILE }),
      ConfigError,
      message,
    );
  });
}
