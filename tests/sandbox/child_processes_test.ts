import { FROM_SOURCE } from "../support/gateway.ts";
import { childProcessTests } from "./child_processes.ts";

childProcessTests({ name: "source", command: FROM_SOURCE });
