// QEMU as the judge of our device tree: its `virt` board, given our tree instead of its own, must boot Linux the same.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { it } from "node:test";
import { gunzip } from "../../../src/image/gzip.js";
import { virtDeviceTree } from "../../../src/machine/boards/virt-device-tree.js";
import { writeFdt } from "../../../src/machine/fdt.js";
import { debianGuest, guestImage, skipWithoutGuests } from "../guests.js";

const QEMU = "qemu-system-riscv64";
const skip = skipWithoutGuests || (spawnSync(QEMU, ["--version"]).status !== 0 && "QEMU is not installed");
/** What every QEMU from 7.2 on has; a guest must not be told of more. */
const EXTENSIONS = ["zicntr", "zicsr", "zifencei", "zba", "zbb", "zbs", "sstc"];

it("boots Debian in QEMU with our device tree, from two harts to power-off", { skip, timeout: 120_000 }, (t) => {
  const directory = mkdtempSync(join(tmpdir(), "emuscope-dt-"));
  t.after(() => rmSync(directory, { recursive: true }));
  const tree = virtDeviceTree({ harts: 2, ram: 512 << 20 });
  for (const cpu of tree.root.child("cpus")?.children ?? []) {
    if (!cpu.name.startsWith("cpu@")) continue;
    cpu
      .string("riscv,isa", `rv64imafdc_${EXTENSIONS.join("_")}`)
      .string("riscv,isa-extensions", ..."imafdc", ...EXTENSIONS);
    cpu.string("mmu-type", "riscv,sv48");
    cpu.properties.delete("riscv,cbom-block-size");
    cpu.properties.delete("riscv,cboz-block-size");
  }
  const files = { dtb: join(directory, "virt.dtb"), kernel: join(directory, "Image") };
  writeFileSync(files.dtb, writeFdt(tree));
  writeFileSync(files.kernel, gunzip(guestImage("Image.gz").bytes));
  const guest = debianGuest as string;
  const run = spawnSync(
    QEMU,
    [
      ...[
        "-M",
        "virt",
        "-m",
        "512M",
        "-smp",
        "2",
        "-nographic",
        "-no-reboot",
        "-global",
        "virtio-mmio.force-legacy=false",
      ],
      ...[
        "-bios",
        join(guest, "fw_dynamic.bin"),
        "-kernel",
        files.kernel,
        "-initrd",
        join(guest, "initrd.gz"),
        "-dtb",
        files.dtb,
      ],
      ...["-append", "console=ttyS0"],
    ],
    { timeout: 100_000, encoding: "latin1" },
  );
  const seen = run.stdout;
  for (const expected of [
    /Platform Name +: riscv-virtio,emuscope/,
    /Platform Timer Device +: aclint-mtimer @ 10000000Hz/,
    /Platform Shutdown Device +: syscon-poweroff/,
    /plic@c000000: mapped 95 interrupts with 2 handlers for 4 contexts/,
    /10000000\.serial: ttyS0 at MMIO 0x10000000 .* is a 16550A/,
    /goldfish_rtc 101000\.rtc: registered as rtc0/,
    /smp: Brought up 1 node, 2 CPUs/,
    /SHELL-READY/,
    /Power down/,
  ]) {
    assert.match(seen, expected);
  }
  assert.equal(run.status, 0);
});
