import { FROM_SOURCE } from "../../support/gateway.ts";
import { commonJsAppTests } from "./common_js_apps.ts";

commonJsAppTests({ name: "from source", command: FROM_SOURCE, args: ["--workers=1"] });
