import { FROM_SOURCE } from "../support/gateway.ts";
import { importTests } from "./imports.ts";

importTests({ name: "built-in loader", command: FROM_SOURCE, args: ["--loader=own"] });
