/**
 * The functions of libzmq, bound by FFI.
 *
 * @module
 */

import { resolve } from "node:path";
import { ZmqError, ZmqLibraryError } from "../base/errors.ts";
import type { Surroundings } from "../base/surroundings.ts";
import { environmentOf, takeSurroundings } from "../base/surroundings.ts";
import { openEmbedded } from "./embedded.ts";
import { openLibc } from "./half_close.ts";
import { openCopy } from "./memory_copy.ts";

/** Variable of the environment that names the library's file. */
const LIBRARY_VARIABLE = "GATEHOUSE_LIBZMQ";

/** Where the library is looked for, by platform. */
const LIBRARY_NAMES: Readonly<Record<string, readonly string[]>> = {
  darwin: [
    "libzmq.5.dylib",
    "libzmq.dylib",
    "/opt/homebrew/lib/libzmq.dylib",
    "/usr/local/lib/libzmq.dylib",
    "/opt/local/lib/libzmq.dylib",
  ],
  windows: ["libzmq.dll", "zmq.dll"],
};
const UNIX_LIBRARY_NAMES: readonly string[] = ["libzmq.so.5", "libzmq.so"];

const SYMBOLS = {
  zmq_version: { parameters: ["buffer", "buffer", "buffer"], result: "void" },
  zmq_has: { parameters: ["buffer"], result: "i32" },
  zmq_errno: { parameters: [], result: "i32" },
  zmq_strerror: { parameters: ["i32"], result: "pointer" },
  zmq_ctx_new: { parameters: [], result: "pointer" },
  zmq_ctx_shutdown: { parameters: ["pointer"], result: "i32" },
  // Waits for what is still to be sent.
  zmq_ctx_term: { parameters: ["pointer"], result: "i32", nonblocking: true },
  zmq_socket: { parameters: ["pointer", "i32"], result: "pointer" },
  zmq_close: { parameters: ["pointer"], result: "i32" },
  zmq_bind: { parameters: ["pointer", "buffer"], result: "i32" },
  zmq_connect: { parameters: ["pointer", "buffer"], result: "i32" },
  zmq_unbind: { parameters: ["pointer", "buffer"], result: "i32" },
  zmq_disconnect: { parameters: ["pointer", "buffer"], result: "i32" },
  zmq_setsockopt: { parameters: ["pointer", "i32", "buffer", "usize"], result: "i32" },
  zmq_getsockopt: { parameters: ["pointer", "i32", "buffer", "buffer"], result: "i32" },
  zmq_socket_monitor: { parameters: ["pointer", "buffer", "i32"], result: "i32" },
  zmq_send: { parameters: ["pointer", "buffer", "usize", "i32"], result: "i32" },
  zmq_msg_init: { parameters: ["buffer"], result: "i32" },
  zmq_msg_recv: { parameters: ["buffer", "pointer", "i32"], result: "i32" },
  zmq_msg_data: { parameters: ["buffer"], result: "pointer" },
  zmq_msg_more: { parameters: ["buffer"], result: "i32" },
  zmq_msg_close: { parameters: ["buffer"], result: "i32" },
  zmq_msg_get: { parameters: ["buffer", "i32"], result: "i32" },
  zmq_msg_gets: { parameters: ["buffer", "buffer"], result: "pointer" },
  zmq_curve_keypair: { parameters: ["buffer", "buffer"], result: "i32" },
  zmq_curve_public: { parameters: ["buffer", "buffer"], result: "i32" },
  zmq_poll: { parameters: ["buffer", "i32", "i64"], result: "i32", nonblocking: true },
  // The same on this thread, which it holds.
  zmq_poll_here: { name: "zmq_poll", parameters: ["buffer", "i32", "i64"], result: "i32" },
} as const;

/** The functions, by their names in the library. */
export type ZmqLibrary = Deno.DynamicLibrary<typeof SYMBOLS>["symbols"];

/** Whose library it is: named by the environment's variable, the system's, or the executable's own. */
export type ZmqLibraryOrigin = "named" | "system" | "embedded";

interface Loaded {
  readonly symbols: ZmqLibrary;
  readonly origin: ZmqLibraryOrigin;
}

let loaded: Loaded | null = null;

/**
 * Loads the library, once: the one that `surroundings` lead to. A gateway does so before it runs apps,
 * which may set the variables that say which library it is.
 *
 * @throws {ZmqLibraryError} if there is none, or FFI is not permitted
 */
export function openLibzmq(surroundings: Surroundings): void {
  loaded ??= load(surroundings);
  openLibc();
}

/**
 * The library; it is loaded now if it was not before.
 *
 * @throws {ZmqLibraryError} if there is none, or FFI is not permitted
 */
export function libzmq(): ZmqLibrary {
  return (loaded ??= load(takeSurroundings())).symbols;
}

/**
 * Which library is used.
 *
 * @throws {ZmqLibraryError} if there is none, or FFI is not permitted
 */
export function zmqLibraryOrigin(): ZmqLibraryOrigin {
  return (loaded ??= load(takeSurroundings())).origin;
}

function load(surroundings: Surroundings): Loaded {
  openCopy();
  const { env, cwd } = surroundings;
  const text = environmentOf(env).get(LIBRARY_VARIABLE) || undefined;
  // The system looks for a bare name in folders of its own.
  const named = text !== undefined && /[/\\]/.test(text) ? resolve(cwd, text) : text;
  const names = named !== undefined ? [named] : LIBRARY_NAMES[Deno.build.os] ?? UNIX_LIBRARY_NAMES;
  for (const name of names) {
    try {
      const { symbols } = Deno.dlopen(name, SYMBOLS);
      return { symbols, origin: named !== undefined ? "named" : "system" };
    } catch (error) {
      if (error instanceof Deno.errors.NotCapable) {
        throw new ZmqLibraryError(
          "libzmq cannot be loaded, since FFI is not permitted: add --allow-ffi",
          { cause: error },
        );
      }
      if (!(error instanceof Error)) throw error;
    }
  }
  if (named !== undefined) {
    throw new ZmqLibraryError(
      `libzmq cannot be loaded from ${JSON.stringify(named)}, which ${LIBRARY_VARIABLE} names`,
    );
  }
  const symbols = openEmbedded(surroundings, (path) => Deno.dlopen(path, SYMBOLS).symbols);
  if (symbols !== null) return { symbols, origin: "embedded" };
  throw new ZmqLibraryError(
    "libzmq is not installed: install libzmq5 (Debian), zeromq (Homebrew, Fedora, Arch) or " +
      `libzmq.dll (Windows), or name its file in ${LIBRARY_VARIABLE}`,
  );
}

/** The version of the library, such as `[4, 3, 4]`. */
export function zmqVersion(): [number, number, number] {
  const numbers = new Int32Array(3);
  libzmq().zmq_version(numbers.subarray(0, 1), numbers.subarray(1, 2), numbers.subarray(2, 3));
  return [numbers[0], numbers[1], numbers[2]];
}

/** The error that the last call on this thread left, about `action`. */
export function lastError(action: string): ZmqError {
  const { zmq_errno, zmq_strerror } = libzmq();
  const code = zmq_errno();
  const text = zmq_strerror(code);
  const reason = text === null ? `error ${code}` : Deno.UnsafePointerView.getCString(text);
  return new ZmqError(`cannot ${action}: ${reason}`, code);
}
