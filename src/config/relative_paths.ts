/**
 * Paths in configuration files, which are relative to the file.
 *
 * @module
 */

import { resolve } from "node:path";
import { ConfigError } from "../base/errors.ts";
import type { OptionSpec } from "./option_spec.ts";

/** Values that are paths, in the help text's words. */
const PATHS: ReadonlySet<string> = new Set(["FILE", "DIR"]);

/** `text`, a path or URL, with a path made absolute that is relative to `folder`. */
export function locationFrom(text: string, folder: string): string {
  // A single letter before the colon is a drive of Windows, not a scheme.
  return /^[a-z][a-z\d+.-]+:/i.test(text) ? text : resolve(folder, text);
}

/** What stands before the name of a handler: the loader's names have it, too. */
const HANDLER = /^fastcgi-handler:/;

/** An app or middleware, `[fastcgi-handler:]PATH_OR_URL#export`, with its path made absolute. */
export function moduleFrom(specifier: string, folder: string): string {
  const [prefix] = HANDLER.exec(specifier) ?? [];
  if (prefix !== undefined) return prefix + moduleFrom(specifier.slice(prefix.length), folder);
  const hash = specifier.lastIndexOf("#");
  const module = hash < 0 ? specifier : specifier.slice(0, hash);
  const location = locationFrom(module, folder);
  if (hash >= 0) return location + specifier.slice(hash);
  // The folder's own # is not to be taken for the one before an export.
  return location.includes("#") ? `${location}#default` : location;
}

/** `unix:PATH[,mode=0660]` with its path made absolute; other addresses as they are. */
export function addressFrom(address: string, folder: string): string {
  const [whole, path, rest] = /^unix:([^,]+)(.*)$/s.exec(address) ?? [];
  return whole === undefined ? address : `unix:${withoutComma(resolve(folder, path))}${rest}`;
}

/** What finds a Mongrel2, with the paths of its folder, of `ipc:` endpoints and of a key made absolute. */
export function mongrel2From(spec: string, folder: string): string {
  return spec.split(",").map((part) => {
    const [whole, before, path] =
      /^(chroot=|curve-secret-key=|(?:recv=)?ipc:\/\/)(.+)$/s.exec(part) ?? [];
    // Linux has names of sockets that are not paths.
    if (whole === undefined || path.startsWith("@")) return part;
    return before + withoutComma(resolve(folder, path));
  }).join(",");
}

/** `path`, if it can stand in a list: what follows a comma would be taken for something else. */
function withoutComma(path: string): string {
  if (!path.includes(",")) return path;
  throw new ConfigError(`${path} cannot be used here: there is a comma in the name of a folder`);
}

/** A list of paths, commas between, with them made absolute. */
export function pathsFrom(list: string, folder: string): string {
  return mapList(list, (path) => path === "" ? "" : resolve(folder, path));
}

/** A list of programs: of those, paths have a slash, and names are found elsewhere. */
export function programsFrom(list: string, folder: string): string {
  return mapList(list, (program) => /[/\\]/.test(program) ? resolve(folder, program) : program);
}

/** The paths of a list, without those that are empty. */
export function pathsIn(list: string): string[] {
  return valuesIn(list).filter((path) => path !== "");
}

function mapList(list: string, change: (value: string) => string): string {
  return valuesIn(list).map((value) => change(value).replaceAll(",", ",,")).join(",");
}

/** The values of a list. Commas that belong to one are doubled. */
function valuesIn(list: string): string[] {
  return list.split(/(?<!,),(?!,)/).map((value) => value.replaceAll(",,", ","));
}

/** The value of `option` from a file in `folder`, meaning the same elsewhere. */
export function valueFrom(option: OptionSpec, text: string, folder: string): string {
  if (option.relativeTo !== undefined) return option.relativeTo(folder, text);
  return PATHS.has(option.value ?? "") ? locationFrom(text, folder) : text;
}
