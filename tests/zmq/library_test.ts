import { assert, assertEquals, assertMatch } from "../support/assert.ts";
import { FROM_SOURCE } from "../support/gateway.ts";
import { libzmqIsMissing } from "../support/peers.ts";
import { zmqVersion } from "../../src/zmq/library.ts";

const ignore = libzmqIsMissing();

const SOCKET_MODULE = new URL("../../src/zmq/socket.ts", import.meta.url).href;
const APP = new URL("../fixtures/app.ts", import.meta.url).pathname;
const decoder = new TextDecoder();

/** Makes a context with these permissions, and tells how it goes. */
const SCRIPT = `
import { ZmqContext } from ${JSON.stringify(SOCKET_MODULE)};
try {
  await using context = new ZmqContext();
  await using socket = context.socket("pull");
  await socket.readable(1);
  console.log("fine");
} catch (error) {
  console.log(error.name + ": " + error.message);
}
`;

async function runScript(permissions: readonly string[], library?: string): Promise<string> {
  const script = await Deno.makeTempFile({ suffix: ".ts" });
  try {
    await Deno.writeTextFile(script, SCRIPT);
    const { GATEHOUSE_LIBZMQ: _, ...env } = Deno.env.toObject();
    const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: [
        "run",
        "--no-prompt",
        "--no-check",
        "--no-lock",
        "--no-config",
        ...permissions,
        script,
      ],
      env: library === undefined ? env : { ...env, GATEHOUSE_LIBZMQ: library },
      clearEnv: true,
      stdin: "null",
    }).output();
    return decoder.decode(stdout).trimEnd() || decoder.decode(stderr);
  } finally {
    await Deno.remove(script);
  }
}

Deno.test({
  name: "the library tells its version",
  ignore,
  fn() {
    const [major, minor, patch] = zmqVersion();
    assert(major >= 4 && minor >= 0 && patch >= 0);
    assert(Number.isInteger(major + minor + patch));
  },
});

const NOT_PERMITTED =
  "ZmqLibraryError: libzmq cannot be loaded, since FFI is not permitted: add --allow-ffi";

const cases: Record<string, [readonly string[], string | undefined, string]> = {
  "all permissions": [["-A"], undefined, "fine"],
  "FFI alone": [["--allow-ffi"], undefined, "fine"],
  "FFI alone, and a variable that may not be read": [["--allow-ffi"], "/nowhere", "fine"],
  "no permissions": [[], undefined, NOT_PERMITTED],
  "no FFI": [["--allow-env"], undefined, NOT_PERMITTED],
  "no FFI for a library that is named": [["--allow-env"], "libzmq.so.5", NOT_PERMITTED],
  "a variable that is empty": [["--allow-ffi", "--allow-env"], "", "fine"],
  "a variable that names nothing": [
    ["--allow-ffi", "--allow-env"],
    "/nowhere",
    'ZmqLibraryError: libzmq cannot be loaded from "/nowhere", which GATEHOUSE_LIBZMQ names',
  ],
  "a variable that names no library": [
    ["-A"],
    APP,
    `ZmqLibraryError: libzmq cannot be loaded from "${APP}", which GATEHOUSE_LIBZMQ names`,
  ],
  "a variable that names another library": [
    ["-A"],
    "libc.so.6",
    'ZmqLibraryError: libzmq cannot be loaded from "libc.so.6", which GATEHOUSE_LIBZMQ names',
  ],
};
for (const [what, [permissions, library, printed]] of Object.entries(cases)) {
  Deno.test({
    name: `the library with ${what}: ${printed === "fine" ? "works" : "it is told what to do"}`,
    // Whether permissions are asked for is to be seen without the library, too.
    ignore: ignore && printed === "fine",
    async fn() {
      assertEquals(await runScript(permissions, library), printed);
    },
  });
}

Deno.test("the gateway says in one line that it needs the library, and exits 1", async () => {
  const [program, ...first] = FROM_SOURCE;
  const { code, stderr } = await new Deno.Command(program, {
    args: [...first, APP, "--mongrel2", "tcp://127.0.0.1:2"],
    env: { NO_COLOR: "1", GATEHOUSE_LIBZMQ: "/nowhere" },
    stdin: "null",
    signal: AbortSignal.timeout(60_000),
  }).output();
  const line = decoder.decode(stderr);
  assertMatch(
    line,
    /^gatehouse: libzmq cannot be loaded from "\/nowhere", which GATEHOUSE_LIBZMQ names\n$/,
  );
  assertEquals(code, 1, line);
});
