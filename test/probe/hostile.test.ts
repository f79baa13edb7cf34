// Plugins that mean harm, or are broken: each is detached with a report that names what it was doing, other plugins go on, and the
// guest does what it does without them, to the last bit.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { before, describe, it } from "node:test";
import type { MachineModules } from "../../src/machine/core.js";
import type { EngineSettings } from "../../src/machine/description.js";
import { PluginError } from "../../src/probe/manager-api.js";
import type { Block, Plugin, PluginDefinition, PluginHost } from "../../src/probe/plugin.js";
import { machineModules } from "../engine/machines.js";
import { withVariable } from "../guest/elf-symbols.js";
import type { Outcome } from "../machine/observation.js";
import { type Guest, Observed } from "./observed.js";

const define = (install: (host: PluginHost) => Plugin): PluginDefinition => ({
  name: "hostile",
  summary: "",
  options: {},
  results: {},
  install,
});
const fail = (where: string): never => {
  throw new TypeError(`broken in ${where}`);
};
const results = () => null;
const everywhere = (block: Block, put: (at: Block["instructions"][number]) => void): void => {
  for (const instruction of block.instructions) put(instruction);
};

let modules: MachineModules;
let guest: Guest;
let expected: Outcome;
before(async () => {
  modules = await machineModules();
  const elf = await readFile(new URL("../../../guest/demo/demo.elf", import.meta.url));
  const kernel = { bytes: withVariable(elf, "iterations", 1000n), name: "demo" };
  guest = { description: { board: "remap", harts: 1, ram: 16 << 20, kernel }, instructions: 60_000 };
  const plain = new Observed(modules, guest, { jit: false });
  plain.run(guest.instructions);
  expected = plain.outcome();
});

const ENGINES: Record<string, Partial<EngineSettings>> = {
  interpreted: { jit: false },
  "compiled at once": { jit: true, hotThreshold: 1, batch: 1 },
};

/** Plugins that throw while the guest runs, by what the report says they were doing. */
const THROWING: Record<string, [where: string, PluginDefinition]> = {
  "at the 100th block it is shown": [
    "translate",
    define(() => {
      let left = 100;
      return { translate: () => void (--left === 0 && fail("translate")), results };
    }),
  ],
  "as it adds more probes to an instruction than there is room for": [
    "translate",
    define((host) => {
      const op = host.scoreboard(1).counter(0).add(1);
      return {
        translate(block) {
          for (let n = 0; n < 1e6; n++) block.instructions[0]?.onExec(op);
        },
        results,
      };
    }),
  ],
  "as it adds more probes to a block than there is room for": [
    "translate",
    define((host) => {
      const op = host.scoreboard(1).counter(0).add(1);
      return {
        translate(block) {
          for (let n = 0; n < 1e6; n++) block.instructions[n % block.instructions.length]?.onExec(op);
        },
        results,
      };
    }),
  ],
  "before an instruction": [
    "callback",
    define((host) => {
      let left = 20_000;
      const op = host.call(() => void (--left === 0 && fail("callback")), 0);
      return { translate: (block) => everywhere(block, (at) => at.onExec(op)), results };
    }),
  ],
  "after an access": [
    "callback",
    define((host) => {
      let left = 2000;
      const op = host.call(() => void (--left === 0 && fail("callback")), 0);
      return { translate: (block) => everywhere(block, (at) => at.onAccess(op)), results };
    }),
  ],
  "after an access to a device": [
    "callback",
    define((host) => {
      let left = 20;
      const op = host.call(() => void (--left === 0 && fail("callback")), 0);
      return { translate: (block) => everywhere(block, (at) => at.onAccess(op, { io: true })), results };
    }),
  ],
  "when its buffer is drained": [
    "callback",
    define((host) => {
      const buffer = host.buffer(() => fail("callback"), 64);
      return { translate: (block) => everywhere(block, (at) => at.onExec(buffer.append(1))), results };
    }),
  ],
  "in a listener of page walks": [
    "event",
    define((host) => {
      let left = 3;
      host.on("walk", () => void (--left === 0 && fail("event")));
      return { results };
    }),
  ],
  "when the memory tree changes": [
    "event",
    define((host) => {
      host.on("topology", () => fail("event"));
      return { results };
    }),
  ],
  "something that is no error": [
    "callback",
    define((host) => {
      const op = host.call(() => {
        throw undefined;
      }, 0);
      return { translate: (block) => block.onExec(op), results };
    }),
  ],
  "by calling itself for ever": [
    "callback",
    define((host) => {
      const deep = (): number => deep() + 1;
      const op = host.call(() => void deep(), 0);
      return { translate: (block) => block.onExec(op), results };
    }),
  ],
  "by asking for memory in a callback until there is none": [
    "callback",
    define((host) => {
      const op = host.call(() => {
        for (;;) host.scoreboard(10_000);
      }, 0);
      return { translate: (block) => block.onExec(op), results };
    }),
  ],
  "by reading the access where there is none": [
    "callback",
    define((host) => {
      const op = host.call(() => void host.access.paddr, 0);
      return { translate: (block) => block.onExec(op), results };
    }),
  ],
  "by keeping a block and adding to it later": [
    "callback",
    define((host) => {
      let kept: Block | undefined;
      const op = host.call(() => kept?.onExec(op), 0);
      return {
        translate(block) {
          block.onExec(op);
          kept = block;
        },
        results,
      };
    }),
  ],
};

for (const [how, engine] of Object.entries(ENGINES)) {
  describe(`broken plugins, ${how}`, () => {
    for (const [name, [where, definition]] of Object.entries(THROWING)) {
      it(`throws ${name}`, () => {
        const observed = new Observed(modules, guest, engine);
        const { manager, machine } = observed;
        const free = machine.probes.data.largest;
        manager.attach("insn", { kind: "builtin", name: "insn" }, {}, {});
        observed.define("hostile", definition);
        observed.run(guest.instructions / 2);
        manager.snapshot("hostile", true);
        observed.run(guest.instructions);
        assert.deepEqual(observed.outcome(), expected);
        assert.equal(observed.failures.length, 1);
        const slot = manager.get("hostile");
        assert.equal(slot.state, "failed");
        assert.equal(slot.failure?.cause, "exception");
        assert.equal(slot.failure?.where, where);
        assert.deepEqual(observed.failures, [["hostile", slot.failure]]);
        assert.throws(() => manager.resume("hostile"), PluginError);
        const counted = manager.snapshot("insn", false).results as { instructions: number };
        assert.equal(counted.instructions, guest.instructions);
        assert.equal(manager.detach("hostile").results, null);
        manager.detach("insn");
        assert.deepEqual([manager.list().length, machine.probes.on, machine.probes.data.largest], [0, false, free]);
      });
    }
  });
}

describe("plugins that are broken otherwise", () => {
  it("is given another filter again and again: the memory of the old ones comes back", () => {
    const observed = new Observed(modules, guest, {});
    const { manager, machine } = observed;
    manager.attach("insn", { kind: "builtin", name: "insn" }, {}, { privilege: ["M"] });
    const { memoryBytes } = manager.get("insn").cost;
    const free = machine.probes.data.largest;
    for (let n = 0; n < 200; n++) manager.configure("insn", { filter: { privilege: [n & 1 ? "S" : "M"] } });
    manager.configure("insn", { filter: { privilege: ["M"] } });
    assert.equal(manager.get("insn").cost.memoryBytes, memoryBytes);
    assert.ok(Math.abs(machine.probes.data.largest - free) < 256);
  });

  const INSTALL: Record<string, [code: string, PluginDefinition]> = {
    "throws in install": ["failed", define(() => fail("install"))],
    "wants more counters than there is memory for": [
      "limit",
      define((host) => {
        host.scoreboard(2 ** 30);
        return { results };
      }),
    ],
    "wants a negative number of counters": [
      "failed",
      define((host) => {
        host.scoreboard(-5);
        return { results };
      }),
    ],
    "wants half a counter": [
      "failed",
      define((host) => {
        host.scoreboard(0.5);
        return { results };
      }),
    ],
    "wants a buffer of no entries": [
      "failed",
      define((host) => {
        host.buffer(() => {}, 0);
        return { results };
      }),
    ],
    "wants a buffer of no number of entries": [
      "failed",
      define((host) => {
        host.buffer(() => {}, Number.NaN);
        return { results };
      }),
    ],
    "gives no plugin": ["failed", define(() => undefined as unknown as Plugin)],
    "reads a register there is not": [
      "failed",
      define((host) => {
        host.readRegister(0, "x99");
        return { results };
      }),
    ],
    "reads a register of a hart there is not": [
      "failed",
      define((host) => {
        host.readRegister(77, "pc");
        return { results };
      }),
    ],
  };
  for (const [name, [code, definition]] of Object.entries(INSTALL)) {
    it(`${name}: nothing of it stays`, () => {
      const observed = new Observed(modules, guest, {});
      const { manager, machine } = observed;
      observed.run(20_000);
      const clean = (): unknown[] => [
        manager.list(),
        machine.probes.on,
        machine.probes.events,
        machine.probes.data.largest,
        Object.keys(machine.probes.dispatchers),
      ];
      const before = clean();
      assert.throws(
        () => observed.define("hostile", definition),
        (error: PluginError) => {
          assert.equal(error.code, code, error.message);
          return true;
        },
      );
      assert.deepEqual(clean(), before);
      observed.run(guest.instructions);
      assert.deepEqual(observed.outcome(), expected);
    });
  }

  for (const method of ["results", "text", "uninstall", "reset"] as const) {
    it(`throws in ${method}`, () => {
      const observed = new Observed(modules, guest, {});
      const { manager, machine } = observed;
      observed.define(
        "hostile",
        define((host) => ({
          translate: (block) => block.onExec(host.scoreboard(1).counter(0).add(1)),
          results,
          [method]: () => fail(method),
        })),
      );
      observed.run(guest.instructions / 2);
      if (method === "reset") {
        machine.reset();
        observed.run(machine.instructionCount() + 1000);
      } else manager.snapshot("hostile", true);
      if (method !== "uninstall") {
        const { failure, state } = manager.get("hostile");
        assert.deepEqual([state, failure?.message], ["failed", `TypeError: broken in ${method}`]);
        assert.equal(failure?.where, method === "text" ? "results" : method);
      }
      manager.detach("hostile");
      assert.deepEqual([manager.list().length, machine.probes.on], [0, false]);
      if (method === "reset") return;
      observed.run(guest.instructions);
      assert.deepEqual(observed.outcome(), expected);
    });
  }

  for (const [how, engine] of Object.entries(ENGINES)) {
    it(`detaches itself and attaches another, through the manager, inside a callback; ${how}`, () => {
      const observed = new Observed(modules, guest, engine);
      const { manager } = observed;
      const actions: (() => void)[] = [
        () => manager.detach("hostile"),
        () => manager.detach("insn"),
        () => manager.attach("another", { kind: "builtin", name: "insn" }, {}, {}),
        () => manager.configure("hostile", { filter: { privilege: ["M"] } }),
        () => manager.pause("hostile"),
      ];
      for (const [n, action] of actions.entries()) {
        manager.attach("insn", { kind: "builtin", name: "insn" }, {}, {});
        observed.define(
          "hostile",
          define((host) => {
            let left = 500;
            const op = host.call(() => void (--left === 0 && action()), 0);
            return { translate: (block) => everywhere(block, (at) => at.onExec(op)), results };
          }),
        );
        observed.run((guest.instructions / actions.length) * (n + 1));
        assert.match(manager.get("hostile").failure?.message ?? "none", /while the machine runs/);
        assert.deepEqual(
          manager.list().map(({ id, state }) => [id, state]),
          [
            ["insn", "active"],
            ["hostile", "failed"],
          ],
        );
        manager.detach("hostile");
        manager.detach("insn");
      }
      assert.deepEqual(observed.outcome(), expected);
    });
  }
});
