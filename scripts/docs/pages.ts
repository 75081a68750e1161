/**
 * The pages of the documentation: those at the root, and all in `docs/`.
 *
 * @module
 */

const ROOT_PAGES = ["README.md", "ARCHITECTURE.md", "CHANGELOG.md", "CONTRIBUTING.md"];

/** The project's folder. */
export const ROOT = new URL("../../", import.meta.url);

/** The pages' paths from the root, sorted. */
export function pagePaths(): string[] {
  return [...ROOT_PAGES, ...markdownIn("docs")].sort();
}

/** The text of a page. */
export function readPage(path: string): string {
  return Deno.readTextFileSync(new URL(path, ROOT));
}

function markdownIn(folder: string): string[] {
  return [...Deno.readDirSync(new URL(folder, ROOT))].flatMap(({ name, isDirectory }) => {
    const path = `${folder}/${name}`;
    if (isDirectory) return markdownIn(path);
    return name.endsWith(".md") ? [path] : [];
  });
}
