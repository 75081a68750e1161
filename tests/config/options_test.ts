import { assert, assertEquals, assertThrows } from "../support/assert.ts";
import type { ListenAddress } from "../../src/net/address.ts";
import { parseCommandLine } from "../../src/config/command_line.ts";
import { NO_SOURCES } from "../../src/config/gather.ts";
import { OPTIONS } from "../../src/config/options.ts";
import type { ServeSettings } from "../../src/config/settings.ts";
import { defaultSettings } from "../../src/config/settings.ts";
import { ConfigError } from "../../src/base/errors.ts";

/** Where every file is a configuration file with these sections. */
const WITH_FILE = {
  ...NO_SOURCES,
  readTextFile: () => "[server:s]\n[server:main]\n[app:a]\nuse = a.ts\n[app:main]\nuse = b.ts\n",
};

function settingsOf(...args: string[]): ServeSettings {
  const command = parseCommandLine(args, WITH_FILE);
  assert(command.kind === "serve");
  return command.settings;
}

const tcp = (hostname: string, port: number): ListenAddress => ({
  transport: "tcp",
  hostname,
  port,
});

const loading = (changes: Partial<ServeSettings["loading"]>): ServeSettings["loading"] => ({
  ...defaultSettings().loading,
  ...changes,
});

const folderFiles = (
  changes: Partial<ServeSettings["folderFiles"]>,
): ServeSettings["folderFiles"] => ({ ...defaultSettings().folderFiles, ...changes });

const limited = (
  changes: Partial<ServeSettings["workerLimits"]>,
): ServeSettings["workerLimits"] => ({ ...defaultSettings().workerLimits, ...changes });

/** What it takes to get certificates from an authority, and what becomes of it. */
const ACME = [
  "--https=1",
  "--redirect-http=:80",
  "--acme=a.test,x.A.test,a.test",
  "--acme-agree-terms",
];
const acme: ServeSettings["acme"] = {
  ...defaultSettings().acme,
  certificates: [["a.test", "x.a.test"]],
  terms: "agreed",
};

/** What each option does to the settings, with a value that is not its default. */
const effects: Record<
  string,
  [string[], Partial<ServeSettings> | Partial<ServeSettings["limits"]>]
> = {
  "http": [["--http", "1", "--http=:2"], { http: [tcp("127.0.0.1", 1), tcp("", 2)] }],
  "host": [["--host", "::1"], { http: [tcp("::1", 8000)] }],
  "port": [["--port", "1"], { http: [tcp("127.0.0.1", 1)] }],
  "https": [
    ["--https", "1", "--cert", "c", "--key", "k"],
    { http: [], https: [tcp("127.0.0.1", 1)], certFiles: ["/c"], keyFiles: ["/k"] },
  ],
  "redirect-http": [["--https=1", "--cert=c", "--key=k", "--redirect-http=:80"], {
    redirectHttp: [tcp("", 80)],
  }],
  "acme": [[...ACME, "--acme=B.test"], {
    acme: { ...acme, certificates: [["a.test", "x.a.test"], ["b.test"]] },
  }],
  "acme-agree-terms": [ACME, { acme }],
  "acme-contact": [[...ACME, "--acme-contact=a@b"], {
    acme: { ...acme, contacts: ["mailto:a@b"] },
  }],
  "acme-directory": [[...ACME, "--acme-directory=http://127.0.0.1:1/d"], {
    acme: { ...acme, directory: "http://127.0.0.1:1/d" },
  }],
  "acme-state": [[...ACME, "--acme-state=s"], { acme: { ...acme, folder: "/s" } }],
  "fastcgi": [["--fastcgi", "1", "--fastcgi=unix:/a,mode=0660"], {
    http: [],
    fastcgi: [tcp("127.0.0.1", 1), { transport: "unix", path: "/a", mode: 0o660 }],
  }],
  "compress-messages": [["--compress-messages", "each"], { messageCompression: "each" }],
  "compress": [["--compress=gzip:9, br"], {
    compress: [{ coding: "gzip", level: 9 }, { coding: "br", level: 4 }],
  }],
  "compress-types": [["--compress", "--compress-types", "Text/HTML,*+json"], {
    compressTypes: ["text/html", "*+json"],
  }],
  "compress-except": [["--compress", "--compress-except", "/a, /b/c%20d"], {
    compressExcept: ["/a", "/b/c%20d"],
  }],
  "compress-min-bytes": [["--compress", "--compress-min-bytes", "2k"], { compressMinBytes: 2_048 }],
  "fastcgi-stderr": [["--fastcgi-stderr", "console"], { faultReports: "console" }],
  "server-header": [["--server-header", "a b"], { serverHeader: "a b" }],
  "log-level": [["--log-level=warning"], { logLevel: "warning" }],
  "log-format": [["--log-format=json"], { logFormat: "json" }],
  "tag-console": [["--tag-console"], { consoleTags: "tagged" }],
  "request-id": [["--request-id"], { requestId: "field" }],
  "trusted-proxies": [["--trusted-proxies=::1, unix", "--trusted-proxies=10.0.0.0/8"], {
    trustedProxies: ["::1", "unix", "10.0.0.0/8"],
  }],
  "forwarded-fields": [[
    "--trusted-proxies=unix",
    "--forwarded-fields",
    "Forwarded, x-forwarded-for",
  ], {
    forwardedFields: ["forwarded", "x-forwarded-for"],
  }],
  "mongrel2": [["--mongrel2", "tcp://a:9", "--mongrel2=ipc://b,recv=ipc://c,chroot=/d"], {
    http: [],
    mongrel2: [{ send: "tcp://a:9", recv: "tcp://a:8" }, {
      send: "ipc:///b",
      recv: "ipc:///c",
      chroot: "/d",
    }],
  }],
  "mongrel2-config": [["--mongrel2-config", "c.sqlite"], { mongrel2Config: "/c.sqlite" }],
  "mongrel2-handler": [["--mongrel2-config=c", "--mongrel2-handler=3"], {
    mongrel2Choice: { handlerId: 3 },
  }],
  "mongrel2-route": [["--mongrel2-config=c", "--mongrel2-route=/r"], {
    mongrel2Choice: { route: "/r" },
  }],
  "mongrel2-host": [["--mongrel2-config=c", "--mongrel2-host=h"], {
    mongrel2Choice: { host: "h" },
  }],
  "mongrel2-server": [["--mongrel2-config=c", "--mongrel2-server=s"], {
    mongrel2Choice: { server: "s" },
  }],
  "cert": [["--cert=c", "--key=k", "--https=1", "--cert=d", "--key=l"], {
    certFiles: ["/c", "/d"],
  }],
  "key": [["--cert=c", "--key=k", "--https=1"], { keyFiles: ["/k"] }],
  "backlog": [["--backlog", "7"], { backlog: 7 }],
  "mount": [["--mount", "/api/=b.ts", "--mount=/c=d=e", "--mount=/s/=a,b.ts#c,strip"], {
    mounts: [
      { prefix: "", app: "app.ts" },
      { prefix: "/api", app: "b.ts" },
      { prefix: "/c", app: "d=e" },
      { prefix: "/s", app: "a,b.ts#c", stripped: "/s" },
    ],
  }],
  "workers": [["--workers", "0"], { workers: 0 }],
  "listing": [["--listing"], { folderFiles: folderFiles({ listing: "entries" }) }],
  "fallback": [["--fallback", "index.html"], {
    folderFiles: folderFiles({ fallback: "index.html" }),
  }],
  "cache-control": [["--cache-control", "max-age=60"], {
    folderFiles: folderFiles({ cacheControl: "max-age=60" }),
  }],
  "sendfile": [["--sendfile", "x-accel-redirect=/f=dir"], {
    frontFileField: { name: "x-accel-redirect", prefix: "/f", folder: "/dir" },
  }],
  "sendfile-fields": [
    ["--sendfile-fields", "x-sendfile", "--sendfile-fields", "x-accel-redirect=/f/=/dir/"],
    {
      fileFields: [
        { name: "x-sendfile" },
        { name: "x-accel-redirect", prefix: "/f", folder: "/dir" },
      ],
    },
  ],
  "factory": [["--factory"], { appKind: "factory" }],
  "config": [["--config", "c.ini"], { configFile: "c.ini" }],
  "server-name": [["--config=c", "--server-name=s"], { serverName: "s" }],
  "app-name": [["--config=c", "--app-name=a"], { appName: "a" }],
  "loader": [["--loader", "native"], { loading: loading({ loader: "native" }) }],
  "import-map": [["--import-map", "m.json"], { loading: loading({ importMap: "/m.json" }) }],
  "env-file": [["--env-file", "--env-file=a.env"], { envFiles: ["/.env", "/a.env"] }],
  "reload": [["--reload=https://a/,npm:", "--reload=jsr:"], {
    loading: loading({ reload: ["https://a/", "npm:", "jsr:"] }),
  }],
  "cached-only": [["--cached-only"], { loading: loading({ cachePolicy: "only" }) }],
  "lock": [["--lock", "l.json"], { loading: loading({ lockFile: "/l.json" }) }],
  "frozen": [["--frozen", "--lock=l"], {
    loading: loading({ lockFile: "/l", lockMode: "frozen" }),
  }],
  "app-lock": [["--app-lock", "a.lock"], { loading: loading({ appLock: "/a.lock" }) }],
  "allow-import": [["--allow-import=a.example", "--allow-import"], {
    loading: loading({ allowImport: "any" }),
  }],
  "allow-insecure-import": [["--allow-insecure-import"], {
    loading: loading({ allowHttp: "any" }),
  }],
  "watch": [["--watch=/a.json,/b,,c", "--watch", "--watch=/d"], {
    watch: "files",
    watchedFiles: ["/a.json", "/b,c", "/d"],
  }],
  "user": [["--user=www:1"], { user: { user: "www", group: "1" } }],
  "watch-remote": [["--watch-remote", "60"], { watchRemoteMs: 60_000 }],
  "generation-header": [["--generation-header", "x-gen"], { generationHeader: "x-gen" }],
  "processes": [["--processes", "4"], { processes: 4 }],
  "signals": [["--signals", "redis://:p@a:7/1"], {
    signals: {
      host: "a",
      port: 7,
      transport: "plain",
      username: undefined,
      password: "p",
      database: 1,
    },
  }],
  "health": [["--health", "unix:/run/h.sock"], {
    health: { transport: "unix", path: "/run/h.sock", mode: 0o600 },
  }],
  "health-check": [["--health-check", "/health?a=%20", "--health-check=/b"], {
    healthChecks: ["/health?a=%20", "/b"],
  }],
  "health-check-timeout": [["--health-check=/", "--health-check-timeout", "1.5"], {
    healthCheckTimeoutMs: 1_500,
  }],
  "metrics": [["--metrics", "9100"], {
    metrics: { transport: "tcp", hostname: "127.0.0.1", port: 9100 },
  }],
  "status": [["--status", "unix:s.sock,mode=0660"], {
    status: { transport: "unix", path: "/s.sock", mode: 0o660 },
  }],
  "status-control": [["--status-control", "t", "--status", "1"], { statusControl: "/t" }],
  "pidfile": [["--pidfile", "p"], { pidfile: "/p" }],
  "access-log": [["--access-log", "a.log"], { accessLog: "/a.log" }],
  "access-log-format": [["--access-log=-", "--access-log-format", "%h"], {
    accessLogFormat: {
      kind: "pieces",
      pieces: [{ kind: "value", value: "client", isQuoted: false, end: "" }],
    },
  }],
  "inspect": [["--inspect=[::1]:9300"], {
    inspect: { transport: "tcp", hostname: "::1", port: 9300 },
  }],
  "app-allow-net": [["--app-allow-net=a.example,[::1]:80", "--app-allow-net=*.b:1"], {
    appPermissions: { net: ["a.example", "[::1]:80", "*.b:1"] },
  }],
  "app-allow-read": [["--app-allow-read=/a,b,,c"], { appPermissions: { read: ["/a", "/b,c"] } }],
  "app-allow-write": [["--app-allow-write"], { appPermissions: { write: true } }],
  "app-allow-env": [["--app-allow-env=A,B_*"], { appPermissions: { env: ["A", "B_*"] } }],
  "app-allow-run": [["--app-allow-run=ls", "--app-allow-run"], { appPermissions: { run: true } }],
  "app-allow-sys": [["--app-allow-sys", "--app-allow-sys=uid"], { appPermissions: { sys: true } }],
  "app-allow-ffi": [["--app-allow-ffi=./lib.so"], { appPermissions: { ffi: ["/lib.so"] } }],
  "app-allow-import": [["--app-allow-import=esm.sh:443"], {
    appPermissions: { import: ["esm.sh:443"] },
  }],
  "app-allow-all": [["--app-allow-all"], { appAllowAll: true }],
  "unstable-kv": [["--unstable-kv"], { unstable: ["kv"] }],
  "unstable-cron": [["--unstable-cron"], { unstable: ["cron"] }],
  "unstable-net": [["--unstable-net"], { unstable: ["net"] }],
  "max-header-bytes": [["--max-header-bytes", "64k"], { maxHeaderBytes: 65_536 }],
  "max-header-count": [["--max-header-count", "9"], { maxHeaderCount: 9 }],
  "max-target-bytes": [["--max-target-bytes", "9"], { maxTargetBytes: 9 }],
  "max-body-bytes": [["--max-body-bytes", "10MiB"], { maxBodyBytes: 10_485_760 }],
  "max-message-bytes": [["--max-message-bytes", "1m"], { maxMessageBytes: 1_048_576 }],
  "header-timeout": [["--header-timeout", "1.5"], { headerTimeoutMs: 1_500 }],
  "body-timeout": [["--body-timeout", "500ms"], { bodyIdleTimeoutMs: 500 }],
  "idle-timeout": [["--idle-timeout", "5m"], { idleTimeoutMs: 300_000 }],
  "request-timeout": [["--request-timeout", "1h"], { requestTimeoutMs: 3_600_000 }],
  "max-requests-per-connection": [["--max-requests-per-connection", "3"], {
    maxRequestsPerConnection: 3,
  }],
  "max-connections": [["--max-connections", "3"], { maxConnections: 3 }],
  "max-conns": [["--max-conns", "3"], { maxConns: 3 }],
  "max-reqs": [["--max-reqs", "3"], { maxReqs: 3 }],
  "no-keep-alive": [["--no-keep-alive"], { maxRequestsPerConnection: 1 }],
  "hang-timeout": [["--hang-timeout", "5"], { workerLimits: limited({ hangTimeoutMs: 5_000 }) }],
  "profile": [["--profile", "/profiles"], { profileFolder: "/profiles" }],
  "profile-seconds": [["--profile=/p", "--profile-seconds", "30"], { profileMs: 30_000 }],
  "load-timeout": [["--load-timeout", "5m"], {
    workerLimits: limited({ loadTimeoutMs: 300_000 }),
  }],
  "max-worker-requests": [["--max-worker-requests", "9"], {
    workerLimits: limited({ maxWorkerRequests: 9 }),
  }],
  "max-worker-age": [["--max-worker-age", "1h"], {
    workerLimits: limited({ maxWorkerAgeMs: 3_600_000 }),
  }],
  "max-queue": [["--max-queue=5"], { workerLimits: limited({ maxQueue: 5 }) }],
  "queue-timeout": [["--queue-timeout=2"], { workerLimits: limited({ queueTimeoutMs: 2_000 }) }],
  "max-worker-descriptors": [["--max-worker-descriptors", "99"], {
    workerLimits: limited({ maxWorkerDescriptors: 99 }),
  }],
  "max-worker-memory": [["--max-worker-memory", "256m"], {
    workerLimits: limited({ maxWorkerMemoryBytes: 268_435_456 }),
  }],
  "drain-delay": [["--drain-delay", "15"], { drainDelayMs: 15_000 }],
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

Deno.test("names of options are kebab-case and unique, letters too", () => {
  const names = OPTIONS.map(({ name }) => name);
  const letters = OPTIONS.flatMap(({ letter }) => letter ?? []);
  for (const name of names) assert(/^[a-z]+\d?(-[a-z]+)*$/.test(name), name);
  assertEquals(new Set(names).size, names.length);
  assertEquals(new Set(letters).size, letters.length);
});

/** Options whose default is told in words. */
const TOLD_DEFAULTS = [
  "http",
  "host",
  "port",
  "workers",
  "max-body-bytes",
  "loader",
  "import-map",
  "lock",
  "allow-import",
  "server-name",
  "app-name",
];
for (const option of OPTIONS) {
  if (option.default === undefined || TOLD_DEFAULTS.includes(option.name)) continue;
  Deno.test(`the default that is shown for --${option.name} is the one that holds`, () => {
    const settings = defaultSettings();
    // Of limits, "none" is told for 0.
    const text = option.default === "none" && option.group === "Limits" ? "0" : option.default!;
    option.apply(settings, text, `--${option.name}`);
    assertEquals(settings, defaultSettings());
  });
}

Deno.test("the size of a body is shown as unlimited by default", () => {
  assertEquals(OPTIONS.find(({ name }) => name === "max-body-bytes")?.default, "unlimited");
});

const times: Record<string, number> = {
  "30": 30_000,
  "1.5": 1_500,
  "0": 0,
  "500ms": 500,
  "30s": 30_000,
  "5m": 300_000,
  "1h": 3_600_000,
  "0.5m": 30_000,
};
for (const [text, expectedMs] of Object.entries(times)) {
  Deno.test(`the time ${text} is ${expectedMs} ms`, () => {
    assertEquals(settingsOf("a", "--idle-timeout", text).limits.idleTimeoutMs, expectedMs);
  });
}
for (const text of ["soon", "-1", "1d", "1 s", ".5", "1e3", "Infinity"]) {
  Deno.test(`the time "${text}" is refused with the forms that exist`, () => {
    assertThrows(
      () => parseCommandLine(["a", `--idle-timeout=${text}`]),
      ConfigError,
      "--idle-timeout takes a time such as 30 (seconds), 500ms, 5m or 1h, " +
        `not ${JSON.stringify(text)}`,
    );
  });
}

const sizesBytes: Record<string, number> = {
  "65536": 65_536,
  "64k": 65_536,
  "64KiB": 65_536,
  "10m": 10_485_760,
  "10MiB": 10_485_760,
  "1g": 1_073_741_824,
  "0": 0,
};
for (const [text, expected] of Object.entries(sizesBytes)) {
  Deno.test(`the size ${text} is ${expected} bytes`, () => {
    assertEquals(settingsOf("a", "--max-body-bytes", text).limits.maxBodyBytes, expected);
  });
}
for (const text of ["big", "-1", "1.5k", "10t", "k", "Infinity"]) {
  Deno.test(`the size "${text}" is refused with the forms that exist`, () => {
    assertThrows(
      () => parseCommandLine(["a", `--max-body-bytes=${text}`]),
      ConfigError,
      "--max-body-bytes takes a size in bytes, such as 65536, 64k or 10m (or unlimited), " +
        `not ${JSON.stringify(text)}`,
    );
  });
}

Deno.test("a head of up to 262144 bytes can be allowed, and no more", () => {
  assertEquals(settingsOf("a", "--max-header-bytes", "256k").limits.maxHeaderBytes, 262_144);
  assertThrows(
    () => parseCommandLine(["a", "--max-header-bytes", "262145"]),
    ConfigError,
    'of at most 262144, not "262145"',
  );
});

Deno.test("a drain time that no timer can be set to is refused", () => {
  assertEquals(settingsOf("a", "--drain-delay", "1h").drainDelayMs, 3_600_000);
  assertThrows(
    () => parseCommandLine(["a", "--drain-delay", "61m"]),
    ConfigError,
    '--drain-delay takes a time of at most 1h, not "61m"',
  );
  assertEquals(settingsOf("a", "--drain-timeout", "596h").drainTimeoutMs, 2_145_600_000);
  assertThrows(
    () => parseCommandLine(["a", "--drain-timeout", "597h"]),
    ConfigError,
    '--drain-timeout takes a time of at most 596h, not "597h"',
  );
});

const prefixes: Record<string, string> = {
  "/": "",
  "//": "",
  "/x": "/x",
  "/x/": "/x",
  "/x/y": "/x/y",
};
for (const [text, prefix] of Object.entries(prefixes)) {
  Deno.test(`an app mounted at ${text} has the prefix "${prefix}"`, () => {
    assertEquals(settingsOf("--mount", `${text}=b.ts`).mounts, [{ prefix, app: "b.ts" }]);
  });
}
for (const text of ["/x?y=b", "/x#y=b"]) {
  Deno.test(`an app cannot be mounted at ${text}: no path has such a prefix`, () => {
    assertThrows(
      () => parseCommandLine(["--mount", text]),
      ConfigError,
      `--mount takes a path without ? and # before the =, not ${JSON.stringify(text)}`,
    );
  });
}

Deno.test("relative paths begin at the working directory, and in lists keep its commas", () => {
  const args = ["--app-allow-read=a,/b,,c", "--http=unix:s.sock,mode=0600", "--lock=l"];
  const settingsIn = (cwd: string) => {
    const command = parseCommandLine(["app.ts", ...args], { ...WITH_FILE, cwd });
    assert(command.kind === "serve");
    return command.settings;
  };
  const { appPermissions, http, loading } = settingsIn("/srv");
  assertEquals(appPermissions.read, ["/srv/a", "/b,c"]);
  assertEquals(http, [{ transport: "unix", path: "/srv/s.sock", mode: 0o600 }]);
  assertEquals(loading.lockFile, "/srv/l");
  assertThrows(() => settingsIn("/s,rv"), ConfigError, "there is a comma in the name of a folder");
  args.splice(1, 1);
  assertEquals(settingsIn("/s,rv").appPermissions.read, ["/s,rv/a", "/b,c"]);
});
