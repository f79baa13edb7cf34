// Instruction words that plugin tests run; where a script says what runs next, targets do not matter.
export const NOP = 0x00000013;
export const C_NOP = 0x0001;
export const LD = 0x0005b503; //       ld a0, 0(a1)
export const SD = 0x00a5b423; //       sd a0, 8(a1)
export const AMOADD = 0x00b6252f; //   amoadd.w a0, a1, (a2)
export const BEQZ = 0x00050463; //     beqz a0, .+8
export const J = 0x0000006f; //        j .
export const CALL = 0x000000ef; //     jal ra, .
export const CALL_BY_A5 = 0x000780e7; // jalr ra, 0(a5)
export const JUMP_BY_A5 = 0x00078067; // jr a5
export const C_RET = 0x8082;
export const RET = 0x00008067;
export const ECALL = 0x00000073;
export const MRET = 0x30200073;
export const SRET = 0x10200073;
