/** Small projects of frameworks, with pinned versions, and what a visitor does with them. */

/** A project. */
export interface Project {
  /** Its dependencies, by name. */
  readonly packages: Readonly<Record<string, string>>;
  /** Its files. */
  readonly files: Readonly<Record<string, string>>;
  /** The command that builds it, of one of its packages. */
  readonly build: string;
  /** What gatehouse is started with. */
  readonly args: readonly string[];
  /** Whether it has to be served over TLS: it takes its own address for one with `https:`. */
  readonly tls?: boolean;
  /** Expressions that click, and what the page shows then, in order. */
  readonly clicks: readonly (readonly [act: string, shows: string])[];
}

const REACT = { react: "19.2.9", "react-dom": "19.2.9" };
const click = (id: string) => `document.getElementById("${id}").click()`;
/** What the server has sent, before anything is clicked. */
const SERVED: Project["clicks"][number] = ["0", "Clicked 0"];
const HYDRATED: Project["clicks"][number] = [
  `if (document.getElementById("count").textContent === "Clicked 0") ${click("count")}`,
  "Clicked 1",
];
const SAID: Project["clicks"][number] = [click("send"), "You said hello"];
const ROBOTS = "robots of the project";

const NITRO_PAGE = (name: string) =>
  `"<!doctype html><title>${name}</title>" +
    renderToString(createElement("h1", null, "${name}")) +
    '<button id="count">Clicked 0</button>' +
    '<form method="post" action="/echo"><input name="text" value="hello">' +
    '<button id="send">Send</button></form><script src="/client.js"></script>'`;
const NITRO_CLIENT = 'document.getElementById("count").onclick = (event) => ' +
  '{ event.target.textContent = "Clicked 1"; };\n';

const REACT_ROUTER = (version: string, vite: string): Project => ({
  packages: {
    ...REACT,
    "@react-router/dev": version,
    "@react-router/node": version,
    "@react-router/serve": version,
    "react-router": version,
    isbot: "5.2.3",
    srvx: "1.0.8",
    vite,
    typescript: "5.9.3",
  },
  files: {
    "vite.config.ts": `import { reactRouter } from "@react-router/dev/vite";
import { defineConfig } from "vite";
export default defineConfig({
  plugins: [reactRouter()],
  resolve: { alias: { "react-dom/server": "react-dom/server.node" } },
});
`,
    "server.js": `import { createRequestHandler } from "react-router";
import { staticMiddleware } from "srvx/static";
import * as build from "./build/server/index.js";

const files = staticMiddleware({ dir: new URL("build/client", import.meta.url).pathname });
const app = createRequestHandler(build, "production");
export default { fetch: (request) => files(request, () => app(request)) };
`,
    "app/root.tsx": `import { Links, Meta, Outlet, Scripts } from "react-router";
export default function App() {
  return <html lang="en"><head><meta charSet="utf-8" /><Meta /><Links /></head>
    <body><Outlet /><Scripts /></body></html>;
}
`,
    "app/routes.ts": `import { index } from "@react-router/dev/routes";
export default [index("home.tsx")];
`,
    "app/home.tsx": `import { useState } from "react";
import { Form, useActionData, useLoaderData } from "react-router";
export const loader = ({ request }) => ({ path: new URL(request.url).pathname });
export async function action({ request }) {
  return { said: String((await request.formData()).get("text")) };
}
export default function Home() {
  const data = useLoaderData();
  const action = useActionData();
  const [count, setCount] = useState(0);
  return <main><h1>At {data.path}</h1>
    <button id="count" onClick={() => setCount(count + 1)}>Clicked {count}</button>
    <Form method="post"><input name="text" defaultValue="hello" /><button id="send">Send</button></Form>
    {action && <p>You said {action.said}</p>}</main>;
}
`,
    "public/robots.txt": ROBOTS,
  },
  build: "react-router build",
  args: ["server.js"],
  clicks: [SERVED, HYDRATED, SAID],
});

const TANSTACK_SERVER = `import { staticMiddleware } from "srvx/static";
import app from "./dist/server/server.js";

const files = staticMiddleware({ dir: new URL("dist/client", import.meta.url).pathname });
export default { fetch: (request) => files(request, () => app.fetch(request)) };
`;

const TANSTACK = (plugins: "nitro" | "none"): Project => ({
  packages: {
    ...REACT,
    "@tanstack/react-start": "1.169.5",
    "@tanstack/react-router": "1.170.46",
    vite: "8.4.0",
    "@vitejs/plugin-react": "6.3.0",
    ...plugins === "nitro" ? { nitro: "3.0.260903-beta" } : { srvx: "1.0.8" },
  },
  files: {
    "vite.config.ts": `import { tanstackStart } from "@tanstack/react-start/plugin/vite";
import react from "@vitejs/plugin-react";
${plugins === "nitro" ? 'import { nitro } from "nitro/vite";' : "const nitro = () => [];"}
import { defineConfig } from "vite";
export default defineConfig({ plugins: [tanstackStart(), nitro(), react()] });
`,
    // The plugin of Nitro would take it for the entry.
    ...plugins === "nitro" ? {} : { "server.js": TANSTACK_SERVER },
    "src/router.tsx": `import { createRouter } from "@tanstack/react-router";
import { routeTree } from "./routeTree.gen";
export const getRouter = () => createRouter({ routeTree });
`,
    "src/routes/__root.tsx":
      `import { createRootRoute, HeadContent, Outlet, Scripts } from "@tanstack/react-router";
export const Route = createRootRoute({
  component: () => <html lang="en"><head><HeadContent /></head>
    <body><Outlet /><Scripts /></body></html>,
});
`,
    "src/routes/index.tsx": `import { createFileRoute } from "@tanstack/react-router";
import { createServerFn } from "@tanstack/react-start";
import { useState } from "react";
const shout = createServerFn({ method: "POST" }).validator((text: string) => text)
  .handler(({ data }) => data.toUpperCase() + " from " + typeof document);
export const Route = createFileRoute("/")({ component: Home });
function Home() {
  const [count, setCount] = useState(0);
  const [said, setSaid] = useState("");
  return <main><h1>TanStack Start</h1>
    <button id="count" onClick={() => setCount(count + 1)}>Clicked {count}</button>
    <button id="call" onClick={async () => setSaid(await shout({ data: "hello" }))}>Call</button>
    <p>{said}</p></main>;
}
`,
    "public/robots.txt": ROBOTS,
  },
  build: "vite build",
  args: [plugins === "nitro" ? ".output/server/index.mjs" : "server.js"],
  clicks: [SERVED, HYDRATED, [click("call"), "HELLO from undefined"]],
});

/** The projects, by framework. */
export const PROJECTS: Readonly<Record<string, Project>> = {
  "Nitro 2": {
    packages: { ...REACT, nitropack: "2.13.6" },
    files: {
      "nitro.config.ts":
        'export default defineNitroConfig({ srcDir: "server", compatibilityDate: "2025-07-01" });\n',
      "server/routes/index.ts": `import { createElement } from "react";
import { renderToString } from "react-dom/server";
export default defineEventHandler((event) => {
  setHeader(event, "content-type", "text/html");
  return ${NITRO_PAGE("Nitro 2")};
});
`,
      "server/routes/echo.post.ts":
        'export default defineEventHandler(async (event) => "You said " + (await readBody(event)).text);\n',
      "server/public/client.js": NITRO_CLIENT,
      "server/public/robots.txt": ROBOTS,
    },
    build: "nitro build",
    args: [".output/server/index.mjs"],
    clicks: [SERVED, HYDRATED, SAID],
  },
  "Nitro 3": {
    packages: { ...REACT, nitro: "3.0.260903-beta" },
    files: {
      "nitro.config.ts":
        'import { defineConfig } from "nitro";\nexport default defineConfig({ serverDir: "./" });\n',
      "routes/index.ts": `import { defineHandler } from "nitro/h3";
import { createElement } from "react";
import { renderToString } from "react-dom/server";
export default defineHandler((event) => {
  event.res.headers.set("content-type", "text/html");
  return ${NITRO_PAGE("Nitro 3")};
});
`,
      "routes/echo.post.ts": `import { defineHandler } from "nitro/h3";
export default defineHandler(async ({ req }) => "You said " + (await req.formData()).get("text"));
`,
      "public/client.js": NITRO_CLIENT,
      "public/robots.txt": ROBOTS,
    },
    build: "nitro build",
    args: [".output/server/index.mjs"],
    clicks: [SERVED, HYDRATED, SAID],
  },
  "React Router 7": REACT_ROUTER("7.18.4", "7.3.8"),
  "React Router 8": REACT_ROUTER("8.4.0", "8.4.0"),
  "TanStack Start": TANSTACK("none"),
  "TanStack Start with Nitro": TANSTACK("nitro"),
  "SvelteKit": {
    packages: {
      "@sveltejs/kit": "3.2.0",
      "@sveltejs/adapter-node": "6.0.1",
      "@sveltejs/vite-plugin-svelte": "7.3.1",
      svelte: "5.57.3",
      vite: "8.4.0",
    },
    files: {
      "vite.config.js": `import adapter from "@sveltejs/adapter-node";
import { sveltekit } from "@sveltejs/kit/vite";
import { defineConfig } from "vite";
export default defineConfig({ plugins: [sveltekit({ adapter: adapter() })] });
`,
      "src/app.html":
        '<!doctype html><html lang="en"><head><meta charset="utf-8">%sveltekit.head%' +
        "</head><body><div>%sveltekit.body%</div></body></html>",
      "src/routes/+page.server.js": `export const load = ({ url }) => ({ path: url.pathname });
export const actions = {
  default: async ({ request }) => ({ said: String((await request.formData()).get("text")) }),
};
`,
      "src/routes/+page.svelte": `<script>
  import { enhance } from "$app/forms";
  let { data, form } = $props();
  let count = $state(0);
</script>
<h1>At {data.path}</h1>
<button id="count" onclick={() => count++}>Clicked {count}</button>
<form method="post" use:enhance><input name="text" value="hello"><button id="send">Send</button></form>
{#if form?.said}<p>You said {form.said}</p>{/if}
`,
      "static/robots.txt": ROBOTS,
    },
    build: "vite build",
    args: ["build/index.js"],
    tls: true,
    clicks: [SERVED, HYDRATED, SAID],
  },
  "Astro": {
    packages: {
      ...REACT,
      astro: "7.3.5",
      "@astrojs/node": "11.1.6",
      "@astrojs/react": "7.0.0",
    },
    files: {
      "astro.config.mjs": `import node from "@astrojs/node";
import react from "@astrojs/react";
import { defineConfig } from "astro/config";
export default defineConfig({
  output: "server",
  adapter: node({ mode: "standalone" }),
  integrations: [react()],
});
`,
      "src/Counter.jsx": `import { useState } from "react";
export default function Counter() {
  const [count, setCount] = useState(0);
  return <button id="count" onClick={() => setCount(count + 1)}>Clicked {count}</button>;
}
`,
      "src/pages/index.astro": `---
import Counter from "../Counter.jsx";
const isPost = Astro.request.method === "POST";
const said = isPost ? String((await Astro.request.formData()).get("text")) : "";
---
<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Astro</title></head><body>
<h1>At {Astro.url.pathname}</h1><Counter client:load />
<form method="post"><input name="text" value="hello"><button id="send">Send</button></form>
{said && <p>You said {said}</p>}
</body></html>
`,
      "public/robots.txt": ROBOTS,
    },
    build: "astro build",
    args: ["dist/server/entry.mjs"],
    clicks: [SERVED, HYDRATED, SAID],
  },
};
