/** @jsxImportSource npm:hono@4.13.19/jsx */
/**
 * A page written in JSX.
 *
 *     gatehouse examples/jsx.tsx
 */
function Page({ path }: { path: string }) {
  return (
    <html>
      <body>
        <h1>Hello from {path}</h1>
      </body>
    </html>
  );
}

export default {
  fetch(request: Request): Response {
    const page = <Page path={new URL(request.url).pathname} />;
    return new Response(`<!doctype html>${page}`, {
      headers: { "content-type": "text/html; charset=utf-8" },
    });
  },
};
