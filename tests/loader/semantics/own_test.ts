import { FROM_SOURCE, runGateway } from "../../support/gateway.ts";
import { OWN_LEG, semanticsTests } from "./runner.ts";

const { stdout } = await runGateway(["--help"], FROM_SOURCE);
if (stdout.includes("--loader")) semanticsTests(OWN_LEG);
