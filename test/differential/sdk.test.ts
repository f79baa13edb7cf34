// One C source, compiled natively for QEMU and by the SDK for Emuscope, prints the same on both: counts, hash tables in the
// order they are walked, lists in the order sorting leaves them, disassembly, formatted numbers.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { withVariable } from "../guest/elf-symbols.js";
import { runWith } from "../sdk/attached.js";
import { ROOT, read, withScratch } from "../sdk/support.js";
import { missing } from "./qemu-observe.js";

const QEMU = process.env["EMUSCOPE_QEMU"] ?? "qemu-system-riscv64";

/** What the plugin logs in QEMU. */
function onQemu(elf: Uint8Array, args: Readonly<Record<string, string>>): string {
  return withScratch((folder) => {
    const [plugin, image, log] = ["report.so", "guest.elf", "log.txt"].map((name) => join(folder, name)) as [
      string,
      string,
      string,
    ];
    const headers = [`-I${join(ROOT, "test/sdk/native")}`, `-I${join(ROOT, "sdk/c/include")}`];
    const options = ["-std=gnu11", "-O2", "-fPIC", "-shared", "-fvisibility=hidden", "-D_GNU_SOURCE", ...headers];
    const source = join(ROOT, "test/sdk/report.c");
    // QEMU brings the library, but not what only compilers need
    const compiler = spawnSync("cc", [...options, source, "-l:libglib-2.0.so.0", "-o", plugin], { encoding: "utf8" });
    assert.equal(compiler.status, 0, compiler.stderr);
    writeFileSync(image, elf);
    const list = [plugin, ...Object.entries(args).map(([name, value]) => `${name}=${value}`)].join(",");
    const quiet = ["-display", "none", "-monitor", "none", "-serial", "null", "-bios", "none"];
    const logged = ["-plugin", list, "-d", "plugin", "-D", log];
    const run = spawnSync(QEMU, ["-M", "virt", "-m", "64M", ...quiet, "-kernel", image, ...logged], {
      timeout: 120_000,
    });
    assert.equal(run.status, 0, String(run.stderr));
    return readFileSync(log, "utf8");
  });
}

for (const [program, rounds] of [
  ["strings", 2n],
  ["calls", 2n],
  ["smc", 50n],
  ["float", 2n],
] as const) {
  for (const args of [{}, { inline: "on", limit: "0x1e" }] as const) {
    test(`${program} ${JSON.stringify(args)}`, { skip: missing() ?? false }, async () => {
      const elf = withVariable(read(`guest/bare/${program}.elf`), "iterations", rounds);
      const { output } = await runWith(read("test/sdk/report.wasm"), program, rounds, args);
      assert.ok(output.split("\n").length > 40);
      assert.equal(output, onQemu(elf, args));
    });
  }
}
