/** Rings back at each ring, and is idle otherwise. */
import { Bell } from "../../src/ring/bell.ts";

interface Scope {
  postMessage(message: unknown): void;
  onmessage: ((event: MessageEvent<SharedArrayBuffer>) => void) | null;
}
const scope = globalThis as unknown as Scope;

scope.onmessage = ({ data }) => {
  const back = new Bell(data, 1);
  new Bell(data, 0).listen(() => back.ring());
  scope.postMessage("listening");
};
