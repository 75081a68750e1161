import { FROM_SOURCE } from "../support/gateway.ts";
import { nodeConformanceTests } from "./node_conformance.ts";

const command = FROM_SOURCE;
nodeConformanceTests({ name: "a worker", command, args: ["--workers=1"] });
nodeConformanceTests({ name: "the gateway's thread", command, args: ["--workers=0"] });
