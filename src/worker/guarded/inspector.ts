/** `node:inspector` for apps in lockdown: named exports of what the lockdown left of the module's object. */
import builtin from "node:inspector";

export default builtin;
export const { DOMStorage, Network, Session, close, console, open, url, waitForDebugger } =
  builtin as unknown as Record<string, unknown>;
