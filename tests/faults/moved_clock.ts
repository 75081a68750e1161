/**
 * Runs gatehouse with a clock of its own (`Date`; timers go by another one, which nobody can set): a file
 * that TEST_CLOCK names says by how many milliseconds it is ahead, or `backwards` for one that goes back
 * a second each time that it is looked at.
 */

const RealDate = Date;
const path = Deno.env.get("TEST_CLOCK")!;
let backMs = 0;

function now(): number {
  const text = Deno.readTextFileSync(path);
  if (text === "backwards") return RealDate.now() - (backMs += 1_000);
  return RealDate.now() + Number(text);
}

class MovedDate extends RealDate {
  constructor(...args: unknown[]) {
    super(...(args.length === 0 ? [now()] : args) as [number]);
  }

  static override now(): number {
    return now();
  }
}

globalThis.Date = MovedDate as DateConstructor;
const { main } = await import("../../src/cli/main.ts");
Deno.exit(await main());
