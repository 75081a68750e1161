/** Sends the files of the folder FILES_ROOT, as `serveFile` of @std/http does: by the stream of a file. */

const root = Deno.env.get("FILES_ROOT")!;

export default {
  async fetch({ url }: Request): Promise<Response> {
    const path = root + new URL(url).pathname;
    const [file, info] = await Promise.all([Deno.open(path), Deno.stat(path)]);
    return new Response(file.readable, {
      headers: {
        "accept-ranges": "bytes",
        "content-length": String(info.size),
        "content-type": "application/octet-stream",
        "etag": `W/"${info.size.toString(16)}-${info.mtime!.getTime().toString(16)}"`,
        "last-modified": info.mtime!.toUTCString(),
      },
    });
  },
};
