/** Forms whose parts have their boundary in them, sent to apps of any command of gatehouse. */

import { assertEquals } from "../support/assert.ts";
import { startGateway } from "../support/gateway.ts";
import { inFolder } from "../support/processes.ts";

/** Contents of parts that the boundary `B` does not end. */
export const CONTENTS: readonly string[] = [
  "plain",
  "",
  "\r\n",
  "a --B b",
  "--B",
  "--B--",
  "a\n--B\nb",
  "a\r\n--Bx\r\nb",
  "a\r\n--B- -\r\nb",
  "a\r\r\n--B \t x\r\nb",
  "\r\n\r\n---B\r\n-\r\n-B--",
].filter((content) => !content.startsWith("--B"));

/** A form with `content` in a file and in a field, and a field behind it. */
export function formWith(content: string): string {
  const disposition = "Content-Disposition: form-data; name=";
  return `before --B\r\n--B\r\n${disposition}"file"; filename="ä.txt"\r\n` +
    `Content-Type: text/x\r\n\r\n${content}\r\n` +
    `--B \r\n${disposition}"field"\r\n\r\n${content}\r\n` +
    `--B\r\n${disposition}"last"\r\n\r\nend\r\n--B--\r\nbehind\r\n--B\r\n`;
}

/** What is in a form, in order. */
export async function entriesOf(form: FormData): Promise<unknown[]> {
  return await Promise.all(
    Array.from(
      form,
      async ([name, value]) =>
        typeof value === "string"
          ? [name, value]
          : [name, value.name, value.type, await value.text()],
    ),
  );
}

/** What is in the form with `content`. */
export function expectedOf(content: string): unknown[] {
  return [["file", "ä.txt", "text/x", content], ["field", content], ["last", "end"]];
}

const APP = `
  const entriesOf = ${entriesOf};
  const parse = async (source) => {
    try {
      return await entriesOf(await source.formData());
    } catch (error) {
      return String(error);
    }
  };
  const forms = {
    "/light": (request) => request,
    "/copy": (request) => new Request(request),
    "/response": (request) => new Response(request.body, { headers: request.headers }),
    "/clone": (request) => (new Response(request.body, { headers: request.headers })).clone(),
    "/used": async (request) => (await request.text(), request),
  };
  export default async (request) =>
    Response.json(await parse(await forms[new URL(request.url).pathname](request)));`;

/** Defines the tests for a command of gatehouse. */
export function formTests(name: string, command: readonly string[]): void {
  for (const workers of ["1", "0"]) {
    Deno.test(`parts of forms may have their boundary in them (${name}, --workers ${workers})`, () =>
      inFolder({ "app.js": APP }, async (folder) => {
        await using gateway = await startGateway([`${folder}/app.js`, "--workers", workers], {
          command,
        });
        const ask = async (path: string, body: string, boundary = "B") =>
          await (await fetch(gateway.url + path, {
            method: "POST",
            headers: { "content-type": `multipart/form-data; boundary=${boundary}` },
            body,
          })).json();
        for (const content of CONTENTS) {
          for (const path of ["/light", "/copy", "/response", "/clone"]) {
            assertEquals(await ask(path, formWith(content)), expectedOf(content));
          }
        }
        assertEquals(await ask("/light", formWith("x"), '"B"; charset=x'), expectedOf("x"));
        for (const [path, body] of [["/used", formWith("x")], ["/light", "none"]]) {
          assertEquals(/^TypeError: /.test(await ask(path, body)), true);
        }
      }));
  }
}
