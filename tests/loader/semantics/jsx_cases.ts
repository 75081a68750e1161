/** JSX, by pragmas and by compilerOptions. */

import type { Theme } from "./case.ts";

/** A JSX runtime that shows what it is called with. */
const RUNTIME = `
export const Fragment = "fragment";
export const jsx = (type, props, key) => ({ type: typeof type === "function" ? type.name : type, props, key });
export const jsxs = (type, props, key) => ({ ...jsx(type, props, key), many: true });
export const jsxDEV = (type, props, key, isStatic, source) => ({ ...jsx(type, props, key), dev: isStatic, source: source && { fileName: source.fileName, lineNumber: source.lineNumber } });
export const jsxTemplate = (texts, ...values) => ({ texts, values });
export const jsxAttr = (name, value) => name + "=" + JSON.stringify(value);
export const jsxEscape = (value) => value;
`;

const CLASSIC = `
export const h = (type, props, ...children) => ({ h: type, props, children });
export const Frag = "frag";
`;

/** Elements in a module. */
const ELEMENTS = `
const Item = (props: object) => props;
const rest = { a: 1, b: 2 };
const page = <div class="x" {...rest} aria-label="é &amp; &lt;"><Item key="k" on />{1}<>text<b> two </b></></div>;
export default () => Response.json(page);
`;

const ELEMENTS_ANSWER = {
  type: "div",
  props: {
    class: "x",
    a: 1,
    b: 2,
    "aria-label": "é & <",
    children: [
      { type: "Item", props: { on: true }, key: "k" },
      1,
      {
        type: "fragment",
        props: { children: ["text", { type: "b", props: { children: " two " } }] },
        many: true,
      },
    ],
  },
  many: true,
};

/** What JSX becomes. */
export const JSX: Theme = {
  name: "JSX",
  cases: [
    {
      name: "@jsxImportSource names a runtime relative to the module",
      entry: "app.tsx",
      files: {
        "app.tsx": `/** @jsxImportSource ./runtime */${ELEMENTS}`,
        "runtime/jsx-runtime": { body: RUNTIME, contentType: "text/javascript" },
      },
      place: "remote",
      answer: ELEMENTS_ANSWER,
    },
    {
      name: "@jsxImportSource names a runtime by its URL",
      entry: "app.tsx",
      files: {
        "app.tsx":
          `/** @jsxRuntime automatic */\n/** @jsxImportSource {site}/runtime */${ELEMENTS}`,
        "runtime/jsx-runtime": { body: RUNTIME, contentType: "text/javascript" },
      },
      answer: ELEMENTS_ANSWER,
    },
    {
      name: "@jsxImportSource goes through the import map",
      entry: "app.tsx",
      place: "local",
      files: {
        "deno.json": `{ "imports": { "view/jsx-runtime": "./view/runtime.js" } }`,
        "app.tsx": `/** @jsxImportSource view */${ELEMENTS}`,
        "view/runtime.js": RUNTIME,
      },
      answer: ELEMENTS_ANSWER,
    },
    {
      name: "jsxImportSource of deno.json is for all modules",
      entry: "app.tsx",
      place: "local",
      files: {
        "deno.json":
          `{ "compilerOptions": { "jsx": "react-jsx", "jsxImportSource": "view" }, "imports": { "view/": "./view/" } }`,
        "app.tsx":
          `import { inner } from "./inner.jsx";\nexport default () => Response.json([<p>{inner}</p>, inner]);\n`,
        "inner.jsx": `export const inner = <i id="1" />;\n`,
        "view/jsx-runtime": RUNTIME,
      },
      answer: [
        { type: "p", props: { children: { type: "i", props: { id: "1" } } } },
        { type: "i", props: { id: "1" } },
      ],
    },
    {
      name: "jsx: react-jsxdev of deno.json uses the development runtime",
      entry: "app.tsx",
      place: "local",
      files: {
        "deno.json":
          `{ "compilerOptions": { "jsx": "react-jsxdev", "jsxImportSource": "view" }, "imports": { "view/jsx-dev-runtime": "./runtime.js" } }`,
        "app.tsx":
          `const page = <p>{1}</p>;\nexport default () => Response.json([page.type, page.props]);\n`,
        "runtime.js": RUNTIME,
      },
      answer: ["p", { children: 1 }],
    },
    {
      name: "jsx: precompile of deno.json makes templates of HTML elements",
      except: {
        own: "it makes elements, as react-jsx does, which render to the same",
        executable: "it makes elements, as react-jsx does, which render to the same",
      },
      entry: "app.tsx",
      place: "local",
      files: {
        "deno.json":
          `{ "compilerOptions": { "jsx": "precompile", "jsxImportSource": "view" }, "imports": { "view/jsx-runtime": "./runtime.js" } }`,
        "app.tsx":
          `const name = "n";\nconst C = (p: object) => p;\nexport default () => Response.json([<p class="a" id={name}>{name}<br/></p>, <C x={1} />]);\n`,
        "runtime.js": RUNTIME,
      },
      answer: [
        { texts: ['<p class="a" ', ">", "<br></p>"], values: ['id="n"', "n"] },
        { type: "C", props: { x: 1 } },
      ],
    },
    {
      name: "classic JSX calls what pragmas name",
      entry: "app.jsx",
      files: {
        "app.jsx": `/** @jsxRuntime classic */
/** @jsx h */
/** @jsxFrag Frag */
import { Frag, h } from "./classic.js";
const props = { id: "1" };
export default () => Response.json(<p {...props} class="c"><>a{" "}<b key="k">c</b></></p>);
`,
        "classic.js": CLASSIC,
      },
      answer: {
        h: "p",
        props: { id: "1", class: "c" },
        children: [{
          h: "frag",
          props: null,
          children: ["a", " ", { h: "b", props: { key: "k" }, children: ["c"] }],
        }],
      },
    },
    {
      name: "classic JSX calls what deno.json names",
      entry: "app.tsx",
      place: "local",
      files: {
        "deno.json":
          `{ "compilerOptions": { "jsx": "react", "jsxFactory": "h", "jsxFragmentFactory": "Frag" } }`,
        "app.tsx":
          `import { Frag, h } from "./classic.js";\nexport default () => Response.json(<><a href="#">{1}</a></>);\n`,
        "classic.js": CLASSIC,
      },
      answer: {
        h: "frag",
        props: null,
        children: [{ h: "a", props: { href: "#" }, children: [1] }],
      },
    },
    {
      name: "without any setting JSX calls React.createElement",
      entry: "app.tsx",
      files: {
        "app.tsx":
          `const React = { createElement: (...args: unknown[]) => args, Fragment: "F" };\nexport default () => Response.json(<><a b>{1}</a></>);\n`,
      },
      answer: ["F", null, ["a", { b: true }, 1]],
    },
    {
      name: "text in JSX loses its line breaks, keeps its spaces, and has its entities read",
      entry: "app.jsx",
      files: {
        "app.jsx": `/** @jsxRuntime classic */
/** @jsx h */
const h = (type, props, ...children) => children;
export default () => Response.json(<p>
  one
  two &nbsp;{/* nothing */}
  {"three "} four&copy;
  <x-y a:b="1" /> 😀
</p>);
`,
      },
      answer: ["one two \u00a0", "three ", " four©", [], " 😀"],
    },
    {
      name: "keys after a spread are made with createElement of the import source",
      entry: "app.jsx",
      files: {
        "app.jsx":
          `/** @jsxImportSource {site}/view */\nconst rest = { a: 1 };\nexport default () => Response.json([<i {...rest} key="k" />, <i key="k" {...rest} />]);\n`,
        "view": {
          body: `export const createElement = (...args) => ({ created: args });\n`,
          contentType: "text/javascript",
        },
        "view/jsx-runtime": { body: RUNTIME, contentType: "text/javascript" },
      },
      place: "remote",
      except: { native: "Deno does not fetch the module that it then imports" },
      answer: [{ created: ["i", { a: 1, key: "k" }] }, { type: "i", props: { a: 1 }, key: "k" }],
    },
  ],
};
