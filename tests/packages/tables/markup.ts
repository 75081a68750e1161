/** Markdown, HTML, XML, and formats of settings. */

import type { PackageRow } from "../row.ts";

/** The packages. */
export const MARKUP: readonly PackageRow[] = [
  ["marked@18.2.1", "m.marked('# a')"],
  ["markdown-it@15.0.3", "d().render('# a')"],
  ["remark@15.0.1", "String(await m.remark().process('*a*'))"],
  ["unified@11.0.5", "typeof m.unified().use"],
  [
    "rehype@13.0.2",
    "String(await m.rehype().data('settings', { fragment: true }).process('<p>a'))",
  ],
  ["remark-gfm@4.0.1", "typeof d"],
  ["@mdx-js/mdx@3.1.1", "String(await m.compile('# a')).length > 0"],
  ["cheerio@1.2.0", "m.load('<p>a</p>')('p').text()"],
  ["linkedom@0.18.15", "m.parseHTML('<p>a</p>').document.querySelector('p').textContent"],
  ["turndown@7.2.5", "new d().turndown('<b>a</b>')"],
  ["html-minifier-terser@7.2.0", "await m.minify('<p>  a </p>', { collapseWhitespace: true })"],
  ["xml2js@0.6.2", "await d.parseStringPromise('<a b=\"1\">c</a>')"],
  ["fast-xml-parser@5.12.1", "new m.XMLParser().parse('<a>1</a>')"],
  ["xmlbuilder2@4.0.3", "m.create().ele('a').end()"],
  ["smol-toml@1.9.1", "m.parse('a = 1')"],
  ["highlight.js@11.12.0", "d.highlight('let a', { language: 'javascript' }).value"],
  ["shiki@4.6.0", "typeof m.createHighlighter"],
  ["katex@0.19.1", "d.renderToString('a^2').length > 0"],
  ["gray-matter@4.0.3", "d('---\\na: 1\\n---\\nb').data"],
];
