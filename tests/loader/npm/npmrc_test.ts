import { join } from "node:path";
import { ConfigError } from "../../../src/base/errors.ts";
import { NpmConfig, parseNpmrc } from "../../../src/loader/npm/npmrc.ts";
import { assertEquals, assertRejects, assertThrows } from "../../support/assert.ts";
import { environment } from "../../support/npm_installer.ts";

const NPMJS = "https://registry.npmjs.org/";

/** Text of an `.npmrc`, and which registry it gives to a package. */
const REGISTRIES: readonly { text: string; name: string; registry: string }[] = [
  { text: "", name: "a", registry: NPMJS },
  { text: "registry=https://r.test", name: "a", registry: "https://r.test/" },
  { text: "registry = https://r.test/npm//", name: "a", registry: "https://r.test/npm/" },
  { text: 'registry="https://r.test/x"', name: "@s/a", registry: "https://r.test/x/" },
  { text: "@s:registry=https://s.test/", name: "@s/a", registry: "https://s.test/" },
  { text: "@s:registry=https://s.test/", name: "@t/a", registry: NPMJS },
  { text: "@s:registry=https://s.test/", name: "s", registry: NPMJS },
  { text: "; registry=https://r.test\n# more", name: "a", registry: NPMJS },
  { text: "registry=https://${HOST}/", name: "a", registry: "https://env.test/" },
  { text: "registry=https://r.test/${NONE?}x", name: "a", registry: "https://r.test/x/" },
  { text: "", name: "@jsr/std__path", registry: "https://npm.jsr.io/" },
  { text: "@jsr:registry=https://j.test", name: "@jsr/a", registry: "https://j.test/" },
];

/** Text of an `.npmrc`, and what a request to a URL is sent with. */
const CREDENTIALS: readonly { text: string; url: string; authorization?: string }[] = [
  { text: "//r.test/:_authToken=t", url: "https://r.test/a", authorization: "Bearer t" },
  { text: "//r.test/:_authToken=${TOKEN}", url: "https://r.test/a", authorization: "Bearer env" },
  { text: "//r.test:_authToken=t", url: "https://r.test/a", authorization: "Bearer t" },
  { text: "//r.test/:_authToken=a=b==", url: "https://r.test/a", authorization: "Bearer a=b==" },
  { text: "//r.test/:_authToken=t", url: "https://r.test:8443/a" },
  { text: "//r.test:8443/:_authToken=t", url: "https://r.test:8443/a", authorization: "Bearer t" },
  { text: "//r.test/:_authToken=t", url: "https://x.r.test/a" },
  { text: "//r.test/:_authToken=t", url: "https://r.test.evil/a" },
  { text: "//r.test/npm/:_authToken=t", url: "https://r.test/npm/a/b", authorization: "Bearer t" },
  { text: "//r.test/npm/:_authToken=t", url: "https://r.test/other/a" },
  { text: "//r.test/npm/:_authToken=t", url: "https://r.test/npmx" },
  {
    text: "//r.test/:_authToken=out\n//r.test/in/:_authToken=in",
    url: "https://r.test/in/a",
    authorization: "Bearer in",
  },
  { text: "//r.test/:_auth=dTpw", url: "https://r.test/a", authorization: "Basic dTpw" },
  {
    text: "//r.test/:username=u\n//r.test/:_password=cMOk",
    url: "https://r.test/a",
    authorization: `Basic ${btoa("u:p\xc3\xa4")}`,
  },
  { text: "//r.test/:username=u", url: "https://r.test/a" },
  { text: "_authToken=t\n_auth=dTpw", url: `${NPMJS}a` },
];

const ENV = environment({ HOST: "env.test", TOKEN: "env" });

for (const { text, name, registry } of REGISTRIES) {
  Deno.test(`.npmrc ${JSON.stringify(text)}: ${name} comes from ${registry}`, () => {
    assertEquals(new NpmConfig([parseNpmrc(text, ENV, ".npmrc")]).registryOf(name), registry);
  });
}

for (const { text, url, authorization } of CREDENTIALS) {
  Deno.test(`.npmrc ${JSON.stringify(text)}: ${url} gets ${authorization ?? "nothing"}`, () => {
    const config = new NpmConfig([parseNpmrc(text, ENV, ".npmrc")]);
    assertEquals(config.authorizationFor(url), authorization);
  });
}

Deno.test(".npmrc: the environment counts more than the project, and that more than the user", async () => {
  const folder = await Deno.makeTempDir({ prefix: "gatehouse-npmrc-" });
  try {
    const [home, project] = [join(folder, "home"), join(folder, "project")];
    for (const path of [home, project]) await Deno.mkdir(path);
    const read = (variables: Record<string, string>) =>
      NpmConfig.read(project, environment({ HOME: home, ...variables }));
    await Deno.writeTextFile(
      join(home, ".npmrc"),
      "registry=https://user.test\n@s:registry=https://scope.test\n//user.test/:_authToken=t",
    );
    assertEquals((await read({})).registryOf("a"), "https://user.test/");
    await Deno.writeTextFile(join(project, ".npmrc"), "registry=https://project.test");
    const config = await read({});
    assertEquals(config.registryOf("a"), "https://project.test/");
    assertEquals(config.registryOf("@s/a"), "https://scope.test/");
    assertEquals(config.authorizationFor("https://user.test/a"), "Bearer t");
    const named = await read({ NPM_CONFIG_REGISTRY: "https://env.test" });
    assertEquals(named.registryOf("a"), "https://env.test/");
    assertEquals(named.registryOf("@s/a"), "https://scope.test/");
    const other = join(folder, "other");
    await Deno.writeTextFile(other, "@s:registry=https://other.test");
    const userConfig = await read({ NPM_CONFIG_USERCONFIG: other });
    assertEquals(userConfig.registryOf("@s/a"), "https://other.test/");
    await assertRejects(
      () => read({ NPM_CONFIG_REGISTRY: "nonsense" }),
      ConfigError,
      'NPM_CONFIG_REGISTRY: "nonsense" is not the URL of a registry',
    );
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test(".npmrc: a registry that is no URL is named with its file", () => {
  assertThrows(
    () => parseNpmrc("@s:registry=ftp://x", ENV, "/app/.npmrc"),
    ConfigError,
    '/app/.npmrc: @s:registry: "ftp://x" is not the URL of a registry',
  );
});
