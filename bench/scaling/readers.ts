/**
 * The readers of what others send, and so much for each as it is told: one thing many times.
 *
 * @module
 */

import { parseIni, Problems } from "../../src/config/ini_file.ts";
import { Defaults } from "../../src/config/interpolation.ts";
import { passedHead } from "../../src/cli/inspector_proxy.ts";
import { BufferPool, OutputBuffer } from "../../src/base/buffers.ts";
import { ByteQueue } from "../../src/base/byte_queue.ts";
import type { Exchange, Peer } from "../../src/message/exchange.ts";
import { NOBODY, RequestHead, UNKNOWN_LENGTH } from "../../src/message/exchange.ts";
import { CgiHeadReader } from "../../src/fastcgi/codec/cgi_head.ts";
import { DEFAULT_FASTCGI_LIMITS } from "../../src/fastcgi/codec/limits.ts";
import { RecordReader } from "../../src/fastcgi/codec/records.ts";
import { RequestTranslator } from "../../src/fastcgi/codec/translate.ts";
import { listHas, parseFieldLines } from "../../src/message/fields.ts";
import { checkTransferCodings } from "../../src/http1/codec/checks.ts";
import { DEFAULT_HTTP_LIMITS } from "../../src/http1/codec/limits.ts";
import { NEED_DATA, RequestParser } from "../../src/http1/codec/parser.ts";
import { mediaTypeOf } from "../../src/loader/fetch/media_type.ts";
import { parseNpmrc } from "../../src/loader/npm/npmrc.ts";
import { objectExports } from "../../src/loader/npm/object_exports.ts";
import { originalLine } from "../../src/loader/transform/source_lines.ts";
import { transformCode } from "../../src/loader/transform/transform.ts";
import { LineSplitter } from "../../src/base/line_splitter.ts";
import { forLog } from "../../src/base/log.ts";
import { formatReply, parseMessage } from "../../src/mongrel2/codec/message.ts";
import { parseTnetstring } from "../../src/mongrel2/codec/tnetstring.ts";
import { translateMessage } from "../../src/mongrel2/codec/translate.ts";
import { decodePairs, encodePairs } from "../../src/message/pairs.ts";
import {
  decodedReadings,
  hasDisputedDots,
  readingsOf,
  withUpperEscapes,
} from "../../src/message/request_paths.ts";
import { urlOf } from "../../src/message/request_url.ts";
import { ResponseFields } from "../../src/message/response_fields.ts";
import { variablesOf } from "../../src/worker/meta_variables.ts";
import { withPermissionHints } from "../../src/sandbox/permission_hint.ts";
import { requestFields } from "../../src/worker/request_fields.ts";
import { RequestBody } from "../../src/worker/request_body.ts";
import { SourceNames } from "../../src/worker/source_names.ts";

const LETTER = new TextEncoder().encode("x");
const NO_LIMIT = Number.MAX_SAFE_INTEGER;
const limits = {
  ...DEFAULT_FASTCGI_LIMITS,
  ...DEFAULT_HTTP_LIMITS,
  maxHeaderBytes: NO_LIMIT,
  maxHeaderCount: NO_LIMIT,
  maxTargetBytes: NO_LIMIT,
};
const address = { transport: "tcp", hostname: "127.0.0.1", port: 1 } as const;
const peerOf = (endpoint: Peer["endpoint"], scheme: Peer["scheme"]): Peer => ({
  endpoint,
  scheme,
  remoteAddr: address,
  localAddr: address,
});
const peersOf = (endpoint: Peer["endpoint"]) => ({
  http: peerOf(endpoint, "http"),
  https: peerOf(endpoint, "https"),
});

const bytesOf = (text: string) => Uint8Array.from(text, (char) => char.charCodeAt(0));

/** Does the work: what it returns is not looked at. */
export type Work = () => unknown;

/** Pushes `text` into a parser in pieces of `size` bytes. */
function pushing(text: string, size: number): Work {
  const bytes = bytesOf(text);
  return () => {
    const parser = new RequestParser(limits);
    for (let at = 0; at < bytes.length; at += size) {
      parser.push(bytes.subarray(at, at + size));
      while (parser.next() !== NEED_DATA);
    }
  };
}

const line = (start: string, middle: string, n: number, end = "") => start + middle.repeat(n) + end;
const GET = "GET / HTTP/1.1\r\nHost: a\r\n";

/** A head that a client has sent, as an app's side has it. */
function headWith(target: string, fields: string): RequestHead {
  const parser = new RequestParser(limits, peerOf("http", "http"));
  parser.push(bytesOf(`GET ${target} HTTP/1.1\r\nHost: a\r\n${fields}\r\n`));
  parser.next();
  return parser.head;
}

function translating(params: Record<string, string>): Work {
  const bytes = encodePairs({ REQUEST_METHOD: "GET", REQUEST_URI: "/", ...params });
  const translator = new RequestTranslator(limits, new BufferPool());
  return () => translator.translate(bytes, bytes.length, 1, peersOf("fastcgi"));
}

function mongrel2Message(headers: Record<string, string>): Uint8Array {
  const text = JSON.stringify({ METHOD: "GET", URI: "/", VERSION: "HTTP/1.1", ...headers });
  return bytesOf(`id 1 / ${text.length}:${text},0:,`);
}

function appending(lines: string): Work {
  const bytes = bytesOf(lines);
  const fields = new ResponseFields();
  return () => fields.append(new OutputBuffer(new BufferPool()), bytes);
}

/** An exchange that gives credit to nobody. */
const exchange = {
  head: Object.assign(new RequestHead(), { bodyLength: UNKNOWN_LENGTH }),
  receiver: NOBODY,
  grant() {},
} as unknown as Exchange;

const names = new SourceNames();

const MODULE = { url: "file:///a.ts", compilerOptions: {} };

function transforming(mediaType: "javascript" | "typescript", text: string): Work {
  return () => transformCode({ ...MODULE, mediaType, text });
}

function npmrc(text: string): Work {
  return () => parseNpmrc(text, { get: () => undefined }, ".npmrc");
}

/** What each reader gets, `n` times something; and what it does with it. */
export const READERS: Readonly<Record<string, (n: number) => Work>> = {
  "http: a target that comes byte by byte": (n) => pushing(line("GET /", "a", n), 1),
  "http: a query that comes byte by byte": (n) => pushing(line("GET /?", "a", n), 1),
  "http: a field name that comes byte by byte": (n) => pushing(line(GET, "a", n), 1),
  "http: a field value that comes byte by byte": (n) => pushing(line(`${GET}X: `, "a", n), 1),
  "http: blanks that come byte by byte": (n) => pushing(line(`${GET}X:`, " ", n), 1),
  "http: field lines that come byte by byte": (n) => pushing(line(GET, "X: y\r\n", n), 1),
  "http: pipelined heads that come in pieces": (n) => pushing(line("", `${GET}\r\n`, n), 7),
  "http: chunks of one byte": (n) =>
    pushing(line(`${GET}Transfer-Encoding: chunked\r\n\r\n`, "1\r\nx\r\n", n), 1000),
  "http: chunks that come byte by byte": (n) =>
    pushing(line(`${GET}Transfer-Encoding: chunked\r\n\r\n`, "1\r\nx\r\n", n), 1),
  "http: trailers that come byte by byte": (n) =>
    pushing(line(`${GET}Transfer-Encoding: chunked\r\n\r\n0\r\n`, "X: y\r\n", n), 1),
  "http: a Connection list": (n) =>
    pushing(line(`${GET}Connection: `, "a, ", n, "\r\n\r\n"), NO_LIMIT),
  "http: a Transfer-Encoding with blanks": (n) => {
    const codings = line("a", " ", n, "b");
    return () => {
      try {
        checkTransferCodings(codings);
      } catch {
        // It is none.
      }
    };
  },
  "fields: blanks within a value": (n) => {
    const lines = bytesOf(line("X: a", " ", n, "b\r\n"));
    return () => parseFieldLines(lines);
  },
  "fields: many lines": (n) => {
    const lines = bytesOf("X: y\r\n".repeat(n));
    return () => parseFieldLines(lines);
  },
  "fields: blanks in a list": (n) => {
    const list = bytesOf(line("a", " ", n, "b"));
    return () => listHas(list, 0, list.length, "close");
  },
  "url: dot segments": (n) => {
    const head = headWith(`/${"a/../".repeat(n)}`, "");
    return () => urlOf(head);
  },
  "url: characters to escape in a query": (n) => {
    const head = headWith(`/?${"`".repeat(n)}`, "");
    return () => urlOf(head);
  },
  "paths: dot segments and encoded slashes": (n) => {
    const path = "/a/..".repeat(n / 2) + "/%2e%2fb//".repeat(n / 2);
    return () => hasDisputedDots(path);
  },
  "paths: what others may read": (n) => {
    const path = "/%61//./b%5c..".repeat(n);
    return () => [readingsOf(path), decodedReadings(withUpperEscapes(path))];
  },
  "fields: cookies in many lines": (n) => {
    const head = headWith("/", "Cookie: a=b\r\n".repeat(n));
    return () => requestFields(head);
  },
  "cgi variables: percent signs in a path": (n) => {
    const head = headWith(`/${"%41%ff".repeat(n)}`, "");
    return () => variablesOf(head, "");
  },
  "cgi variables: fields of one name": (n) => {
    const head = headWith("/", "X-A: y\r\n".repeat(n));
    return () => variablesOf(head, "");
  },
  "cgi variables: blanks in a field": (n) => {
    const head = headWith("/", line("X: a", " ", n, "b\r\n"));
    return () => variablesOf(head, "");
  },
  "fastcgi: many parameters": (n) =>
    translating(Object.fromEntries(Array.from({ length: n }, (_, i) => [`HTTP_X${i}`, "y"]))),
  "fastcgi: values that are asked for": (n) => {
    const bytes = encodePairs(
      Object.fromEntries(Array.from({ length: n }, (_, i) => [`FCGI_${i}`, ""])),
    );
    return () => decodePairs(bytes);
  },
  "fastcgi: a long target": (n) => translating({ REQUEST_URI: line("/", "a/../", n) }),
  "fastcgi: a path to escape": (n) =>
    translating({ REQUEST_URI: "", PATH_INFO: line("/", "%", n) }),
  "fastcgi: blanks in a field": (n) => translating({ HTTP_X: line("a", " ", n, "b") }),
  "fastcgi: records that come byte by byte": (n) => {
    const record = bytesOf("\x01\x01\0\x01\0\x08\0\0\0\x01\0\0\0\0\0\0".repeat(n));
    return () => {
      const reader = new RecordReader();
      for (let at = 0; at < record.length; at++) {
        reader.push(record.subarray(at, at + 1));
        if (reader.inRecord || reader.readHeader()) reader.takeAll();
      }
    };
  },
  "fastcgi client: a head that comes byte by byte": (n) => {
    const head = bytesOf(line("X: ", "a", n - 100));
    return () => {
      const reader = new CgiHeadReader();
      for (let at = 0; at < head.length; at++) reader.push(head.subarray(at, at + 1));
    };
  },
  "fastcgi client: blanks in a head": (n) => {
    const head = bytesOf(line("X:", " ", n - 100, "\x01\n\n"));
    return () => {
      try {
        new CgiHeadReader().push(head);
      } catch {
        // It is malformed.
      }
    };
  },
  "mongrel2: many headers": (n) => {
    const message = mongrel2Message(
      Object.fromEntries(Array.from({ length: n }, (_, i) => [`x${i}`, "y"])),
    );
    return () => translateMessage(parseMessage(message), peersOf("mongrel2"), limits);
  },
  "mongrel2: control characters": (n) => {
    const text = line('{"METHOD":"GET","x":"', "\t", n, '"}');
    const message = bytesOf(`id 1 / ${text.length}:${text},0:,`);
    return () => parseMessage(message);
  },
  "mongrel2: a connection list": (n) => {
    const message = parseMessage(mongrel2Message({ connection: "a, ".repeat(n) }));
    return () => translateMessage(message, peersOf("mongrel2"), limits);
  },
  "mongrel2: lists within lists": (n) => {
    const list = "0:]".repeat(n);
    const bytes = bytesOf(`${list.length}:${list}]`);
    return () => parseTnetstring(bytes);
  },
  "mongrel2: a dictionary": (n) => {
    const entries = Array.from({ length: n }, (_, i) => `${String(i).length}:${i},0:~`).join("");
    const bytes = bytesOf(`${entries.length}:${entries}}`);
    return () => parseTnetstring(bytes);
  },
  "mongrel2: a reply to many": (n) => {
    const ids = Array.from({ length: n }, (_, i) => String(i));
    return () => formatReply("id", ids, new Uint8Array(0));
  },
  "responses: lines that are left out": (n) => appending("upgrade: x\r\n".repeat(n)),
  "responses: lines of which every other is left out": (n) =>
    appending("upgrade: x\r\nx: y\r\n".repeat(n)),
  "responses: blanks in Connection": (n) => appending(line("connection: a", " ", n, "b\r\n")),
  "request bodies: chunks of one byte that nobody reads yet": (n) => {
    const byte = new Uint8Array(1);
    return async () => {
      const body = new RequestBody(exchange, "body");
      for (let i = 0; i < n; i++) {
        body.beginChunk(1);
        body.push(byte);
      }
      body.end(new Uint8Array(0));
      await body.readAll((_bytes, start, end) => end - start);
    };
  },
  "queues of bytes: chunks of one byte": (n) => {
    const byte = new Uint8Array(1);
    return () => {
      const queue = new ByteQueue();
      for (let i = 0; i < n; i++) queue.push(byte);
      while (queue.shift(1) !== null);
    };
  },
  "lines: one that comes character by character": (n) => () => {
    const splitter = new LineSplitter(65_536, () => {});
    for (let i = 0; i < n; i++) splitter.push(LETTER);
    splitter.end();
  },
  "log: what is escaped": (n) => {
    const text = "\x1bab\n".repeat(n / 4);
    return () => forLog(text);
  },
  "log: schemes of URLs": (n) => {
    const text = "http://".repeat(n);
    return () => forLog(text);
  },
  "log: names without a password": (n) => {
    const text = line("http://", "a:", n);
    return () => forLog(text);
  },
  "errors of apps: file URLs": (n) => {
    const text = "file://".repeat(n);
    return () => names.withSources(text);
  },
  "errors of apps: relative paths": (n) => {
    const text = "./".repeat(n);
    return () => names.withSources(text);
  },
  "errors of apps: denials": (n) => {
    const text = 'Requires read access to "'.repeat(n);
    return () => withPermissionHints(text);
  },
  "inspector: fields of a head": (n) => {
    const head = line("GET / HTTP/1.1\r\nHost: localhost\r\n", "Connection \t: x\r\n", n);
    return () => passedHead(head);
  },
  "inspector: blanks in a request line": (n) => {
    const head = line("GET /", " HTTP/1.1", n, "\r\nHost: localhost\r\n\r\n");
    return () => passedHead(head);
  },
  "mongrel2: digits of a number": (n) => {
    const bytes = bytesOf(`${n}:${"1".repeat(n - 1)}x^`);
    return () => {
      try {
        parseTnetstring(bytes);
      } catch {
        // It is none.
      }
    };
  },
  "configuration: sections, keys and blanks": (n) => {
    const text = line("[a", " ", n, "b]\nk") + line("", " ", n, "k = v\n");
    return () => parseIni(text, new Problems("x"));
  },
  "configuration: names that are not closed": (n) => {
    const section = parseIni(line("[a]\nk = ", "%(", n, "\n"), new Problems("x"))[0];
    return () =>
      new Defaults(undefined, new Map(), new Map(), new Problems("x"))
        .valueOf(section.entries[0], section);
  },
  "configuration: keys that stand for each other": (n) => {
    const keys = Array.from({ length: n }, (_, i) => `k${i} = %(k0)s`).join("\n");
    const [section] = parseIni(`[a]\nk0 = v\n${keys.replace(/^k0.*\n/, "")}`, new Problems("x"));
    return () => {
      const defaults = new Defaults(undefined, new Map(), new Map(), new Problems("x"));
      for (const entry of section.entries) defaults.valueOf(entry, section);
    };
  },
  "loader: comments that name source maps": (n) =>
    transforming("typescript", line("", "//# sourceMappingURL=", n, "\nexport default 1;")),
  "loader: names like those of the loader": (n) => {
    const names = Array.from({ length: n }, (_, i) => "$" + `${i}`.padStart(7, "_"));
    return transforming("javascript", `import.meta;$modules;${names.join(";")}`);
  },
  "loader: imports": (n) => transforming("javascript", line("", "import 'a';", n)),
  "loader: dynamic imports": (n) => transforming("javascript", line("", "import('a');", n)),
  "loader: names of files": (n) => {
    const url = line("https://a.example/a", ".d.", n);
    return () => mediaTypeOf(url, "");
  },
  "loader: places of imports that fail": (n) => {
    const text = line("", "import('a');\n", n);
    const module = transformCode({ ...MODULE, mediaType: "javascript", text });
    return () => {
      for (let at = 1; at <= n; at++) originalLine(module, at);
    };
  },
  "loader: object literals that are not closed": (n) => {
    const text = line("", "module.exports={", n);
    return () => objectExports(text);
  },
  "loader: comments in literals that are not closed": (n) => {
    const text = line("module.exports={a:1,", "/*", n);
    return () => objectExports(text);
  },
  "loader: blanks in literals": (n) => {
    const text = line("module.exports={a:1,", " \n", n);
    return () => objectExports(text);
  },
  "loader: slashes in an .npmrc": (n) => npmrc(line("//a", "/", n, "a:b=c")),
  "loader: backslashes in an .npmrc": (n) => npmrc(line("a=", "\\\\", n, "b")),
};
