import { assertEquals } from "../support/assert.ts";
import type { AppPermissions, WorkerPermissions } from "../../src/config/app_permissions.ts";
import {
  permissionsFor,
  permissionsNotice,
  readsEverything,
  withReadOf,
} from "../../src/config/app_permissions.ts";
import { inFolder } from "../support/processes.ts";

const ROOT = { cwd: "/", env: {} };
const LOCAL = "file:///srv/site/app.ts";
const REMOTE = "https://example.com/apps/app.ts";
const SYSTEM_FACTS = [
  "hostname",
  "osRelease",
  "osUptime",
  "loadavg",
  "networkInterfaces",
  "systemMemoryInfo",
  "uid",
  "gid",
  "getegid",
  "cpus",
  "homedir",
  "statfs",
  "getPriority",
  "userInfo",
  "username",
];
const NOTHING: Exclude<WorkerPermissions, string> = {
  net: false,
  read: false,
  write: false,
  env: false,
  run: false,
  sys: false,
  ffi: false,
  import: false,
};

/** Which permissions the workers get, besides nothing. */
const cases: Record<
  string,
  [string[], AppPermissions, Partial<Exclude<WorkerPermissions, string>>]
> = {
  "a local app has its folder, the network, the environment and facts": [[LOCAL], {}, {
    read: ["/srv/site"],
    net: "inherit",
    env: "inherit",
    sys: SYSTEM_FACTS,
    import: "inherit",
  }],
  "a remote app has its own origin": [[REMOTE], {}, {
    net: ["example.com:443"],
    import: ["example.com:443"],
  }],
  "the port of an origin counts": [["http://[::1]:8080/a.ts"], {}, {
    net: ["[::1]:8080"],
    import: ["[::1]:8080"],
  }],
  "the port of http is 80": [["http://h/a.ts"], {}, { net: ["h:80"], import: ["h:80"] }],
  "a package has nothing": [["npm:some-app@1"], {}, { net: [] }],
  "a package of JSR can be loaded": [["jsr:@a/b"], {}, { net: [], import: ["jsr.io:443"] }],
  "data is nobody's": [["data:text/javascript,1"], {}, { net: [] }],
  "several local apps share their folders": [[LOCAL, "file:///srv/b/x.ts", LOCAL], {}, {
    read: ["/srv/site", "/srv/b"],
    net: "inherit",
    env: "inherit",
    sys: SYSTEM_FACTS,
    import: "inherit",
  }],
  "what is asked for is in the place of the default, but folders stay readable": [[LOCAL], {
    net: ["a:1"],
    read: ["data", "/x"],
    env: false,
    run: ["ls", "./bin/x"],
    ffi: ["lib/l.so"],
    sys: true,
  }, {
    net: ["a:1"],
    read: ["/cwd/data", "/x", "/srv/site"],
    run: ["ls", "/cwd/bin/x"],
    ffi: ["/cwd/lib/l.so"],
    sys: "inherit",
    import: "inherit",
  }],
  "a remote app gets what it is given, and can be loaded": [[REMOTE], {
    net: true,
    import: ["esm.sh"],
  }, { net: "inherit", import: ["esm.sh", "example.com:443"] }],
  "apps from both places get no more than the remote one": [
    [LOCAL, REMOTE],
    {},
    { net: ["example.com:443"], import: ["example.com:443"] },
  ],
  "with options, apps from both places get no more than the remote one and these": [
    [LOCAL, REMOTE],
    { env: ["A"], read: ["/srv/data"] },
    { net: ["example.com:443"], env: ["A"], read: ["/srv/data"], import: ["example.com:443"] },
  ],
};
for (const [name, [urls, asked, expected]] of Object.entries(cases)) {
  Deno.test(`permissions: ${name}`, () => {
    assertEquals(permissionsFor(urls, asked, { cwd: "/cwd", env: {} }), {
      ...NOTHING,
      ...expected,
    });
  });
}

const projects: Record<string, [files: Record<string, string>, app: string, folder: string]> = {
  "the nearest deno.json says": [
    { "a/deno.json": "", "a/b/src/app.ts": "" },
    "a/b/src/app.ts",
    "a",
  ],
  "deno.jsonc does, too": [{ "a/deno.jsonc": "", "a/src/app.ts": "" }, "a/src/app.ts", "a"],
  "so does package.json": [{ "a/package.json": "", "a/src/app.ts": "" }, "a/src/app.ts", "a"],
  "the nearest one counts": [
    { "a/deno.json": "", "a/b/package.json": "", "a/b/c/app.ts": "" },
    "a/b/c/app.ts",
    "a/b",
  ],
  "a folder of that name is none": [{ "a/deno.json/x": "", "a/b/app.ts": "" }, "a/b/app.ts", "a/b"],
  "what Nitro has built is one of its project": [
    { "a/package.json": "", "a/.output/nitro.json": "", "a/.output/server/package.json": "" },
    "a/.output/server/index.mjs",
    "a",
  ],
  "what Nitro has built is one without it": [
    { "a/.output/nitro.json": "", "a/.output/server/package.json": "" },
    "a/.output/server/index.mjs",
    "a/.output",
  ],
  "members of a workspace are of its root": [
    { "a/deno.json": '{ "workspace": ["./b"] }', "a/b/deno.json": "", "a/b/c/app.ts": "" },
    "a/b/c/app.ts",
    "a",
  ],
  "members of a workspace of npm's, too": [
    { "a/package.json": '{ "workspaces": ["p/*"] }', "a/p/b/package.json": "{}" },
    "a/p/b/app.ts",
    "a",
  ],
  "members of a workspace of pnpm's, too": [
    { "a/pnpm-workspace.yaml": "packages:\n  - 'p/**'\n", "a/p/q/b/package.json": "{}" },
    "a/p/q/b/app.ts",
    "a",
  ],
  "what a workspace does not list is no member": [
    {
      "a/deno.json": '{ "workspace": ["./c", "d/*"] }',
      "a/package.json": '{ "workspaces": ["*", "!b"] }',
      "a/b/deno.json": "",
    },
    "a/b/app.ts",
    "a/b",
  ],
  "the user's home is no project": [{ "package.json": "", "a/app.ts": "" }, "a/app.ts", "a"],
  "an app at home has it all the same": [{ "package.json": "", "app.ts": "" }, "app.ts", ""],
  "a folder that everybody can write to is none": [
    { "open/package.json": "", "open/a/app.ts": "" },
    "open/a/app.ts",
    "open/a",
  ],
};
for (const [name, [files, app, expected]] of Object.entries(projects)) {
  Deno.test(`the folder of a local app: ${name}`, () =>
    inFolder(files, (folder) => {
      if ("open/package.json" in files) Deno.chmodSync(`${folder}/open`, 0o777);
      const surroundings = { cwd: "/", env: { HOME: folder } };
      const permissions = permissionsFor([`file://${folder}/${app}`], {}, surroundings);
      const read = permissions === "inherit" ? [] : permissions.read;
      assertEquals(read, [`${folder}/${expected}`.replace(/\/$/, "")]);
    }));
}

Deno.test("the folder of a local app: the home folder is none, whatever links lead there", () =>
  inFolder({ "home/package.json": "{}", "home/app/app.ts": "" }, (folder) => {
    Deno.symlinkSync(`${folder}/home`, `${folder}/link`);
    for (const [at, home] of [["home", "link"], ["link", "home"], ["link", "link"]]) {
      const surroundings = { cwd: "/", env: { HOME: `${folder}/${home}` } };
      const app = `file://${folder}/${at}/app/app.ts`;
      const permissions = permissionsFor([app], {}, surroundings);
      const read = permissions === "inherit" ? [] : permissions.read;
      assertEquals(read, [`${folder}/${at}/app`]);
    }
  }));

Deno.test("permissions: all that gatehouse may stays that", () => {
  assertEquals(permissionsFor([LOCAL, REMOTE], "inherit", ROOT), "inherit");
  assertEquals(withReadOf("inherit", ["/a"]), "inherit");
});

Deno.test("permissions: reading more is added to what can be read", () => {
  const local = { ...NOTHING, read: ["/srv/site"] };
  assertEquals(withReadOf(local, ["/cache"]), { ...local, read: ["/srv/site", "/cache"] });
  assertEquals(withReadOf(NOTHING, ["/cache"]), { ...NOTHING, read: ["/cache"] });
  const all = { ...NOTHING, read: "inherit" as const };
  assertEquals(withReadOf(all, ["/cache"]), all);
  assertEquals([local, all, "inherit" as const].map(readsEverything), [false, true, true]);
});

const notices: [string[], AppPermissions | "inherit", RegExp][] = [
  [
    [LOCAL],
    {},
    /^apps may use: net, read=\/srv\/site, env, sys \(to read\), import \(more with --app-allow-…/,
  ],
  [
    [REMOTE],
    {},
    /^apps may use: net=example\.com:443, import=.* not a local file; give more with --app-a/,
  ],
  [["npm:x"], {}, /^apps may use: nothing \(no more by default, since npm:x is not a local file/],
  [[REMOTE], "inherit", /^apps may do everything that gatehouse itself may do$/],
];
for (const [urls, asked, pattern] of notices) {
  Deno.test(`the start says what ${urls} may do, asked ${JSON.stringify(asked)}`, () => {
    const notice = permissionsNotice(urls, permissionsFor(urls, asked, ROOT));
    assertEquals(pattern.test(notice), true, notice);
  });
}

Deno.test({
  name: "programs are those that PATH finds first, by its copy, and in it what can be run",
  ignore: Deno.build.os === "windows",
  fn: () =>
    inFolder({}, (folder) => {
      for (const name of ["a", "b"]) Deno.mkdirSync(`${folder}/${name}`);
      for (const name of ["a/tool", "b/tool", "b/other"]) {
        Deno.writeTextFileSync(`${folder}/${name}`, "");
      }
      Deno.chmodSync(`${folder}/b/tool`, 0o755);
      Deno.mkdirSync(`${folder}/a/other`);
      Deno.chmodSync(`${folder}/b/other`, 0o755);
      const env = { PATH: `/nowhere:${folder}/a:b` };
      const run = ["tool", "other", "nothing", "./tool"];
      const permissions = permissionsFor([LOCAL], { run }, { cwd: folder, env });
      assertEquals(permissions === "inherit" ? [] : permissions.run, [
        `${folder}/b/tool`,
        `${folder}/b/other`,
        "nothing",
        `${folder}/tool`,
      ]);
      return Promise.resolve();
    }),
});
