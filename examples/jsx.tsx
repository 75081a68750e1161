/** @jsxImportSource npm:hono@4.13.19/jsx */
/**
 * A page written in JSX. What it shows is escaped.
 *
 *     gatehouse examples/jsx.tsx
 *     curl 'http://127.0.0.1:8000/?name=you'
 */
function Page({ name }: { name: string }) {
  return (
    <html>
      <body>
        <h1>Hello, {name}</h1>
      </body>
    </html>
  );
}

export default {
  fetch(request: Request): Response {
    const page = <Page name={new URL(request.url).searchParams.get("name") ?? "JSX"} />;
    return new Response(`<!doctype html>${page}`, {
      headers: { "content-type": "text/html; charset=utf-8" },
    });
  },
};
