import { FROM_SOURCE } from "../support/gateway.ts";
import { descriptorTests } from "./descriptors.ts";

descriptorTests({ name: "Deno's loader", command: FROM_SOURCE, args: ["--loader=native"] });
descriptorTests({ name: "built-in loader", command: FROM_SOURCE, args: ["--loader=own"] });
descriptorTests({
  name: "built-in loader, all files readable",
  command: FROM_SOURCE,
  args: ["--loader=own", "--app-allow-read"],
});
