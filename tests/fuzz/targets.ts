/** All that is fuzzed: `deno task fuzz`, and for a moment each in the tests. */

import { ARCHIVES } from "./archives.ts";
import { FASTCGI, FASTCGI_RECORDS } from "./fastcgi.ts";
import { FASTCGI_ANSWERS } from "./fastcgi_answers.ts";
import { HTTP } from "./http.ts";
import { HTTP_CONNECTIONS } from "./http_connection.ts";
import { COMMONJS_IMPORTS, IMPORTS, TYPESCRIPT_IMPORTS } from "./imports.ts";
import { INI } from "./ini.ts";
import { LOG } from "./log.ts";
import { MONGREL2, TNETSTRINGS } from "./mongrel2.ts";
import { REQUEST_TARGETS } from "./request_targets.ts";
import { CGI_HEADS, RESPONSES } from "./responses.ts";
import { RING, RING_BETWEEN_THREADS } from "./ring.ts";
import { SERVER_ANSWERS } from "./server_answers.ts";
import type { FuzzTarget } from "./target.ts";
import { WEBSOCKET, WEBSOCKET_DEFLATE, WEBSOCKET_OFFERS } from "./websocket.ts";

/** The targets, by what they are named. */
export const TARGETS: readonly FuzzTarget[] = [
  HTTP,
  HTTP_CONNECTIONS,
  FASTCGI_RECORDS,
  FASTCGI,
  FASTCGI_ANSWERS,
  MONGREL2,
  TNETSTRINGS,
  WEBSOCKET,
  WEBSOCKET_OFFERS,
  WEBSOCKET_DEFLATE,
  INI,
  REQUEST_TARGETS,
  RESPONSES,
  CGI_HEADS,
  SERVER_ANSWERS,
  LOG,
  IMPORTS,
  COMMONJS_IMPORTS,
  TYPESCRIPT_IMPORTS,
  ARCHIVES,
  RING,
  RING_BETWEEN_THREADS,
];
