// traps: interrupts, exceptions and semihosting calls of each hart, by cause. Costs nothing between traps.
import Type from "../../schema/type.js";
import type { PluginDefinition } from "../plugin.js";
import { Count, Hart } from "./schema.js";

const EXCEPTIONS =
  "instruction address misaligned|instruction access fault|illegal instruction|breakpoint|load address misaligned|load access fault|store address misaligned|store access fault|ecall from U|ecall from S||ecall from M|instruction page fault|load page fault||store page fault".split(
    "|",
  );
const INTERRUPTS: Record<number, string> = {
  1: "supervisor software",
  3: "machine software",
  5: "supervisor timer",
  7: "machine timer",
  9: "supervisor external",
  11: "machine external",
};

export const traps: PluginDefinition = {
  name: "traps",
  summary: "counts interrupts, exceptions and semihosting calls, for each hart",
  options: {},
  results: Type.Object({
    harts: Type.Array(
      Type.Object({
        hart: Hart(),
        interrupts: Count("interrupts"),
        exceptions: Count("exceptions"),
        hostcalls: Count("semihosting calls"),
        causes: Type.Array(
          Type.Object({
            kind: Type.Union([Type.Literal("interrupt"), Type.Literal("exception")]),
            cause: Count("code, as in mcause without the interrupt bit"),
            name: Type.String(),
            count: Count("times"),
          }),
        ),
      }),
    ),
  }),

  install(host) {
    const harts = Array.from({ length: host.harts }, (_, hart) => ({
      hart,
      interrupt: new Map<number, number>(),
      exception: new Map<number, number>(),
      hostcalls: 0,
    }));
    type Traps = (typeof harts)[number];
    for (const kind of ["interrupt", "exception"] as const) {
      host.on(kind, ({ hart, cause }) => {
        const causes = (harts[hart] as Traps)[kind];
        causes.set(cause, (causes.get(cause) ?? 0) + 1);
      });
    }
    host.on("hostcall", ({ hart }) => {
      (harts[hart] as Traps).hostcalls++;
    });
    const sum = (causes: ReadonlyMap<number, number>): number => [...causes.values()].reduce((a, b) => a + b, 0);
    const listed = (of: Traps, kind: "interrupt" | "exception") =>
      [...of[kind]]
        .sort(([a], [b]) => a - b)
        .map(([cause, count]) => {
          const name = (kind === "interrupt" ? INTERRUPTS[cause] : EXCEPTIONS[cause]) || `${kind} ${cause}`;
          return { kind, cause, name, count };
        });
    // QEMU's columns keep a blank in front of a number that fills them
    const column = (value: number, width: number): string => ` ${value}`.padStart(width);
    return {
      results: () => ({
        harts: harts.map((of) => ({
          hart: of.hart,
          interrupts: sum(of.interrupt),
          exceptions: sum(of.exception),
          hostcalls: of.hostcalls,
          causes: [...listed(of, "interrupt"), ...listed(of, "exception")],
        })),
      }),
      text: () =>
        [
          "VCPU, interrupts, exceptions, hostcalls\n",
          ...harts.map((of) => {
            const counts = [sum(of.interrupt), sum(of.exception), of.hostcalls];
            return `${column(of.hart, 4)}, ${counts.map((count) => column(count, 10)).join(", ")}\n`;
          }),
        ].join(""),
    };
  },
};
