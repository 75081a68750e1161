/**
 * What the checks of the documentation have to know of Markdown: code, headings and links.
 *
 * @module
 */

/** A fenced block of code. */
export interface CodeBlock {
  /** What stands after the fence, such as `ts`; `""` if nothing does. */
  readonly language: string;
  /** Its lines, each with its end. */
  readonly code: string;
  /** Number of its first line, counted from 1. */
  readonly line: number;
}

/** A link, or an image. */
export interface Link {
  /** Where it leads, as it is written. */
  readonly target: string;
  /** Number of its line, counted from 1. */
  readonly line: number;
}

interface Line {
  readonly text: string;
  readonly line: number;
}

/** The fenced blocks of code in `text`. */
export function codeBlocks(text: string): CodeBlock[] {
  return split(text).blocks;
}

/** The anchors that GitHub gives the headings in `text`, in their order. */
export function anchors(text: string): string[] {
  const counts = new Map<string, number>();
  return split(text).prose.flatMap(({ text }) => {
    const heading = /^#{1,6} +(.*?) *#*$/.exec(text)?.[1];
    if (heading === undefined) return [];
    const slug = slugOf(heading);
    const count = counts.get(slug) ?? 0;
    counts.set(slug, count + 1);
    return [count === 0 ? slug : `${slug}-${count}`];
  });
}

/** The inline links in `text`, outside of code. */
export function links(text: string): Link[] {
  return split(text).prose.flatMap(({ text, line }) =>
    [...withoutCode(text).matchAll(/\]\(([^()\s]*(?:\([^()\s]*\)[^()\s]*)*)\)/g)]
      .map(([, target]) => ({ target, line }))
  );
}

/** The files of the project that `text` names by their path from its root, in code or not. */
export function namedFiles(text: string): Link[] {
  return split(text).prose.flatMap(({ text, line }) =>
    [...text.matchAll(/(?<![\w./-])(?:tests|src|examples|scripts|bench)\/[\w./-]*\w/g)]
      .map(([target]) => ({ target, line }))
  );
}

/** A heading as an anchor: lower case, without signs, with dashes for blanks. */
function slugOf(heading: string): string {
  return heading
    .replace(/\[([^\]]*)\]\([^)]*\)/g, "$1")
    .toLowerCase()
    .replace(/[^\p{L}\p{N} _-]/gu, "")
    .replaceAll(" ", "-");
}

function withoutCode(text: string): string {
  return text.replace(/(`+)(?!`).*?(?<!`)\1(?!`)/g, "");
}

/** What is in fences, and what is not. Links are looked for line by line: the formatter breaks none. */
function split(text: string): { blocks: CodeBlock[]; prose: Line[] } {
  const blocks: CodeBlock[] = [];
  const prose: Line[] = [];
  let open: { fence: string; language: string; line: number; lines: string[] } | null = null;
  text.split("\n").forEach((each, index) => {
    const fence = /^ *(`{3,})(.*)$/.exec(each);
    if (open === null && fence !== null) {
      open = { fence: fence[1], language: fence[2].trim(), line: index + 2, lines: [] };
    } else if (open === null) {
      prose.push({ text: each, line: index + 1 });
    } else if (fence?.[1] === open.fence && fence[2].trim() === "") {
      const { language, line, lines } = open;
      blocks.push({ language, line, code: lines.map((line) => `${line}\n`).join("") });
      open = null;
    } else {
      open.lines.push(each);
    }
  });
  return { blocks, prose };
}
