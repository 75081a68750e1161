/** Stores one graph below a folder, and prints where: several of these at once must not mind each other. */

import { NO_IMPORT_MAP } from "../../src/loader/names/import_map.ts";
import { storeGraph } from "../../src/loader/graph/graph_store.ts";
import { graphOf, NOTHING_KNOWN } from "./graph_store_fixture.ts";

const [parent] = Deno.args;
const { folder } = await storeGraph(graphOf(40), NO_IMPORT_MAP, NOTHING_KNOWN, parent);
console.log(folder);
