import { assertEquals } from "../support/assert.ts";
import { brokenLinks } from "../../scripts/docs/link_check.ts";
import { anchors, codeBlocks } from "../../scripts/docs/markdown.ts";

/** What is wrong with pages of these texts, beside one file. */
function faultsOf(pages: Record<string, string>): string[] {
  return brokenLinks({
    pages: new Map(Object.entries(pages)),
    exists: (path) => path in pages || path === "tests/a_test.ts" || path === "docs",
  });
}

const FENCE = "```";
const CASES: Record<string, [Record<string, string>, string[]]> = {
  "links to pages, folders, files and other sites": [{
    "README.md": "[a](docs/a.md) [b](docs) ![c](tests/a_test.ts) [d](https://example.com/x#y)",
    "docs/a.md": "[up](../README.md) [mail](mailto:a@example.com)",
  }, []],
  "a page that is not there": [
    { "README.md": "text\n\n[a](docs/b.md)" },
    ["README.md:3: docs/b.md: docs/b.md is not there"],
  ],
  "an anchor of another page, and of its own": [{
    "README.md": "# Top\n[a](docs/a.md#a-heading-twice-1) [b](#top)",
    "docs/a.md": "## A heading: twice\n## `A` heading, twice\n",
  }, []],
  "an anchor that no heading has": [{
    "README.md": "# Top\n[a](docs/a.md#top) [b](#nowhere)",
    "docs/a.md": "# A\n",
  }, [
    "README.md:2: docs/a.md#top: docs/a.md has no heading #top",
    "README.md:2: #nowhere: README.md has no heading #nowhere",
  ]],
  "an anchor of what is not a page": [
    { "README.md": "[a](tests/a_test.ts#L1)" },
    ["README.md:1: tests/a_test.ts#L1: tests/a_test.ts is not a page, so it has no anchors"],
  ],
  "a link out of the project": [
    { "README.md": "[a](../b.md)" },
    ["README.md:1: ../b.md: leads out of the project"],
  ],
  "links and headings in code do not count": [{
    "README.md":
      `\`[a](b.md)\`\n${FENCE}md\n[a](b.md)\n# Not a heading\n${FENCE}\n[c](#not-a-heading)`,
  }, ["README.md:6: #not-a-heading: README.md has no heading #not-a-heading"]],
  "files of the project that are named in the text": [{
    "README.md": "`tests/a_test.ts`, tests/b_test.ts; not https://example.com/tests/c",
  }, ["README.md:1: tests/b_test.ts is not there"]],
};
for (const [what, [pages, faults]] of Object.entries(CASES)) {
  Deno.test(`link check: ${what}`, () => assertEquals(faultsOf(pages), faults));
}

Deno.test("anchors are those that GitHub makes", () => {
  const text =
    "# `--http`\n## Keys of [server:NAME]\n## What's new in 0.1.0?\n### a_b c-d [e](f.md)\n";
  assertEquals(anchors(text), ["--http", "keys-of-servername", "whats-new-in-010", "a_b-c-d-e"]);
});

Deno.test("blocks of code have their language and line, and may have shorter fences in them", () => {
  const text = `a\n\n${FENCE}sh\nls\n${FENCE}\n\n${FENCE}\`md\n${FENCE}\nx\n${FENCE}\n${FENCE}\`\n`;
  assertEquals(codeBlocks(text), [
    { language: "sh", code: "ls\n", line: 4 },
    { language: "md", code: `${FENCE}\nx\n${FENCE}\n`, line: 8 },
  ]);
});
