# Runs generated test programs one after another and keeps what each leaves behind.
#
# An image for it holds a header at HEADER, one record of RECORD_SIZE bytes per test, and the tests' code. Per test
# the runner fills the scratch memory and all registers from the record, enters the test by mret in the privilege
# its mstatus says, and waits for a trap: the test's closing ecall, or whatever went wrong. The trap handler writes
# registers, trap CSRs and scratch memory to the test's result. After the last test it powers the machine off.
#
# record:  0x000 pc        0x008 x1..x31    0x100 f0..f31   0x200 fcsr   0x208 mstatus   0x210 satp
#          0x218 scratch, physical address of its lower half   0x220 of its upper half   0x240 contents, 512 bytes
#          0x228 pmpcfg0 (entries 0 and 1; entry 2 allows everything)   0x230 pmpaddr0   0x238 pmpaddr1
# result:  0x000 mepc      0x008 x1..x31    0x100 f0..f31   0x200 fcsr   0x208 mcause    0x210 mtval
#          0x218 mstatus   0x220 sequence number + 1           0x240 scratch contents, 512 bytes
#
# test/differential/image.ts has the other half of this layout.

        .equ    HEADER, 0x80100000              # count, address of records, address of results (u64 each)
        .equ    RECORD_SIZE, 0x440
        .equ    HALF, 256
        .equ    FINISHER, 0x100000

        # offsets in vars
        .equ    V_X1, 0                         # x1 while the handler has no register to spare
        .equ    V_INDEX, 8
        .equ    V_COUNT, 16
        .equ    V_RECORD, 24
        .equ    V_RESULT, 32

        .section .text.start, "ax"
        .globl  _start
_start:
        csrr    t0, mhartid
        bnez    t0, park
        la      t0, handler
        csrw    mtvec, t0
        csrw    mie, zero
        csrw    medeleg, zero
        csrw    mideleg, zero
        li      t0, -1
        csrw    pmpaddr2, t0
        li      t0, 1 << 7                      # CBZE: cbo.zero works below M, where there is one
        csrs    senvcfg, t0
        li      t1, 3 << 61                     # PBMTE, ADUE: page attributes, and accessed and dirty bits set by hardware
        or      t0, t0, t1
        csrs    menvcfg, t0
        li      t0, 0x6000                      # FS: dirty
        csrw    mstatus, t0
        la      s0, vars
        csrw    mscratch, s0
        li      s1, HEADER
        ld      t0, 0(s1)
        sd      t0, V_COUNT(s0)
        ld      t0, 8(s1)
        sd      t0, V_RECORD(s0)
        ld      t0, 16(s1)
        sd      t0, V_RESULT(s0)
        sd      zero, V_INDEX(s0)

next:                                           # s0: vars
        ld      t0, V_INDEX(s0)
        ld      t1, V_COUNT(s0)
        bgeu    t0, t1, finish
        ld      s1, V_RECORD(s0)
        addi    a0, s1, 0x240
        ld      a1, 0x218(s1)
        call    copy_half
        ld      a1, 0x220(s1)
        call    copy_half
        la      t0, reservation                 # a reservation left by the test before must not serve this one
        sc.d    zero, zero, (t0)
        ld      t0, 0(s1)
        csrw    mepc, t0
        ld      t0, 0x208(s1)
        csrw    mstatus, t0
        ld      t0, 0x230(s1)
        csrw    pmpaddr0, t0
        ld      t0, 0x238(s1)
        csrw    pmpaddr1, t0
        ld      t0, 0x228(s1)
        csrw    pmpcfg0, t0
        ld      t0, 0x210(s1)
        csrw    satp, t0
        sfence.vma
        ld      t0, 0x200(s1)
        fscsr   t0
        mv      x31, s1
        .irp    n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
        fld     f\n, 0x100 + 8 * \n (x31)
        .endr
        .irp    n, 1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
        ld      x\n, 8 * \n (x31)
        .endr
        mret

        .balign 4
handler:
        csrrw   x31, mscratch, x31              # x31: vars
        sd      x1, V_X1(x31)
        ld      x1, V_RESULT(x31)
        .irp    n, 2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30
        sd      x\n, 8 * \n (x1)
        .endr
        mv      s0, x31
        mv      s1, x1
        csrrw   t0, mscratch, s0
        sd      t0, 8 * 31 (s1)
        ld      t0, V_X1(s0)
        sd      t0, 8 * 1 (s1)
        .irp    n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
        fsd     f\n, 0x100 + 8 * \n (s1)
        .endr
        csrr    t0, mepc
        sd      t0, 0(s1)
        frcsr   t0
        sd      t0, 0x200(s1)
        csrr    t0, mcause
        sd      t0, 0x208(s1)
        csrr    t0, mtval
        sd      t0, 0x210(s1)
        csrr    t0, mstatus
        sd      t0, 0x218(s1)
        ld      t0, V_INDEX(s0)
        addi    t0, t0, 1
        sd      t0, 0x220(s1)
        sd      t0, V_INDEX(s0)
        ld      s2, V_RECORD(s0)
        addi    a1, s1, 0x240
        ld      a0, 0x218(s2)
        call    copy_half
        ld      a0, 0x220(s2)
        call    copy_half
        li      t0, RECORD_SIZE
        add     s1, s1, t0
        sd      s1, V_RESULT(s0)
        add     s2, s2, t0
        sd      s2, V_RECORD(s0)
        j       next

        # Copies HALF bytes from (a0) to (a1); leaves both one past the end.
copy_half:
        addi    t0, a0, HALF
1:      ld      t1, 0(a0)
        sd      t1, 0(a1)
        addi    a0, a0, 8
        addi    a1, a1, 8
        bne     a0, t0, 1b
        ret

finish:
        li      t0, FINISHER
        li      t1, 0x5555
        sw      t1, 0(t0)
park:
        wfi
        j       park

        .section .data, "aw"
        .balign 8
vars:   .space  40
reservation:
        .space  8
