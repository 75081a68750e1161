/** The libzmq in the executable, which it uses where the system has none. */

import { assert, assertEquals, assertMatch } from "../support/assert.ts";
import { FakeMongrel2 } from "../support/fake_mongrel2.ts";
import { startGateway } from "../support/gateway.ts";
import { libzmqIsMissing } from "../support/peers.ts";
import { readCurveKeys } from "../../src/zmq/curve_files.ts";
import { collectLibraries, findLibzmq } from "../../scripts/compile/libraries.ts";
import { executable as found } from "./executable_path.ts";

const TARGET = "x86_64-unknown-linux-gnu";
const library = Deno.build.target === TARGET ? await findLibzmq(TARGET) : null;
const ignore = found === null || library === null || libzmqIsMissing();
const executable = found ?? "";
const decoder = new TextDecoder();

const folder = await Deno.makeTempDir();
globalThis.addEventListener("unload", () => Deno.removeSync(folder, { recursive: true }));

/**
 * Variables for a process that finds no libzmq in the system, nor `others` that it needs: files of
 * these names come first, and are no libraries.
 */
async function without(others: readonly string[]): Promise<Record<string, string>> {
  const place = await Deno.makeTempDir({ dir: folder });
  for (const name of ["libzmq.so.5", "libzmq.so", ...others]) {
    await Deno.writeTextFile(`${place}/${name}`, "not a library");
  }
  const temporary = await Deno.makeTempDir({ dir: folder });
  return { LD_LIBRARY_PATH: place, TMPDIR: temporary };
}

async function neededByLibzmq(): Promise<string[]> {
  const { files, missing } = await collectLibraries(library!, TARGET);
  assertEquals(missing, []);
  return files.slice(0, -1).map(({ name }) => name);
}

async function version(env: Record<string, string>): Promise<string> {
  const { stdout, stderr } = await new Deno.Command(executable, {
    args: ["--version"],
    env,
    stdin: "null",
  }).output();
  return decoder.decode(stdout) + decoder.decode(stderr);
}

Deno.test({
  name: "the executable takes the system's libzmq, or the one that is named, or else its own",
  ignore,
  async fn() {
    assertMatch(await version({}), /libzmq [\d.]+ from the system\)\n$/);
    assertMatch(
      await version({ GATEHOUSE_LIBZMQ: library! }),
      /libzmq [\d.]+ from GATEHOUSE_LIBZMQ\)\n$/,
    );
    assertMatch(await version({ GATEHOUSE_LIBZMQ: "/nowhere" }), /no libzmq\)\n$/);
    assertMatch(await version(await without([])), /libzmq [\d.]+ built in\)\n$/);
    assertMatch(
      await version(await without(await neededByLibzmq())),
      /libzmq [\d.]+ built in\)\n$/,
    );
  },
});

Deno.test({
  name: "its own libzmq comes from another folder where the one for temporary files does not do",
  ignore,
  async fn() {
    const env = await without(await neededByLibzmq());
    const cache = await Deno.makeTempDir({ dir: folder });
    const broken = { ...env, TMPDIR: "/proc" };
    assertMatch(await version({ ...broken, GATEHOUSE_CACHE: cache }), /built in\)\n$/);
    assertEquals([...Deno.readDirSync(cache)], []);
    const told = await version(broken);
    assertMatch(told, /no libzmq\)$/m);
    assertMatch(told, /^libzmq in the executable cannot be used here: /m);
  },
});

Deno.test({
  name: "its own libzmq can encrypt: it makes keys for dispatchers and their handlers",
  ignore,
  async fn() {
    const { code, stdout, stderr } = await new Deno.Command(executable, {
      args: ["dispatch", "keygen", `${folder}/web.key`],
      env: await without(await neededByLibzmq()),
      stdin: "null",
    }).output();
    assertEquals(code, 0, decoder.decode(stderr));
    assertMatch(decoder.decode(stdout), /web\.key has the public key, \S{40}\n/);
    const { secretKey } = readCurveKeys(`${folder}/web.key_secret`);
    assert(!decoder.decode(stdout).includes(secretKey));
  },
});

Deno.test({
  name: "the executable has what --sticky-regex needs",
  ignore,
  async fn() {
    const { code, stderr } = await new Deno.Command(executable, {
      args: ["dispatch", "tcp://127.0.0.1:2", "tcp://127.0.0.1:0", "--sticky-regex", "(a"],
      stdin: "null",
    }).output();
    assertMatch(decoder.decode(stderr), /missing closing \): `\(a`/);
    assertEquals(code, 2);
  },
});

Deno.test({
  name: "requests of Mongrel2 pass through the executable's own libzmq, which leaves no files",
  ignore,
  async fn() {
    const app = `${folder}/app.js`;
    await Deno.writeTextFile(
      app,
      `export default async (request, context) =>
        new Response(context.endpoint + " " + new URL(request.url).pathname);`,
    );
    const env = await without(await neededByLibzmq());
    await using server = new FakeMongrel2();
    await using gateway = await startGateway(
      [app, "--workers", "1", "--mongrel2", `${server.send},recv=${server.recv}`],
      { command: [executable], env: { ...env, GATEHOUSE_CACHE: `${folder}/cache` } },
    );
    const used = await Deno.readTextFile(`/proc/${gateway.pid}/maps`);
    assert(used.includes(`${env.TMPDIR}/`), "it is not the system's");
    for (const id of [1, 2, 3]) {
      await server.request(id, `/${id}`);
      assertMatch(await server.reply(), new RegExp(`HTTP/1\\.1 200 [^]*mongrel2 /${id}`));
    }
    assertEquals([...Deno.readDirSync(env.TMPDIR)], []);
    gateway.kill("SIGTERM");
    assertEquals((await gateway.status).code, 0);
  },
});
