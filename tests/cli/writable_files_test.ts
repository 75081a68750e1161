import { assertEquals } from "../support/assert.ts";
import { defaultSettings } from "../../src/config/settings.ts";
import type { ServeSettings } from "../../src/config/settings.ts";
import { warnOfOpenFiles } from "../../src/cli/writable_files.ts";
import { takeSurroundings } from "../../src/base/surroundings.ts";
import { inFolder } from "../support/processes.ts";

const FILES = {
  "app.js": "",
  "g.ini": "",
  "m.js": "",
  "lock.json": "",
  "key.pem": "",
  "map.json": "",
  "state/file": "",
};

function acmeIn(folder: string): ServeSettings["acme"] {
  return { ...defaultSettings().acme, certificates: [["a.test"]], folder };
}

/** Modes that differ from 0644 and 0755, what is named, and which files are told of. */
const cases: Record<
  string,
  [modes: Record<string, number>, settings: Partial<ServeSettings>, open: string[]]
> = {
  "files that others can read": [
    { "app.js": 0o644 },
    { mounts: [{ prefix: "", app: "app.js" }], configFile: "g.ini" },
    [],
  ],
  "an app": [{ "app.js": 0o666 }, { mounts: [{ prefix: "", app: "app.js#x" }] }, ["app.js"]],
  "an app, by its group": [{ "app.js": 0o664 }, { mounts: [{ prefix: "", app: "app.js" }] }, []],
  "an app that is named twice": [
    { "app.js": 0o646 },
    { mounts: [{ prefix: "", app: "app.js" }, { prefix: "/a", app: "./app.js" }] },
    ["app.js"],
  ],
  "middleware of all apps": [
    { "m.js": 0o666 },
    { mounts: [{ prefix: "", app: "app.js" }], middleware: ["m.js"] },
    ["m.js"],
  ],
  "middleware of one app": [{ "m.js": 0o666 }, {
    mounts: [{
      prefix: "",
      app: "https://a.example/",
      middleware: [{ module: "m.js", kind: "plain", settings: {} }],
    }],
  }, ["m.js"]],
  "the configuration file": [{ "g.ini": 0o602 }, { configFile: "g.ini" }, ["g.ini"]],
  "lock and import map": [{ "lock.json": 0o666, "map.json": 0o666 }, {
    loading: { ...defaultSettings().loading, lockFile: "lock.json", importMap: "map.json" },
  }, ["lock.json", "map.json"]],
  "the folder of two files": [
    { "": 0o777 },
    { configFile: "g.ini", mounts: [{ prefix: "", app: "app.js" }] },
    [""],
  ],
  "a folder with the sticky bit": [{ "": 0o1777 }, { configFile: "g.ini" }, []],
  "the folder of certificates": [
    { "state": 0o777 },
    { acme: acmeIn("state") },
    ["state"],
  ],
  "the folder of certificates, with the sticky bit": [
    { "state": 0o1777 },
    { acme: acmeIn("state") },
    [],
  ],
  "what is above the folder of certificates": [{ "": 0o777 }, { acme: acmeIn("state") }, [""]],
  "a folder of certificates that is not used": [
    { "state": 0o777 },
    { acme: { ...defaultSettings().acme, folder: "state" } },
    [],
  ],
  "what is not there": [{}, { mounts: [{ prefix: "", app: "gone.js" }] }, []],
};
for (const [what, [modes, settings, open]] of Object.entries(cases)) {
  Deno.test({
    name: `of ${what} that everybody can write to, ${open.length || "no"} warning is given`,
    ignore: Deno.build.os === "windows",
    fn: () =>
      inFolder(FILES, (folder) => {
        for (const name of Object.keys(FILES)) Deno.chmodSync(`${folder}/${name}`, 0o644);
        Deno.chmodSync(folder, 0o755);
        for (const [name, mode] of Object.entries(modes)) {
          Deno.chmodSync(`${folder}/${name}`.replace(/\/$/, ""), mode);
        }
        const told: (string | undefined)[] = [];
        warnOfOpenFiles(
          { ...defaultSettings(), ...settings },
          { ...takeSurroundings(), cwd: folder },
          (level, message) => told.push(`${level} ${/chmod o-w (.*)$/.exec(message)?.[1]}`),
        );
        const paths = open.map((name) => `${folder}/${name}`.replace(/\/$/, ""));
        assertEquals(told, paths.map((path) => `warning ${path}`));
        return Promise.resolve();
      }),
  });
}

Deno.test({
  name: "of a private key that everybody can read, a warning is given",
  ignore: Deno.build.os === "windows",
  fn: () =>
    inFolder(FILES, (folder) => {
      const path = `${folder}/key.pem`;
      const told = () => {
        const messages: string[] = [];
        warnOfOpenFiles(
          { ...defaultSettings(), keyFiles: [path] },
          takeSurroundings(),
          (_, message) => messages.push(message),
        );
        return messages;
      };
      Deno.chmodSync(path, 0o640);
      assertEquals(told(), []);
      Deno.chmodSync(path, 0o644);
      assertEquals(told(), [
        `every user of this machine can read the private key ${path}: chmod o-r ${path}`,
      ]);
      return Promise.resolve();
    }),
});
