import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { describe, it } from "node:test";
import { virtDeviceTree } from "../../src/machine/boards/virt-device-tree.js";
import { FdtError, FdtNode, fdtToDts, Phandles, readFdt, writeFdt } from "../../src/machine/fdt.js";

const hasDtc = spawnSync("dtc", ["--version"]).status === 0;

/** Runs dtc; returns its output and its complaints. */
function dtc(from: "dtb" | "dts", to: "dtb" | "dts", input: Uint8Array): { output: Buffer; complaints: string } {
  const run = spawnSync("dtc", ["-I", from, "-O", to, "-o", "-", "-"], { input });
  assert.equal(run.status, 0, run.stderr.toString());
  return { output: run.stdout, complaints: run.stderr.toString() };
}

function sample(): FdtNode {
  const root = new FdtNode();
  root.u32("#address-cells", 2).u32("#size-cells", 1).string("compatible", "a,b", "c");
  const phandles = new Phandles();
  const target = root.add("target");
  root
    .add("user@1000")
    .u64("wide", 0x123456789abcdef0n, 4096)
    .u32("link", phandles.of(target))
    .flag("on")
    .bytes("odd", Uint8Array.of(1, 2, 3));
  assert.equal(phandles.of(target), 1);
  return root;
}

describe("flattened device tree", () => {
  it("writes the header and blocks of version 17", () => {
    const blob = writeFdt({ root: sample(), bootCpu: 3, reservations: [{ address: 0x80000000n, size: 0x1000n }] });
    const view = new DataView(blob.buffer);
    assert.equal(view.getUint32(0), 0xd00dfeed);
    assert.equal(view.getUint32(4), blob.length);
    assert.deepEqual([view.getUint32(20), view.getUint32(24), view.getUint32(28)], [17, 16, 3]);
    assert.equal(view.getBigUint64(40), 0x80000000n);
    assert.equal(view.getUint32(8) % 4, 0);
  });

  it("reads back what it wrote", () => {
    const tree = { root: sample(), bootCpu: 3, reservations: [{ address: 0x80000000n, size: 0x1000n }] };
    const blob = writeFdt(tree);
    const back = readFdt(blob);
    assert.deepEqual(writeFdt(back), blob);
    assert.equal(back.root.child("user@1000")?.cells("link")?.[0], 1);
    assert.equal(back.root.text("compatible"), "a,b");
  });

  it("prints strings, cells, bytes and flags as source", () => {
    const text = fdtToDts({ root: sample(), bootCpu: 0, reservations: [{ address: 1n, size: 2n }] });
    for (const line of [
      "/memreserve/ 0x1 0x2;",
      'compatible = "a,b", "c";',
      "wide = <0x12345678 0x9abcdef0 0x0 0x1000>;",
      "on;",
      "odd = [01 02 03];",
      "user@1000 {",
      "target_1: target {",
      "link = <0x1>;",
    ]) {
      assert.ok(text.includes(line), `${line} in\n${text}`);
    }
  });

  it("says where a blob is wrong", () => {
    const blob = writeFdt({ root: sample(), bootCpu: 0, reservations: [] });
    const change = (at: number, value: number): Uint8Array => {
      const copy = blob.slice();
      new DataView(copy.buffer).setUint32(at, value);
      return copy;
    };
    const structure = new DataView(blob.buffer).getUint32(8);
    const cases: [Uint8Array, number, RegExp][] = [
      [blob.subarray(0, 39), 39, /header has 40 bytes/],
      [change(0, 1), 0, /magic is 0x1/],
      [change(4, 1 << 20), 4, /totalsize is 1048576/],
      [change(20, 15), 20, /version is 15/],
      [change(8, 2), 8, /multiple of 4/],
      [change(12, 0xfffffff0), 12, /strings block/],
      [change(36, 0xfffffff0), 8, /structure block/],
      [change(structure, 7), structure, /token is 7/],
      [change(structure, 2), structure, /ends that did not begin/],
      [change(structure + 12, 0xffffff), structure + 12, /property length/],
      [change(structure + 16, 0xffffff), structure + 16, /name offset/],
      [change(36, 4), structure + 4, /structure block ends|node name has no end/],
    ];
    for (const [bytes, offset, reason] of cases) {
      assert.throws(
        () => readFdt(bytes),
        (error: unknown) => error instanceof FdtError && error.offset === offset && reason.test(error.reason),
        `${reason}`,
      );
    }
  });

  it("refuses nesting past its limit", () => {
    const root = new FdtNode();
    let node = root;
    for (let i = 0; i < 100; i++) node = node.add("n");
    assert.throws(() => readFdt(writeFdt({ root, bootCpu: 0, reservations: [] })), /nested deeper than 64/);
  });
});

describe("device tree of board virt", () => {
  for (const harts of [1, 2, 8]) {
    it(`is clean for dtc with ${harts} harts`, { skip: !hasDtc && "dtc is not installed" }, () => {
      const tree = virtDeviceTree({ harts, ram: 512 << 20 });
      tree.root.ensure("chosen").string("bootargs", "console=ttyS0").u64("linux,initrd-start", 0x88200000);
      const blob = writeFdt(tree);
      assert.equal(dtc("dtb", "dts", blob).complaints, "");
      // our source text means the same blob
      const again = dtc("dts", "dtb", Buffer.from(fdtToDts(tree)));
      assert.equal(again.complaints, "");
      assert.deepEqual(new Uint8Array(again.output), blob);
    });
  }

  it("wires harts, PLIC and devices as guests expect", () => {
    const { root } = virtDeviceTree({ harts: 2, ram: 1 << 30 });
    const cpus = root.child("cpus");
    const soc = root.child("soc");
    const intc = [0, 1].map((hart) => cpus?.child(`cpu@${hart}`)?.child("interrupt-controller")?.cells("phandle")?.[0]);
    const plic = soc?.child("plic@c000000");
    assert.deepEqual(plic?.cells("interrupts-extended"), [intc[0], 11, intc[0], 9, intc[1], 11, intc[1], 9]);
    assert.deepEqual(soc?.child("clint@2000000")?.cells("interrupts-extended"), [
      intc[0],
      3,
      intc[0],
      7,
      intc[1],
      3,
      intc[1],
      7,
    ]);
    assert.deepEqual(soc?.child("serial@10000000")?.cells("interrupts"), [10]);
    assert.deepEqual(soc?.child("virtio_mmio@10008000")?.cells("interrupts"), [8]);
    assert.equal(soc?.child("virtio_mmio@10001000")?.cells("interrupt-parent")?.[0], plic?.cells("phandle")?.[0]);
    assert.equal(root.child("poweroff")?.cells("regmap")?.[0], soc?.child("test@100000")?.cells("phandle")?.[0]);
    assert.deepEqual(root.child("memory@80000000")?.cells("reg"), [0, 0x80000000, 0, 0x40000000]);
    assert.equal(root.child("chosen")?.text("stdout-path"), "/soc/serial@10000000");
    assert.equal(
      cpus?.child("cpu@1")?.text("riscv,isa"),
      "rv64imafdc_zicbom_zicboz_zicntr_zicond_zicsr_zifencei_zba_zbb_zbs_sstc_svadu_svinval_svnapot_svpbmt",
    );
    assert.equal(cpus?.cells("timebase-frequency")?.[0], 10_000_000);
  });
});
