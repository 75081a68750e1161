/**
 * How `npm:` specifiers are put together.
 *
 * @module
 */

const { URIError, decodeURIComponent } = globalThis;

/** The parts of an `npm:` specifier, whatever they are worth. */
export interface NpmSpecifierParts {
  /** Name in the registry, such as `hono` or `@oak/oak`. */
  readonly name: string;
  /** Range of versions, exact version, or tag; `*` if none was given. */
  readonly range: string;
  /** Path within the package as in its `exports`: `.`, or beginning with `./`. */
  readonly subPath: string;
}

/** Takes an `npm:` specifier apart; `null` if it is not `npm:NAME[@RANGE][/PATH]`. */
export function npmSpecifierParts(specifier: string): NpmSpecifierParts | null {
  const match = /^npm:\/?((?:@[^/@]+\/)?[^/@]+)(?:@([^/]*))?(?:\/(.*))?$/s.exec(specifier);
  const range = match === null ? null : decoded(match[2] ?? "")?.trim();
  if (match === null || range === undefined || range === null) return null;
  const path = (match[3] ?? "").replace(/^\/+/, "");
  return { name: match[1], range: range || "*", subPath: path === "" ? "." : `./${path}` };
}

function decoded(text: string): string | null {
  try {
    return decodeURIComponent(text);
  } catch (error) {
    if (error instanceof URIError) return null;
    throw error;
  }
}
