/**
 * The parameters of a request that the client sends (RFC 3875 4.1).
 *
 * @module
 */

/**
 * Parameters for `request` with a body of `bodyLength` bytes (`null`: none, or a length that is not
 * known); those of `more` replace them.
 */
export function paramsOf(
  request: Request,
  bodyLength: number | null,
  more: Readonly<Record<string, string>> | undefined,
): Record<string, string> {
  const { method, headers } = request;
  const url = new URL(request.url);
  const isSecure = url.protocol === "https:";
  const params: Record<string, string> = {
    GATEWAY_INTERFACE: "CGI/1.1",
    SERVER_PROTOCOL: "HTTP/1.1",
    SERVER_SOFTWARE: "gatehouse",
    SERVER_NAME: url.hostname,
    SERVER_PORT: url.port || (isSecure ? "443" : "80"),
    REQUEST_METHOD: method,
    REQUEST_SCHEME: isSecure ? "https" : "http",
    REQUEST_URI: url.pathname + url.search,
    SCRIPT_NAME: url.pathname,
    QUERY_STRING: url.search.slice(1),
    REMOTE_ADDR: "127.0.0.1",
    HTTP_HOST: url.host,
  };
  if (isSecure) params.HTTPS = "on";
  for (const [name, value] of headers) {
    // As HTTP_PROXY it would pass for a setting of the programs that read it.
    if (name !== "proxy") params[`HTTP_${name.toUpperCase().replaceAll("-", "_")}`] = value;
  }
  const type = headers.get("content-type");
  const length = bodyLength === null ? headers.get("content-length") : String(bodyLength);
  if (type !== null) params.CONTENT_TYPE = type;
  if (length !== null) params.CONTENT_LENGTH = length;
  return { ...params, ...more };
}
