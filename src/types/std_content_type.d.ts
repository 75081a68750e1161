/** What is used of `@std/media-types/content-type`. */

export function contentType(extensionOrType: string): string | undefined;
