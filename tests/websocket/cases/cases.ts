/** All cases of messages that are not compressed. */

import type { SocketCase } from "./case.ts";
import { CLOSINGS } from "./closings.ts";
import { CONTROL } from "./control.ts";
import { FRAMING } from "./framing.ts";
import { LIMITED } from "./limits.ts";
import { TEXTS } from "./texts.ts";

/** The cases, by what they are about. */
export const CASES: Readonly<Record<string, readonly SocketCase[]>> = {
  framing: FRAMING,
  control: CONTROL,
  texts: TEXTS,
  closings: CLOSINGS,
  limits: LIMITED,
};
