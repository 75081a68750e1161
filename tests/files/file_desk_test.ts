import { FileDesk } from "../../src/gateway/file_desk.ts";
import { FileSender } from "../../src/files/file_sender.ts";
import { NOBODY } from "../../src/message/exchange.ts";
import type { FileOrder } from "../../src/message/file_order.ts";
import { assertEquals } from "../support/assert.ts";
import { CheckedExchange, headOf } from "../support/checked_exchange.ts";
import { inFolder, until } from "../support/processes.ts";

const ORDER: FileOrder = {
  path: "a.txt",
  status: 200,
  fieldLines: "",
  requestLines: "",
  precompressed: "ignore",
};

Deno.test("files whose sender cannot be loaded are refused, and the next order loads it", () =>
  inFolder({ "a.txt": "text" }, async (folder) => {
    const logged: string[] = [];
    let attempts = 0;
    const desk = new FileDesk(
      { cwd: folder, log: (level, message) => logged.push(`${level}: ${message}`) },
      () =>
        ++attempts < 3 ? Promise.reject(new TypeError("gone")) : Promise.resolve({ FileSender }),
    );
    const ask = async (count: number) => {
      const exchanges = Array.from({ length: count }, () => new CheckedExchange(headOf("/")));
      for (const exchange of exchanges) desk.send("any", exchange, ORDER, NOBODY);
      await until(() => exchanges.every(({ isOver }) => isOver));
      return exchanges.map(({ status }) => status);
    };

    assertEquals(await ask(2), [500, 500]);
    assertEquals(await ask(1), [500]);
    assertEquals(await ask(1), [200]);
    assertEquals(attempts, 3);
    assertEquals(logged, ["error: files cannot be sent: gone"]);
  }));
