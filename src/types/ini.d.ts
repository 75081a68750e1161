/** What is used of `ini`. */

export function parse(text: string): Record<string, unknown>;
