/** Mocks for the tests. `@std/testing` can stand here once the import map can have it. */
export { mock } from "node:test";
