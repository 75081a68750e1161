/** Stack traces and logs, which name sources. */

import type { Theme } from "./case.ts";

/** Makes a stack something to compare: its places, without what is not the app's. */
const PLACES = `
const places = (error: unknown): string[] => [...(error as Error).stack!.matchAll(/[(\\s]((?:file|https?|data):[^\\s()]*:\\d+:\\d+)/g)].map((m) => m[1]).filter((place) => place.startsWith("{base}") || place.startsWith("{site}"));
`.trim().replaceAll("\n", " ");

/** Where errors are. */
export const TRACES: Theme = {
  name: "stack traces",
  cases: [
    {
      name: "an error's stack names the TypeScript that it comes from, by line and column",
      files: {
        "app.ts": `${PLACES}
import { fail } from "./lib.ts";
interface Gone {
  a: string;
  b: number;
}
enum E { A, B }
export default () => {
  const g: Gone | null = null;
  try {
    fail<Gone | null>(g);
  } catch (error) {
    return Response.json(places(error));
  }
};
`,
        "lib.ts": `type Many =
  | "lines"
  | "gone";
class Inner<T> { constructor(private readonly value: T) {}
  run(_: Many): T { if (this.value === null) throw new Error("on purpose"); return this.value; } }
export function fail<T>(value: T): T {
  return new Inner(value).run("gone");
}
`,
      },
      answer: ["{base}/lib.ts:5:52", "{base}/lib.ts:7:27", "{base}/app.ts:11:5"],
    },
    {
      name: "the stack names TSX, JSX and JavaScript by line and column",
      entry: "app.tsx",
      files: {
        "app.tsx": `${PLACES}
import { js } from "./a.js";
import { jsx } from "./b.jsx";
const React = { createElement: (type: unknown, props: { make: () => Error }) => props.make() };
type Gone = 1;
const made = <div
  id="x"
  make={() => new Error("tsx")}
/>;
export default () => Response.json([made, js(), jsx()].map((error) => places(error)[0]));
`,
        "a.js": `export const js = () => {
  return new Error("js");
};
`,
        "b.jsx": `const React = { createElement: (type, props) => props.make() };
export const jsx = () =>
  <b make={() => new Error("jsx")} />;
`,
      },
      answer: ["{base}/app.tsx:8:15", "{base}/a.js:2:10", "{base}/b.jsx:3:18"],
    },
    {
      name: "asynchronous stacks, modules that are imported late, and remote ones are named",
      files: {
        "app.ts": `${PLACES}
type Gone = 1;
export default async () => {
  const { later } = await import("{site}/lib/" + "later.ts");
  try {
    await later();
  } catch (error) {
    return Response.json(places(error));
  }
};
`,
        "lib/later.ts": `interface Gone { a: 1 }

export async function later(): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, 1));
  throw new TypeError("later");
}
`,
      },
      answer: ["{site}/lib/later.ts:5:9", "{base}/app.ts:6:5"],
    },
    {
      name: "a handler that throws is logged with the source's URL, line and column",
      files: {
        "app.ts": `interface Gone { a: 1 }
enum E { A }
export default (): Response => {
  throw new RangeError("handler broke " + E.A);
};
`,
      },
      status: 500,
      logs: ["failed: RangeError: handler broke 0", "{base}/app.ts:4:9"],
    },
    {
      name: "a handler that rejects is logged with the places it came through",
      files: {
        "app.ts": `import { inner } from "./inner.ts";
type Gone = 1;
export default async (): Promise<Response> => {
  await inner(1);
  return new Response();
};
`,
        "inner.ts": `type Gone = 1;
export async function inner(n: number): Promise<never> {
  await null;
  throw new Error("rejected " + n);
}
`,
      },
      status: 500,
      logs: ["failed: Error: rejected 1", "{base}/inner.ts:4:9", "{base}/app.ts:4:3"],
    },
    {
      name: "lines behind template literals, decorators, enums and namespaces are still right",
      files: {
        "app.ts": `${PLACES}
const text = \`one
two \${1 + 1}
three\`;
enum E {
  A,
  B,
}
namespace N { export const n = 1;
  export const made = new Error("in namespace");
}
const d = (_v: unknown, _c: unknown) => {};
@d
class A {
  @d method(): Error {
    return new Error("in method");
  }
  field = new Error("in field");
  static made = new Error("in static");
}
const a = new A();
export default () => Response.json([N.made, a.method(), a.field, A.made, text].map((e) => typeof e === "string" ? e : places(e)[0].replace(/:\\d+$/, "")));
`,
      },
      answer: [
        "{base}/app.ts:10",
        "{base}/app.ts:16",
        "{base}/app.ts:18",
        "{base}/app.ts:19",
        "one\ntwo 2\nthree",
      ],
    },
    {
      name: "an app's own Error.prepareStackTrace and captureStackTrace work",
      files: {
        "app.ts": `
type Gone = 1;
export default () => {
  const holder: { stack?: string } = {};
  Error.captureStackTrace(holder);
  return Response.json(holder.stack!.includes("{base}/app.ts:5:9"));
};
`,
      },
      answer: true,
    },
  ],
};
