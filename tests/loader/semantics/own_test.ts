import { OWN_LEG, semanticsTests } from "./runner.ts";

semanticsTests(OWN_LEG);
