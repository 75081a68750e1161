/** A task's owner that does nothing. */

import type { TaskOwner } from "../../src/worker/task.ts";

/** Owns tasks that neither open sockets nor send files. */
export const IDLE_OWNER: TaskOwner = {
  sendFile: unexpected,
  onTaskEnded() {},
  onStreamError() {},
  onLateError() {},
  openSocket: unexpected,
  publish: unexpected,
  keep: unexpected,
};

function unexpected(): never {
  throw new Error("the task asks for what it does not need");
}
