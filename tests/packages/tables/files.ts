/** Archives, spreadsheets, uploads and what walks folders. */

import type { PackageRow } from "../row.ts";

/** The packages. */
export const FILES: readonly PackageRow[] = [
  ["archiver@8.0.0", "typeof d"],
  ["tar-stream@3.2.2", "typeof m.pack().entry"],
  ["yauzl@3.4.0", "typeof d.fromBuffer"],
  ["yazl@3.3.1", "typeof d.ZipFile"],
  [
    "jszip@3.10.2",
    "await (await d.loadAsync(await new d().file('a', 'b').generateAsync({ type: 'uint8array' }))).file('a').async('string')",
  ],
  ["fflate@0.8.3", "m.strFromU8(m.unzipSync(m.zipSync({ a: m.strToU8('b') })).a)"],
  ["tinyglobby@0.2.17", "m.escapePath('a(b)')"],
  ["fs-extra@11.4.1", "typeof d.copySync"],
  ["rimraf@6.1.4", "typeof m.rimraf"],
  ["mkdirp@3.0.1", "typeof m.mkdirp"],
  ["graceful-fs@4.2.12", "typeof d.gracefulify"],
  ["csv-parse@7.0.3/sync", "m.parse('a,b\\n1,2', { columns: true })"],
  ["csv-stringify@6.9.0/sync", "m.stringify([[1, 'a b']])"],
  ["papaparse@5.7.1", "d.parse('a,b\\n1,2').data"],
  ["exceljs@4.4.0", "typeof new d.Workbook().addWorksheet('a').addRow([1]).values"],
  ["pdf-lib@1.17.1", "(await m.PDFDocument.create()).getPageCount()"],
  ["pdfkit@0.20.2", "typeof new d().text"],
  ["image-size@2.1.0", "typeof m.imageSize"],
  [
    "file-type@22.3.0",
    "await m.fileTypeFromBuffer(new Uint8Array([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]))",
  ],
  ["send@1.2.1", "typeof d"],
  ["mime@4.1.2", "d.getType('a.html')"],
];
