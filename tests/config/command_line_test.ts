import { assert, assertEquals, assertStringIncludes, assertThrows } from "../support/assert.ts";
import { formatListenAddress, parseListenAddress } from "../../src/config/address.ts";
import type { ListenAddress } from "../../src/config/address.ts";
import { parseCommandLine } from "../../src/config/command_line.ts";
import { helpText } from "../../src/config/help.ts";
import { OPTIONS } from "../../src/config/options.ts";
import type { ServeSettings } from "../../src/config/settings.ts";
import { ConfigError } from "../../src/errors.ts";

function settingsOf(...args: string[]): ServeSettings {
  const command = parseCommandLine(args);
  assert(command.kind === "serve");
  return command.settings;
}

const tcp = (hostname: string, port: number): ListenAddress => ({
  transport: "tcp",
  hostname,
  port,
});
const unix = (path: string, mode?: number): ListenAddress => ({ transport: "unix", path, mode });

const addresses: Record<string, ListenAddress> = {
  "8000": tcp("127.0.0.1", 8000),
  "0": tcp("127.0.0.1", 0),
  ":80": tcp("0.0.0.0", 80),
  "localhost:81": tcp("localhost", 81),
  "10.0.0.1:65535": tcp("10.0.0.1", 65535),
  "[::1]:8000": tcp("::1", 8000),
  "unix:/run/a.sock": unix("/run/a.sock"),
  "unix:a.sock,mode=0660": unix("a.sock", 0o660),
  "unix:a.sock,mode=600": unix("a.sock", 0o600),
  "unix:a.sock,mode=0o666": unix("a.sock", 0o666),
};
for (const [text, expected] of Object.entries(addresses)) {
  Deno.test(`the address ${text} is understood`, () => {
    assertEquals(parseListenAddress(text), expected);
  });
}

const badAddresses = [
  "",
  "localhost",
  "::1:80",
  "a:65536",
  "a:-1",
  "a:8o",
  "[zz]:80",
  "http://a:80",
  "unix:",
  "unix:,mode=660",
  "unix:/a,mode=999",
  "unix:/a,mode=66",
  "unix:/a,owner=x",
];
for (const text of badAddresses) {
  Deno.test(`the address "${text}" is refused with the forms that exist`, () => {
    const error = assertThrows(() => parseListenAddress(text), ConfigError, "HOST:PORT");
    assertStringIncludes(error.message, JSON.stringify(text));
  });
}

Deno.test("addresses are shown as URLs", () => {
  const shown = (scheme: string, address: Deno.Addr) => formatListenAddress(scheme, address);
  assertEquals(
    shown("http", { transport: "tcp", hostname: "127.0.0.1", port: 1 }),
    "http://127.0.0.1:1",
  );
  assertEquals(shown("https", { transport: "tcp", hostname: "::1", port: 1 }), "https://[::1]:1");
  assertEquals(shown("http", { transport: "unix", path: "/a" }), "http+unix:/a");
});

Deno.test("an app alone is served at the root, on port 8000 of this host", () => {
  const settings = settingsOf("app.ts");
  assertEquals(settings.mounts, [{ prefix: "", app: "app.ts" }]);
  assertEquals(settings.http, [tcp("127.0.0.1", 8000)]);
  assertEquals(settings.https, []);
  assertEquals(settings.workers, navigator.hardwareConcurrency);
  assertEquals(settings.appKind, "app");
});

/** What each option does to the settings, with a value that is not its default. */
const effects: Record<
  string,
  [string[], Partial<ServeSettings> | Partial<ServeSettings["limits"]>]
> = {
  "http": [["--http", "1", "--http=:2"], { http: [tcp("127.0.0.1", 1), tcp("0.0.0.0", 2)] }],
  "https": [
    ["--https", "1", "--cert", "c", "--key", "k"],
    { http: [], https: [tcp("127.0.0.1", 1)], certFile: "c", keyFile: "k" },
  ],
  "cert": [["--cert=c", "--key=k", "--https=1"], { certFile: "c" }],
  "key": [["--cert=c", "--key=k", "--https=1"], { keyFile: "k" }],
  "backlog": [["--backlog", "7"], { backlog: 7 }],
  "mount": [["--mount", "/api/=b.ts", "--mount=/c=d=e"], {
    mounts: [{ prefix: "", app: "app.ts" }, { prefix: "/api", app: "b.ts" }, {
      prefix: "/c",
      app: "d=e",
    }],
  }],
  "workers": [["--workers", "0"], { workers: 0 }],
  "factory": [["--factory"], { appKind: "factory" }],
  "max-header-bytes": [["--max-header-bytes", "64k"], { maxHeaderBytes: 65_536 }],
  "max-header-count": [["--max-header-count", "9"], { maxHeaderCount: 9 }],
  "max-target-bytes": [["--max-target-bytes", "9"], { maxTargetBytes: 9 }],
  "max-body-bytes": [["--max-body-bytes", "10MiB"], { maxBodyBytes: 10_485_760 }],
  "header-timeout": [["--header-timeout", "1.5"], { headerTimeoutMs: 1_500 }],
  "body-timeout": [["--body-timeout", "500ms"], { bodyIdleTimeoutMs: 500 }],
  "idle-timeout": [["--idle-timeout", "5m"], { idleTimeoutMs: 300_000 }],
  "request-timeout": [["--request-timeout", "1h"], { requestTimeoutMs: 3_600_000 }],
  "max-requests-per-connection": [["--max-requests-per-connection", "3"], {
    maxRequestsPerConnection: 3,
  }],
  "max-connections": [["--max-connections", "3"], { maxConnections: 3 }],
  "no-keep-alive": [["--no-keep-alive"], { maxRequestsPerConnection: 1 }],
  "drain-timeout": [["--drain-timeout", "7s"], { drainTimeoutMs: 7_000 }],
};
for (const { name } of OPTIONS.filter(({ group }) => group !== "Other")) {
  Deno.test(`--${name} does what it says`, () => {
    const [args, effect] = effects[name];
    const settings = settingsOf("app.ts", ...args);
    const all = { ...settings, ...settings.limits };
    assertEquals({ ...all, ...effect }, all);
    assert(JSON.stringify(settingsOf("app.ts")) !== JSON.stringify(settings));
  });
}

Deno.test("an unlimited body can be asked for by name", () => {
  assertEquals(settingsOf("app.ts", "--max-body-bytes", "unlimited").limits.maxBodyBytes, Infinity);
});

Deno.test("serve may be named, middleware follows the app, -- ends the options", () => {
  const settings = settingsOf("serve", "app.ts", "--workers=1", "m1.ts", "--", "--odd.ts");
  assertEquals(settings.mounts, [{ prefix: "", app: "app.ts" }]);
  assertEquals(settings.middleware, ["m1.ts", "--odd.ts"]);
});

Deno.test("names that look like numbers stay names", () => {
  assertEquals(settingsOf("123").mounts, [{ prefix: "", app: "123" }]);
});

for (const args of [["-h"], ["--help"], ["app.ts", "--help"], ["--help", "--version"]]) {
  Deno.test(`${args.join(" ")} asks for help`, () => {
    assertEquals(parseCommandLine(args).kind, "help");
  });
}
for (const args of [["-V"], ["--version"]]) {
  Deno.test(`${args.join(" ")} asks for the version`, () => {
    assertEquals(parseCommandLine(args).kind, "version");
  });
}

const refusals: [string[], string][] = [
  [[], "no app is named"],
  [["serve"], "no app is named"],
  [["a", "--worker", "1"], "unknown option --worker; did you mean --workers?"],
  [["a", "--htp=1"], "unknown option --htp; did you mean --http?"],
  [["a", "-x"], "unknown option -x"],
  [["a", "--workers"], "--workers needs a value: --workers N"],
  [["a", "--workers="], "--workers needs a value"],
  [["a", "--workers", "--factory"], "--workers needs a value"],
  [["a", "--workers", "two"], '--workers takes a whole number from 0 to 1024, not "two"'],
  [["a", "--workers=-1"], "--workers takes a whole number"],
  [["a", "--workers", "1", "--workers", "2"], "--workers is given more than once"],
  [["a", "--factory=no"], "--factory takes no value"],
  [["a", "--http", "nowhere"], 'bad address "nowhere"'],
  [["a", "--https", "1"], "--https needs --cert FILE and --key FILE"],
  [["a", "--https", "1", "--cert", "c"], "--https needs --cert FILE and --key FILE"],
  [["a", "--cert", "c"], "--cert and --key are for --https"],
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
    assertThrows(() => parseCommandLine(args), ConfigError, message);
  });
}

Deno.test("the help names every option with its default, in 80 columns", () => {
  const text = helpText();
  for (const option of OPTIONS) {
    assertStringIncludes(text, `--${option.name}`);
    if (option.default !== undefined) {
      assertStringIncludes(text.replace(/\s+/g, " "), `[default: ${option.default}]`);
    }
  }
  for (const line of text.split("\n")) assert(line.length <= 80, line);
});
