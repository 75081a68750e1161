/** The assertions of the tests, with types. */
// @ts-types="./std_assert.d.ts"
export * from "@std/assert";
