/** Responses of HTTP/1.1 as a client reads them (RFC 9112 6.3), with all bytes at hand. */

/** A final response. */
export interface SimpleResponse {
  readonly status: number;
  /** What has come of the body. */
  readonly body: string;
  /** Whether the body is all there, as far as its framing tells. */
  readonly isWhole: boolean;
}

/**
 * Reads responses to requests whose methods `methodOf` knows; throws if there is something else. A body
 * that ends with the connection may, or may not, be whole.
 */
export function readResponses(
  text: string,
  methodOf: (index: number) => string,
): SimpleResponse[] {
  const responses: SimpleResponse[] = [];
  for (let at = 0; at < text.length;) {
    const [head, code, fields] = /^HTTP\/1\.1 (\d{3}) [^\r\n]*\r\n((?:[^\r\n]+\r\n)*)\r\n/
      .exec(text.slice(at)) ?? [];
    if (head === undefined) {
      // The connection has ended within a head, or it is none.
      if (!/^HTTP\/1\.1 \d{3} |^.{0,13}$/.test(text.slice(at))) throw new Error("no response");
      if (text.slice(at).includes("\r\n\r\n")) throw new Error("a malformed head");
      return responses;
    }
    at += head.length;
    const status = Number(code);
    if (status < 200) continue;
    const [, length] = /^content-length: (\d+)\r$/im.exec(fields) ?? [];
    const isBare = methodOf(responses.length) === "HEAD" || status === 204 || status === 304;
    if (isBare) {
      responses.push({ status, body: "", isWhole: true });
    } else if (/^transfer-encoding: chunked\r$/im.test(fields)) {
      const { body, bytes, isWhole } = readChunked(text.slice(at));
      responses.push({ status, body, isWhole });
      at += bytes;
    } else {
      const body = text.slice(at, at + Number(length ?? Infinity));
      const isWhole = body.length === Number(length ?? NaN);
      responses.push({ status, body, isWhole });
      at += body.length;
    }
  }
  return responses;
}

function readChunked(text: string): { body: string; bytes: number; isWhole: boolean } {
  let body = "";
  for (let at = 0;;) {
    const [line, digits] = /^([\da-f]+)\r\n/.exec(text.slice(at)) ?? [];
    if (line === undefined) {
      if (!/^[\da-f]*\r?$/.test(text.slice(at))) throw new Error("no chunk");
      return { body, bytes: text.length, isWhole: false };
    }
    const size = parseInt(digits!, 16);
    const chunk = text.slice(at + line.length, at + line.length + size);
    const end = text.slice(at + line.length + size, at + line.length + size + 2);
    body += chunk;
    at += line.length + size + 2;
    if (end !== "\r\n") {
      if (at <= text.length) throw new Error("a chunk has no end");
      return { body, bytes: text.length, isWhole: false };
    }
    if (size === 0) return { body, bytes: at, isWhole: true };
  }
}
