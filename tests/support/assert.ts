/** The assertions of the tests, with types. */
// @ts-types="../../src/types/std_assert.d.ts"
export * from "@std/assert";
