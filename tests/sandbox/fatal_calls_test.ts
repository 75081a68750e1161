import { FROM_SOURCE } from "../support/gateway.ts";
import { fatalCallTests } from "./fatal_calls.ts";

fatalCallTests({
  name: "Deno's loader",
  command: FROM_SOURCE,
  args: ["--loader=native"],
  openWays: ["named import", "import()"],
});
fatalCallTests({ name: "built-in loader", command: FROM_SOURCE, args: ["--loader=own"] });
