# Guests that go nowhere, each a program of its own: they must harm nobody but themselves.
#   LOOP         jumps to itself
#   TRAP_LOOP    faults, and its trap handler faults at its first instruction, for ever
#   NO_HANDLER   faults with mtvec at an address that has no memory
#   WILD_STACK   calls itself with a stack that runs out of RAM and on through whatever lies below
#   WILD_STORES  stores to every address that a congruential generator comes to, fault or not
#   SLEEPER      waits for an interrupt that nothing raises
        .section .text.start, "ax"
        .globl  _start
_start:
#if defined(LOOP)
1:      j       1b
#elif defined(TRAP_LOOP)
        la      t0, 1f
        csrw    mtvec, t0
        .balign 4
1:      ld      t1, 0(zero)
        j       1b
#elif defined(NO_HANDLER)
        li      t0, 0x08000000
        csrw    mtvec, t0
        .word   0
#elif defined(WILD_STACK)
        la      t0, 2f
        csrw    mtvec, t0
        la      sp, _start
1:      addi    sp, sp, -16
        sd      ra, 0(sp)
        call    1b
        .balign 4
2:      csrr    t1, mepc                        # on regardless
        addi    sp, sp, -1024
        addi    t1, t1, 4
        csrw    mepc, t1
        mret
#elif defined(WILD_STORES)
        la      t0, 2f
        csrw    mtvec, t0
        li      s0, 1
        li      s1, 6364136223846793005
        li      s2, 1442695040888963407
1:      mul     s0, s0, s1
        add     s0, s0, s2
        srli    t1, s0, 16
        li      t2, 1 << 32
        remu    t1, t1, t2
        li      t3, 0x00100000                  # but not to the test finisher, which would end it
        sub     t4, t1, t3
        srli    t4, t4, 12
        beqz    t4, 1b
        li      t3, 0x80000000                  # nor to this code
        sub     t4, t1, t3
        srli    t4, t4, 12
        beqz    t4, 1b
        .option push
        .option norvc
        sd      s0, 0(t1)
        .option pop
        j       1b
        .balign 4
2:      csrr    t1, mepc
        addi    t1, t1, 4
        csrw    mepc, t1
        mret
#elif defined(SLEEPER)
        csrw    mie, zero
1:      wfi
        j       1b
#endif
