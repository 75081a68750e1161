/**
 * Options for folders of files, and for files that apps send.
 *
 * @module
 */

import { resolve } from "node:path";
import { ConfigError } from "../base/errors.ts";
import type { FileField } from "../message/file_fields.ts";
import type { OptionSpec } from "./option_spec.ts";

/** The field of nginx, with a prefix of paths, and the folder that stands for it: the root if absent. */
const ACCEL = /^x-accel-redirect=(\/[^=]*)(?:=(.+))?$/s;
/** A field's value that ends no line. */
const FIELD_VALUE = /^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/;

/** Whether `text` can be the value of a field. */
export function isFieldValue(text: unknown): boolean {
  return typeof text === "string" && FIELD_VALUE.test(text);
}

/** Whether `name` can only be that of a file in the folder that it is looked for in. */
export function isFileInFolder(name: unknown): boolean {
  return typeof name === "string" && !/^[/\\]|(?:^|[/\\])\.\.(?:[/\\]|$)|\0/.test(name);
}

/** The options, in the order of the help text. */
export const FILE_OPTIONS: readonly OptionSpec[] = [
  {
    name: "listing",
    group: "Files",
    help:
      "List what is in a served folder that has no index.html, as HTML, or as JSON to clients " +
      "that prefer it",
    apply: (settings) => settings.folderFiles.listing = "entries",
  },
  {
    name: "fallback",
    value: "NAME",
    group: "Files",
    help: "Send this file of a served folder where a page is asked for that does not exist: " +
      "index.html, for applications that have their routes in the browser",
    apply: setFallback,
  },
  {
    name: "cache-control",
    value: "VALUE",
    group: "Files",
    help:
      'Let the files of served folders be kept as VALUE says, such as "max-age=3600". HTML is ' +
      "then sent with no-cache: it is kept, and asked after",
    apply: setCacheControl,
  },
];

/** Options for files that apps order, in the order of the help text. */
export const SENDFILE_OPTIONS: readonly OptionSpec[] = [
  {
    name: "sendfile",
    value: "HOW",
    group: "Files",
    help:
      "Who sends files that apps order: gateway, or the web server in front, told by x-sendfile, " +
      "x-lighttpd-send-file, or x-accel-redirect=/PREFIX=DIR (nginx has a location /PREFIX/ that is " +
      "internal, and an alias of DIR). Files outside of DIR, and all over Mongrel2, are the gateway's",
    default: "gateway",
    apply(settings, text, name) {
      settings.frontFileField = text === "gateway" ? null : fileField(text, name);
    },
    relativeTo: (folder, text) => accelFrom(text, folder),
  },
  {
    name: "sendfile-fields",
    value: "FIELD",
    repeats: true,
    group: "Files",
    help: "Send the files that apps name in this header of their responses: x-sendfile, or " +
      "x-accel-redirect=/PREFIX=DIR. Apps must not pass on what other servers put there",
    apply: (settings, text, name) => settings.fileFields.push(fileField(text, name)),
    relativeTo: (folder, text) => accelFrom(text, folder),
  },
];

/**
 * The field that `text` names, with which files are named.
 *
 * @throws {ConfigError} if it names none
 */
export function fileField(text: string, option: string): FileField {
  if (text === "x-sendfile" || text === "x-lighttpd-send-file") return { name: text };
  const [, prefix, folder] = ACCEL.exec(text) ?? [];
  if (prefix === undefined || /[?#%]/.test(prefix)) {
    throw new ConfigError(
      `${option} takes x-sendfile, x-lighttpd-send-file or x-accel-redirect=/PREFIX=DIR, not ` +
        JSON.stringify(text),
    );
  }
  return {
    name: "x-accel-redirect",
    prefix: prefix.replace(/\/+$/, ""),
    folder: (folder ?? "/").replace(/(?<=.)\/+$/, ""),
  };
}

/** The text with a folder that begins at `base`. */
export function accelFrom(text: string, base: string): string {
  return text.replace(
    ACCEL,
    (_, prefix: string, folder = "/") => `x-accel-redirect=${prefix}=${resolve(base, folder)}`,
  );
}

type Apply = OptionSpec["apply"];

function setFallback(...[settings, text, name]: Parameters<Apply>): void {
  if (!isFileInFolder(text)) {
    throw new ConfigError(`${name} takes the name of a file in the folder, not ${text}`);
  }
  settings.folderFiles.fallback = text;
}

function setCacheControl(...[settings, text, name]: Parameters<Apply>): void {
  if (!isFieldValue(text)) {
    throw new ConfigError(
      `${name} takes the value of a Cache-Control, not ${JSON.stringify(text)}`,
    );
  }
  settings.folderFiles.cacheControl = text;
}
