import { FROM_SOURCE } from "../support/gateway.ts";
import { sharedStateTests } from "./shared_state.ts";

sharedStateTests({ name: "Deno's loader", command: FROM_SOURCE, args: ["--loader=native"] });
sharedStateTests({ name: "built-in loader", command: FROM_SOURCE, args: ["--loader=own"] });
