/** Waits as long as the request says (`?ms=`), and answers with the number in its own file's name. */

const node = /node-(\d+)\.ts$/.exec(import.meta.url)?.[1] ?? "0";

const sleep = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

export default {
  async fetch(request: Request): Promise<Response> {
    await sleep(Number(new URL(request.url).searchParams.get("ms")));
    return new Response(node);
  },
};
