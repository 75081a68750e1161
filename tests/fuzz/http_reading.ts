/**
 * Requests of HTTP/1.1 read in a simple way, which is not the parser's: with all bytes at hand, by lines
 * and regular expressions. Where the parser is strict it is lax: what the parser accepts, it reads.
 */

/** A request; what there is of one that is not complete. */
export interface SimpleRequest {
  readonly method: string;
  readonly target: string;
  readonly fields: string;
  /** What has come of the body. */
  readonly body: string;
  /** Sizes of the chunks that have begun. */
  readonly chunks: readonly number[];
  /** The trailers; `null` without a chunked body, or before its end. */
  readonly trailers: string | null;
}

/** Reads the requests in `text`, whose code units are bytes, as far as it goes. */
export function readSimply(text: string): SimpleRequest[] {
  const requests: SimpleRequest[] = [];
  let rest = text;
  for (;;) {
    rest = rest.replace(/^(?:\r\n)+/, "");
    const lines = rest.slice(0, Math.max(0, rest.indexOf("\r\n\r\n"))).split("\r\n");
    const [method, target, version] = lines[0].split(" ");
    if (version === undefined) return requests;
    const fields = lines.slice(1).map((line) => `${line}\r\n`).join("");
    rest = rest.slice(rest.indexOf("\r\n\r\n") + 4);
    const codings = /^transfer-encoding:/im.test(fields);
    const [, length = "0"] = /^content-length:[ \t]*(\d+)/im.exec(fields) ?? [];
    const head = { method, target, fields };
    if (codings) {
      const chunked = readChunks(rest);
      requests.push({ ...head, ...chunked });
      if (chunked.trailers === null) return requests;
      rest = rest.slice(chunked.bytes);
    } else {
      const body = rest.slice(0, Number(length));
      requests.push({ ...head, body, chunks: [], trailers: null });
      if (body.length < Number(length)) return requests;
      rest = rest.slice(Number(length));
    }
  }
}

function readChunks(text: string) {
  const chunks: number[] = [];
  let body = "";
  let at = 0;
  for (;;) {
    const line = /^0*([\da-f]+)[^\r]*\r\n/i.exec(text.slice(at));
    if (line === null) return { body, chunks, trailers: null, bytes: at };
    at += line[0].length;
    const size = parseInt(line[1], 16);
    if (size === 0) break;
    chunks.push(size);
    body += text.slice(at, at + size);
    at += size + 2;
  }
  const [whole, trailers] = /^((?:[^\r\n]+\r\n)*)\r\n/.exec(text.slice(at)) ?? [];
  if (trailers === undefined) return { body, chunks, trailers: null, bytes: at };
  return { body, chunks, trailers, bytes: at + whole!.length };
}
