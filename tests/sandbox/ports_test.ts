import { FROM_SOURCE } from "../support/gateway.ts";
import { portTests } from "./ports.ts";

portTests({ name: "Deno's loader", command: FROM_SOURCE, args: ["--loader=native"] });
portTests({ name: "built-in loader", command: FROM_SOURCE, args: ["--loader=own"] });
