/**
 * Middleware that asks for a user name and a password (RFC 7617), and lets nobody in without. Who is let in is
 * `context.env.REMOTE_USER` to the app (RFC 3875 4.1.11).
 *
 *     AUTH_USER=ann AUTH_PASSWORD=secret \
 *       gatehouse examples/hello.ts examples/middleware/basic_auth.ts
 *     curl -u ann:secret http://127.0.0.1:8000/
 */
import { Buffer } from "node:buffer";
import { createHash, timingSafeEqual } from "node:crypto";
import type { App } from "gatehouse";

/** A digest is as long for a wrong guess as for the right one, and tells nothing of either. */
function digest(data: string | Uint8Array): Uint8Array {
  return createHash("sha256").update(data).digest();
}

function fromEnv(name: string): string {
  const value = Deno.env.get(name);
  if (!value) throw new Error(`basic_auth wants the environment variable ${name}`);
  return value;
}

export default function basicAuth(next: App): App {
  const user = fromEnv("AUTH_USER");
  if (user.includes(":")) throw new Error("basic_auth cannot have a user name with a colon");
  const expected = digest(`${user}:${fromEnv("AUTH_PASSWORD")}`);

  return {
    fetch(request, context) {
      const header = request.headers.get("authorization") ?? "";
      const [, credentials] = /^Basic +([A-Za-z0-9+/]+=*)$/i.exec(header) ?? ["", ""];
      if (timingSafeEqual(digest(Buffer.from(credentials, "base64")), expected)) {
        context.env.AUTH_TYPE = "Basic";
        context.env.REMOTE_USER = user;
        return next.fetch(request, context);
      }
      return new Response("who are you?\n", {
        status: 401,
        headers: { "www-authenticate": 'Basic realm="gatehouse", charset="UTF-8"' },
      });
    },
  };
}
