// Numbers of the privileged architecture (RISC-V privileged specification 1.13): exception codes, privilege
// levels, fields of mstatus, menvcfg and satp, interrupt bits.

export const PRIV_U: u32 = 0;
export const PRIV_S: u32 = 1;
export const PRIV_M: u32 = 3;

// mcause, 3.1.15
export const CAUSE_FETCH_ACCESS: u64 = 1;
export const CAUSE_ILLEGAL: u64 = 2;
export const CAUSE_BREAKPOINT: u64 = 3;
export const CAUSE_LOAD_MISALIGNED: u64 = 4;
export const CAUSE_LOAD_ACCESS: u64 = 5;
export const CAUSE_STORE_MISALIGNED: u64 = 6;
export const CAUSE_STORE_ACCESS: u64 = 7;
export const CAUSE_ECALL_U: u64 = 8;
export const CAUSE_FETCH_PAGE: u64 = 12;
export const CAUSE_LOAD_PAGE: u64 = 13;
export const CAUSE_STORE_PAGE: u64 = 15;
export const CAUSE_INTERRUPT: u64 = 0x8000000000000000;

// mstatus, 3.1.6
export const STATUS_SIE: u64 = 1 << 1;
export const STATUS_MIE: u64 = 1 << 3;
export const STATUS_SPIE: u64 = 1 << 5;
export const STATUS_MPIE: u64 = 1 << 7;
export const STATUS_SPP: u64 = 1 << 8;
export const STATUS_MPP: u64 = 3 << 11;
export const STATUS_MPP_SHIFT: u64 = 11;
export const STATUS_FS: u64 = 3 << 13;
export const STATUS_MPRV: u64 = 1 << 17;
export const STATUS_SUM: u64 = 1 << 18;
export const STATUS_MXR: u64 = 1 << 19;
export const STATUS_TVM: u64 = 1 << 20;
export const STATUS_TW: u64 = 1 << 21;
export const STATUS_TSR: u64 = 1 << 22;
export const STATUS_UXL_64: u64 = 0x200000000;
export const STATUS_SXL_64: u64 = 0x800000000;
export const STATUS_UXL: u64 = 0x300000000;
export const STATUS_SD: u64 = 0x8000000000000000;

// mip and mie, 3.1.9
export const IRQ_SSI: i32 = 1;
export const IRQ_MSI: i32 = 3;
export const IRQ_STI: i32 = 5;
export const IRQ_MTI: i32 = 7;
export const IRQ_SEI: i32 = 9;
export const IRQ_MEI: i32 = 11;
export const INTERRUPTS_S: u64 = 0x222;
export const INTERRUPTS_ALL: u64 = 0xaaa;

// menvcfg, 3.1.18
export const ENVCFG_FIOM: u64 = 1;
export const ENVCFG_CBIE: u64 = 3 << 4;
export const ENVCFG_CBCFE: u64 = 1 << 6;
export const ENVCFG_CBZE: u64 = 1 << 7;
export const ENVCFG_ADUE: u64 = 0x2000000000000000;
export const ENVCFG_PBMTE: u64 = 0x4000000000000000;
export const ENVCFG_STCE: u64 = 0x8000000000000000;

// satp, 4.1.11
export const SATP_MODE_SHIFT: u64 = 60;
export const SATP_PPN: u64 = 0xfffffffffff;

// kinds of access, for permission checks and fault codes
export const ACCESS_LOAD: i32 = 0;
export const ACCESS_STORE: i32 = 1;
export const ACCESS_FETCH: i32 = 2;
