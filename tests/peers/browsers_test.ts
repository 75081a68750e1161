import type { Browser, SentForms } from "../fixtures/browser_targets.ts";
import { BROWSER_TARGETS } from "../fixtures/browser_targets.ts";
import { assertEquals } from "../support/assert.ts";
import { soon } from "../support/strict.ts";

/** How the browsers are started; nobody has to have them. */
const BROWSERS: Record<Browser, { program: string; args: (folder: string) => string[] }> = {
  chromium: {
    program: "/usr/bin/chromium",
    args: (folder) => ["--headless", "--no-sandbox", "--disable-gpu", `--user-data-dir=${folder}`],
  },
  firefox: {
    program: "/usr/bin/firefox-esr",
    args: (folder) => ["--headless", "--no-remote", "--profile", folder],
  },
};

/**
 * Asks for each character in a path and in a query, by fetch() and by navigation, and then for /done. Those
 * that can end a path are alone in their targets, all others together: a navigation takes long.
 */
const PAGE = `<!doctype html><meta charset="utf-8"><body><script>
(async () => {
  const navigate = (url) => new Promise((resolve) => {
    const frame = document.createElement("iframe");
    frame.onload = () => { frame.remove(); resolve(); };
    frame.src = url;
    document.body.append(frame);
  });
  const others = [];
  for (let code = 0x20; code < 0x7f; code++) others.push(String.fromCharCode(code));
  const alone = ["#", "?"].map((char) => others.splice(others.indexOf(char), 1));
  for (const chars of [others, ...alone]) {
    const parts = chars.map((char) => char.charCodeAt(0) + "/(" + char + ")");
    for (const how of ["fetch", "navigate"]) {
      for (const url of ["/" + how + "/path/" + parts.join("/"), "/" + how + "/query/?" + parts.join("&")]) {
        if (how === "fetch") await fetch(url);
        else await navigate(url);
      }
    }
  }
  await fetch("/done");
})();
</script>`;

/** A character's code, and what was sent for it; what follows a # is not sent. */
const SENT = /(\d+)\/\((.*?)(?:\)(?=[/&]\d+\/\(|$)|$)/g;

/** Collects the targets of all requests until /done is asked for. */
async function capture(listener: Deno.Listener, done: () => void): Promise<string[]> {
  const targets: string[] = [];
  const connections: Promise<void>[] = [];
  const serve = async (conn: Deno.Conn): Promise<void> => {
    using _conn = conn;
    const buffer = new Uint8Array(65_536);
    let head = "";
    for (let bytes = await conn.read(buffer); bytes !== null; bytes = await conn.read(buffer)) {
      head += new TextDecoder("latin1").decode(buffer.subarray(0, bytes));
      if (!head.endsWith("\r\n\r\n")) continue;
      const target = head.split(" ", 2)[1];
      head = "";
      targets.push(target);
      const body = target === "/" ? PAGE : "";
      await conn.write(new TextEncoder().encode(
        `HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
      ));
      if (target === "/done") done();
    }
  };
  for await (const conn of listener) {
    connections.push(
      serve(conn).catch((error) => {
        if (!(error instanceof Deno.errors.ConnectionReset)) throw error;
      }),
    );
  }
  await Promise.all(connections);
  return targets;
}

for (const [name, { program, args }] of Object.entries(BROWSERS)) {
  Deno.test({
    name: `${name} sends the characters of URLs as the fixture says`,
    ignore: !(await Deno.stat(program).then(() => true, () => false)),
    async fn() {
      const folder = await Deno.makeTempDir();
      const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
      const done = Promise.withResolvers<void>();
      const capturing = capture(listener, done.resolve);
      const browser = new Deno.Command(program, {
        args: [...args(folder), `http://127.0.0.1:${listener.addr.port}/`],
        env: { HOME: folder },
        stdout: "null",
        stderr: "null",
      }).spawn();
      try {
        await soon("the browser's requests", done.promise);
      } finally {
        browser.kill("SIGKILL");
        await browser.status;
        listener.close();
      }
      const seen: Record<string, Record<string, SentForms>> = { fetch: {}, navigate: {} };
      for (const target of await capturing) {
        const [, how, where, sentParts] = /^\/(\w+)\/(\w+)\/(.*)$/.exec(target) ?? [];
        if (how === undefined) continue;
        for (const [, code, sent] of sentParts.matchAll(SENT)) {
          const char = String.fromCharCode(Number(code));
          seen[how][char] = { ...seen[how][char], [where]: sent };
        }
      }
      const expected = Object.fromEntries(BROWSER_TARGETS[name as Browser]);
      assertEquals(seen.fetch, expected);
      assertEquals(seen.navigate, expected);
      await Deno.remove(folder, { recursive: true }).catch(() => {
        // What the browser started may still be writing there.
      });
    },
  });
}
