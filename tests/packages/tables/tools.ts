/** Compilers, bundlers and their like. */

import type { PackageRow } from "../row.ts";

/** The packages. */
export const TOOLS: readonly PackageRow[] = [
  ["source-map-support@0.5.21", "typeof d.install"],
  ["source-map@0.7.6", "typeof m.SourceMapConsumer"],
  ["stacktrace-parser@0.1.11", "typeof m.parse"],
  [
    "@babel/core@7.29.13",
    "d.transformSync('let a = () => import(\"b\")', { configFile: false, babelrc: false }).code",
  ],
  [
    "@babel/parser@7.29.15",
    "m.parse('import(\"a\")', { sourceType: 'module' }).program.body.length",
  ],
  ["terser@5.51.4", "(await m.minify('let a = 1 + 1; import(\"b\")')).code"],
  ["sucrase@3.35.1", "m.transform('let a: number = 1', { transforms: ['typescript'] }).code"],
  ["typescript@5.9.3", "d.transpile('let a: number = 1')"],
  ["jiti@2.7.0", "typeof m.createJiti('/x/y.js')"],
  ["rollup@4.68.8", "m.VERSION"],
  ["vite@7.3.8", "typeof m.createServer"],
  ["webpack@5.113.0", "typeof d"],
  ["prettier@3.10.1", "await m.format('a  = 1', { parser: 'babel' })"],
  ["eslint@9.39.5", "typeof m.Linter"],
  ["tailwindcss@4.3.5", "typeof m.compile"],
  ["autoprefixer@10.7.0", "typeof d"],
  ["sass@1.108.2", "m.compileString('a { b { c: d } }').css"],
  ["less@4.9.1", "(await d.render('a { b { c: d } }')).css"],
  ["stylus@0.64.0", "d.render('a\\n  b c')"],
  ["puppeteer-core@24.43.1", "typeof d.launch"],
  ["playwright-core@1.65.1", "typeof m.chromium.launch"],
];
