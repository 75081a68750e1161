/** Sockets of processes, and clients that treat theirs badly. */

import { openLibc } from "../../src/net/libc.ts";

const AF_INET = 2;
const SOCK_STREAM = 1;
/** Numbers of `SOL_SOCKET` and `SO_LINGER`, by platform. */
const LINGER: Partial<Record<typeof Deno.build.os, readonly [level: number, option: number]>> = {
  linux: [1, 13],
  darwin: [0xffff, 0x80],
};

/** Whether connections can be reset here. */
export const canReset: boolean = LINGER[Deno.build.os] !== undefined;

/** Makes `count` connections to a port of this machine, and resets each at once. */
export function resetConnections(port: number, count: number): void {
  const libc = openLibc({
    socket: { parameters: ["i32", "i32", "i32"], result: "i32" },
    setsockopt: { parameters: ["i32", "i32", "i32", "buffer", "u32"], result: "i32" },
    connect: { parameters: ["i32", "buffer", "u32"], result: "i32" },
    close: { parameters: ["i32"], result: "i32" },
  });
  if (libc === null) throw new Error("there is no C library that could be called");
  try {
    const { socket, setsockopt, connect, close } = libc.symbols;
    const [level, option] = LINGER[Deno.build.os]!;
    // It lingers for no time at all: what is not sent is thrown away.
    const linger = new Uint8Array(Int32Array.of(1, 0).buffer);
    const address = new Uint8Array(16);
    if (Deno.build.os === "linux") new Uint16Array(address.buffer)[0] = AF_INET;
    else address.set([address.length, AF_INET]);
    address.set([port >> 8, port & 255, 127, 0, 0, 1], 2);
    for (let i = 0; i < count; i++) {
      const fd = socket(AF_INET, SOCK_STREAM, 0);
      const failed = setsockopt(fd, level, option, linger, linger.length) !== 0 ||
        connect(fd, address, address.length) !== 0;
      close(fd);
      if (failed) throw new Error("a connection cannot be made");
    }
  } finally {
    libc.close();
  }
}

/** Whether all threads of the process `pid` are stopped by a signal; `true` where that cannot be seen. */
export function isStopped(pid: number): boolean {
  if (Deno.build.os !== "linux") return true;
  return [...Deno.readDirSync(`/proc/${pid}/task`)].every(({ name }) =>
    Deno.readTextFileSync(`/proc/${pid}/task/${name}/stat`).split(") ").at(-1)!.startsWith("T")
  );
}

/** How many sockets the process `pid` has open; on Linux. */
export function openSockets(pid: number): number {
  let count = 0;
  for (const { name } of Deno.readDirSync(`/proc/${pid}/fd`)) {
    try {
      if (Deno.readLinkSync(`/proc/${pid}/fd/${name}`).startsWith("socket:")) count++;
    } catch (error) {
      // It was closed meanwhile.
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
  }
  return count;
}

/** CPU time that the process `pid` has used, in milliseconds; on Linux. */
export function cpuMs(pid: number): number {
  const fields = Deno.readTextFileSync(`/proc/${pid}/stat`).split(") ")[1].split(" ");
  return (Number(fields[11]) + Number(fields[12])) * 10;
}
