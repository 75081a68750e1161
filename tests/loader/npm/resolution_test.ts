import { LoadError } from "../../../src/base/errors.ts";
import { assertEquals, assertRejects } from "../../support/assert.ts";
import { TestCache, treeOf } from "../../support/npm_installer.ts";
import { FakeRegistry, plain } from "../../support/npm_registry.ts";
import type { FakePackages } from "../../support/npm_registry.ts";

/** Requirements, and the packages that they lead to. */
interface ResolutionCase {
  readonly name: string;
  readonly packages: FakePackages;
  readonly tags?: Readonly<Record<string, Readonly<Record<string, string>>>>;
  readonly wanted: readonly string[];
  readonly tree: readonly string[];
  /** What Deno does instead, if it is not the same. */
  readonly unlikeDeno?: string;
}

const deps = (dependencies: Record<string, string>) => plain({ dependencies });
const peers = (peerDependencies: Record<string, string>, more: Record<string, unknown> = {}) =>
  plain({ peerDependencies, ...more });

const VERSIONS: FakePackages = {
  "a@1.0.0": plain(),
  "a@1.2.3": plain(),
  "a@1.3.0-rc.1": plain(),
  "a@2.0.0": plain(),
  "a@3.0.0-beta.1": plain(),
};

const CASES: readonly ResolutionCase[] = [
  {
    name: "a range gets the highest version in it",
    packages: VERSIONS,
    wanted: ["npm:a@1", "npm:a@^1.0.0", "npm:a@1.x", "npm:a@1.2", "npm:a@1.2.3"],
    tree: ["a@1.2.3", "a@1.2.3", "a@1.2.3", "a@1.2.3", "a@1.2.3"],
  },
  {
    name: "one version serves all that it can serve",
    packages: VERSIONS,
    wanted: ["npm:a@1", "npm:a@^1.0.0", "npm:a@~1.0", "npm:a@1.0.0"],
    tree: ["a@1.0.0", "a@1.0.0", "a@1.0.0", "a@1.0.0"],
  },
  {
    name: "what another package needs can serve the app as well",
    packages: { ...VERSIONS, "b@1.0.0": deps({ a: "1.0.0" }) },
    wanted: ["npm:a@1", "npm:b"],
    tree: ["a@1.0.0", "b@1.0.0(a@1.0.0)"],
  },
  {
    name: "no range gets what is tagged latest, not what is highest",
    packages: VERSIONS,
    tags: { a: { latest: "2.0.0", next: "3.0.0-beta.1" } },
    wanted: ["npm:a"],
    tree: ["a@2.0.0"],
  },
  {
    name: "a tag gets its version",
    packages: VERSIONS,
    tags: { a: { latest: "2.0.0", next: "3.0.0-beta.1" } },
    wanted: ["npm:a@next"],
    tree: ["a@3.0.0-beta.1"],
  },
  {
    name: "a prerelease is for those who ask for it",
    packages: VERSIONS,
    wanted: ["npm:a@^1.3.0-rc.0", "npm:a@1.3.0-rc.1"],
    tree: ["a@1.3.0-rc.1", "a@1.3.0-rc.1"],
  },
  {
    name: "a scope belongs to the name",
    packages: { "@x/a@1.0.0": deps({ "@x/b": "1" }), "@x/b@1.0.0": plain() },
    wanted: ["npm:@x/a@1"],
    tree: ["@x/a@1.0.0(@x/b@1.0.0)"],
  },
  {
    name: "a version that is there already is taken again",
    packages: {
      "a@1.0.0": deps({ c: "1.0.0" }),
      "b@1.0.0": deps({ c: "^1.0.0" }),
      "c@1.0.0": plain(),
      "c@1.1.0": plain(),
    },
    wanted: ["npm:a", "npm:b"],
    tree: ["a@1.0.0(c@1.0.0)", "b@1.0.0(c@1.0.0)"],
  },
  {
    name: "versions that do not agree live side by side",
    packages: {
      "a@1.0.0": deps({ c: "1" }),
      "b@1.0.0": deps({ c: "2" }),
      "c@1.0.0": plain(),
      "c@2.0.0": plain(),
    },
    wanted: ["npm:a", "npm:b"],
    tree: ["a@1.0.0(c@1.0.0)", "b@1.0.0(c@2.0.0)"],
  },
  {
    name: "a dependency can have another name",
    packages: {
      "a@1.0.0": deps({ old: "npm:c@1", new: "npm:c@^2", "@s/c": "npm:c" }),
      "c@1.0.0": plain(),
      "c@2.0.0": plain(),
    },
    wanted: ["npm:a"],
    tree: ["a@1.0.0(@s/c=c@2.0.0 new=c@2.0.0 old=c@1.0.0)"],
  },
  {
    name: "packages can depend on each other, and on other versions of themselves",
    packages: {
      "a@1.0.0": deps({ b: "1", a: "0.9" }),
      "a@0.9.0": plain(),
      "b@1.0.0": deps({ a: "1" }),
    },
    wanted: ["npm:a@1"],
    tree: ["a@1.0.0(a@0.9.0 b@1.0.0(a@1.0.0))"],
  },
  {
    name: "a peer is the sibling's",
    packages: {
      "app@1.0.0": deps({ plugin: "1", host: "1.0.0" }),
      "plugin@1.0.0": peers({ host: "^1.0.0" }),
      "host@1.0.0": plain(),
      "host@1.5.0": plain(),
    },
    wanted: ["npm:app"],
    tree: ["app@1.0.0(host@1.0.0 plugin@1.0.0(host@1.0.0))"],
  },
  {
    name: "a peer is installed where nobody has it",
    packages: {
      "app@1.0.0": deps({ plugin: "1" }),
      "plugin@1.0.0": peers({ host: "^1.0.0" }),
      "host@1.0.0": plain(),
      "host@1.5.0": plain(),
    },
    wanted: ["npm:app"],
    tree: ["app@1.0.0(plugin@1.0.0(host@1.5.0))"],
  },
  {
    name: "a peer is the sibling's also where its version does not fit",
    packages: {
      "app@1.0.0": deps({ plugin: "1", host: "2" }),
      "plugin@1.0.0": peers({ host: "^1.0.0" }),
      "host@1.0.0": plain(),
      "host@2.0.0": plain(),
    },
    wanted: ["npm:app"],
    tree: ["app@1.0.0(host@2.0.0 plugin@1.0.0(host@2.0.0))"],
  },
  {
    name: "a peer can be what the app itself asks for",
    packages: {
      "plugin@1.0.0": peers({ host: "*" }),
      "host@1.0.0": plain(),
      "host@2.0.0": plain(),
    },
    wanted: ["npm:plugin", "npm:host@1"],
    tree: ["plugin@1.0.0(host@1.0.0)", "host@1.0.0"],
  },
  {
    name: "a peer can be the package that needs the plugin",
    packages: {
      "host@1.0.0": deps({ plugin: "1" }),
      "plugin@1.0.0": peers({ host: "1" }),
    },
    wanted: ["npm:host"],
    tree: ["host@1.0.0(plugin@1.0.0(host@1.0.0))"],
  },
  {
    name: "a peer is the nearest one",
    packages: {
      "app@1.0.0": deps({ kit: "1", host: "1" }),
      "kit@1.0.0": deps({ host: "2", plugin: "1" }),
      "plugin@1.0.0": peers({ host: "^1.0.0" }),
      "host@1.0.0": plain(),
      "host@2.0.0": plain(),
    },
    wanted: ["npm:app"],
    tree: ["app@1.0.0(host@1.0.0 kit@1.0.0(host@2.0.0 plugin@1.0.0(host@2.0.0)))"],
  },
  {
    name: "of several versions that the app asks for, the highest is the peer",
    packages: {
      "plugin@1.0.0": peers({ host: "*" }),
      "host@1.0.0": plain(),
      "host@2.0.0": plain(),
    },
    wanted: ["npm:plugin", "npm:host@1", "npm:host@2"],
    tree: ["plugin@1.0.0(host@2.0.0)", "host@1.0.0", "host@2.0.0"],
    unlikeDeno: "takes another one in its older versions",
  },
  {
    name: "of several versions that the app asks for, the highest that fits is the peer",
    packages: {
      "plugin@1.0.0": peers({ host: "^1.0.0" }),
      "host@1.0.0": plain(),
      "host@1.2.0": plain(),
      "host@2.0.0": plain(),
    },
    wanted: ["npm:host@1.0.0", "npm:host@1.2", "npm:host@2", "npm:plugin"],
    tree: ["host@1.0.0", "host@1.2.0", "host@2.0.0", "plugin@1.0.0(host@1.2.0)"],
    unlikeDeno: "takes the highest here, and what fits for react-dom 18 beside react 19",
  },
  {
    name: "a peer that is a dependency as well is the sibling's, or installed as that says",
    packages: {
      "app@1.0.0": deps({ host: "1.0.0", plugin: "1" }),
      "alone@1.0.0": deps({ plugin: "1" }),
      "plugin@1.0.0": peers({ host: "*" }, { dependencies: { host: "^1.2.0" } }),
      "host@1.0.0": plain(),
      "host@1.5.0": plain(),
      "host@2.0.0": plain(),
    },
    wanted: ["npm:app", "npm:alone"],
    tree: [
      "app@1.0.0(host@1.0.0 plugin@1.0.0(host@1.0.0))",
      "alone@1.0.0(plugin@1.0.0(host@1.5.0))",
    ],
  },
  {
    name: "what a package needs further down can serve another",
    packages: {
      "a@1.0.0": deps({ b: "1" }),
      "b@1.0.0": deps({ d: "1.0.0" }),
      "c@1.0.0": deps({ d: "^1.0.0" }),
      "d@1.0.0": plain(),
      "d@1.5.0": plain(),
    },
    wanted: ["npm:a", "npm:c"],
    tree: ["a@1.0.0(b@1.0.0(d@1.0.0))", "c@1.0.0(d@1.0.0)"],
  },
  {
    name: "what the app asks for is chosen before all that others need",
    packages: {
      "a@1.0.0": deps({ d: "*", b: "1" }),
      "b@1.0.0": deps({ d: "1.0.0" }),
      "d@1.0.0": plain(),
      "d@1.5.0": plain(),
    },
    wanted: ["npm:a", "npm:d@1.0.0"],
    tree: ["a@1.0.0(b@1.0.0(d@1.0.0) d@1.0.0)", "d@1.0.0"],
  },
  {
    name: "one package is two where its peers differ",
    packages: {
      "x@1.0.0": deps({ plugin: "1", host: "1" }),
      "y@1.0.0": deps({ plugin: "1", host: "2" }),
      "plugin@1.0.0": peers({ host: "*" }),
      "host@1.0.0": plain(),
      "host@2.0.0": plain(),
    },
    wanted: ["npm:x", "npm:y"],
    tree: [
      "x@1.0.0(host@1.0.0 plugin@1.0.0(host@1.0.0))",
      "y@1.0.0(host@2.0.0 plugin@1.0.0(host@2.0.0))",
    ],
  },
  {
    name: "a peer of a dependency's dependency is looked for further out",
    packages: {
      "app@1.0.0": deps({ kit: "1", host: "1" }),
      "kit@1.0.0": deps({ plugin: "1" }),
      "plugin@1.0.0": peers({ host: "1" }),
      "host@1.0.0": plain(),
    },
    wanted: ["npm:app"],
    tree: ["app@1.0.0(host@1.0.0 kit@1.0.0(plugin@1.0.0(host@1.0.0)))"],
  },
  {
    name: "siblings can be each other's peers",
    packages: {
      "a@1.0.0": peers({ b: "1" }),
      "b@1.0.0": peers({ a: "1" }),
    },
    wanted: ["npm:a", "npm:b"],
    tree: ["a@1.0.0(b@1.0.0(a@1.0.0))", "b@1.0.0(a@1.0.0(b@1.0.0))"],
  },
  {
    name: "an optional peer is used if it is there, and not installed",
    packages: {
      "with@1.0.0": deps({ plugin: "1", host: "1" }),
      "without@1.0.0": deps({ plugin: "1" }),
      "plugin@1.0.0": peers({ host: "1" }, { peerDependenciesMeta: { host: { optional: true } } }),
      "host@1.0.0": plain(),
    },
    wanted: ["npm:with", "npm:without"],
    tree: [
      "with@1.0.0(host@1.0.0 plugin@1.0.0(host@1.0.0))",
      "without@1.0.0(plugin@1.0.0)",
    ],
    unlikeDeno: "finds the one that is somewhere else; so does require() here, but by no link",
  },
  {
    name: "optional dependencies that do not fit or do not exist are left out",
    packages: {
      "a@1.0.0": plain({
        dependencies: { here: "1" },
        optionalDependencies: {
          here: "1",
          mac: "1",
          old: "1",
          musl: "1",
          linux: "1",
          "not-windows": "1",
          missing: "1",
          "no-version": "7",
          "from-git": "git+https://example.com/x.git",
        },
      }),
      "here@1.0.0": plain(),
      "mac@1.0.0": plain({ os: ["darwin"] }),
      "old@1.0.0": plain({ cpu: ["ia32"] }),
      "musl@1.0.0": plain({ libc: ["musl"] }),
      "linux@1.0.0": plain({ os: ["linux"], cpu: ["x64"], libc: ["glibc"] }),
      "not-windows@1.0.0": plain({ os: ["!win32"] }),
      "no-version@1.0.0": plain(),
    },
    wanted: ["npm:a"],
    tree: ["a@1.0.0(here@1.0.0 linux@1.0.0 not-windows@1.0.0)"],
    unlikeDeno: "refuses dependencies from elsewhere also where they are optional",
  },
  {
    name: "optional dependencies are left out when what they need cannot be fetched",
    packages: {
      "a@1.0.0": plain({ optionalDependencies: { native: "1" }, dependencies: { c: "1" } }),
      "native@1.0.0": deps({ broken: "1" }),
      "broken@1.0.0": { tarball: new TextEncoder().encode("this is no archive") },
      "c@1.0.0": plain(),
    },
    wanted: ["npm:a"],
    tree: ["a@1.0.0(c@1.0.0)"],
    unlikeDeno: "fails",
  },
  {
    name: "dependencies that a package brings along are not installed",
    packages: {
      "a@1.0.0": {
        ...plain({ dependencies: { b: "1", c: "1" }, bundleDependencies: ["b"] }),
      },
      "c@1.0.0": plain(),
    },
    wanted: ["npm:a"],
    tree: ["a@1.0.0(c@1.0.0)"],
  },
];

const LINUX = { os: "linux", cpu: "x64", libc: "glibc" };

for (const { name, packages, tags, wanted, tree } of CASES) {
  Deno.test(`npm: ${name}`, async () => {
    await using registry = await FakeRegistry.start(packages, { tags });
    await using test = await TestCache.make();
    // Each by itself where that matters is for the case to say.
    const set = await test.installer(registry.url, { platform: LINUX }).install(wanted);
    assertEquals(treeOf(set, wanted), [...tree]);
  });
}

/** Requirements that cannot be met, and what is said about that. */
const FAULTS: readonly {
  readonly name: string;
  readonly packages: FakePackages;
  readonly wanted: string;
  readonly message: string;
}[] = [
  {
    name: "no such package",
    packages: {},
    wanted: "npm:nowhere@1",
    message: "cannot load npm:nowhere: there is no such package in the registry {registry}",
  },
  {
    name: "no such version",
    packages: VERSIONS,
    wanted: "npm:a@^1.5",
    message: 'cannot load npm:a@^1.5: no version of the package matches "^1.5"; ' +
      "there are 1.0.0, 1.2.3, 2.0.0",
  },
  {
    name: "no such tag",
    packages: VERSIONS,
    wanted: "npm:a@canary",
    message: 'cannot load npm:a@canary: no version of the package matches "canary"; ' +
      "there are 1.2.3, 2.0.0",
  },
  {
    name: "no such dependency",
    packages: { "a@1.0.0": deps({ b: "1" }) },
    wanted: "npm:a",
    message: "cannot load npm:b@1: there is no such package in the registry {registry} " +
      "(required by a@1.0.0)",
  },
  {
    name: "no such version of a dependency",
    packages: { "a@1.0.0": deps({ b: "^2" }), "b@1.0.0": plain() },
    wanted: "npm:a",
    message: 'cannot load npm:b@^2: no version of the package matches "^2"; there are 1.0.0 ' +
      "(required by a@1.0.0)",
  },
  ...["file:../b", "git+https://example.com/b.git", "https://example.com/b.tgz", "user/b"].map(
    (source) => ({
      name: `dependency from ${source}`,
      packages: { "a@1.0.0": deps({ b: source }) },
      wanted: "npm:a",
      message: `cannot load npm:a@1.0.0: it wants "b" from "${source}", but packages are ` +
        "installed only from registries",
    }),
  ),
];

for (const { name, packages, wanted, message } of FAULTS) {
  Deno.test(`npm: ${name} is said in one line`, async () => {
    await using registry = await FakeRegistry.start(packages);
    await using test = await TestCache.make();
    const error = await assertRejects(
      () => test.installer(registry.url).install([wanted]),
      LoadError,
    );
    assertEquals(error.message, message.replace("{registry}", registry.url));
  });
}

Deno.test("npm: the outcome does not depend on the order of requirements", async () => {
  const { packages, wanted } = CASES.find(({ name }) => name.startsWith("one package is two"))!;
  await using registry = await FakeRegistry.start(packages);
  await using test = await TestCache.make();
  const first = await test.installer(registry.url).install(wanted);
  const second = await test.installer(registry.url).install(wanted.toReversed());
  assertEquals(first.root, second.root);
});

Deno.test("npm: Deno chooses the same packages", async () => {
  for (const { name, packages, tags, wanted, tree, unlikeDeno } of CASES) {
    if (unlikeDeno !== undefined) continue;
    await using registry = await FakeRegistry.start(packages, { tags });
    await using test = await TestCache.make();
    const folder = test.cache.root;
    const imports = wanted.map((each, index) => `import p${index} from ${JSON.stringify(each)};`);
    const trees = wanted.map((_, index) => `p${index}.tree()`);
    const program = `${folder}/program.mjs`;
    await Deno.writeTextFile(
      program,
      `${imports.join("")}console.log(JSON.stringify([${trees}]));`,
    );
    const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--no-lock", "--no-config", program],
      env: { NO_COLOR: "1", DENO_DIR: `${folder}/deno`, NPM_CONFIG_REGISTRY: registry.url },
      cwd: folder,
    }).output();
    const text = new TextDecoder().decode(stdout) || new TextDecoder().decode(stderr);
    assertEquals(text, `${JSON.stringify(tree)}\n`, name);
  }
});
