/**
 * The least that a server on the raw TCP API can do: reads, and answers each request that it counts
 * with a ready response, all of one read with one write. It parses nothing.
 */
const encoder = new TextEncoder();

function responseOf(body: string): Uint8Array {
  return encoder.encode(
    "HTTP/1.1 200 OK\r\ncontent-type: text/plain;charset=UTF-8\r\n" +
      "date: Sat, 01 Jan 2000 00:00:00 GMT\r\n" +
      `content-length: ${body.length}\r\n\r\n${body}`,
  );
}

const hello = Array.from({ length: 65 }, (_, count) => {
  const one = responseOf("Hello World");
  const all = new Uint8Array(one.length * count);
  for (let i = 0; i < count; i++) all.set(one, i * one.length);
  return all;
});

async function serve(conn: Deno.TcpConn): Promise<void> {
  conn.setNoDelay(true);
  const buffer = new Uint8Array(16_384);
  try {
    for (;;) {
      const bytes = await conn.read(buffer);
      if (bytes === null) break;
      let count = 0;
      // A head ends with an empty line.
      for (let at = 2; at < bytes; at++) {
        if (buffer[at] === 10 && buffer[at - 2] === 10) count++;
      }
      let response = hello[Math.min(count, 64)];
      while (response.length > 0) response = response.subarray(await conn.write(response));
    }
  } catch (error) {
    const gone = error instanceof Deno.errors.ConnectionReset ||
      error instanceof Deno.errors.BrokenPipe;
    if (!gone) throw error;
  }
  conn.close();
}

for await (const conn of Deno.listen({ hostname: "127.0.0.1", port: Number(Deno.args[0]) })) {
  serve(conn);
}
