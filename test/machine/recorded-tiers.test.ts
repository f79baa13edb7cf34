// What compiled code records is what the interpreter records, byte for byte in every column, over many ends of batches.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Machine } from "../../src/machine/machine.js";
import { COLUMNS } from "../../src/trace/columns.js";
import { Random } from "../differential/random.js";
import { Assembler } from "../engine/assembler.js";
import { boot, EAGER, INTERPRETER, runTo, type Tier } from "../engine/machines.js";
import { nearAccesses } from "../engine/near-accesses.js";
import { DATA, START } from "../engine/platform.js";
import { plugged } from "../probe/plugged.js";
import { startRecording } from "./recording.js";

const COUNT = 150_000;
/** A program that faults so often that less than half of it runs compiled. */
const FAULTING = "one of them not mapped";
type Make = (tier: Tier) => Promise<Machine>;

/** The columns of the ring one after the other, each with all its rows. */
async function recorded(make: Make, tier: Tier, fields: string[], least: number): Promise<Map<string, Buffer>> {
  const machine = await make(tier);
  const parts = new Map<string, Uint8Array[]>();
  const include = { fetch: false, walk: false, dma: false };
  const { reader, stop } = startRecording(machine, { fields, include, batchRows: 256 }, (batch) => {
    batch.ring.columns.forEach(({ name, width }, n) => {
      // a copy: the ring is written again
      const bytes = Uint8Array.from(batch.columnBytes(n).subarray(0, width * batch.rows));
      parts.set(name, [...(parts.get(name) ?? []), bytes]);
    });
  });
  runTo(machine, COUNT, tier.chunk);
  stop();
  assert.equal(reader.counters.dropped, 0n);
  if (tier === EAGER) assert.ok(machine.engineStats().compiledInstructions > least * COUNT, "runs compiled");
  return new Map([...parts].map(([name, list]) => [name, Buffer.concat(list)]));
}

/** A loop of one block with more accesses than fit into one store of any column, of all sizes and kinds. */
async function longBlock(tier: Tier): Promise<Machine> {
  const a = new Assembler();
  a.li(10, DATA);
  const top = a.here();
  for (let n = 0; n < 21; n++) {
    const size = "bhwd"[n % 4] as string;
    if (n % 7 === 3) a.op("amoadd.w", { rd: 11, rs1: 10, rs2: 10 });
    else if (n % 3 === 0) a.op(`l${size}${n % 2 === 0 && size !== "d" ? "u" : ""}`, { rd: 11, rs1: 10, imm: 8 * n });
    else a.op(`s${size}`, { rs1: 10, rs2: 11, imm: 8 * n });
  }
  a.jump(top);
  return boot({ parts: [{ address: START, bytes: a.assemble(START).bytes }] }, tier);
}

const overPages =
  (faults: boolean): Make =>
  (tier) =>
    boot(nearAccesses(new Random(7), { faults }), tier);

const programs: Record<string, Make> = {
  "a long block": longBlock,
  "accesses over the ends of pages": overPages(false),
  [`accesses over the ends of pages, ${FAULTING}`]: overPages(true),
};
for (const [name, harts] of Object.entries({ calls: 1, float: 1, strings: 1, smp: 2 }))
  programs[name] = async (tier) => (await plugged(name, tier.engine, { harts })).machine;

for (const [program, make] of Object.entries(programs)) {
  test(program, async () => {
    for (const fields of [COLUMNS.map(({ name }) => name), ["pc", "size"], ["kind", "flags", "vaddr"]]) {
      const wanted = await recorded(make, INTERPRETER, fields, 0);
      const got = await recorded(make, EAGER, fields, program.endsWith(FAULTING) ? 0.1 : 0.5);
      assert.deepEqual([...got.keys()], [...wanted.keys()]);
      for (const [name, bytes] of wanted) {
        assert.ok(bytes.length > 5000, `${name}: ${bytes.length} bytes`);
        const other = got.get(name) as Buffer;
        const at = bytes.equals(other) ? -1 : bytes.findIndex((byte, i) => byte !== other[i]);
        assert.equal(at, -1, `${name} differs at byte ${at} of ${bytes.length}`);
      }
    }
  });
}
