// U-Boot, unmodified, as a driver of the board's devices: virtio block, CFI flash, device tree, power-off.
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { it } from "node:test";
import { compileModules } from "../../../src/machine/core.js";
import { createMachine, type Machine } from "../../../src/machine/machine.js";
import { guestImage, skipWithoutGuests } from "../guests.js";

const core = new URL("../../../core.wasm", import.meta.url);
const skip = skipWithoutGuests || (!existsSync(core) && "dist/core.wasm is missing: npm run build:core");
/** Far more than any step takes; a step that hangs ends here. */
const STEP_BUDGET = 400_000_000;

class Terminal {
  readonly #machine: Machine;
  readonly guestErrors: string[] = [];
  #text = "";
  #seen = 0;

  constructor(machine: Machine) {
    this.#machine = machine;
    machine.onConsole((name, bytes) => {
      if (name === "uart0") this.#text += Buffer.from(bytes).toString("latin1");
    });
    machine.onGuestError((_device, message) => this.guestErrors.push(message));
  }

  /** Runs until the text since the last call matches; returns that text. */
  expect(pattern: RegExp): string {
    for (let used = 0; ; ) {
      const fresh = this.#text.slice(this.#seen);
      if (pattern.test(fresh)) {
        this.#seen = this.#text.length;
        return fresh;
      }
      const result = this.#machine.run(1_000_000);
      used += result.executed;
      if (used > STEP_BUDGET || (result.reason !== "budget" && result.reason !== "idle"))
        assert.fail(`${result.reason}, waiting for ${pattern} in:\n${fresh}`);
    }
  }

  command(text: string): string {
    this.#machine.consoleInput("uart0", Buffer.from(`${text}\n`));
    return this.expect(/\n=> $/);
  }
}

it("drives the block device and the flash banks, sees the device tree and powers off", {
  skip,
  timeout: 120_000,
}, async () => {
  const disk = new Uint8Array(1 << 20);
  for (let i = 0; i < disk.length; i++) disk[i] = i >> 9;
  disk.set(Buffer.from("DISK-CONTENT"));
  const before = disk.slice();
  const machine = createMachine(
    {
      board: "virt",
      harts: 1,
      ram: 256 << 20,
      firmware: guestImage("fw_dynamic.bin"),
      kernel: guestImage("u-boot-smode.bin"),
      virtio: [{ type: "block", image: { name: "disk", bytes: disk }, readOnly: false }],
    },
    await compileModules(await readFile(core)),
  );
  const terminal = new Terminal(machine);
  const banner = terminal.expect(/Hit any key/);
  assert.match(banner, /Model: riscv-virtio,emuscope/);
  assert.match(banner, /DRAM: {2}256 MiB/);
  assert.match(banner, /Flash: 32 MiB/); // the same as on QEMU: it takes each bank for one chip of 16 MiB
  machine.consoleInput("uart0", Buffer.from(" "));
  terminal.expect(/=> $/);

  assert.match(
    terminal.command("virtio info"),
    /EMUS VirtIO Block Device\s+Type: Hard Disk\s+Capacity: 1\.0 MB .*\(2048 x 512\)/,
  );
  assert.match(terminal.command("virtio read 0x81000000 0 2"), /2 blocks read: OK/);
  assert.match(terminal.command("md.b 0x81000000 10"), /DISK-CONTENT/);
  terminal.command("mw.b 0x81000000 5a 400");
  assert.match(terminal.command("virtio write 0x81000000 3 2"), /2 blocks written: OK/);
  terminal.command("virtio read 0x82000000 2 3");
  assert.match(terminal.command("md.b 0x820001f0 20"), /(02 ){16}[^\n]*\n[^\n]*(5a ){16}/);
  assert.deepEqual(disk, before, "the backing image is never written");

  assert.match(terminal.command("erase 0x22040000 +0x20000"), /Erased 1 sectors/);
  terminal.command("mw.l 0x81000010 12345678 4");
  assert.match(terminal.command("cp.b 0x81000000 0x22040000 1000"), /Copy to Flash\.\.\. done/);
  assert.match(terminal.command("cmp.b 0x81000000 0x22040000 1000"), /Total of 4096 byte\(s\) were the same/);

  // biome-ignore lint/suspicious/noTemplateCurlyInString: a variable of U-Boot's shell
  terminal.command("fdt addr ${fdtcontroladdr}");
  assert.match(terminal.command("fdt list /chosen"), /stdout-path = "\/soc\/serial@10000000"/);
  assert.deepEqual(terminal.guestErrors, []);

  machine.consoleInput("uart0", Buffer.from("poweroff\n"));
  for (let used = 0; ; ) {
    const result = machine.run(1_000_000);
    used += result.executed;
    if (result.reason === "halted") break;
    assert.ok(used < STEP_BUDGET, result.reason);
  }
  const state = machine.devices.find((device) => device.name === "virtio0")?.state();
  assert.deepEqual([state?.inner.writes, state?.inner.errors], [1, 0]);
});
