// Names of registers and CSRs (RISC-V ABI; privileged ISA table of CSRs).

export const X_NAMES =
  "zero ra sp gp tp t0 t1 t2 s0 s1 a0 a1 a2 a3 a4 a5 a6 a7 s2 s3 s4 s5 s6 s7 s8 s9 s10 s11 t3 t4 t5 t6".split(" ");
export const F_NAMES =
  "ft0 ft1 ft2 ft3 ft4 ft5 ft6 ft7 fs0 fs1 fa0 fa1 fa2 fa3 fa4 fa5 fa6 fa7 fs2 fs3 fs4 fs5 fs6 fs7 fs8 fs9 fs10 fs11 ft8 ft9 ft10 ft11".split(
    " ",
  );

/** CSR numbers by name; the optional ones that read as zero are generated below. */
export const CSRS: Record<string, number> = {
  fflags: 0x001,
  frm: 0x002,
  fcsr: 0x003,
  cycle: 0xc00,
  time: 0xc01,
  instret: 0xc02,
  sstatus: 0x100,
  sie: 0x104,
  stvec: 0x105,
  scounteren: 0x106,
  senvcfg: 0x10a,
  sscratch: 0x140,
  sepc: 0x141,
  scause: 0x142,
  stval: 0x143,
  sip: 0x144,
  stimecmp: 0x14d,
  satp: 0x180,
  mvendorid: 0xf11,
  marchid: 0xf12,
  mimpid: 0xf13,
  mhartid: 0xf14,
  mconfigptr: 0xf15,
  mstatus: 0x300,
  misa: 0x301,
  medeleg: 0x302,
  mideleg: 0x303,
  mie: 0x304,
  mtvec: 0x305,
  mcounteren: 0x306,
  menvcfg: 0x30a,
  mcountinhibit: 0x320,
  mscratch: 0x340,
  mepc: 0x341,
  mcause: 0x342,
  mtval: 0x343,
  mip: 0x344,
  mcycle: 0xb00,
  minstret: 0xb02,
  pmpcfg0: 0x3a0,
  pmpcfg2: 0x3a2,
};
for (let n = 0; n < 16; n++) CSRS[`pmpaddr${n}`] = 0x3b0 + n;
for (let n = 3; n < 32; n++) {
  CSRS[`hpmcounter${n}`] = 0xc00 + n;
  CSRS[`mhpmcounter${n}`] = 0xb00 + n;
  CSRS[`mhpmevent${n}`] = 0x320 + n;
}

const NAMES = new Map(Object.entries(CSRS).map(([name, number]) => [number, name]));
/** Name of a CSR, or its number in hex. */
export const csrName = (number: number): string => NAMES.get(number) ?? `0x${number.toString(16)}`;
