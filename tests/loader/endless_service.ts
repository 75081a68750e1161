/** Stands for the loader's thread: answers at once, but for a module that it works at without end. */

import type { LoaderReport, LoaderRequest } from "../../src/loader/protocol.ts";

/** The part of a worker's global scope that is used here. */
interface WorkerScope {
  postMessage(message: LoaderReport): void;
  onmessage: (event: MessageEvent<LoaderRequest>) => void;
}

const scope = globalThis as unknown as WorkerScope;

scope.onmessage = ({ data }) => {
  if (data.kind !== "prepare") return;
  const [url] = data.roots;
  scope.postMessage({ kind: "working", url });
  if (url.includes("endless")) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
  scope.postMessage({
    kind: "prepared",
    id: data.id,
    folder: "",
    local: [],
    packages: [],
    installed: [],
  });
};
