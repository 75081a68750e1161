import { FROM_SOURCE } from "../support/gateway.ts";
import { nodeServingTests } from "./node_serving.ts";

const command = FROM_SOURCE;
nodeServingTests({ name: "Deno's loader", command, args: ["--workers=1", "--loader=native"] });
nodeServingTests({ name: "built-in loader", command, args: ["--workers=1", "--loader=own"] });
nodeServingTests({ name: "the gateway's thread", command, args: ["--workers=0"] });
