import { FROM_SOURCE } from "../support/gateway.ts";
import { threadTests } from "./thread_escapes.ts";

threadTests({ name: "source", command: FROM_SOURCE });
