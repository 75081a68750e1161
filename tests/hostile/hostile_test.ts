import { FROM_SOURCE } from "../support/gateway.ts";
import { hostileTests } from "./table.ts";

hostileTests({ name: "source", command: FROM_SOURCE, args: [], loaderArgs: ["--loader=own"] });
