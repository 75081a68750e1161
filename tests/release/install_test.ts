/** scripts/install.sh with archives that scripts/release.ts has made, from a server of our own. */

import { assert, assertEquals, assertMatch } from "../support/assert.ts";

const SCRIPTS = new URL("../../scripts/", import.meta.url).pathname;
const INSTALL = `${SCRIPTS}install.sh`;
const TARGET = "x86_64-unknown-linux-gnu";
const ARCHIVE = `gatehouse-${TARGET}.tar.gz`;
const ignore = Deno.build.target !== TARGET;
const decoder = new TextDecoder();

/** Programs that the script needs, besides what downloads and checks. */
const PROGRAMS =
  "sh dash bash uname ldd mkdir mktemp rm mv sed cut tar gzip chmod cat grep true false";

/** A release of an executable that prints `text`, and a server of it. */
async function serveRelease(text: string): Promise<Release> {
  const folder = await Deno.makeTempDir();
  const dist = `${folder}/dist`;
  await Deno.mkdir(`${dist}/${TARGET}`, { recursive: true });
  await Deno.writeTextFile(`${dist}/${TARGET}/gatehouse`, `#!/bin/sh\necho "${text}"\n`);
  const output = `${folder}/releases`;
  await makeRelease(dist, output);
  const asked: string[] = [];
  const server = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen() {} }, async (request) => {
    const { pathname } = new URL(request.url);
    asked.push(pathname);
    const file = /^\/(?:latest\/download|download\/v1\.2\.3)\/([\w.-]+)$/.exec(pathname)?.[1];
    try {
      if (file !== undefined) return new Response(await Deno.readFile(`${output}/${file}`));
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
    return new Response("not here", { status: 404 });
  });
  return {
    folder,
    output,
    asked,
    url: `http://127.0.0.1:${server.addr.port}`,
    async [Symbol.asyncDispose]() {
      await server.shutdown();
      await Deno.remove(folder, { recursive: true });
    },
  };
}

interface Release extends AsyncDisposable {
  readonly folder: string;
  readonly output: string;
  readonly asked: readonly string[];
  readonly url: string;
}

async function makeRelease(dist: string, output: string): Promise<void> {
  const { success, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "-A",
      "--no-check",
      "--no-lock",
      `${SCRIPTS}release.ts`,
      "--dist",
      dist,
      "--output",
      output,
    ],
    stdin: "null",
  }).output();
  assert(success, decoder.decode(stderr));
}

/** A folder with links to these programs alone. */
async function programs(folder: string, names: string): Promise<string> {
  const place = await Deno.makeTempDir({ dir: folder });
  for (const name of names.split(" ")) {
    for (const from of ["/bin", "/usr/bin"]) {
      try {
        await Deno.stat(`${from}/${name}`);
        await Deno.symlink(`${from}/${name}`, `${place}/${name}`);
        break;
      } catch (error) {
        if (!(error instanceof Deno.errors.NotFound)) throw error;
      }
    }
  }
  return place;
}

interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
  /** Names of what is in the folder afterwards. */
  readonly files: string[];
}

async function install(
  release: Release,
  options: {
    readonly args?: readonly string[];
    readonly shell?: string;
    readonly path?: string;
    readonly folder?: string;
  } = {},
): Promise<Outcome> {
  const folder = options.folder ?? `${release.folder}/home/.gatehouse/bin`;
  const { code, stdout, stderr } = await new Deno.Command(options.shell ?? "sh", {
    args: [INSTALL, ...options.args ?? []],
    clearEnv: true,
    env: {
      PATH: options.path ?? Deno.env.get("PATH") ?? "",
      HOME: `${release.folder}/home`,
      GATEHOUSE_RELEASES: release.url,
      ...(options.folder === undefined ? {} : { GATEHOUSE_INSTALL: options.folder }),
    },
    stdin: "null",
  }).output();
  const files: string[] = [];
  try {
    for (const { name } of Deno.readDirSync(folder)) files.push(name);
  } catch (error) {
    const isNone = error instanceof Deno.errors.NotFound ||
      error instanceof Deno.errors.NotADirectory;
    if (!isNone) throw error;
  }
  return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr), files };
}

/** Fails with one line, and leaves nothing behind. */
function assertRefused(outcome: Outcome, reason: RegExp): void {
  assertMatch(outcome.stderr, /^install gatehouse: [^\n]+\n$/);
  assertMatch(outcome.stderr, reason);
  assertEquals(outcome.stdout, "");
  assertEquals(outcome.code, 1);
  assertEquals(outcome.files, []);
}

for (const shell of ["dash", "bash"]) {
  Deno.test({
    name: `${shell} installs the latest release, and says how to have it in the PATH`,
    ignore,
    async fn() {
      await using release = await serveRelease("gatehouse 1.2.3 (fake)");
      const outcome = await install(release, { shell });
      const executable = `${release.folder}/home/.gatehouse/bin/gatehouse`;
      assertEquals(outcome.stderr, "");
      assertEquals(outcome.code, 0);
      assertEquals(
        outcome.stdout,
        `gatehouse 1.2.3 (fake)\nis installed as ${executable}\n` +
          `Add it to your PATH: export PATH="${release.folder}/home/.gatehouse/bin:$PATH"\n`,
      );
      assertEquals(outcome.files, ["gatehouse"]);
      assertEquals(Deno.statSync(executable).mode! & 0o777, 0o755);
      const share = `${release.folder}/home/.gatehouse/share`;
      for (
        const [path, start] of [
          ["man/man1/gatehouse.1", ".TH GATEHOUSE 1"],
          ["bash-completion/completions/gatehouse", "# Completions of gatehouse for bash"],
          ["zsh/site-functions/_gatehouse", "#compdef gatehouse\n"],
          ["fish/vendor_completions.d/gatehouse.fish", "# Completions of gatehouse for fish"],
        ]
      ) {
        assert((await Deno.readTextFile(`${share}/${path}`)).startsWith(start), path);
        assertEquals(Deno.statSync(`${share}/${path}`).mode! & 0o777, 0o644);
      }
      assertEquals(release.asked, [
        "/latest/download/SHA256SUMS",
        `/latest/download/${ARCHIVE}`,
      ]);
    },
  });
}

for (const version of ["1.2.3", "v1.2.3"]) {
  Deno.test({
    name: `the version ${version} is installed where GATEHOUSE_INSTALL says, over another one`,
    ignore,
    async fn() {
      await using release = await serveRelease("gatehouse 1.2.3 (fake)");
      const folder = `${release.folder}/some where`;
      await Deno.mkdir(folder);
      await Deno.writeTextFile(`${folder}/gatehouse`, "the one before");
      const path = `${folder}:${Deno.env.get("PATH")}`;
      const outcome = await install(release, { args: [version], folder, path });
      assertEquals(outcome.stderr, "");
      assertEquals(
        outcome.stdout,
        `gatehouse 1.2.3 (fake)\nis installed as ${folder}/gatehouse\n`,
      );
      assertEquals(outcome.files, ["gatehouse"]);
      assertMatch(await Deno.readTextFile(`${folder}/gatehouse`), /fake/);
      assert(release.asked.every((path) => path.startsWith("/download/v1.2.3/")));
    },
  });
}

for (const tools of ["curl sha256sum", "wget shasum perl", "wget sha256sum"]) {
  Deno.test({
    name: `with ${tools} alone it is installed, too`,
    ignore: ignore || tools.split(" ").some((name) => !isThere(name)),
    async fn() {
      await using release = await serveRelease("fine");
      const path = await programs(release.folder, `${PROGRAMS} ${tools}`);
      const { code, stderr } = await install(release, { path });
      assertEquals(stderr, "");
      assertEquals(code, 0);
    },
  });
}

function isThere(program: string): boolean {
  return ["/bin", "/usr/bin"].some((folder) => {
    try {
      Deno.statSync(`${folder}/${program}`);
      return true;
    } catch {
      return false;
    }
  });
}

Deno.test({
  name: "an archive that is not what was released is refused, and what was installed stays",
  ignore,
  async fn() {
    await using release = await serveRelease("fine");
    await Deno.writeTextFile(`${release.output}/${ARCHIVE}`, "\0", { append: true });
    assertRefused(
      await install(release),
      /latest\/download\/gatehouse-\S+ is not what was released: its SHA-256 is [\da-f]{64}, not /,
    );
    const folder = `${release.folder}/there`;
    await Deno.mkdir(folder);
    await Deno.writeTextFile(`${folder}/gatehouse`, "the one before");
    const { code, files } = await install(release, { folder });
    assertEquals([code, files], [1, ["gatehouse"]]);
    assertEquals(await Deno.readTextFile(`${folder}/gatehouse`), "the one before");
  },
});

Deno.test({
  name: "what cannot be installed is told in one line, and nothing is left behind",
  ignore,
  async fn() {
    await using release = await serveRelease("fine");
    assertRefused(
      await install(release, { args: ["9.9.9"] }),
      /cannot download \S+\/download\/v9\.9\.9\/SHA256SUMS/,
    );
    assertRefused(await install(release, { args: ["../1"] }), /not a version: \.\.\/1/);
    assertRefused(await install(release, { args: ["1", "2"] }), /one argument at the most/);
    const without = await programs(release.folder, `${PROGRAMS} sha256sum`);
    assertRefused(await install(release, { path: without }), /neither curl nor wget/);
    const unchecked = await programs(release.folder, `${PROGRAMS} curl`);
    assertRefused(await install(release, { path: unchecked }), /neither sha256sum nor shasum/);
    const file = `${release.folder}/file`;
    await Deno.writeTextFile(file, "");
    assertRefused(await install(release, { folder: `${file}/bin` }), /cannot make the folder/);
  },
});

const machines: Record<string, [string, string, RegExp]> = {
  "another machine": ["Linux", "riscv64", /there is no executable for Linux on riscv64/],
  "another system": ["FreeBSD", "amd64", /there is no executable for FreeBSD here/],
  "an archive that was not released": [
    "Darwin",
    "arm64",
    /has no gatehouse-aarch64-apple-darwin\.tar\.gz/,
  ],
};
for (const [what, [system, machine, reason]] of Object.entries(machines)) {
  Deno.test({
    name: `${what}: it is told that there is nothing for ${system} on ${machine}`,
    ignore,
    async fn() {
      await using release = await serveRelease("fine");
      const fake = await Deno.makeTempDir({ dir: release.folder });
      const answer = `#!/bin/sh\n[ "$1" = -s ] && echo ${system} || echo ${machine}\n`;
      await Deno.writeTextFile(`${fake}/uname`, answer, { mode: 0o755 });
      assertRefused(
        await install(release, { path: `${fake}:${Deno.env.get("PATH")}` }),
        reason,
      );
    },
  });
}

Deno.test({
  name: "an executable that does not run is not installed",
  ignore,
  async fn() {
    await using release = await serveRelease("fine");
    const dist = `${release.folder}/dist`;
    await Deno.writeTextFile(`${dist}/${TARGET}/gatehouse`, "#!/bin/sh\nexit 3\n");
    await makeRelease(dist, release.output);
    assertRefused(await install(release), /does not run here/);
  },
});

Deno.test({
  name: "a release of the same executables is the same",
  ignore,
  async fn() {
    await using release = await serveRelease("fine");
    const again = `${release.folder}/again`;
    await makeRelease(`${release.folder}/dist`, again);
    for (const name of ["SHA256SUMS", ARCHIVE, "install.sh"]) {
      const read = (folder: string) => Deno.readFileSync(`${folder}/${name}`);
      assertEquals(read(again), read(release.output));
    }
  },
});
