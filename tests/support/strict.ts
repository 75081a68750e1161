/** Tests that neither leave anything behind nor wait for ever. */

/** Time after which a test stops to wait for something, in milliseconds. */
const PATIENCE_MS = 90_000;

/** A test that leaves nothing behind. */
export function test(name: string, body: (test: Deno.TestContext) => Promise<void>): void {
  Deno.test({ name, sanitizeOps: true, sanitizeResources: true, fn: body });
}

/** Fails if `promise` is not settled in time. */
export async function soon<T>(what: string, promise: Promise<T>): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`it took too long: ${what}`)), PATIENCE_MS);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
