// discons: checks that control goes where discontinuities (interrupts, exceptions, semihosting calls) say it goes, and comes
// from where the code left off. Each instruction stores which one it is; code is called only where a discontinuity was just
// before it.
import Type from "../../schema/type.js";
import type { PluginDefinition } from "../plugin.js";
import { LINES, Log } from "./log.js";
import { Address, Count, Hart } from "./schema.js";

type Kind = "interrupt" | "exception" | "hostcall";

/** An instruction by its number. */
interface Place {
  pc: bigint;
  next: bigint;
  /** Control goes on at `next`, as far as the block tells. */
  goesOn: boolean;
}

interface HartState {
  lastPc: bigint;
  /** Where the last discontinuity went, until an instruction begins there. */
  to: bigint | undefined;
  kind: Kind;
}

interface Mismatch {
  at: "source" | "target";
  hart: number;
  kind: Kind;
  expected: bigint;
  encountered: bigint;
  last: bigint;
}

const KEPT = 100;

export const discons: PluginDefinition = {
  name: "discons",
  summary: "checks program counters across interrupts, exceptions and semihosting calls",
  options: {
    abort: { type: "boolean", default: true, description: "pause the machine at a mismatch" },
    "trace-all": { type: "boolean", default: false, description: "write a line for each instruction" },
    lines: LINES,
  },
  results: Type.Object({
    interrupts: Count("interrupts"),
    exceptions: Count("exceptions"),
    hostcalls: Count("semihosting calls"),
    mismatchCount: Count("mismatches"),
    mismatches: Type.Array(
      Type.Object({
        at: Type.Union([Type.Literal("source"), Type.Literal("target")]),
        hart: Hart(),
        kind: Type.Union([Type.Literal("interrupt"), Type.Literal("exception"), Type.Literal("hostcall")]),
        expected: Address("where control should have been"),
        encountered: Address("where it was"),
        last: Address("last instruction that began"),
      }),
      { description: `the first ${KEPT}` },
    ),
    dropped: Count("trace lines not written"),
  }),

  install(host, options) {
    const log = new Log(host, options["lines"] as number);
    const scoreboard = host.scoreboard(2);
    // number of the last instruction, and whether a discontinuity came behind it
    const last = scoreboard.counter(0);
    const pending = scoreboard.counter(1);
    const places: Place[] = [{ pc: 0n, next: 0n, goesOn: false }];
    const numbers = new Map<string, number>();
    const harts = Array.from(
      { length: host.harts },
      (): HartState => ({ lastPc: 0n, to: undefined, kind: "interrupt" }),
    );
    const counts: Record<Kind, number> = { interrupt: 0, exception: 0, hostcall: 0 };
    const mismatches: Mismatch[] = [];
    let mismatchCount = 0;

    const placeOf = (hart: number): Place => places[Number(last.get(hart))] as Place;
    // two addresses of one place are one, for harts may run in other address spaces behind a trap
    const same = (hart: number, a: bigint, b: bigint): boolean => {
      if (a === b) return true;
      const [first, second] = [host.translate(hart, a), host.translate(hart, b)];
      return first !== undefined && first.paddr === second?.paddr;
    };
    const check = (found: Mismatch): void => {
      if (same(found.hart, found.expected, found.encountered)) return;
      mismatchCount++;
      if (mismatches.length < KEPT) mismatches.push(found);
      log.write(report(found));
      if (options["abort"]) host.stop(`discons: ${found.at} pc mismatch on hart ${found.hart}`);
    };
    const discontinuity = (kind: Kind, hart: number, from: bigint, to: bigint): void => {
      const state = harts[hart] as HartState;
      const place = placeOf(hart);
      counts[kind]++;
      if (last.get(hart) !== 0n) state.lastPc = place.pc;
      const found = { at: "source", hart, kind, encountered: from, last: state.lastPc } as const;
      // an exception may come from the very instruction that began last
      if (kind !== "exception" || !same(hart, state.lastPc, from)) {
        // several discontinuities may come one behind the other
        if (state.to !== undefined) check({ ...found, expected: state.to });
        else if (place.goesOn) check({ ...found, expected: place.next });
      }
      last.set(hart, 0n);
      pending.set(hart, 1n);
      state.to = to;
      state.kind = kind;
    };
    for (const kind of ["interrupt", "exception", "hostcall"] as const) {
      host.on(kind, ({ hart, from, to }: { hart: number; from: bigint; to: bigint }) =>
        discontinuity(kind, hart, from, to),
      );
    }
    const arrived = (hart: number): void => {
      const state = harts[hart] as HartState;
      pending.set(hart, 0n);
      const { pc } = placeOf(hart);
      const expected = state.to;
      state.to = undefined;
      if (expected !== undefined) check({ at: "target", hart, kind: state.kind, expected, encountered: pc, last: pc });
    };
    const onArrival = host.call(arrived, 0, { when: { counter: pending, is: "eq", value: 1 } });
    const buffer = host.buffer((words, from, to) => {
      for (let at = 4 * from; at < 4 * to; at += 4) {
        const { pc } = places[words[at] as number] as Place;
        log.write(`Exec insn at ${pc.toString(16)} on VCPU ${(words[at + 1] as number) & 255}\n`);
      }
      log.flush();
    });

    return {
      translate(block) {
        block.instructions.forEach(({ vaddr, size }, i) => {
          const instruction = block.instructions[i] as (typeof block.instructions)[number];
          const goesOn = i + 1 < block.instructions.length;
          const key = `${vaddr.toString(36)} ${size} ${goesOn}`;
          const number = numbers.get(key) ?? places.push({ pc: vaddr, next: vaddr + BigInt(size), goesOn }) - 1;
          numbers.set(key, number);
          instruction.onExec(last.store(number));
          instruction.onExec(onArrival);
          if (options["trace-all"]) instruction.onExec(buffer.append(number));
        });
      },
      results() {
        log.flush();
        return {
          interrupts: counts.interrupt,
          exceptions: counts.exception,
          hostcalls: counts.hostcall,
          mismatchCount,
          mismatches,
          dropped: log.dropped,
        };
      },
      text: () => mismatches.map(report).join(""),
      reset() {
        for (let hart = 0; hart < host.harts; hart++) {
          last.set(hart, 0n);
          pending.set(hart, 0n);
          (harts[hart] as HartState).to = undefined;
        }
      },
      uninstall: () => scoreboard.free(),
    };
  },
};

function report({ at, hart, kind, expected, encountered, last }: Mismatch): string {
  return [
    `Discon ${at} PC mismatch on VCPU ${hart}`,
    `Expected:      ${expected.toString(16)}`,
    `Encountered:   ${encountered.toString(16)}`,
    `Executed Last: ${last.toString(16)}`,
    `Event type:    ${kind}`,
    "",
  ].join("\n");
}
