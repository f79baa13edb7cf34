// Every instruction, in one list. The index of an instruction here is its identity in generated code.
import { rv64a } from "./extensions/rv64a.js";
import { rv64fd } from "./extensions/rv64fd.js";
import { rv64i } from "./extensions/rv64i.js";
import { rv64m } from "./extensions/rv64m.js";
import { ILLEGAL, system } from "./extensions/system.js";
import { zb } from "./extensions/zb.js";
import type { Instruction } from "./instruction.js";

export const INSTRUCTIONS: readonly Instruction[] = [
  ...rv64i,
  ...rv64m,
  ...rv64a,
  ...rv64fd,
  ...zb,
  ...system,
  ILLEGAL,
];
export { ILLEGAL };
