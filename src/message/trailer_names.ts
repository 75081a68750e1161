/**
 * Which fields a trailer section can have (RFC 9110 6.5.1).
 *
 * @module
 */

/**
 * Names, in lower case, of fields that cannot be trailers: those that frame a message, route it, control
 * its response or say how its content is to be read, since they have to be known before the content.
 */
export const NOT_IN_TRAILERS: readonly string[] = [
  "age",
  "authorization",
  "cache-control",
  "connection",
  "content-encoding",
  "content-length",
  "content-range",
  "content-type",
  "date",
  "expires",
  "host",
  "keep-alive",
  "location",
  "proxy-authenticate",
  "proxy-connection",
  "retry-after",
  "set-cookie",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
  "vary",
  "www-authenticate",
];
