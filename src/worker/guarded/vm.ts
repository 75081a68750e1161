/** `node:vm` for apps in lockdown: named exports of what the lockdown left of the module's object. */
import builtin from "node:vm";

export default builtin;
export const {
  Module,
  Script,
  SourceTextModule,
  SyntheticModule,
  compileFunction,
  constants,
  createContext,
  createScript,
  isContext,
  measureMemory,
  runInContext,
  runInNewContext,
  runInThisContext,
} = builtin as unknown as Record<string, unknown>;
