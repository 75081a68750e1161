/** The code of the documentation's pages, for tests. */

import type { CodeBlock } from "../../scripts/docs/markdown.ts";
import { codeBlocks } from "../../scripts/docs/markdown.ts";
import { readPage } from "../../scripts/docs/pages.ts";

/** The blocks of a page in a language; with `heading`, only what comes after this one. */
export function blocksOf(page: string, language: string, heading = ""): CodeBlock[] {
  const text = readPage(page);
  const start = heading === "" ? 0 : text.indexOf(`\n${heading}\n`);
  if (start < 0) throw new Error(`${page} has no heading ${heading}`);
  return codeBlocks(text.slice(start)).filter((block) => block.language === language);
}

/** The first block of a page in a language whose code has `part` in it. */
export function blockOf(page: string, language: string, part = "", heading = ""): string {
  const block = blocksOf(page, language, heading).find(({ code }) => code.includes(part));
  if (block === undefined) throw new Error(`${page} has no ${language} block with ${part}`);
  return block.code;
}
