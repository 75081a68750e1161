/** `node:repl` for apps in lockdown: named exports of what the lockdown left of the module's object. */
import builtin from "node:repl";

export default builtin;
export const {
  REPLServer,
  REPL_MODE_SLOPPY,
  REPL_MODE_STRICT,
  Recoverable,
  builtinModules,
  start,
} = builtin as unknown as Record<string, unknown>;
