/** What is used of `@std/http/status`. */

export const STATUS_TEXT: Readonly<Record<number, string>>;
