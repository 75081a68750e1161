/**
 * Whether the bytes of a package are those that its registry means.
 *
 * @module
 */

/** The hashes that are understood, from the strongest to the weakest. */
const ALGORITHMS = [
  ["sha512", "SHA-512"],
  ["sha384", "SHA-384"],
  ["sha256", "SHA-256"],
  ["sha1", "SHA-1"],
] as const;

/**
 * The strongest hashes that a registry gives, as `sha512-…`, separated by spaces if there are
 * several; `null` if there are none. `shasum`, 40 hexadecimal digits, counts when there is nothing
 * else.
 */
export function strongestIntegrity(
  integrity: string | undefined,
  shasum: string | undefined,
): string | null {
  const hashes = (integrity ?? "").trim().split(/\s+/).map((hash) => hash.replace(/\?.*$/, ""));
  for (const [prefix] of ALGORITHMS) {
    const found = hashes.filter((hash) => {
      return hash.startsWith(`${prefix}-`) &&
        /^[A-Za-z\d+/]+={0,2}$/.test(hash.slice(prefix.length + 1));
    });
    if (found.length > 0) return [...new Set(found)].sort().join(" ");
  }
  if (shasum === undefined || !/^[\da-f]{40}$/i.test(shasum)) return null;
  const digest = Uint8Array.from(shasum.match(/../g)!, (digits) => parseInt(digits, 16));
  return `sha1-${base64(digest)}`;
}

/** Whether `bytes` have one of the hashes in `integrity`; else the one that they have. */
export async function checkIntegrity(
  bytes: Uint8Array<ArrayBuffer>,
  integrity: string,
): Promise<{ readonly matches: boolean; readonly actual: string }> {
  const prefix = integrity.slice(0, integrity.indexOf("-"));
  const [, algorithm] = ALGORITHMS.find(([name]) => name === prefix)!;
  const digest = new Uint8Array(await crypto.subtle.digest(algorithm, bytes));
  const actual = `${prefix}-${base64(digest)}`;
  return { matches: integrity.split(" ").includes(actual), actual };
}

function base64(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes));
}
