// Makes a function's body pay for what it does. Each entry of the function and each round of a loop takes fuel for the
// straight code it begins, instructions that work through whole ranges take it by length, and a balance below zero traps.
// So nothing a plugin does goes on for ever: not loops, not recursion, not clearing its memory again and again.
//
// A unit stands for about 64 simple instructions: finer steps would cost small loops more without bounding anything better.
import { Bytes } from "../../wasm/bytes.js";
import { I32, I64, OP, VOID } from "../../wasm/opcodes.js";
import type { Cursor } from "./cursor.js";
import { readInstruction } from "./immediates.js";

const SIMPLE_PER_UNIT = 64;

/** Weights in simple instructions of those that are not simple. */
const CALL_IMPORT = 1024;
const CALL_INDIRECT = 32;
const GROW = 65536;

const MEMORY_GROW = 0x40;
const MISC = 0xfc << 16;
/** Instructions that work on as many bytes or elements as the i32 on top of the stack says, and what 2^n of these weigh: a unit. */
const BY_LENGTH: Readonly<Record<number, number>> = {
  [MISC | 8]: 7, //  memory.init
  [MISC | 10]: 7, // memory.copy
  [MISC | 11]: 7, // memory.fill
  [MISC | 12]: 3, // table.init
  [MISC | 14]: 3, // table.copy
  [MISC | 15]: 3, // table.grow
  [MISC | 17]: 3, // table.fill
};

const WEIGHTS: Readonly<Record<number, number>> = {
  [OP.call_indirect]: CALL_INDIRECT,
  [OP.return_call_indirect]: CALL_INDIRECT,
  [MEMORY_GROW]: GROW,
  [MISC | 15]: GROW,
  [OP.i64_div_s]: 8,
  [OP.i64_div_u]: 8,
  [OP.i64_rem_s]: 8,
  [OP.i64_rem_u]: 8,
};

/** Straight code: what runs once for each entry of the function or round of a loop. */
interface Stretch {
  /** Where its instructions begin. */
  at: number;
  weight: number;
}

/** An instruction whose fuel depends on the length it is given. */
interface Lengthy {
  at: number;
  shift: number;
}

export interface Metering {
  /** Index of the i64 global. */
  fuel: number;
  importedFunctions: number;
  /** The function is entered from outside, and brings fuel: so much, as far as it does not become more than `most`. */
  income?: { units: number; most: number };
}

/** The body (locals first, without its size) with charges in it. @throws WasmPluginError for code it cannot read */
export function meter(body: Cursor, params: number, { fuel, importedFunctions, income }: Metering): Bytes {
  const from = body.at;
  let locals = params;
  const runs = body.count();
  const declared = body.at;
  for (let n = runs; n > 0; n--) {
    locals += body.u32();
    body.u8();
  }
  const code = body.at;
  const { stretches, lengthy } = read(body, importedFunctions);
  const balance = locals;
  const length = locals + 1;
  const out = new Bytes(body.end - from + 24 * stretches.length + 32);
  out.u32(runs + 2);
  out.append(body.bytes.subarray(declared, code));
  for (const type of [I64, I32]) {
    out.u32(1);
    out.u8(type);
  }
  let copied = code;
  const upTo = (at: number): void => {
    out.append(body.bytes.subarray(copied, at));
    copied = at;
  };
  const charges = [...stretches, ...lengthy].sort((a, b) => a.at - b.at);
  for (const charge of charges) {
    upTo(charge.at);
    if (income && charge === stretches[0]) {
      const units = Math.ceil(charge.weight / SIMPLE_PER_UNIT);
      if (income.units >= units) {
        earn(out, fuel, balance, income.units - units, income.most);
        continue;
      }
      earn(out, fuel, balance, income.units, income.most);
    }
    if ("weight" in charge) {
      take(out, fuel, balance, () => {
        out.u8(OP.i64_const);
        out.i64(Math.ceil(charge.weight / SIMPLE_PER_UNIT));
      });
    } else {
      out.u8(OP.local_tee);
      out.u32(length);
      take(out, fuel, balance, () => {
        out.u8(OP.local_get);
        out.u32(length);
        out.u8(OP.i64_extend_i32_u);
        out.u8(OP.i64_const);
        out.i64(charge.shift);
        out.u8(OP.i64_shr_u);
      });
    }
  }
  upTo(body.end);
  return out;
}

/** fuel -= amount; traps below zero. The balance is tested in a local: it would be read back from memory otherwise. */
function take(out: Bytes, fuel: number, balance: number, amount: () => void): void {
  out.u8(OP.global_get);
  out.u32(fuel);
  amount();
  out.u8(OP.i64_sub);
  out.u8(OP.local_tee);
  out.u32(balance);
  out.u8(OP.global_set);
  out.u32(fuel);
  out.u8(OP.local_get);
  out.u32(balance);
  out.u8(OP.i64_const);
  out.i64(0);
  out.u8(OP.i64_lt_s);
  out.u8(OP.if);
  out.u8(VOID);
  out.u8(OP.unreachable);
  out.u8(OP.end);
}

/** fuel = min(fuel + units, most). Most often there is enough: then it is only looked at. */
function earn(out: Bytes, fuel: number, balance: number, units: number, most: number): void {
  const limit = (): void => {
    out.u8(OP.i64_const);
    out.i64(most);
  };
  out.u8(OP.global_get);
  out.u32(fuel);
  out.u8(OP.local_tee);
  out.u32(balance);
  limit();
  out.u8(OP.i64_lt_s);
  out.u8(OP.if);
  out.u8(VOID);
  out.u8(OP.local_get);
  out.u32(balance);
  out.u8(OP.i64_const);
  out.i64(units);
  out.u8(OP.i64_add);
  out.u8(OP.local_tee);
  out.u32(balance);
  limit();
  out.u8(OP.local_get);
  out.u32(balance);
  limit();
  out.u8(OP.i64_lt_s);
  out.u8(OP.select);
  out.u8(OP.global_set);
  out.u32(fuel);
  out.u8(OP.end);
}

function read(body: Cursor, importedFunctions: number): { stretches: Stretch[]; lengthy: Lengthy[] } {
  const entry: Stretch = { at: body.at, weight: 1 };
  const stretches = [entry];
  const lengthy: Lengthy[] = [];
  const operand = { index: 0 };
  /** The stretch each open block's instructions belong to. */
  const open: Stretch[] = [entry];
  while (open.length > 0) {
    const at = body.at;
    const opcode = readInstruction(body, operand);
    const stretch = open[open.length - 1] as Stretch;
    stretch.weight += WEIGHTS[opcode] ?? 1;
    const shift = BY_LENGTH[opcode];
    if (shift !== undefined) lengthy.push({ at, shift });
    switch (opcode) {
      case OP.block:
      case OP.if:
        open.push(stretch);
        break;
      case OP.loop: {
        const round: Stretch = { at: body.at, weight: 1 };
        stretches.push(round);
        open.push(round);
        break;
      }
      case OP.end:
        open.pop();
        break;
      case OP.call:
      case OP.return_call:
        if (operand.index < importedFunctions) stretch.weight += CALL_IMPORT;
        break;
    }
  }
  if (!body.done) body.fail("code goes on behind the end of the function");
  return { stretches, lengthy };
}
