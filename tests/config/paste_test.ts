import { assert, assertEquals, assertStringIncludes, assertThrows } from "../support/assert.ts";
import { parseCommandLine } from "../../src/config/command_line.ts";
import { variableOf } from "../../src/config/environment.ts";
import { NO_SOURCES } from "../../src/config/gather.ts";
import { OPTIONS } from "../../src/config/options.ts";
import { ALIASES } from "../../src/config/server_keys.ts";
import type { ServeSettings } from "../../src/config/settings.ts";
import { defaultSettings } from "../../src/config/settings.ts";
import { DEFAULT_HTTP_LIMITS } from "../../src/http1/codec/limits.ts";
import { ConfigError, ConfigFileError } from "../../src/base/errors.ts";
import { blockOf } from "../support/docs.ts";

/** The settings of a file in the folder /srv, called `f.ini`. */
function read(text: string, ...args: string[]): ServeSettings {
  const command = parseCommandLine(["--config", "f.ini", ...args], {
    ...NO_SOURCES,
    cwd: "/srv",
    readTextFile(path) {
      assertEquals(path, "/srv/f.ini");
      return text;
    },
  });
  assert(command.kind === "serve");
  return command.settings;
}

const APP = "[app:main]\nuse = app.ts\n";
const served = (lines: string, ...args: string[]) =>
  read(`[server:main]\n${lines}\n${APP}`, ...args);
const tcp = (hostname: string, port: number) => ({ transport: "tcp" as const, hostname, port });

const LIMITS = defaultSettings().workerLimits;
const servers: [string, Partial<ServeSettings>][] = [
  ["", { http: [tcp("127.0.0.1", 8000)] }],
  ["use = http", { http: [tcp("127.0.0.1", 8000)] }],
  ["use = http\nport = 80", { http: [tcp("127.0.0.1", 80)] }],
  ["use = http\nhost = 0.0.0.0\nport = 80", { http: [tcp("0.0.0.0", 80)] }],
  ["use = http\nhost = *", { http: [tcp("", 8000)] }],
  ["use = http\nhost = ::1", { http: [tcp("::1", 8000)] }],
  ["use = http\nhost = [::1]", { http: [tcp("::1", 8000)] }],
  ["use = http\nprotocol = HTTP/1.1", { http: [tcp("127.0.0.1", 8000)] }],
  ["use = https\ncert = c.pem\nkey = /k.pem", {
    https: [tcp("127.0.0.1", 8443)],
    certFiles: ["/srv/c.pem"],
    keyFiles: ["/k.pem"],
  }],
  ["use = fastcgi", { http: [], fastcgi: [tcp("127.0.0.1", 5000)] }],
  ["use = fastcgi\nsocket = run/a.sock\nsocket_mode = 0660", {
    fastcgi: [{ transport: "unix", path: "/srv/run/a.sock", mode: 0o660 }],
  }],
  ["use = http\nsocket = /a.sock", {
    http: [{ transport: "unix", path: "/a.sock", mode: undefined }],
  }],
  ["use = fastcgi\nhttp = :1\n  unix:b.sock,mode=600", {
    http: [tcp("", 1), { transport: "unix", path: "/srv/b.sock", mode: 0o600 }],
    fastcgi: [tcp("127.0.0.1", 5000)],
  }],
  ["use = mongrel2\nsend_spec = tcp://a:9", {
    http: [],
    mongrel2: [{ send: "tcp://a:9", recv: "tcp://a:8" }],
  }],
  ["use = mongrel2\nsend_spec = dispatch+tcp://a:9,name=b\nuploads = /u", {
    mongrel2: [{ dispatcher: "tcp://a:9", name: "b", uploads: "/u" }],
  }],
  [
    "use = mongrel2\nsend_spec = ipc://a\nrecv_spec = ipc://b\nident = i\nchroot = /c\nuploads = /u",
    {
      mongrel2: [{
        send: "ipc:///srv/a",
        recv: "ipc:///srv/b",
        ident: "i",
        chroot: "/c",
        uploads: "/u",
      }],
    },
  ],
  ["use = mongrel2\nsend_spec = tcp://a:9\nuploads_start = early\nroute = mount", {
    http: [],
    mongrel2: [{ send: "tcp://a:9", recv: "tcp://a:8", uploadsStart: "early", route: "mount" }],
  }],
  ["mongrel2_config = m2.sqlite,uploads-start=early,route=strip", {
    http: [],
    mongrel2Config: "/srv/m2.sqlite",
    mongrel2Settings: { route: "strip", uploadsStart: "early" },
  }],
  ["use = mongrel2\nmongrel2_config = m2.sqlite\nmongrel2-route = /r", {
    mongrel2: [],
    mongrel2Config: "/srv/m2.sqlite",
    mongrel2Choice: { route: "/r" },
  }],
  ["max_conns = 3\nmax_reqs = 4\nbacklog = 5\nworkers = 6", {
    maxConns: 3,
    maxReqs: 4,
    backlog: 5,
    workers: 6,
  }],
  ["num_workers = 2", { workers: 2 }],
  ["threadpool_workers = 2", { workers: 2 }],
  ["deadman_timeout = 7", { drainTimeoutMs: 7_000 }],
  ["num_processes = 2", { processes: 2 }],
  ["max_memory = 64\nmax_age = 60", {
    workerLimits: { ...LIMITS, maxWorkerMemoryBytes: 67_108_864, maxWorkerAgeMs: 60_000 },
  }],
  ["max_memory = 1g", { workerLimits: { ...LIMITS, maxWorkerMemoryBytes: 1_073_741_824 } }],
  ["request_queue_size = 9", { backlog: 9 }],
  ["threads = 9", { workers: 9 }],
  ["factory = yes", { appKind: "factory" }],
  ["factory = off", { appKind: "plain" }],
  ["no_keepalive = yes", { limits: { ...DEFAULT_HTTP_LIMITS, maxRequestsPerConnection: 1 } }],
  ["watch = on", { watch: "files" }],
  ["dev = true", { watch: "files" }],
  ["watch = data/a.json,\n  b.json", {
    watch: "files",
    watchedFiles: ["/srv/data/a.json", "/srv/b.json"],
  }],
  ["chuid = www:data", { user: { user: "www", group: "data" } }],
  ["app_allow_read = data,/etc/a,,b\napp-allow-net = true\napp_allow_env = no", {
    appPermissions: { read: ["/srv/data", "/etc/a,b"], net: true, env: false },
  }],
  ["app_allow_run = ls,bin/x\napp-allow-import = a,\n  b", {
    appPermissions: { run: ["ls", "/srv/bin/x"], import: ["a", "b"] },
  }],
  ["mount = /x=x.ts#y\n  /z=https://z/", {
    mounts: [
      {
        prefix: "",
        app: "/srv/app.ts",
        kind: undefined,
        settings: {},
        origin: "f.ini:5",
        middleware: [],
      },
      { prefix: "/x", app: "/srv/x.ts#y" },
      { prefix: "/z", app: "https://z/" },
    ],
  }],
];
for (const [lines, expected] of servers) {
  Deno.test(`[server:main] with ${JSON.stringify(lines)} is understood`, () => {
    const settings = served(lines);
    assertEquals(
      Object.fromEntries(Object.keys(expected).map((key) => [key, settings[key as "http"]])),
      expected as Record<string, unknown>,
    );
  });
}

/** Options that are keys of another meaning: parts of an endpoint, or of the choice of a section. */
const OTHERWISE_KEYS = ["server-name", "host", "port"];
Deno.test("every option that is not about the command itself is a key, with dashes or underscores", () => {
  for (const option of OPTIONS) {
    for (const key of [option.name, option.name.replaceAll("-", "_")]) {
      const error = problemsOf(`[server:main]\n${key} =\n`);
      const message = option.givenBy === undefined
        ? `f.ini:2: ${key} needs a value`
        : `f.ini:2: ${key} is not a key of [server:NAME]`;
      if (option.givenBy === undefined) assertEquals(error, [message]);
      else if (!OTHERWISE_KEYS.includes(option.name)) assertStringIncludes(error[0], message);
    }
  }
});

Deno.test("a key of another server leads to an option, or is told to be none", () => {
  for (const [key, { option }] of ALIASES) {
    assert(OPTIONS.some(({ name }) => name === option), `${key} leads to --${option}`);
  }
});

function problemsOf(text: string, ...args: string[]): readonly string[] {
  return assertThrows(() => read(text, ...args), ConfigFileError).problems;
}

const refusedServers: [string, string][] = [
  [
    "use = htp",
    'f.ini:2: use takes http, https, fastcgi or mongrel2, not "htp"; did you mean http?',
  ],
  ["use = egg:gevent_fastcgi#wsgi", "for what gevent-fastcgi did, write use = fastcgi"],
  ["use = egg:gevent_fastcgi#fastcgi", "in [app:main] use = fastcgi-handler:MODULE"],
  ["use = egg:Spawning", "for a server of HTTP, write use = http"],
  ["use = egg:Paste#http", "write use = http"],
  ["use = egg:other", "names of Python packages mean nothing here"],
  ["use = toString", 'not "toString"'],
  ["port = 80", "f.ini:2: port needs use = http, https, fastcgi or mongrel2 beside it"],
  ["use = http\nport = 99999", 'f.ini:3: port takes a whole number from 0 to 65535, not "99999"'],
  ["use = http\nhost = a b", 'f.ini:3: host: bad address "a b:8000"'],
  ["use = http\nhost = a\nsocket = b", "f.ini:3: host cannot be combined with socket"],
  ["use = http\nsocket_mode = 0660", "f.ini:3: socket_mode needs socket beside it"],
  [
    "use = http\nsocket = a\nsocket_mode = 0990",
    'f.ini:4: socket_mode takes an octal mode such as 0660, not "0990"',
  ],
  ["use = http\nsocket = a\nsocket_mode = 432x", "f.ini:4: socket_mode takes an octal mode"],
  ["use = http\nsend_spec = tcp://a:9", "f.ini:3: send_spec cannot be combined with use = http"],
  ["use = mongrel2\nport = 1", "f.ini:3: port cannot be combined with use = mongrel2"],
  ["use = mongrel2", "f.ini:2: use = mongrel2 needs send_spec or mongrel2_config"],
  ["use = mongrel2\nrecv_spec = ipc://a", "f.ini:3: recv_spec needs send_spec beside it"],
  ["use = mongrel2\nsend_spec = ipc://a", "f.ini:3: send_spec: "],
  ["protocol = HTTP/1.0", "f.ini:2: protocol: each request is answered in its own version"],
  ["protocol = HTTP/2", 'f.ini:2: protocol: only HTTP/1.1 is supported, not "HTTP/2"'],
  ["worker = 1", "f.ini:2: worker is not a key of [server:NAME]; did you mean workers?"],
  ["max_con = 1", "f.ini:2: max_con is not a key of [server:NAME]; did you mean max_conns?"],
  ["max-con = 1", "; did you mean max-conns?"],
  ["constructor = 1", "f.ini:2: constructor is not a key"],
  ["workers = two", 'f.ini:2: workers takes a whole number from 0 to 1024, not "two"'],
  ["workers = 1\n  2", "f.ini:2: workers takes one value, on one line"],
  ["workers =", "f.ini:2: workers needs a value"],
  [
    "workers = 1\nnum_workers = 2",
    "f.ini:3: num_workers is given more than once (the first is f.ini:2",
  ],
  ["factory = 2", 'f.ini:2: factory takes true or false, not "2"'],
  ["http = 1\n\n  nowhere", 'f.ini:4: http: bad address "nowhere"'],
  ["config = a", "f.ini:2: config is not a key"],
  ["server_name = a", "f.ini:2: server_name: the server's name comes from each request"],
  ["buffer_size = 1", "f.ini:2: buffer_size: the system's own sizes"],
  ["gevent.monkey.socket = yes", "f.ini:2: gevent.monkey.socket: nothing needs patching"],
  ["daemonize = 1", "f.ini:2: daemonize: left to the service manager"],
  ["proactor = epoll", "f.ini:2: proactor: there is one event loop"],
  ["sendfile_timeout = 1", "f.ini:2: sendfile_timeout: write body-timeout"],
];
for (const [lines, message] of refusedServers) {
  Deno.test(`[server:main] with ${JSON.stringify(lines)} is refused`, () => {
    const problems = problemsOf(`[server:main]\n${lines}\n${APP}`);
    assertEquals(problems.length, 1, problems.join("\n"));
    assertStringIncludes(problems[0], message);
  });
}

/** The mounts in short: prefix, app, settings, and what is around it from the inside. */
function mounted(text: string, ...args: string[]): string[] {
  const short = (module: string, kind: string | undefined, settings: object = {}) =>
    module.replace("/srv/", "") + (kind === "factory" ? JSON.stringify(settings) : "");
  return read(text, ...args).mounts.map(({ prefix, app, kind, settings, middleware = [] }) =>
    [
      `${prefix || "/"} ${short(app, kind, settings)}`,
      ...middleware.map((each) => short(each.module, each.kind, each.settings)),
    ].join(" < ")
  );
}

const apps: [string, string, string[]][] = [
  ["a path is relative to the file", "[app:main]\nuse = a/b.ts", ["/ a/b.ts"]],
  ["%(here)s is the file's folder", "[app:main]\nuse = %(here)s/../b.ts#c", ["/ /b.ts#c"]],
  ["a URL is itself", "[app:main]\nuse = https://a/b.ts#c", ["/ https://a/b.ts#c"]],
  ["a package is itself", "[app:main]\nuse = npm:hono@4#x", ["/ npm:hono@4#x"]],
  ["other keys make a factory", "[app:main]\nuse = a.ts\nx = 1\nset y = 2", [
    '/ a.ts{"x":"1","y":"2"}',
  ]],
  ["a factory may have no settings", "[app:main]\nuse = a.ts\nfactory = yes", ["/ a.ts{}"]],
  ["settings can be called as anything", "[app:main]\nuse = a.ts\nconstructor = 1\nget = 2", [
    '/ a.ts{"constructor":"1","get":"2"}',
  ]],
  [
    "a composite mounts apps by prefix, and composites in composites",
    "[composite:main]\nuse = urlmap\n/ = a\n/b/ = b\n[app:a]\nuse = a.ts\n" +
    "[composite:b]\nuse = egg:Paste#urlmap\n/ = a\n/c = a",
    ["/ a.ts", "/b a.ts", "/b/c a.ts"],
  ],
  [
    "a pipeline has its first filter outermost, on as many lines as it likes",
    "[pipeline:main]\npipeline = f\n  g a\n[app:a]\nuse = a.ts\n[filter:f]\nuse = f.ts\n" +
    "[filter:g]\nuse = g.ts#h\nx = 1",
    ['/ a.ts < g.ts#h{"x":"1"} < f.ts'],
  ],
  [
    "a filter around a composite is around each of its apps",
    "[pipeline:main]\npipeline = f c\n[composite:c]\nuse = urlmap\n/a = a\n/b = p\n" +
    "[app:a]\nuse = a.ts\n[pipeline:p]\npipeline = g a\n" +
    "[filter:f]\nuse = f.ts\n[filter:g]\nuse = g.ts\nfactory = yes",
    ["/a a.ts < f.ts", "/b a.ts < g.ts{} < f.ts"],
  ],
  [
    "names stand for what is in [DEFAULT], or in the section",
    "[DEFAULT]\nx = 1\ny = %(x)s%(x)s\n[app:main]\nuse = %(z)s.ts\nz = a\nv = %(y)s 100%%\nx = %(x)s2",
    ['/ a.ts{"z":"a","v":"1212 100%","x":"12"}'],
  ],
];
for (const [what, text, expected] of apps) {
  Deno.test(`apps of a file: ${what}`, () => {
    assertEquals(mounted(text), expected);
  });
}

Deno.test("a composite takes prefixes off the URLs of its apps, and all that is before them", () => {
  const text = `[composite:main]
use = urlmap
/a = a,strip
/b = inner,strip
/c = inner
[composite:inner]
use = urlmap
/ = a
/d = a,strip
[app:a]
use = a.ts
`;
  const mounts = read(text).mounts.map(({ prefix, stripped }) => [prefix, stripped]);
  assertEquals(mounts, [
    ["/a", "/a"],
    ["/b", "/b"],
    ["/b/d", "/b/d"],
    ["/c", undefined],
    ["/c/d", "/c/d"],
  ]);
});

Deno.test("an app has workers and permissions of its own, which are no settings", () => {
  const text = `[app:main]
use = a.ts
workers = 2
app_allow_read = data
app-allow-net = no
set workers = many
`;
  const [{ workers, permissions, kind, settings }] = read(text).mounts;
  assertEquals([workers, permissions], [2, { read: ["/srv/data"], net: false }]);
  assertEquals([kind, settings], ["factory", { workers: "many" }]);
  const [all] = read("[app:main]\nuse = a.ts\napp-allow-all = yes").mounts;
  assertEquals([all.workers, all.permissions, all.kind], [undefined, "inherit", undefined]);
  assertThrows(
    () => read(text, "--workers=0"),
    ConfigError,
    "f.ini:2: workers of a single app need --workers 1 or more",
  );
});

Deno.test("a folder with a # in its name is no export", () => {
  const command = parseCommandLine(["--config", "f.ini"], {
    ...NO_SOURCES,
    cwd: "/a#b",
    readTextFile: () => APP,
  });
  assert(command.kind === "serve");
  assertEquals(command.settings.mounts[0].app, "/a#b/app.ts#default");
});

const NAMES = "[DEFAULT]\nname = one\n[app:main]\nuse = %(name)s.ts\n[app:b]\nuse = b%(more)s.ts\n";
Deno.test("name=value on the command line is for the names of a file", () => {
  const names = NAMES.replace("%(more)s", "");
  assertEquals(mounted(names), ["/ one.ts"]);
  assertEquals(mounted(names, "name=two"), ["/ two.ts"]);
  assertEquals(mounted(names, "name=100%"), ["/ 100%.ts"]);
  assertEquals(mounted(NAMES, "more=x", "--app-name=b"), ["/ bx.ts"]);
});

Deno.test("sections are chosen by name", () => {
  const text = "[server:main]\nworkers = 1\n[server:b]\nworkers = 2\n[app:main]\nuse = a.ts\n" +
    "[app:b]\nuse = b.ts";
  assertEquals(read(text).workers, 1);
  assertEquals(read(text, "--server-name=b").workers, 2);
  assertEquals(mounted(text, "--app-name=b"), ["/ b.ts"]);
  assertEquals(mounted(text, "--server-name=b"), ["/ a.ts"]);
});

Deno.test("apps of the command line set aside those of the file", () => {
  const text = `[server:main]\nmount = /x=x.ts\nworkers = 3\n${APP}`;
  assertEquals(mounted(text), ["/ app.ts", "/x x.ts"]);
  assertEquals(mounted(text, "--mount=/y=y.ts"), ["/y y.ts"]);
  const settings = read(text, "y.ts", "m.ts");
  assertEquals(settings.mounts, [{ prefix: "", app: "y.ts" }]);
  assertEquals([settings.middleware, settings.workers], [["m.ts"], 3]);
  assertEquals(read("[app:other]\nuse = b.ts", "y.ts").mounts.length, 1);
});

const refusedApps: [string, string[]][] = [
  ["[app:main]\nx = 1", ["f.ini:1: [app:main] needs use = URL_OR_PATH#EXPORT"]],
  ["[app:main]\nuse =", ["f.ini:2: use takes the path or URL of a module"]],
  ["[app:main]\nuse = egg:x", ['f.ini:2: use: "egg:x" names a Python package; write the path']],
  ["[app:main]\nuse = b\n[app:b]\nuse = b.ts", [
    "f.ini:2: use takes the path or URL of a module: use = app.ts#export; b is a section",
  ]],
  ["[app:main]\nuse = b.ts\nfactory = no\nx = 1", [
    "f.ini:4: x is a setting, which needs factory = true",
  ]],
  ["[app:main]\nuse = b.ts\nfactory = 3", ['f.ini:3: factory takes true or false, not "3"']],
  ["[app:main]\nuse = b.ts\nfilter-with = f", ["f.ini:3: filter-with: write a [pipeline:NAME]"]],
  ["[app:main]\nuse = b.ts\nworkers = 0", ["f.ini:3: workers of a single app must be at least 1"]],
  ["[app:main]\nuse = b.ts\nworkers = x", ["f.ini:3: workers takes a whole number"]],
  ["[app:main]\nuse = b.ts\nworkers =", ["f.ini:3: workers needs a value"]],
  ["[app:main]\nuse = b.ts\napp-allow-all = 1\napp-allow-net = 1", [
    "f.ini:1: app-allow-all includes app-allow-net",
  ]],
  ["[app:main]\nuse = b.ts\napp_allow_net = http://x", [
    "f.ini:3: app_allow_net takes HOST or HOST:PORT",
  ]],
  ["[app:main]\nuse = b.ts\nget x = f", ["f.ini:3: get x: write key = %(name)s"]],
  ["[app:main]\npaste.app_factory = x:y", [
    "f.ini:1: [app:main] needs use",
    "f.ini:2: paste.app_factory: write use =",
  ]],
  ["[pipeline:main]\npipeline = f b\n[filter:g]\nuse = g.ts\n[app:bb]\nuse = b.ts", [
    "f.ini:2: pipeline: there is no [filter:f]",
    "f.ini:2: pipeline: there is no [app:b]",
  ]],
  ["[pipeline:main]\npipeline = fil\n    app\n[filter:fill]\nuse = g.ts\n[app:ap]\nuse = b.ts", [
    "f.ini:2: pipeline: there is no [filter:fil]; did you mean fill?",
    "f.ini:3: pipeline: there is no [app:app]; did you mean ap?",
  ]],
  ["[pipeline:main]\npipeline = a f\n[filter:f]\nuse = g.ts\n[app:a]\nuse = b.ts", [
    "f.ini:2: pipeline: there is no [filter:a]; an app must come last",
    "f.ini:2: pipeline: there is no [app:f]; that is a filter",
  ]],
  ["[pipeline:main]\nx = 1", [
    "f.ini:1: [pipeline:main] needs pipeline = FILTER... APP",
    "f.ini:2: x is not a key of [pipeline:NAME]",
  ]],
  ["[composite:main]\n/ = a\n[app:a]\nuse = a.ts", [
    "f.ini:1: [composite:main] needs use = urlmap",
  ]],
  ["[composite:main]\nuse = urlmap", ["f.ini:1: [composite:main] mounts nothing"]],
  ["[composite:main]\nuse = urlmp\nx = a\n/y = ab\n[app:abc]\nuse = a.ts", [
    'f.ini:2: use takes urlmap here, not "urlmp"',
    "f.ini:3: x is not a key of [composite:NAME]",
    "f.ini:4: /y: there is no [app:ab]; did you mean abc?",
  ]],
  ["[composite:main]\nuse = urlmap\n/a = a\n/a/ = a\n[app:a]\nuse = a.ts", [
    "f.ini:4: two apps are mounted at /a",
  ]],
  ["[composite:main]\nuse = urlmap\n/ = b\n[pipeline:b]\npipeline = main", [
    "f.ini:5: apps refer to each other in a circle: main -> b -> main",
  ]],
  ["[app:main]\nuse = a.ts\n[pipeline:main]\npipeline = x", [
    "f.ini:3: [pipeline:main] has the same name as [app:main] in line 1",
  ]],
  ["[app:main]\nuse = a.ts\n[filter:f]\nx = 1", ["f.ini:3: [filter:f] needs use"]],
  ["[ap:main]\nuse = a", ["f.ini:1: there is no section [ap:main]; did you mean [app:main]?"]],
  ["[app]\nuse = a", ["f.ini:1: [app] needs a name: [app:main]"]],
  ["[loggers]\nkeys = a", ["f.ini:1: [loggers] belongs to Python's logging"]],
  ["[filter-app:main]\nuse = a", ["f.ini:1: [filter-app:main]: write a [filter:NAME]"]],
  ["[app:a]\nuse = a.ts\n[app:b]\nuse = b.ts", [
    "f.ini:1: there is no [app:main]; choose with --app-name a or --app-name b",
  ]],
  ["[server:a]\n[app:main]\nuse = b.ts", [
    "f.ini:1: there is no [server:main]; choose with --server-name a",
  ]],
  ["[app:main]\nuse = a%(b)s%", [
    "f.ini:2: use: %(b)s is not a key of this section or of [DEFAULT]",
    "f.ini:2: use: write %% for a %",
  ]],
  ["[DEFAULT]\nnamed = 1\n[app:main]\nuse = %(name)s", ["; did you mean named?"]],
  ["[server]\nx = 1\n[app:main]\nuse = a.ts", ["f.ini:1: [server] needs a name: [server:main]"]],
  ["[app:main]\nuse = %(x)s\nx = %(y)s\ny = %(x)s", [
    "f.ini:4: %(name)s refers to itself: x -> y -> x",
  ]],
  ["[app:main]\nuse = %(use)s", ["f.ini:2: use: %(use)s is not a key"]],
];
for (const [text, messages] of refusedApps) {
  Deno.test(`the file ${JSON.stringify(text)} is refused with all that is wrong`, () => {
    const problems = problemsOf(text);
    for (const message of messages) {
      assert(problems.some((each) => each.includes(message)), `${message}: ${problems.join("\n")}`);
    }
    assertEquals(problems.length, messages.length, problems.join("\n"));
  });
}

Deno.test("what is wrong in any section is told at once, in the order of the lines", () => {
  const text = "[server:main]\nworkers = x\n[server:b]\nworker = 1\n[app:main]\nuse = a\n[x]\n";
  assertEquals(problemsOf(text).map((each) => each.slice(0, 8)), [
    "f.ini:2:",
    "f.ini:4:",
    "f.ini:7:",
  ]);
});

const choices: [string[], string][] = [
  [["--app-name=b"], "there is no [app:b]"],
  [["--app-name=mai"], "there is no [app:mai]; did you mean main?"],
  [["--server-name=c"], "there is no [server:c]"],
  [["nam=x"], "nam=… on the command line sets %(nam)s, which f.ini does not use"],
];
for (const [args, message] of choices) {
  Deno.test(`${args.join(" ")} is refused if the file does not have it`, () => {
    assertStringIncludes(problemsOf(APP, ...args)[0], message);
  });
}

Deno.test("a file without apps is refused, unless the command line has one", () => {
  assertThrows(() => read("[server:main]"), ConfigError, "no app given: f.ini needs [app:main]");
  assertEquals(read("[server:main]", "a.ts").mounts.length, 1);
});

Deno.test("a file that cannot be read is refused with the reason", () => {
  assertThrows(
    () => parseCommandLine(["--config", "f.ini"], NO_SOURCES),
    ConfigError,
    "--config f.ini cannot be read: /f.ini does not exist",
  );
  const readTextFile = () => Deno.readTextFileSync("/nowhere/f.ini");
  const error = assertThrows(
    () => parseCommandLine(["--config", "f.ini"], { ...NO_SOURCES, readTextFile }),
    ConfigError,
  );
  assertEquals(error.message, "--config f.ini does not exist");
});

Deno.test("every option of a file has its variable", () => {
  const names = OPTIONS.map(variableOf);
  assertEquals(new Set(names).size, names.length);
});

Deno.test("the configuration file in docs/configuration.md is understood", () => {
  const text = blockOf("docs/configuration.md", "ini");
  assertEquals(mounted(text), [
    "/ site.ts",
    '/api https://example.com/api.ts#makeApi{"database":"/srv/data.db"} < timing.ts',
  ]);
  assertEquals(read(text).fastcgi, [
    { transport: "unix", path: "/srv/run/app.sock", mode: 0o660 },
  ]);
});

const MIGRATIONS = ["cogen", "gevent-fastcgi", "spawning"];
Deno.test("every key of other servers that is accepted has its row in a migration table", async () => {
  const texts = await Promise.all(
    MIGRATIONS.map((name) =>
      Deno.readTextFile(new URL(`../../docs/migration/${name}.md`, import.meta.url))
    ),
  );
  for (const key of ALIASES.keys()) assertStringIncludes(texts.join("\n"), `\`${key}\``);
});

Deno.test("values that double at each step are refused, and not expanded without end", () => {
  const steps = Array.from({ length: 40 }, (_, i) => `k${i} = %(k${i + 1})s%(k${i + 1})s`);
  const problems = problemsOf(`[app:main]\nuse = a.ts\n${steps.join("\n")}\nk40 =\n`);
  assertEquals(problems.length, 32);
  assertEquals(problems[0], "f.ini:3: k0 expands to more than 1000 names");
  // Those near the end stand for few.
  assertEquals(problems.at(-1), "f.ini:34: k31 expands to more than 1000 names");
});
