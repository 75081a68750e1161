/** `node:module` for apps in lockdown: named exports of what the lockdown left of the module's object. */
import builtin from "node:module";

export default builtin;
export const {
  Module,
  SourceMap,
  _cache,
  _extensions,
  _findPath,
  _initPaths,
  _load,
  _nodeModulePaths,
  _pathCache,
  _preloadModules,
  _resolveFilename,
  _resolveLookupPaths,
  builtinModules,
  createRequire,
  findPackageJSON,
  findSourceMap,
  getBuiltinModule,
  globalPaths,
  isBuiltin,
  register,
  registerHooks,
  runMain,
  stripTypeScriptTypes,
  syncBuiltinESMExports,
  wrap,
} = builtin as unknown as Record<string, unknown>;
