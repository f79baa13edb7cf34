# The demo guest's assembly: entry in M-mode, the way down to S-mode, and both trap handlers.

        .equ    CLINT_MTIMECMP, 0x02004000      # of hart 0
        .equ    CLINT_MTIME, 0x0200bff8
        .equ    TICK, 100000                    # mtime counts between ticks: 10 ms

        .section .text.start, "ax"
        .globl  _start
_start:
        csrr    t0, mhartid
        bnez    t0, park
        la      sp, stack_top
        la      t0, bss_start
        la      t1, bss_end
1:      sd      zero, 0(t0)
        addi    t0, t0, 8
        bltu    t0, t1, 1b

        la      t0, machine_trap
        csrw    mtvec, t0
        la      t0, machine_save
        csrw    mscratch, t0
        li      t0, -1                          # one PMP entry: all of memory, read, write and execute
        csrw    pmpaddr0, t0
        li      t0, 0x1f
        csrw    pmpcfg0, t0
        li      t0, 0xb1ff & ~(1 << 9)          # S-mode handles what it does wrong itself
        csrw    medeleg, t0
        li      t0, 0x222                       # SSIP, STIP, SEIP
        csrw    mideleg, t0
        li      t0, 7
        csrw    mcounteren, t0
        csrw    scounteren, t0

        call    build_page_tables               # returns the value for satp
        mv      s0, a0

        li      t0, CLINT_MTIME
        ld      t0, 0(t0)
        li      t1, TICK
        add     t0, t0, t1
        li      t1, CLINT_MTIMECMP
        sd      t0, 0(t1)
        li      t0, 1 << 7                      # MTIE
        csrw    mie, t0

        li      t0, 0x1800                      # MPP: S; FS: initial, so that floating point works
        csrc    mstatus, t0
        li      t0, 0x0800 | 0x2000
        csrs    mstatus, t0
        la      t0, supervisor_start
        csrw    mepc, t0
        mret

park:
        wfi
        j       park

        # From here on in S-mode.
supervisor_start:
        csrw    satp, s0
        sfence.vma
        la      t0, supervisor_trap
        csrw    stvec, t0
        csrw    fcsr, zero
        li      t0, 0x202                       # SSIE, SEIE
        csrw    sie, t0
        csrsi   sstatus, 2                      # SIE
        call    main
1:      wfi
        j       1b

        # M-mode: the machine timer. Sets the next deadline and hands a software interrupt to S-mode.
        .balign 4
machine_trap:
        csrrw   t0, mscratch, t0
        sd      t1, 0(t0)
        sd      t2, 8(t0)
        csrr    t1, mcause
        bgez    t1, machine_failure
        andi    t1, t1, 0xff
        addi    t1, t1, -7
        bnez    t1, machine_failure
        li      t1, CLINT_MTIMECMP
        ld      t2, 0(t1)
        li      t1, TICK
        add     t2, t2, t1
        li      t1, CLINT_MTIMECMP
        sd      t2, 0(t1)
        csrsi   mip, 2                          # SSIP
        ld      t1, 0(t0)
        ld      t2, 8(t0)
        csrrw   t0, mscratch, t0
        mret

machine_failure:                                # nothing else should come here: exit with code 100 + cause
        csrr    t1, mcause
        addi    t1, t1, 100
        slli    t1, t1, 16
        li      t2, 0x3333
        or      t1, t1, t2
        li      t2, 0x100000
        sw      t1, 0(t2)
        j       park

        # S-mode: saves what a C function may use. trap(scause, sepc, stval) returns where to go on.
        .balign 4
supervisor_trap:
        addi    sp, sp, -144
        .equ    slot, 0
        .irp    r, ra,t0,t1,t2,a0,a1,a2,a3,a4,a5,a6,a7,t3,t4,t5,t6
        sd      \r, slot(sp)
        .equ    slot, slot + 8
        .endr
        csrr    a0, scause
        csrr    a1, sepc
        csrr    a2, stval
        call    trap
        csrw    sepc, a0
        .equ    slot, 0
        .irp    r, ra,t0,t1,t2,a0,a1,a2,a3,a4,a5,a6,a7,t3,t4,t5,t6
        ld      \r, slot(sp)
        .equ    slot, slot + 8
        .endr
        addi    sp, sp, 144
        sret

        .section .bss
        .balign 16
machine_save:
        .space  16
        .space  16384
stack_top:
