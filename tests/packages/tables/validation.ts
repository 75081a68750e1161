/** Validation. */

import type { PackageRow } from "../row.ts";

/** The packages. */
export const VALIDATION: readonly PackageRow[] = [
  [
    "valibot@1.5.0",
    "m.safeParse(m.object({ a: m.pipe(m.string(), m.email()) }), { a: 'x' }).issues.map((i) => i.message)",
  ],
  ["arktype@2.2.10", "String(m.type({ a: 'string.email' })({ a: 'x' }))"],
  ["@sinclair/typebox@0.34.52", "m.Type.Object({ a: m.Type.Optional(m.Type.String()) })"],
  [
    "@sinclair/typebox@0.34.52/compiler",
    "m.TypeCompiler.Compile(T.Type.Object({ a: T.Type.Number() })).Check({ a: 1 })",
    { "T": "@sinclair/typebox@0.34.52" },
  ],
  ["yup@1.7.1", "await m.object({ a: m.number().required() }).validate({ a: '1' })"],
  ["joi@18.3.2", "d.object({ a: d.string().email() }).validate({ a: 'x' }).error.message"],
  ["superstruct@2.0.2", "m.is({ a: 1 }, m.object({ a: m.number() }))"],
  ["io-ts@2.2.22", "m.type({ a: m.number }).decode({ a: 1 })._tag", { "fp": "fp-ts@2.16.11" }],
  ["effect@3.22.4", "await m.Effect.runPromise(m.Effect.map(m.Effect.succeed(20), (x) => x + 1))"],
  ["runtypes@7.0.5", "m.Object({ a: m.Number }).guard({ a: 1 })"],
  ["class-validator@0.14.4", "[m.isEmail('a@b.co'), typeof m.validate]"],
  ["validator@13.15.35", "[d.isURL('http://a.co'), d.escape('<a>')]"],
  [
    "ajv@8.20.0/dist/2020.js",
    "new (d.default ?? d)().compile({ type: 'array', prefixItems: [{ type: 'number' }], items: false })([1])",
  ],
  ["fastest-validator@1.19.1", "new d().compile({ a: 'number' })({ a: 'x' })[0].type"],
  ["jsonschema@1.5.0", "d.validate({ a: 1 }, { required: ['b'] }).errors.length"],
];
