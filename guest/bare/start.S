# Entry of the bare-metal programs: M-mode, no translation. Hart 0 runs main; others run other_hart(id) when the
# program has one. A trap nobody expects ends the machine with exit code 100 + mcause.

        .section .text.start, "ax"
        .globl  _start
_start:
        csrr    a0, mhartid
        la      t0, unexpected_trap
        csrw    mtvec, t0
        li      t0, 0x2000                      # FS: initial
        csrs    mstatus, t0
        csrw    fcsr, zero
        la      sp, stacks
        addi    t0, a0, 1                       # 64 KiB of stack per hart
        slli    t0, t0, 16
        add     sp, sp, t0
        bnez    a0, others
        la      t0, bss_start
        la      t1, bss_end
1:      bgeu    t0, t1, 2f
        sd      zero, 0(t0)
        addi    t0, t0, 8
        j       1b
2:      fence   rw, w
        la      t0, started
        li      t1, 1
        sw      t1, 0(t0)
        call    main
        li      a0, 0
        call    finish

others: la      t0, started                     # until hart 0 has cleared .bss
1:      lw      t1, 0(t0)
        beqz    t1, 1b
        fence   r, rw
        la      t0, other_hart
        beqz    t0, park
        call    other_hart
park:   wfi
        j       park

        .balign 4
unexpected_trap:
        csrr    t0, mcause
        addi    t0, t0, 100
        slli    t0, t0, 16
        li      t1, 0x3333
        or      t0, t0, t1
        li      t1, 0x100000
        sw      t0, 0(t1)
1:      wfi
        j       1b

        .weak   other_hart

        .section .data
        .balign 8
started: .word  0

        .section .stacks, "aw", @nobits         # outside .bss, which hart 0 clears while others wait
        .balign 16
stacks: .space  8 * 65536
