// Instructions as text. Goes on after what it cannot decode; stops where memory ends.
import { disassemble } from "../../isa/disassemble.js";
import { SessionError } from "../host-api.js";
import type { WorkerMethods } from "../protocol.js";
import type { Methods, WorkerContext } from "../session-worker.js";
import { checkHart } from "./hart-state.js";
import { readBytes } from "./memory.js";
import { symbolText } from "./symbols.js";

export function disassemblyMethods({ machine }: WorkerContext): Pick<Methods, "disassemble"> {
  /** Two bytes first: the second half of a long instruction may lie on a page that is not there. */
  const fetch = (hart: number, space: "virtual" | "physical", at: bigint): DataView => {
    const first = readBytes(machine, hart, space, at, 2);
    const bytes = ((first[0] as number) & 3) === 3 ? readBytes(machine, hart, space, at, 4) : first;
    return new DataView(bytes.buffer);
  };
  return {
    disassemble({ address, count, hart, space }) {
      checkHart(machine, hart);
      if (address & 1n) throw new SessionError("invalid", "instructions begin at even addresses", { field: "address" });
      const lines: ReturnType<WorkerMethods["disassemble"]> = [];
      let at = address;
      while (lines.length < count) {
        let view: DataView;
        try {
          view = fetch(hart, space, at);
        } catch (error) {
          if (lines.length === 0 || !(error instanceof SessionError)) throw error;
          break;
        }
        const { text, length } = disassemble(
          view.byteLength === 4 ? view.getInt32(0, true) : view.getUint16(0, true),
          at,
        );
        const symbol = symbolText(machine, at);
        lines.push({
          address: at,
          bytes: Buffer.from(view.buffer as ArrayBuffer, 0, length).toString("hex"),
          text,
          ...(symbol === undefined ? {} : { symbol }),
        });
        at += BigInt(length);
      }
      return lines;
    },
  };
}
