/**
 * `formData()` of bodies that have their boundary in a part, too. Deno before 2.9 takes each `--boundary` for
 * a delimiter, and cuts the part off there; only at the beginning of a line, and alone there, it is one
 * (RFC 2046 5.1.1). Such a body is given to the platform with another boundary, which no part has.
 *
 * @module
 */

import {
  copyOf,
  getterOf,
  lengthOf,
  setBytes,
  settle,
  uncurried,
  viewOf,
} from "../base/captured.ts";

const { FormData, Headers, Int32Array, Promise, Request, Response, Uint8Array } = globalThis;
const { defineProperty, getOwnPropertyDescriptor } = Object;
const randomUUID: () => string = crypto.randomUUID.bind(crypto);
const encoder = new TextEncoder();
const encode = uncurried(TextEncoder.prototype.encode);
const valueOf = uncurried(Headers.prototype.get);
const formDataOf = uncurried(Response.prototype.formData);
const textIn = uncurried(FormData.prototype.get);
const exec = uncurried(RegExp.prototype.exec);

/** The boundary in a content type, as a token or quoted. */
const BOUNDARY =
  /^\s*multipart\/form-data\s*;(?:.*;)?\s*boundary=(?:"([^"]*)"|([^\s";]+))\s*(?:;|$)/i;
const CR = 0x0d;
const LF = 0x0a;
const DASH = 0x2d;
const TAB = 0x09;
const BLANK = 0x20;

/** A line that is a delimiter. */
interface Delimiter {
  /** Where it begins, behind the end of the line before. */
  readonly start: number;
  /** Where what follows begins. */
  readonly end: number;
  /** Whether it is the last one. */
  readonly isLast: boolean;
}

let isMended = false;

/** Mends `formData()` of the current thread, if it has the fault: for threads that are the gateway's own. */
export async function mendForms(): Promise<void> {
  if (isMended) return;
  isMended = true;
  if (!await isFaulty()) return;
  mend(Request.prototype);
  mend(Response.prototype);
}

async function isFaulty(): Promise<boolean> {
  const content = "a --b c";
  const body = `--b\r\ncontent-disposition: form-data; name="a"\r\n\r\n${content}\r\n--b--\r\n`;
  return textIn(await formDataOf(formOf(body, "multipart/form-data; boundary=b")), "a") !== content;
}

function formOf(body: BodyInit, type: string): Response {
  return new Response(body, { headers: { "content-type": type } });
}

function mend(prototype: Request | Response): void {
  const headersOf: (self: object) => Headers = getterOf(prototype, "headers");
  const bytesOf = uncurried<object, [], Promise<Uint8Array<ArrayBuffer>>>(prototype.bytes);
  const native = uncurried<object, [], Promise<FormData>>(prototype.formData);
  const descriptor = getOwnPropertyDescriptor(prototype, "formData")!;
  const mended = {
    formData(this: object): Promise<FormData> {
      return new Promise((resolve, reject) => {
        const type = valueOf(headersOf(this), "content-type");
        const boundary = boundaryOf(type);
        if (boundary === null) return resolve(native(this));
        settle(
          bytesOf(this),
          (bytes) => resolve(formDataOf(reframed(bytes, type!, boundary))),
          reject,
        );
      });
    },
  }.formData;
  defineProperty(prototype, "formData", { ...descriptor, value: mended });
}

function boundaryOf(type: string | null): string | null {
  if (type === null) return null;
  const match = exec(BOUNDARY, type);
  return match === null ? null : match[1] || match[2] || null;
}

/** The form in `bytes`, of the given type, as the platform reads it rightly. */
export function reframed(bytes: Uint8Array<ArrayBuffer>, type: string, boundary: string): Response {
  const mark = encode(encoder, `--${boundary}`);
  const delimiters = delimitersIn(bytes, mark);
  if (delimiters === null) return formOf(bytes, type);
  const own = randomUUID();
  const line = encode(encoder, `--${own}\r\n`);
  const lastLine = encode(encoder, `--${own}--\r\n`);
  const whole = new Uint8Array(lengthOf(bytes) + delimiters.length * lengthOf(lastLine));
  let length = 0;
  const add = (part: Uint8Array) => {
    setBytes(whole, part, length);
    length += lengthOf(part);
  };
  // What stands before the first one is not part of the form.
  for (let i = 0; i < delimiters.length; i++) {
    const { end, isLast } = delimiters[i];
    add(isLast ? lastLine : line);
    if (isLast) break;
    add(viewOf(bytes, end, i + 1 < delimiters.length ? delimiters[i + 1].start : lengthOf(bytes)));
  }
  return formOf(copyOf(whole, 0, length), `multipart/form-data; boundary=${own}`);
}

/** The delimiters in `bytes`; `null` if `mark` stands nowhere else. */
function delimitersIn(bytes: Uint8Array, mark: Uint8Array): Delimiter[] | null {
  const found: Delimiter[] = [];
  let isElsewhere = false;
  const borders = bordersOf(mark);
  const markLength = lengthOf(mark);
  const length = lengthOf(bytes);
  for (let at = 0, matched = 0; at < length; at++) {
    while (matched > 0 && bytes[at] !== mark[matched]) matched = borders[matched - 1];
    if (bytes[at] === mark[matched]) matched++;
    if (matched < markLength) continue;
    matched = borders[matched - 1];
    const delimiter = delimiterAt(bytes, at + 1 - markLength, at + 1);
    if (delimiter === null) isElsewhere = true;
    else {
      found[found.length] = delimiter;
      if (delimiter.isLast) break;
    }
  }
  return isElsewhere ? found : null;
}

/** For each beginning of `mark`, how much of its end is another beginning (Knuth, Morris, Pratt). */
function bordersOf(mark: Uint8Array): Int32Array {
  const length = lengthOf(mark);
  const borders = new Int32Array(length);
  for (let at = 1, matched = 0; at < length; at++) {
    while (matched > 0 && mark[at] !== mark[matched]) matched = borders[matched - 1];
    if (mark[at] === mark[matched]) matched++;
    borders[at] = matched;
  }
  return borders;
}

/** The delimiter whose dashes and boundary are `bytes[start, end)`; `null` if they are content. */
function delimiterAt(bytes: Uint8Array, start: number, end: number): Delimiter | null {
  const beginsLine = start === 0 || (bytes[start - 2] === CR && bytes[start - 1] === LF);
  if (!beginsLine) return null;
  if (bytes[end] === DASH && bytes[end + 1] === DASH) return { start, end: end + 2, isLast: true };
  let at = end;
  while (bytes[at] === BLANK || bytes[at] === TAB) at++;
  if (bytes[at] !== CR || bytes[at + 1] !== LF) return null;
  return { start, end: at + 2, isLast: false };
}
