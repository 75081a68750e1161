/**
 * What requests can stick by.
 *
 * @module
 */

/** What requests stick by. */
export type StickyRule =
  /** The client's connection. */
  | { readonly by: "connection" }
  /** The value of the cookie of that name. */
  | { readonly by: "cookie"; readonly name: string }
  /** The value of the client's header of that name, in any case. */
  | { readonly by: "header"; readonly name: string }
  /** What a regular expression in RE2's syntax finds in Mongrel2's message. */
  | { readonly by: "regex"; readonly pattern: string };
