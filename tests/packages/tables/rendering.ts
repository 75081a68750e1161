/** Rendering on the server. */

import type { PackageRow } from "../row.ts";

/** The packages. */
export const RENDERING: readonly PackageRow[] = [
  ["react-dom@19.3.1/server", "m.renderToString(R.createElement('p', null, 'a'))", {
    "R": "react@19.3.1",
  }],
  ["preact-render-to-string@6.8.2", "m.render(P.h('p', null, 'a'))", { "P": "preact@10.29.8" }],
  ["vue@3.5.45", "m.reactive({ a: 1 }).a"],
  [
    "@vue/server-renderer@3.5.45",
    "await m.renderToString(V.createSSRApp({ template: '<p>{{ a }}</p>', data: () => ({ a: 1 }) }))",
    { "V": "vue@3.5.45" },
  ],
  ["svelte@5.57.3/compiler", "m.compile('<p>a</p>', { generate: 'server' }).js.code.length > 10"],
  ["svelte@5.57.3/server", "typeof m.render"],
  ["solid-js@1.9.20/web", "typeof m.renderToString"],
  ["lit@3.3.3", "typeof m.html"],
  ["@lit-labs/ssr@3.3.1", "typeof m.render"],
  ["@react-email/render@1.4.0", "typeof m.render"],
  ["styled-components@6.6.0", "typeof d"],
  ["react-router@7.18.7", "typeof m.createStaticHandler"],
  [
    "@tanstack/query-core@5.108.4",
    "await new m.QueryClient().fetchQuery({ queryKey: ['a'], queryFn: () => 1 })",
  ],
  ["zustand@5.1.0/vanilla", "m.createStore(() => ({ a: 1 })).getState()"],
];
