/**
 * Lets a light object stand for one of the platform's.
 *
 * @module
 */

const { Object, TypeError } = globalThis;

/**
 * Where a light object has itself. The platform has its internal slots in properties of such symbols,
 * too: that is why what inherits from its objects, and a `Proxy` of one, can stand for them.
 */
export const LIGHT: unique symbol = Symbol("light");

/** The light object that `receiver` inherits from, or is a proxy of. */
export function lightBehind<Light>(receiver: { readonly [LIGHT]?: Light }): Light {
  const light = receiver[LIGHT];
  if (light === undefined) throw new TypeError("Illegal invocation");
  return light;
}

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

/** The internal slot of the platform's kind that `sample` is of, by its description; `null` if it has none. */
export function internalSlot(sample: object, description: string): symbol | null {
  for (const symbol of Object.getOwnPropertySymbols(sample)) {
    if (symbol.description === description) return symbol;
  }
  return null;
}
