import { assert, assertEquals, assertThrows } from "../support/assert.ts";
import { parseCommandLine } from "../../src/config/command_line.ts";
import { variableOf } from "../../src/config/environment.ts";
import { NO_SOURCES } from "../../src/config/gather.ts";
import { hasOptionalValue } from "../../src/config/option_spec.ts";
import { OPTIONS } from "../../src/config/options.ts";
import type { ServeSettings } from "../../src/config/settings.ts";
import { ConfigError } from "../../src/base/errors.ts";

function read(
  env: Record<string, string>,
  ...args: string[]
): { settings: ServeSettings; warnings: string[] } {
  const warnings: string[] = [];
  const command = parseCommandLine(["app.ts", ...args], {
    ...NO_SOURCES,
    env,
    readTextFile: () => "[server:main]\nworkers = 2\nfactory = yes\nhttp = 1 2\n",
    warn: (message) => void warnings.push(message),
  });
  assert(command.kind === "serve");
  return { settings: command.settings, warnings };
}

/** Values that do not go together with the others, or are no variables. */
const VALUES: Record<string, string> = {
  "http": "1 [::1]:2",
  "https": "3",
  "acme": "a.test,b.a.test c.test",
  "acme-contact": "a@b c@d",
  "acme-directory": "https://a/",
  "fastcgi": "4 unix:/a,mode=0600",
  "mongrel2": "tcp://a:9 ipc://b,recv=ipc://c",
  "mongrel2-handler": "3",
  "compress-messages": "stream",
  "fastcgi-stderr": "none",
  "signals": "redis://a",
  "log-level": "error",
  "log-format": "json",
  "trusted-proxies": "unix ::1",
  "forwarded-fields": "forwarded,x-forwarded-proto",
  "sendfile": "x-sendfile",
  "sendfile-fields": "x-sendfile x-accel-redirect=/a=/b",
  "mount": "/a=b.ts /c=d.ts",
  "loader": "built-in",
  "app-allow-all": "no",
  "watch-remote": "5",
  "max-header-bytes": "4k",
  "inspect": "worker",
  "compress": "gzip:1,br",
  "compress-types": "text/html,*+json",
  "compress-except": "/a,/b",
  "health-check": "/health",
  "config": "c.ini",
  "server-name": "main",
  "access-log-format": "common",
};

for (const option of OPTIONS) {
  if (option.givenBy !== undefined || option.name === "mount") continue;
  const variable = variableOf(option);
  Deno.test(`${variable} is what --${option.name} is`, () => {
    const flag = `--${option.name}`;
    const isList = hasOptionalValue(option) && VALUES[option.name] === undefined;
    const text = VALUES[option.name] ?? (option.value === undefined ? "yes" : isList ? "a,b" : "7");
    const texts = option.repeats && !hasOptionalValue(option) ? text.split(" ") : [text];
    const args = text === "no"
      ? []
      : texts.map((each) => option.value === undefined ? flag : `${flag}=${each}`);
    const others = ["mongrel2-config", "cert", "key", "https"]
      .filter((name) => name !== option.name)
      .map((name) => `--${name}=1`);
    const { needs } = option;
    if (needs !== undefined) args.push(`--${needs}=${(VALUES[needs] ?? "7").split(" ")[0]}`);
    if (/^acme(?!-state)/.test(option.name)) args.push("--redirect-http=1", "--acme-agree-terms");
    if (/^(?:https|acme.*|cert|key|redirect-http|mongrel2-.*)$/.test(option.name)) {
      args.push(...others);
    }
    const { settings, warnings } = read(
      { [variable]: text },
      ...args.filter((each) => !each.startsWith(flag + "=") && each !== flag),
    );
    assertEquals(settings, read({}, ...args).settings);
    assertEquals(warnings, []);
  });
}

Deno.test("variables are set aside by the command line, and set aside the file, option by option", () => {
  const env = { GATEHOUSE_CONFIG: "c.ini", GATEHOUSE_HTTP: "3 4", GATEHOUSE_FACTORY: "off" };
  const ports = (settings: ServeSettings) =>
    settings.http.map((address) => "port" in address && address.port);
  const fromFile = read({ GATEHOUSE_CONFIG: "c.ini" }).settings;
  assertEquals([fromFile.workers, fromFile.appKind, ports(fromFile)], [2, "factory", [1, 2]]);
  const fromEnv = read(env).settings;
  assertEquals([fromEnv.workers, fromEnv.appKind, ports(fromEnv)], [2, "plain", [3, 4]]);
  const fromFlags = read(env, "--http=5", "--factory", "--workers=6").settings;
  assertEquals([fromFlags.workers, fromFlags.appKind, ports(fromFlags)], [6, "factory", [5]]);
});

for (const text of ["1", "true", "yes", "on", "TRUE", "Yes"]) {
  Deno.test(`a variable of ${text} sets an option without a value`, () => {
    assertEquals(read({ GATEHOUSE_FACTORY: text }).settings.appKind, "factory");
    assertEquals(read({ GATEHOUSE_APP_ALLOW_NET: text }).settings.appPermissions, { net: true });
  });
}
for (const text of ["0", "false", "no", "off", "OFF"]) {
  Deno.test(`a variable of ${text} does not, and takes permissions`, () => {
    assertEquals(read({ GATEHOUSE_FACTORY: text }).settings.appKind, "plain");
    assertEquals(read({ GATEHOUSE_RELOAD: text }).settings.loading.reload, "none");
    assertEquals(read({ GATEHOUSE_APP_ALLOW_NET: text }).settings.appPermissions, { net: false });
  });
}

Deno.test("the app of the command line sets aside those of GATEHOUSE_MOUNT", () => {
  const env = { GATEHOUSE_MOUNT: "/=a.ts /b=b.ts" };
  assertEquals(read(env).settings.mounts, [{ prefix: "", app: "app.ts" }]);
  const command = parseCommandLine([], { ...NO_SOURCES, env });
  assert(command.kind === "serve");
  assertEquals(command.settings.mounts, [
    { prefix: "", app: "a.ts" },
    { prefix: "/b", app: "b.ts" },
  ]);
  const flagged = parseCommandLine(["--mount=/c=c.ts"], { ...NO_SOURCES, env });
  assert(flagged.kind === "serve");
  assertEquals(flagged.settings.mounts, [{ prefix: "/c", app: "c.ts" }]);
});

Deno.test("empty variables, and those that are no options, mean nothing and are not told of", () => {
  const { settings, warnings } = read({
    GATEHOUSE_WORKERS: "",
    GATEHOUSE_HTTP: " ",
    GATEHOUSE_CACHE: "/c",
    GATEHOUSE_LIBZMQ: "/l",
    GATEHOUSE_INSTALL: "/i",
    GATEHOUSE_RELEASES: "/r",
    GATEHOUSE_TEST_EXECUTABLE: "/e",
    WORKERS: "7",
  });
  assertEquals(settings, read({}).settings);
  assertEquals(warnings, []);
});

const unknown: [string, string][] = [
  ["GATEHOUSE_WORKER", "GATEHOUSE_WORKERS"],
  ["GATEHOUSE_MAX_CON", "GATEHOUSE_MAX_CONNS"],
  ["GATEHOUSE_IDLE_TIME_OUT", "GATEHOUSE_IDLE_TIMEOUT"],
];
for (const [name, known] of unknown) {
  Deno.test(`${name} is told of, with the nearest name`, () => {
    const { warnings } = read({ [name]: "1" });
    assertEquals(warnings, [
      `the environment variable ${name} is not a setting of gatehouse; did you mean ${known}?`,
    ]);
  });
}
Deno.test("GATEHOUSE_HELP and GATEHOUSE_CLEAN are no variables", () => {
  assertEquals(read({ GATEHOUSE_HELP: "1", GATEHOUSE_CLEAN: "1" }).warnings.length, 2);
});

const refusals: [Record<string, string>, string][] = [
  [
    { GATEHOUSE_WORKERS: "two" },
    'GATEHOUSE_WORKERS takes a whole number from 0 to 1024, not "two"',
  ],
  [{ GATEHOUSE_FACTORY: "maybe" }, 'GATEHOUSE_FACTORY takes true or false, not "maybe"'],
  [{ GATEHOUSE_HTTP: "1 nowhere" }, 'GATEHOUSE_HTTP: bad address "nowhere"'],
  [{ GATEHOUSE_MOUNT: "x" }, 'GATEHOUSE_MOUNT takes /PREFIX=APP, not "x"'],
  [{ GATEHOUSE_APP_ALLOW_NET: "http://a" }, "GATEHOUSE_APP_ALLOW_NET takes HOST or HOST:PORT"],
  [{ GATEHOUSE_APP_NAME: "a" }, "--app-name need --config FILE"],
];
for (const [env, message] of refusals) {
  Deno.test(`${Object.entries(env)[0].join("=")} is refused by its own name`, () => {
    assertThrows(
      () => parseCommandLine(env.GATEHOUSE_MOUNT ? [] : ["a"], { ...NO_SOURCES, env }),
      ConfigError,
      message,
    );
  });
}

Deno.test("gatehouse status takes its endpoint from the environment, and serve does not mind", () => {
  const env = { GATEHOUSE_MONGREL2_CONTROL: "ipc://c" };
  const status = parseCommandLine(["status"], { ...NO_SOURCES, env });
  assertEquals(status, { kind: "status", of: { server: "mongrel2", endpoint: "ipc://c" } });
  assertEquals(read(env).settings.mounts.length, 1);
});
