/** TypeScript, as it runs. */

import type { Theme } from "./case.ts";

/** What TypeScript's own syntax becomes. */
export const TYPESCRIPT: Theme = {
  name: "TypeScript",
  cases: [
    {
      name: "enums are numbers, texts and computed values, and name their numbers",
      files: {
        "app.ts": `
enum Numeric { A, B = 10, C }
enum Text { A = "a", B = "b" }
enum Computed { Length = "abc".length, Bits = 1 << 4 | 1, Negative = -1, Sum = Bits + 1 }
enum Mixed { No = 0, Yes = "YES" }
enum Odd { "a b" = 1, constructor = 2 }
export default () => Response.json({ Numeric, Text, Computed, Mixed, Odd, back: Numeric[11] });
`,
      },
      answer: {
        Numeric: { "0": "A", "10": "B", "11": "C", A: 0, B: 10, C: 11 },
        Text: { A: "a", B: "b" },
        Computed: {
          "17": "Bits",
          "18": "Sum",
          "3": "Length",
          "-1": "Negative",
          Length: 3,
          Bits: 17,
          Negative: -1,
          Sum: 18,
        },
        Mixed: { "0": "No", No: 0, Yes: "YES" },
        Odd: { "1": "a b", "2": "constructor", "a b": 1, constructor: 2 },
        back: "C",
      },
    },
    {
      name: "constant enums exist, can be exported, and are used by other modules",
      files: {
        "app.ts": `
import { Level } from "./level.ts";
const enum Local { One = 1, Two }
export default () => Response.json({ high: Level.High, two: Local.Two, sum: Level.Low + Local.One });
`,
        "level.ts": `export const enum Level { Low, High = 5 }\n`,
      },
      answer: { high: 5, two: 2, sum: 1 },
    },
    {
      name: "enums merge with each other and with namespaces",
      files: {
        "app.ts": `
enum Merged { A }
enum Merged { B = A + 5 }
namespace Merged { export const parse = (text: string) => Merged[text as "A" | "B"]; }
export default () => Response.json([Merged.A, Merged.B, Merged.parse("B")]);
`,
      },
      answer: [0, 5, 5],
    },
    {
      name: "what is declared only leaves nothing behind",
      files: {
        "app.ts": `
declare enum Ambient { A }
declare const missing: number;
declare function alsoMissing(): void;
declare class Absent { x: number }
declare module "nowhere" { export const x: number; }
declare namespace Nothing { const x: number; }
declare global { interface Window { extra?: string } }
interface Shape { sides: number }
type Alias = Shape | null;
abstract class Base { abstract area(): number; declare marker: string; describe() { return "area " + this.area(); } }
class Square extends Base { constructor(private side: number) { super(); } override area(): number { return this.side ** 2; } }
export type { Alias };
export default () => Response.json({
  types: [typeof Ambient, typeof missing, typeof alsoMissing, typeof Absent, typeof Nothing],
  text: new Square(3).describe(),
  hasMarker: "marker" in new Square(3),
});
`,
      },
      answer: {
        types: ["undefined", "undefined", "undefined", "undefined", "undefined"],
        text: "area 9",
        hasMarker: false,
      },
    },
    {
      name: "namespaces hold values, merge, nest and have aliases; those of types alone are gone",
      files: {
        "app.ts": `
namespace Geometry.Flat { export const sides = 4; export function twice() { return sides * 2; } }
namespace Geometry.Flat { export let more = Flat.sides + 1; more++; }
namespace OnlyTypes { export interface A { a: string } }
import Flat = Geometry.Flat;
function counter() { return counter.start; }
namespace counter { export const start = 7; }
class Box { static make() { return Box.kind; } }
namespace Box { export const kind = "box"; export enum Size { S, M } }
export namespace Exported { export const inside = true; }
export default () => Response.json({
  twice: Flat.twice(), more: Flat.more, only: typeof OnlyTypes, counter: counter(), box: Box.make(),
  size: Box.Size.M, exported: Exported.inside,
});
`,
      },
      answer: {
        twice: 8,
        more: 6,
        only: "undefined",
        counter: 7,
        box: "box",
        size: 1,
        exported: true,
      },
    },
    {
      name: "parameter properties are set before field initializers use them",
      files: {
        "app.ts": `
class Point {
  sum = this.x + this.y;
  constructor(public readonly x: number, protected y = 2, private z?: string) {}
}
class Named extends Point {
  label = \`\${this.name} \${this.sum}\`;
  constructor(public name: string) { super(1); }
}
export default () => Response.json([new Point(5), new Named("n"), Object.keys(new Point(1, 2, "z"))]);
`,
      },
      answer: [{ x: 5, y: 2, sum: 7 }, { x: 1, y: 2, sum: 3, name: "n", label: "n 3" }, [
        "x",
        "y",
        "z",
        "sum",
      ]],
    },
    ...(["standard", "experimental"] as const).map((kind) => ({
      name: `parameter properties are set before any kind of field uses them (${kind} decorators)`,
      files: {
        ...(kind === "standard"
          ? {}
          : { "deno.json": `{ "compilerOptions": { "experimentalDecorators": true } }` }),
        "app.ts": `
const order: string[] = [];
const key = (name: string) => { order.push(name); return name; };
const g = 1000;
// deno-lint-ignore no-explicit-any
const dec: any = (...args: any[]) => { order.push("decorate " + (args[1]?.name ?? args[1])); };
class Base { constructor(readonly base = order.push("base")) {} }
class Every extends Base {
  @dec decorated = this.g + 1;
  ${kind === "standard" ? "accessor " : ""}plain = this.g + 2;
  [key("computed")] = this.g + 3;
  [key("method")]() { return 1; }
  #hidden = this.g + 4;
  static counts = 5;
  declare nothing: number;
  unset: unknown;
  "quoted-x" = this.g + 6;
  17 = this.g + 7;
  outer = g;
  arrow = () => this.g;
  @dec last = this.h * 2;
  get hidden() { return this.#hidden; }
  constructor(private readonly g: number, public h = 4) { order.push("before"); super(); order.push("done " + this.arrow()); }
}
class Nested extends Base {
  value = this.g + 1;
  constructor(public g: number, early: boolean) {
    if (early) super(1); else try { super(2); } finally { g = 0; }
    const again = () => { class Inner extends Base { constructor(readonly deep = 1) { super(); } } return new Inner().deep; };
    this.value += again();
  }
}
class InArrow extends Base {
  value = this.g + 1;
  constructor(public g: number) { const begin = (): this => super(3) as unknown as this; if (begin() !== this) throw new Error("not this"); }
}
const every = new Every(10);
export default () => Response.json({
  every, values: [every.plain, every.hidden, every.arrow()], keys: Object.keys(every), order,
  nested: [new Nested(1, true), new Nested(2, false)], arrow: new InArrow(5),
});
`,
      },
      ...(kind === "standard" ? {} : { place: "local" as const }),
      answer: {
        every: {
          17: 17,
          base: 6,
          g: 10,
          h: 4,
          decorated: 11,
          ...(kind === "standard" ? {} : { plain: 12 }),
          computed: 13,
          "quoted-x": 16,
          outer: 1000,
          last: 8,
        },
        values: [12, 14, 10],
        keys: [
          ...["17", "base", "g", "h", "decorated"],
          ...(kind === "standard" ? [] : ["plain"]),
          ...["computed", "unset", "quoted-x", "outer", "arrow", "last"],
        ],
        order: [
          ...["computed", "method", "decorate decorated", "decorate last", "before", "base"],
          ...["done 10", "base", "base"],
        ],
        nested: [{ base: 1, g: 1, value: 3 }, { base: 2, g: 2, value: 4 }],
        arrow: { base: 3, g: 5, value: 6 },
      },
    })),
    {
      name: "class fields are defined, not assigned",
      files: {
        "app.ts": `
const log: string[] = [];
class Base { set value(v: number) { log.push("setter " + v); } }
class Derived extends Base { value = 1; empty?: string; static shared = "s"; #secret = 4; peek() { return #secret in this ? this.#secret : 0; } static { log.push("block " + this.shared); } }
const d = new Derived();
export default () => Response.json({ log, own: Object.keys(d), has: Object.hasOwn(d, "empty"), peek: d.peek() });
`,
      },
      answer: { log: ["block s"], own: ["value", "empty"], has: true, peek: 4 },
    },
    {
      name: "accessor fields without decorators are pairs of methods on the prototype",
      except: { native: "Deno leaves them as they are, for V8 to refuse" },
      files: {
        "app.ts": `
class A { accessor x = 1; static accessor y = 2; accessor #p = 3; get p() { return this.#p; } }
const a = new A();
a.x += 5;
export default () => Response.json({
  x: a.x, y: A.y, p: a.p, own: Object.keys(a),
  get: typeof Object.getOwnPropertyDescriptor(A.prototype, "x")?.get,
});
`,
      },
      answer: { x: 6, y: 2, p: 3, own: [], get: "function" },
    },
    {
      name: "satisfies, as const, assertions, generics and predicates are nothing at run time",
      files: {
        "app.ts": `
const routes = { home: "/", about: "/about" } as const satisfies Record<string, string>;
function over(x: string): string;
function over(x: number): string;
function over(x: unknown): string { return typeof x; }
function isText(this: void, x: unknown): x is string { return typeof x === "string"; }
function assertText(x: unknown): asserts x is string { if (!isText(x)) throw new TypeError("no text"); }
const pick = <T, const K extends readonly string[]>(x: T, _k: K): T => x;
let later!: number;
later = 1;
const maybe: { a?: { b?: number } } | null = { a: {} };
const array = [1, 2, 3] as number[];
const instantiated = pick<number, ["a"]>;
assertText("x");
type Fn = typeof over;
const f: Fn = over;
abstract class Ab { constructor(protected readonly q = <string> "angle") {} get(): string { return this.q; } }
export default () => Response.json({
  routes, over: f(1), later, optional: maybe?.a?.b ?? "none", bang: array[0]!, generic: instantiated(4, ["a"]),
  angle: new (class extends Ab {})().get(), predicate: isText(1),
});
`,
      },
      answer: {
        routes: { home: "/", about: "/about" },
        over: "number",
        later: 1,
        optional: "none",
        bang: 1,
        generic: 4,
        angle: "angle",
        predicate: false,
      },
    },
    {
      name: "using and await using dispose of what they hold, in reverse order",
      files: {
        "app.ts": `
async function run() {
  const log: string[] = [];
  const make = (name: string) => ({ [Symbol.dispose]() { log.push("disposed " + name); } });
  const makeAsync = (name: string) => ({ async [Symbol.asyncDispose]() { await null; log.push("async " + name); } });
  {
    using a = make("a");
    await using b = makeAsync("b");
    using none = null;
    for (using c of [make("c1"), make("c2")]) log.push("loop " + typeof c);
    log.push("body " + typeof a + typeof b + none);
  }
  try {
    using bad = { [Symbol.dispose]() { throw new Error("in dispose"); } };
    throw new Error("in body " + typeof bad);
  } catch (error) {
    const { name, error: last, suppressed } = error as SuppressedError;
    log.push([name, last.message, suppressed.message].join());
  }
  return log;
}
export default async () => Response.json(await run());
`,
      },
      answer: [
        "loop object",
        "disposed c1",
        "loop object",
        "disposed c2",
        "body objectobjectnull",
        "async b",
        "disposed a",
        "SuppressedError,in dispose,in body object",
      ],
    },
    {
      name: "using at the top of a module disposes when the module has run",
      files: {
        "app.ts": `
import { log } from "./log.ts";
using a = { [Symbol.dispose]() { log.push("disposed"); } };
log.push("end of module");
export const kept = typeof a;
export default () => Response.json({ log, kept });
`,
        "log.ts": `export const log: string[] = [];\n`,
      },
      answer: { log: ["end of module", "disposed"], kept: "object" },
    },
    {
      name: "standard decorators see every kind of member, with their context",
      files: {
        "app.ts": `
const log: unknown[] = [];
// deno-lint-ignore no-explicit-any
type Any = any;
const note = (tag: string) => (value: Any, context: Any): Any => {
  log.push([tag, context.kind, String(context.name), context.static ?? null, context.private ?? null, typeof value]);
  if (context.kind === "field") return (initial: number) => initial * 10;
  if (context.kind === "method") return function (this: unknown, ...args: unknown[]) { return "wrapped " + value.apply(this, args); };
  if (context.kind === "accessor") return { init: (initial: number) => initial + 1 };
  context.addInitializer(() => log.push("initialized " + String(context.name)));
};
@note("class")
class Service {
  @note("field") count = 1;
  @note("method") greet(name: string) { return "hi " + name; }
  @note("accessor") accessor level = 5;
  @note("getter") get half() { return this.count / 2; }
  @note("private") #hidden() { return 1; }
  use() { return this.#hidden(); }
}
const s = new Service();
export default () => Response.json({ log, count: s.count, greet: s.greet("x"), level: s.level, use: s.use(), half: s.half });
`,
      },
      answer: {
        log: [
          ["method", "method", "greet", false, false, "function"],
          ["accessor", "accessor", "level", false, false, "object"],
          ["getter", "getter", "half", false, false, "function"],
          ["private", "method", "#hidden", false, true, "function"],
          ["field", "field", "count", false, false, "undefined"],
          ["class", "class", "Service", null, null, "function"],
          "initialized Service",
          "initialized half",
        ],
        count: 10,
        greet: "wrapped hi x",
        level: 6,
        use: "wrapped 1",
        half: 5,
      },
    },
    {
      name: "standard decorators see static members, too",
      files: {
        "app.ts": `
const log: unknown[] = [];
// deno-lint-ignore no-explicit-any
const note = (value: any, { kind, name, static: isStatic }: any): any => {
  log.push([kind, String(name), isStatic]);
  return kind === "field" ? (initial: number) => initial * 10 : value;
};
class Counters { @note static total = 2; }
class Makers { @note static make() { return 3; } }
export default () => Response.json({ log, total: Counters.total, made: Makers.make() });
`,
      },
      answer: { log: [["field", "total", true], ["method", "make", true]], total: 20, made: 3 },
    },
    {
      name: "class decorators may replace the class, and run from the last to the first",
      files: {
        "app.ts": `
const order: string[] = [];
const tag = (name: string) => { order.push("make " + name); return <T extends new (...args: never[]) => object>(target: T, _context: ClassDecoratorContext) => { order.push("apply " + name); return target; }; };
const replace = (target: new () => { v: number }, _context: ClassDecoratorContext): Any => class extends target { override v = 99; };
// deno-lint-ignore no-explicit-any
type Any = any;
@tag("first") @tag("second") class A {}
@replace class B { v = 1; }
export default () => Response.json({ order, name: A.name, v: new B().v });
`,
      },
      answer: {
        order: ["make first", "make second", "apply second", "apply first"],
        name: "A",
        v: 99,
      },
    },
    {
      name: "a class that is replaced by its decorator is so for its own methods, too",
      except: { native: "Deno's transpiler lets them have the one before" },
      files: {
        "app.ts": `
// deno-lint-ignore no-explicit-any
const replace = (target: any, _context: ClassDecoratorContext): any => class extends target { override v = 99; };
@replace class B { v = 1; static make() { return new B(); } }
export default () => Response.json(B.make().v);
`,
      },
      answer: 99,
    },
    {
      name: "namespaces see the exports of those that they merge with",
      except: { native: "Deno's transpiler does not find them" },
      files: {
        "app.ts": `
namespace Merged { export const sides = 4; }
namespace Merged { export const twice = sides * 2; }
export default () => Response.json(Merged);
`,
      },
      answer: { sides: 4, twice: 8 },
    },
    {
      name: "decorators after the old fashion work where deno.json says so, with metadata",
      place: "local",
      files: {
        "deno.json":
          `{ "compilerOptions": { "experimentalDecorators": true, "emitDecoratorMetadata": true } }`,
        "app.ts": `
const log: unknown[] = [];
const design: Record<string, unknown> = {};
(Reflect as unknown as { metadata: unknown }).metadata = (key: string, value: unknown) => (_target: object, member?: string) => {
  const nameOf = (v: unknown): unknown => Array.isArray(v) ? v.map(nameOf) : typeof v === "function" ? v.name : String(v);
  // Deno's transpiler adds a type of the class itself.
  if (member !== undefined || key !== "design:type") design[(member ?? "class") + " " + key] = nameOf(value);
};
function prop(target: object, name: string) { log.push(["prop", name, target.constructor.name]); }
function method(_t: object, name: string, d: PropertyDescriptor) { log.push(["method", name, typeof d.value]); }
function param(_t: object, name: string | undefined, index: number) { log.push(["param", name ?? "new", index]); }
function whole(target: { name: string }) { log.push(["class", target.name]); }
class Dep {}
@whole
class Service {
  @prop title: string = "t";
  constructor(@param private dep: Dep, public n: number) {}
  @method run(@param a: string, _b: Date): Promise<void> { void this.dep; return Promise.resolve(); }
}
const s = new Service(new Dep(), 3);
export default () => Response.json({ log, title: s.title, design });
`,
      },
      answer: {
        log: [
          ["prop", "title", "Service"],
          ["param", "run", 0],
          ["method", "run", "function"],
          ["param", "new", 0],
          ["class", "Service"],
        ],
        title: "t",
        design: {
          "title design:type": "String",
          "run design:type": "Function",
          "run design:paramtypes": ["String", "Date"],
          "run design:returntype": "Promise",
          "class design:paramtypes": ["Dep", "Number"],
        },
      },
    },
    {
      name: "imports of types alone are neither run nor fetched",
      files: {
        "app.ts": `
import { log } from "./log.ts";
import type { Shape } from "./nowhere.ts";
import type Default from "./nowhere_either.ts";
import type * as Names from "./not_at_all.ts";
export type { Other } from "./missing.ts";
export type * from "./missing_too.ts";
let s: Shape | Default | Names.A | undefined;
type Inline = import("./missing_inline.ts").Inline;
export default () => Response.json({ log, s: s ?? null, i: null as Inline | null });
`,
        "log.ts": `export const log: string[] = [];\n`,
      },
      answer: { log: [], s: null, i: null },
    },
    {
      name:
        "imports whose names are used as types only are left out, with the effects of their modules",
      files: {
        "app.ts": `
import { log } from "./log.ts";
import { Shape } from "./shape.ts";
import { type Kind } from "./kind.ts";
import { type Mixed, mixed } from "./mixed.ts";
import {} from "./empty.ts";
import "./effect.ts";
import Unused from "./unused.ts";
const s: Shape | Kind | Mixed = mixed;
export default () => Response.json({ log, s });
`,
        "log.ts": `export const log: string[] = [];\n`,
        "shape.ts":
          `import { log } from "./log.ts"; log.push("shape"); export interface Shape { a: 1 }\n`,
        "kind.ts": `import { log } from "./log.ts"; log.push("kind"); export type Kind = 1;\n`,
        "mixed.ts":
          `import { log } from "./log.ts"; log.push("mixed"); export type Mixed = 1; export const mixed = 1;\n`,
        "empty.ts": `import { log } from "./log.ts"; log.push("empty");\n`,
        "effect.ts": `import { log } from "./log.ts"; log.push("effect"); export {};\n`,
        "unused.ts":
          `import { log } from "./log.ts"; log.push("unused"); export default class {}\n`,
      },
      answer: { log: ["mixed", "empty", "effect"], s: 1 },
    },
    {
      name: "types among the names that a module exports are left out",
      files: {
        "app.ts": `
import * as lib from "./lib.ts";
export default () => Response.json(Object.keys(lib));
`,
        "lib.ts": `
import { type A, b, type C as D } from "./inner.ts";
export { type A, b, type D };
export { type C, b as c } from "./inner.ts";
export interface Own { x: 1 }
export type Alias = A;
export enum E { X }
export declare const ghost: number;
export abstract class K {}
`,
        "inner.ts": `export type A = 1; export const b = 2; export interface C { z: 1 }\n`,
      },
      answer: ["E", "K", "b", "c"],
    },
    {
      name: "a local interface or type that is exported by name is left out",
      files: {
        "app.ts": `
import * as lib from "./lib.ts";
export default () => Response.json(Object.keys(lib));
`,
        "lib.ts": `
interface Shape { x: number }
type Alias = Shape;
const value = 1;
export { Shape, Alias, value };
`,
      },
      answer: ["value"],
    },
    {
      name: "modules are strict, and their this is undefined",
      files: {
        "app.ts": `
const top = typeof this;
function inner(this: unknown) { return this === undefined; }
let strict = false;
try { (undeclared as unknown) = 1; } catch (error) { strict = error instanceof ReferenceError; }
declare let undeclared: unknown;
export default () => Response.json({ top, inner: inner(), strict, arguments: typeof arguments });
`,
      },
      answer: { top: "undefined", inner: true, strict: true, arguments: "undefined" },
    },
    {
      name: "the syntax of the day works as it is",
      files: {
        "app.ts": `
const o = { a: 0, b: null as string | null, f: null as null | (() => number) };
o.a ||= 3; o.b ??= "b"; o.a &&= 4;
const { a, ...rest } = o;
async function* count() { for (let i = 0; i < 3; i++) yield i ** 2; }
const seen: number[] = [];
for await (const n of count()) seen.push(n);
const big = 123_456_789_012_345_678n;
const named = /(?<year>\\d{4})-(?<month>\\d\\d)/v.exec("2024-05")!.groups!;
label: for (;;) { for (;;) break label; }
const cls = class Inner { static name2 = Inner.name; static async *gen() { yield* [1]; } get [\`x\${1}\`]() { return 1; } };
export default () => Response.json({
  a, rest, seen, big: String(big), named, call: o.f?.() ?? "no call", cls: cls.name2, x1: new cls().x1,
  tagged: ((s: TemplateStringsArray, ...v: unknown[]) => s.raw.join("|") + v)\`a\\n\${1}b\`, target: (function () { return new.target; })() ?? null,
  grouped: Object.groupBy([1, 2, 3], (n) => n % 2 ? "odd" : "even"), catchless: (() => { try { throw 1; } catch { return "caught"; } })(),
});
`,
      },
      answer: {
        a: 4,
        rest: { b: "b", f: null },
        seen: [0, 1, 4],
        big: "123456789012345678",
        named: { year: "2024", month: "05" },
        call: "no call",
        cls: "Inner",
        x1: 1,
        tagged: "a\\n|b1",
        target: null,
        grouped: { odd: [1, 3], even: [2] },
        catchless: "caught",
      },
    },
    {
      name: "names of functions and classes are those of the source",
      files: {
        "app.ts": `
const arrow = () => {};
const anonymous = class {};
enum E { A }
@((c: new () => object) => c) class Decorated { static self = Decorated.name; }
export default function handler() {
  return Response.json([arrow.name, anonymous.name, Decorated.name, Decorated.self, handler.name, typeof E, ({ m() {} }).m.name]);
}
`,
      },
      answer: ["arrow", "anonymous", "Decorated", "Decorated", "handler", "object", "m"],
    },
    {
      name: "every extension of TypeScript and JavaScript is a module",
      files: {
        "app.ts": `
import { mts } from "./a.mts";
import { mjs } from "./b.mjs";
import { jsx } from "./c.jsx";
import { tsx } from "./d.tsx";
import { js } from "./e.js";
export default () => Response.json({ mts, mjs, jsx, tsx, js });
`,
        "a.mts": `export const mts: string = "mts";\n`,
        "b.mjs": `export const mjs = "mjs";\n`,
        "c.jsx": `export const jsx = "jsx";\n`,
        "d.tsx": `export const tsx = (<T,>(x: T): T => x)("tsx");\n`,
        "e.js": `export const js = "js";\n`,
      },
      answer: { mts: "mts", mjs: "mjs", jsx: "jsx", tsx: "tsx", js: "js" },
    },
    {
      name: "what names types for the checker changes nothing",
      files: {
        "app.ts": `/// <reference path="./globals.d.ts" />
/// <reference types="./types.d.ts" />
/// <reference lib="dom" />
// @ts-types="./untyped.d.ts"
import { value } from "./untyped.js";
// @deno-types="./untyped.d.ts"
import { value as again } from "./untyped.js";
// @ts-expect-error it is a text
const wrong: number = value;
export default () => Response.json([value, again, wrong]);
`,
        "globals.d.ts": `declare var extra: string;\n`,
        "types.d.ts": `export interface T { a: 1 }\n`,
        "untyped.d.ts": `export const value: string;\n`,
        "untyped.js":
          `/// <reference types="./untyped.d.ts" />\n// @ts-self-types="./untyped.d.ts"\nexport const value = "js";\n`,
      },
      answer: ["js", "js", "js"],
    },
    {
      name: "a type imported from a declaration file is left out",
      files: {
        "app.ts": `
import type { T } from "./types.d.ts";
import { U } from "./types.d.ts";
const t: T & U = { a: 1, b: 2 };
export default () => Response.json(t);
`,
        "types.d.ts": `export interface T { a: 1 }\nexport interface U { b: 2 }\n`,
      },
      answer: { a: 1, b: 2 },
    },
    {
      name: "import = and export = of CommonJS are refused in a TypeScript module",
      place: "remote",
      files: {
        "app.ts":
          `import fs = require("./fs.ts");\nexport default () => Response.json(typeof fs);\n`,
        "fs.ts": `export = { a: 1 };\n`,
      },
      fails: ["{base}/"],
    },
  ],
};
