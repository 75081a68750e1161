/**
 * Changes in a text that leave its lines as they are, and source maps that say where columns went.
 *
 * @module
 */

/** A part of a text, and what takes its place: as many line ends as there were. */
export interface Edit {
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

/** A place in a source map: column; then number of the source, line and column there, if it is known. */
export type Segment = readonly [number] | readonly [number, number, number, number, ...number[]];

/** The mappings of a source map. */
export interface Mappings {
  readonly mappings: string;
  /**
   * Says which segments map all columns up to the next one, as the proposed extension of source maps for
   * ranges has it: six segments of a line to a digit. Absent if none does.
   */
  readonly rangeMappings?: string;
}

const DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const LINE_END = /\r\n|[\n\r\u2028\u2029]/g;
const OTHER_LINE_END = /[\r\u2028\u2029]/;

/** `code` with `edits`, which are in order. */
export function edited(code: string, edits: readonly Edit[]): string {
  return editedParts(code, edits, new Set()).join("");
}

/** The same, cut at the edits in `gaps`, whose texts are left out. */
export function editedParts(
  code: string,
  edits: readonly Edit[],
  gaps: ReadonlySet<Edit>,
): string[] {
  const parts: string[] = [];
  let part = "";
  let at = 0;
  for (const edit of edits) {
    part += code.slice(at, edit.start);
    at = edit.end;
    if (gaps.has(edit)) {
      parts.push(part);
      part = "";
    } else {
      part += edit.text;
    }
  }
  return [...parts, part + code.slice(at)];
}

/** Leads from `code` with `edits`, behind `prefixLength` more characters, back to `code`. */
export function mappingsOf(
  code: string,
  edits: readonly Edit[],
  prefixLength: number,
): Required<Mappings> {
  const writer = new MappingWriter();
  let ranges = "";
  let edit = 0;
  let line = 0;
  forEachLine(code, (start, end) => {
    if (line > 0) {
      writer.endLine();
      ranges += ";";
    }
    // There is nothing to point to in an empty line, and what began in a line before is pointed to at its end.
    const isWithin = edit < edits.length && edits[edit].start < start;
    const hasEdit = edit < edits.length && edits[edit].end <= end;
    if (line > 0 && !hasEdit) {
      if (end > start && !isWithin) {
        writer.writeStart(line);
        ranges += ONE_RANGE;
      }
      line++;
      return;
    }
    let shift = line === 0 ? prefixLength : 0;
    const before = writer.count;
    if (end > start && !isWithin) writer.write([shift, 0, line, 0]);
    for (; edit < edits.length && edits[edit].end <= end; edit++) {
      const behind = shiftBehind(edits[edit], start, shift);
      if (behind === null || behind === shift && edits[edit].start >= start) continue;
      shift = behind;
      const column = edits[edit].end - start;
      writer.write([column + shift, 0, line, column]);
    }
    ranges += allOf(writer.count - before);
    line++;
  });
  return { mappings: writer.text, rangeMappings: ranges };
}

/** Calls `visit` with the places where each line begins and ends. */
function forEachLine(code: string, visit: (start: number, end: number) => void): void {
  let start = 0;
  // All lines of most code end in the same way, and a search for one character is a fraction of the work.
  if (!OTHER_LINE_END.test(code)) {
    for (let end = code.indexOf("\n"); end >= 0; end = code.indexOf("\n", start)) {
      visit(start, end);
      start = end + 1;
    }
  } else {
    for (const { 0: { length }, index } of code.matchAll(LINE_END)) {
      visit(start, index);
      start = index + length;
    }
  }
  visit(start, code.length);
}

/**
 * What becomes of a source map when the code that it is for is edited, and gets a prefix: `lines` are its
 * segments, by line.
 */
export function shiftedMappings(
  code: string,
  edits: readonly Edit[],
  prefixLength: number,
  lines: readonly (readonly Segment[])[],
): Mappings {
  const writer = new MappingWriter();
  const starts = [
    0,
    ...Array.from(code.matchAll(LINE_END), ({ 0: end, index }) => index + end.length),
  ];
  let edit = 0;
  for (const [line, segments] of lines.entries()) {
    if (line > 0) writer.endLine();
    const start = starts[line];
    const end = starts[line + 1] ?? Infinity;
    while (edit < edits.length && edits[edit].end < start) edit++;
    let shift = line === 0 ? prefixLength : 0;
    for (const [column, ...place] of segments) {
      for (; edit < edits.length && edits[edit].end <= Math.min(start + column, end); edit++) {
        shift = shiftBehind(edits[edit], start, shift) ?? shift;
      }
      writer.write([column + shift, ...place] as unknown as Segment);
    }
  }
  return { mappings: writer.text };
}

/**
 * By how much columns behind an edit are shifted, in the line that begins at `lineStart` and ends behind it, if
 * those before it are by `shift`. `null` if the line ends of what began in a line before come behind it.
 */
function shiftBehind({ start, end, text }: Edit, lineStart: number, shift: number): number | null {
  let lastLine = text.length;
  while (lastLine > 0 && !isLineEnd(text.charCodeAt(lastLine - 1))) lastLine--;
  if (lastLine > 0) return text.length - lastLine - (end - lineStart);
  return start < lineStart ? null : shift + text.length - (end - start);
}

function isLineEnd(charCode: number): boolean {
  return charCode === 0x0a || charCode === 0x0d || charCode === 0x2028 || charCode === 0x2029;
}

/** Says that the only segment of a line is a range. */
const ONE_RANGE = "B";

/** Says of a line's segments that all are ranges. */
function allOf(count: number): string {
  return "/".repeat(Math.floor(count / 6)) + (count % 6 === 0 ? "" : DIGITS[(1 << count % 6) - 1]);
}

/** Writes segments as source maps have them: as differences in base 64 (ECMA-426, section 9.2). */
class MappingWriter {
  text = "";
  /** Segments so far. */
  count = 0;
  readonly #last = [0, 0, 0, 0, 0];
  #isFirst = true;

  write(segment: Segment): void {
    if (!this.#isFirst) this.text += ",";
    this.#isFirst = false;
    this.count++;
    for (const [field, value] of segment.entries()) {
      this.text += digitsOf(value - this.#last[field]);
      this.#last[field] = value;
    }
  }

  /** The only segment of a line that begins as the source's `line` does. */
  writeStart(line: number): void {
    const [, source, before, column] = this.#last;
    if (line !== before + 1 || source !== 0 || column !== 0) return this.write([0, 0, line, 0]);
    this.text += "AACA";
    this.count++;
    this.#isFirst = false;
    this.#last[2] = line;
  }

  endLine(): void {
    this.text += ";";
    this.#last[0] = 0;
    this.#isFirst = true;
  }
}

/** Five bits to a digit, least significant first, after a bit for the sign; all but the last have 32 added. */
function digitsOf(value: number): string {
  let rest = value < 0 ? -value * 2 + 1 : value * 2;
  let digits = "";
  while (rest > 31) {
    digits += DIGITS[rest % 32 + 32];
    rest = Math.floor(rest / 32);
  }
  return digits + DIGITS[rest];
}
