/**
 * Lets a light object stand for one of the platform's.
 *
 * @module
 */

/**
 * Makes objects with the prototype `light` pass for the platform's kind that `sample` is of: they are
 * its instances, and its methods and internal slots, wherever the platform looks for them, are those
 * of what `materialize` returns.
 */
export function standFor<Light extends object>(
  light: Light,
  sample: object,
  materialize: (light: Light) => object,
): void {
  for (const slot of Object.getOwnPropertySymbols(sample)) {
    Object.defineProperty(light, slot, {
      get(this: Light): unknown {
        return (materialize(this) as Record<symbol, unknown>)[slot];
      },
      set(this: Light, value: unknown): void {
        (materialize(this) as Record<symbol, unknown>)[slot] = value;
      },
    });
  }
  delete (light as { constructor?: unknown }).constructor;
  for (const name of Object.getOwnPropertyNames(light)) {
    Object.defineProperty(light, name, { enumerable: true });
  }
  Object.setPrototypeOf(light, Object.getPrototypeOf(sample));
}
