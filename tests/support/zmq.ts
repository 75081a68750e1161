/** What the tests of ZeroMQ sockets have in common. */

import type { ZmqSocket } from "../../src/zmq/socket.ts";

/** A command that runs Python with its package `zmq`, or `null` if there is none; says so. */
export function pythonWithZmq(): string | null {
  // The first python3 of the path may be another than that of the system, whose packages count.
  for (const python of ["python3", "/usr/bin/python3"]) {
    try {
      const { success } = new Deno.Command(python, { args: ["-c", "import zmq"] }).outputSync();
      if (success) return python;
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
  }
  const reason = "no python3 has the package zmq: see scripts/install-peers.sh";
  if (Deno.env.get("CI")) throw new Error(reason);
  console.error(`SKIPPED: ${reason}`);
  return null;
}

const TIMEOUT_MS = 90_000;

/** The next message that `socket` receives. */
export async function received(socket: ZmqSocket): Promise<Uint8Array<ArrayBuffer>[]> {
  for (const deadline = Date.now() + TIMEOUT_MS; Date.now() < deadline;) {
    const message = socket.receive();
    if (message !== null) return message;
    await socket.readable(1_000);
  }
  throw new Error("no message came");
}

/** Sends a message as soon as it can be sent. */
export async function sent(
  socket: ZmqSocket,
  message: Uint8Array | readonly Uint8Array[],
): Promise<void> {
  for (const deadline = Date.now() + TIMEOUT_MS; Date.now() < deadline;) {
    if (socket.send(message)) return;
    await socket.writable(1_000);
  }
  throw new Error("a message could not be sent");
}

/** Looks again and again until `look` returns something. */
export async function eventually<T>(
  look: () => T | null | false | Promise<T | null | false>,
): Promise<T> {
  for (const deadline = Date.now() + TIMEOUT_MS; Date.now() < deadline;) {
    const found = await look();
    if (found !== null && found !== false) return found;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  throw new Error("it did not happen in time");
}
