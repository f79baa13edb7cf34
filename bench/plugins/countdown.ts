// Counts instructions and calls when there have been so many: a conditional callback.
import type { PluginDefinition } from "../../src/probe/plugin.js";

const LIMIT = 100_000;

export const countdown: PluginDefinition = {
  name: "countdown",
  summary: `calls every ${LIMIT} instructions`,
  options: {},
  results: {},
  install(host) {
    const counter = host.scoreboard(1).counter(0);
    let fired = 0;
    const add = counter.add(1);
    const call = host.call(
      (hart) => {
        counter.set(hart, 0n);
        fired++;
      },
      0,
      { when: { counter, is: "ge", value: LIMIT } },
    );
    return {
      translate(block) {
        for (const instruction of block.instructions) {
          instruction.onExec(add);
          instruction.onExec(call);
        }
      },
      results: () => ({ fired, count: Number(counter.get(0)) }),
    };
  },
};
