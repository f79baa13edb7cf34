// M: integer multiplication and division (unprivileged ISA, chapter 13). Division never traps: by zero gives all ones
// and the dividend, overflow gives the dividend and zero.

import { I64 } from "../../wasm/opcodes.js";
import * as e from "../expr.js";
import { extension, type Instruction } from "../instruction.js";

export const rv64m: Instruction[] = [];
const define = extension("M", rv64m);

const row = (funct3: string, opcode = "0110011") => `0000001 rs2 rs1 ${funct3} rd ${opcode}`;
const ASM = "rd, rs1, rs2";
const MIN64 = -(1n << 63n);

define("mul", row("000"), ASM, {}, (s) => s.rd(e.mul(s.rs1, s.rs2)));
define("mulh", row("001"), ASM, {}, (s) => s.rd(e.call("mulh", I64, s.rs1, s.rs2)));
define("mulhsu", row("010"), ASM, {}, (s) => s.rd(e.call("mulhsu", I64, s.rs1, s.rs2)));
define("mulhu", row("011"), ASM, {}, (s) => s.rd(e.call("mulhu", I64, s.rs1, s.rs2)));

define("div", row("100"), ASM, {}, (s) => {
  const a = s.keep(s.rs1);
  const b = s.keep(s.rs2);
  s.when(
    e.eqz(b),
    () => s.rd(e.i64(-1)),
    () =>
      s.when(
        e.and32(e.eq(b, e.i64(-1)), e.eq(a, e.i64(MIN64))),
        () => s.rd(a),
        () => s.rd(e.divS(a, b)),
      ),
  );
});
define("divu", row("101"), ASM, {}, (s) => {
  const a = s.keep(s.rs1);
  const b = s.keep(s.rs2);
  s.when(
    e.eqz(b),
    () => s.rd(e.i64(-1)),
    () => s.rd(e.divU(a, b)),
  );
});
// WebAssembly's signed remainder already gives 0 for MIN % -1.
define("rem", row("110"), ASM, {}, (s) => {
  const a = s.keep(s.rs1);
  const b = s.keep(s.rs2);
  s.when(
    e.eqz(b),
    () => s.rd(a),
    () => s.rd(e.remS(a, b)),
  );
});
define("remu", row("111"), ASM, {}, (s) => {
  const a = s.keep(s.rs1);
  const b = s.keep(s.rs2);
  s.when(
    e.eqz(b),
    () => s.rd(a),
    () => s.rd(e.remU(a, b)),
  );
});

const W = "0111011";
define("mulw", row("000", W), ASM, {}, (s) => s.rd(e.sext(e.mul32(e.wrap(s.rs1), e.wrap(s.rs2)))));
define("divw", row("100", W), ASM, {}, (s) => {
  const a = s.keep(e.wrap(s.rs1));
  const b = s.keep(e.wrap(s.rs2));
  s.when(
    e.eqz32(b),
    () => s.rd(e.i64(-1)),
    // in 64 bits MIN32 / -1 does not overflow, and the low half is what the word form asks for
    () => s.rd(e.extend32(e.divS(e.sext(a), e.sext(b)))),
  );
});
define("divuw", row("101", W), ASM, {}, (s) => {
  const a = s.keep(e.wrap(s.rs1));
  const b = s.keep(e.wrap(s.rs2));
  s.when(
    e.eqz32(b),
    () => s.rd(e.i64(-1)),
    () => s.rd(e.sext(e.divU32(a, b))),
  );
});
define("remw", row("110", W), ASM, {}, (s) => {
  const a = s.keep(e.wrap(s.rs1));
  const b = s.keep(e.wrap(s.rs2));
  s.when(
    e.eqz32(b),
    () => s.rd(e.sext(a)),
    () => s.rd(e.sext(e.remS32(a, b))),
  );
});
define("remuw", row("111", W), ASM, {}, (s) => {
  const a = s.keep(e.wrap(s.rs1));
  const b = s.keep(e.wrap(s.rs2));
  s.when(
    e.eqz32(b),
    () => s.rd(e.sext(a)),
    () => s.rd(e.sext(e.remU32(a, b))),
  );
});
