/**
 * A handler of FastCGI that has the protocol as it is: parameters, streams, roles.
 *
 *     gatehouse fastcgi-handler:examples/fastcgi_handler.ts --fastcgi 127.0.0.1:9000
 *
 * As an authorizer it lets those pass who have the password, and tells the web server who they are. As a filter it
 * numbers the lines of a file. As a responder it says what it was asked.
 *
 * @module
 */

import type { FastCgiRequest } from "gatehouse";

const PASSWORD = "open sesame";

/** Handles a request in the role that it asks for. */
export default async function handle(request: FastCgiRequest): Promise<void> {
  const { role, params, stdout, stderr } = request;
  const writer = stdout.getWriter();
  if (role === "authorizer") {
    if (params.HTTP_X_PASSWORD === PASSWORD) {
      await writer.write("Status: 200 OK\r\nVariable-VISITOR: a friend\r\n\r\n");
    } else {
      await stderr.getWriter().write(`${params.REMOTE_ADDR ?? "somebody"} is not let in\n`);
      await writer.write("Status: 403 Forbidden\r\n\r\nThe password, please.\n");
    }
    return;
  }
  await writer.write("Content-Type: text/plain; charset=utf-8\r\n\r\n");
  if (role === "filter") {
    let number = 0;
    let rest = "";
    for await (const text of request.data!.pipeThrough(new TextDecoderStream())) {
      const lines = (rest + text).split("\n");
      rest = lines.pop()!;
      for (const line of lines) await writer.write(`${++number}\t${line}\n`);
    }
    if (rest !== "") await writer.write(`${++number}\t${rest}\n`);
    return;
  }
  let bytes = 0;
  for await (const chunk of request.stdin) bytes += chunk.length;
  await writer.write(`${params.REQUEST_METHOD} ${params.REQUEST_URI} with ${bytes} bytes\n`);
}
