/**
 * `/livez` and `/readyz`: whether the gateway lives, and whether it should get requests.
 *
 * @module
 */

import type { ListenAddress } from "../net/address.ts";
import type { AdminRoutes } from "./admin_routes.ts";
import { textAnswer } from "./admin_routes.ts";

/** Whether requests are answered; if not, why. */
export type Readiness =
  | { readonly isReady: true }
  | { readonly isReady: false; readonly reason: string };

/** It is ready. */
export const READY: Readiness = Object.freeze({ isReady: true });

/** It is not, for `reason`. */
export function notReady(reason: string): Readiness {
  return { isReady: false, reason };
}

/** Routes for health at `address`. `readiness` tells how it is at the time. */
export function healthRoutes(address: ListenAddress, readiness: () => Readiness): AdminRoutes {
  return {
    address,
    routes: [
      {
        method: "GET",
        path: "/livez",
        audience: "anybody",
        respond: () => textAnswer(200, "alive"),
      },
      {
        method: "GET",
        path: "/readyz",
        audience: "anybody",
        respond() {
          const state = readiness();
          return state.isReady
            ? textAnswer(200, "ready")
            : textAnswer(503, `not ready: ${state.reason}`);
        },
      },
    ],
  };
}
