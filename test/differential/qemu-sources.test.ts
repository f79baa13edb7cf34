// QEMU's own plugins, byte for byte as in its source package: each compiles with sdk/c/build, runs here with every option it
// documents without trapping or running over a limit, and says what it says inside the QEMU of the same version. COMPARED
// says what of that is known to differ, and why; what is not there is equal to the byte.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { DEFAULT_PLUGIN_LIMITS } from "../../src/probe/manager.js";
import { splitArguments } from "../../src/probe/options.js";
import { prepare } from "../../src/probe/wasm/prepare.js";
import { withVariable } from "../guest/elf-symbols.js";
import { plugged } from "../probe/plugged.js";
import { compile, hasCompiler, read } from "../sdk/support.js";
import { cannotCompare, NEWER_OPTIONS, native, OPTIONS, runNative, type Sources, sources } from "./qemu-sources.js";

interface Outcome {
  output: string;
  files: Record<string, string>;
  failures: string[];
}

/** With the plugin's memory, work and output as the service has them, but for the length of what is kept of output. */
async function runHere(wasm: Uint8Array, args: string, elf: Uint8Array): Promise<Outcome> {
  const { manager, run, failures } = await plugged(
    "smc",
    {},
    {
      load: [{ bytes: elf, kind: "elf", name: "guest.elf" }],
      limits: { ...DEFAULT_PLUGIN_LIMITS, outputBytes: 64 << 20 },
    },
  );
  const { module, info } = prepare(wasm);
  manager.attach("plugin", { kind: "wasm", name: "plugin", module, info }, splitArguments(args), {});
  run(500e6);
  manager.snapshot("plugin", false);
  const { output, contents } = manager.detach("plugin");
  const files = contents.map(({ name, bytes }) => [name, Buffer.from(bytes).toString("latin1")]);
  return { output, files: Object.fromEntries(files), failures };
}

const guest = (program: string): Uint8Array => withVariable(read(`guest/bare/${program}.elf`), "iterations", 1n);

type Change = (text: string) => string;
interface Comparison {
  /** Of the bare-metal programs; smc where nothing is said. */
  guest?: string;
  /** What is made of both texts before they are compared. */
  both?: Change;
  qemu?: Change;
  own?: Change;
  /** The plugin leaves out the last line of its list, which is another one there. */
  partial?: boolean;
}

const replaced =
  (pattern: RegExp, by: string): Change =>
  (text) =>
    text.replace(pattern, by);
const all =
  (...changes: Change[]): Change =>
  (text) =>
    changes.reduce((before, change) => change(before), text);
const lines =
  (keep: (line: string) => boolean): Change =>
  (text) =>
    text.split("\n").filter(keep).join("\n");
const sorted: Change = (text) => text.split("\n").sort().join("\n");
const pages: Comparison = {
  both: sorted,
  qemu: replaced(/^0x0000000004001/gm, "0x0000000000001"),
  own: lines((line) => !line.startsWith("0x0000000000100000")),
  partial: true,
};

/** Names of memory regions are the board's; QEMU's UART has none. */
const names = all(replaced(/\banon[0-9a-f]+/g, "uart0"), replaced(/\briscv\.sifive\.test\b/g, "test"));
/** Plugins see where QEMU keeps an instruction, which stands for its address; lists of equal counts are in its order. */
const places = all(
  replaced(/^0x[0-9a-f]+( \([^)]+\))?, (\d+), .*$/gm, "$2"),
  lines((line) => line !== ""),
);
/** What is printed of assertions and warnings goes to the emulator's own output there. */
const remarks = lines((line) => !line.startsWith("vcpu_tb_branched_exec:"));
const oneLess =
  (what: RegExp): Change =>
  (text) =>
    text.replace(new RegExp(`(${what.source} )(\\d+)\\n`), (_, before, n) => `${before}${n - 1}\n`);

/**
 * QEMU 7.2. It ends inside the store that powers off, so that plugins do not see it; its addresses of ROM are those of a
 * RAM block; behind the bytes of an instruction there are others. `undefined`: nothing to compare.
 */
const OLD: Record<string, Comparison | undefined> = {
  bb: { guest: "strings" },
  insn: { guest: "strings" },
  drcov: { guest: "strings" },
  hotblocks: { guest: "strings" },
  cache: { guest: "strings", both: places },
  // instruction fetches are looked up by host address, data by physical address; chance
  "cache l2=on": undefined,
  "cache l2cachesize=65536,l2blksize=64,l2assoc=8": undefined,
  "cache evict=rand": undefined,
  execlog: {
    both: all(replaced(/^(0, 0x[0-9a-f]+), 0x[0-9a-f]+/gm, "$1"), replaced(/, store, 0x00100000, \w+/, ""), names),
    qemu: replaced(/, 0x0400(1\w\w\w), RAM/g, ", 0x0000$1, RAM"),
  },
  "mem callback=true": { own: oneLess(/mem accesses:/) },
  "mem inline=true": { own: oneLess(/mem accesses:/) },
  "mem haddr=true,callback=true": { own: oneLess(/io accesses:/) },
  // reads and writes are taken for each other, and inline counters count both
  "mem track=r,callback=true": undefined,
  "mem track=w,inline=true": undefined,
  hotpages: pages,
  // fewer than two devices are not listed
  "hotpages io=on": undefined,
  hwprofile: undefined,
  // entries of compressed instructions are split up by what stands behind them
  howvec: undefined,
};

/**
 * QEMU 10.0. An access to a device in the middle of a block ends the block and has its instruction translated anew, alone;
 * the hart goes on for a moment behind the store that powers off; a store-conditional reads.
 */
const NEW: Record<string, Comparison | undefined> = {
  bb: undefined,
  hotblocks: undefined,
  drcov: undefined,
  cflow: undefined,
  inline: undefined,
  insn: { both: replaced(/insns: \d+/g, "insns") },
  "insn sizes=true": undefined,
  // keys of the plugin's table are in memory it has freed
  "insn match=addi": undefined,
  "insn match=addi,trace=true": undefined,
  cache: {
    both: all(
      places,
      lines((line) => !/^0 |^sum/.test(line)),
    ),
  },
  "cache l2=on": undefined,
  "cache l2cachesize=65536,l2blksize=64,l2assoc=8": undefined,
  "cache evict=rand": undefined,
  execlog: {
    both: all(
      names,
      lines((line) => line !== "" && !line.includes('"wfi ')),
    ),
  },
  // ends where it reads a register that it lists
  "execlog reg=*": undefined,
  hwprofile: { both: names },
  // there is no such name there
  "hwprofile match=uart0": undefined,
};

/** What is compared, or undefined. */
function comparison(version: number, name: string, args: string): Comparison | undefined {
  const table = version < 9 ? OLD : NEW;
  const key = `${name} ${args}`;
  return key in table ? table[key] : name in table ? table[name] : {};
}

const found = sources();
if (typeof found === "string" || !hasCompiler()) {
  test("QEMU's own plugins", { skip: typeof found === "string" ? found : "no clang for WASI" }, () => {});
} else {
  const folder = mkdtempSync(join(tmpdir(), "emuscope-qemu-"));
  after(() => rmSync(folder, { recursive: true, force: true }));
  const uncompared = cannotCompare(found);
  for (const name of [...found.plugins.keys()].sort()) {
    test(`${name} of QEMU ${found.version}`, async (t) => {
      const options = [...(OPTIONS[name] ?? [""]), ...((found.version >= 9 && NEWER_OPTIONS[name]) || [])];
      const wasm = compile(found.plugins.get(name) as string, folder);
      const library = uncompared === false ? native(found, name, folder) : undefined;
      for (const args of options)
        await t.test(args || "(no options)", (t) => check(t, found, name, args, wasm, library));
      if (uncompared !== false) t.diagnostic(`not compared: ${uncompared}`);
    });
  }
}

async function check(
  t: { diagnostic(text: string): void },
  { version }: Sources,
  name: string,
  args: string,
  wasm: Uint8Array,
  library: string | undefined,
): Promise<void> {
  const how = comparison(version, name, args);
  const elf = guest(how?.guest ?? "smc");
  if (name === "lockstep") {
    // there are no sockets
    await assert.rejects(
      runHere(wasm, args, elf),
      /qemu_plugin_install returned -1; it said: .*socket: Function not implemented\nFailed to setup socket/,
    );
    return;
  }
  const own = await runHere(wasm, args, elf);
  if (name === "stoptrigger") assert.match(own.failures.join(), /the plugin called exit\(\d+\)/);
  else assert.deepEqual(own.failures, []);
  if (library === undefined) return;
  if (how === undefined) return t.diagnostic("not compared");
  const qemu = runNative(library, args, elf);
  const same = how.both ?? ((text) => text);
  const [ours, theirs] = [
    same((how.own ?? ((text) => text))(remarks(own.output))),
    same((how.qemu ?? ((text) => text))(remarks(qemu.output))),
  ];
  if (how.partial) {
    const [more, less] = [ours.split("\n"), theirs.split("\n")];
    assert.ok(less.filter((line) => !more.includes(line)).length < 2, `${ours}\n${theirs}`);
    assert.ok(less.length > 6 && more.length - less.length < 2);
  } else assert.equal(ours, theirs);
  assert.deepEqual(own.files, qemu.files);
}
