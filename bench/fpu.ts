// Nanoseconds per floating point operation of the core, called from another Wasm module as the engine calls it.
//   node dist/bench/fpu.js [filter]
// Columns: RNE with NX sticky (fast paths), RNE with the flags cleared after each operation, RTZ (exact paths).
// Each figure includes the loop, the operand loads and the call: the row `call` is what these cost alone.

import { readFileSync } from "node:fs";
import wabt from "wabt";
import { FFLAGS } from "../src/core/layout.js";

const ROUNDS = 2_000_000;
const OPERANDS = 0x100000; // 1024 doubles, then 1024 singles
const file = process.env["FPU_WASM"] ?? new URL("../core.wasm", import.meta.url);
const module = new WebAssembly.Module(readFileSync(file));
const memory = new WebAssembly.Memory({ initial: 64, maximum: 65536, shared: true });
const env: Record<string, WebAssembly.ImportValue> = {};
for (const { name, kind } of WebAssembly.Module.imports(module)) {
  if (kind === "memory") env[name] = memory;
  else if (kind === "table") env[name] = new WebAssembly.Table({ element: "anyfunc", initial: 1024 });
  else env[name] = () => 0;
}
const core = new WebAssembly.Instance(module, { env }).exports;

const f64 = new Float64Array(memory.buffer, OPERANDS, 1024);
const f32 = new Float32Array(memory.buffer, OPERANDS + 8192, 1024);
const i64 = new BigInt64Array(memory.buffer, OPERANDS + 16384, 1024);
let seed = 12345;
const random = (): number => (seed = (seed * 48271) % 0x7fffffff) / 0x7fffffff;
for (let i = 0; i < 1024; i++) {
  f64[i] = (random() + random() * 2 ** -31 + 0.01) * 2 ** Math.floor(random() * 20 - 10);
  f32[i] = f64[i] ?? 0;
  i64[i] = BigInt(Math.floor((random() - 0.5) * 2 ** 53)) << BigInt(Math.floor(random() * 10));
}

interface Row {
  readonly name: string;
  readonly operands: readonly ("d" | "s" | "i")[];
  readonly result: "i32" | "i64";
  readonly rounds: boolean;
}
const rows: Row[] = [];
for (const [prefix, type, result] of [
  ["f64", "d", "i64"],
  ["f32", "s", "i32"],
] as const) {
  for (const op of ["add", "sub", "mul", "div"]) {
    rows.push({ name: `${prefix}_${op}`, operands: [type, type], result, rounds: true });
  }
  rows.push({ name: `${prefix}_sqrt`, operands: [type], result, rounds: true });
  rows.push({ name: `${prefix}_fma`, operands: [type, type, type], result, rounds: true });
  for (const op of ["min", "max"]) {
    rows.push({ name: `${prefix}_${op}`, operands: [type, type], result, rounds: false });
  }
  for (const op of ["eq", "lt", "le"]) {
    rows.push({ name: `${prefix}_${op}`, operands: [type, type], result: "i64", rounds: false });
  }
  rows.push({ name: `${prefix}_class`, operands: [type], result: "i64", rounds: false });
  for (const int of ["i32", "u32", "i64", "u64"]) {
    rows.push({ name: `${prefix}_to_${int}`, operands: [type], result: "i64", rounds: true });
    rows.push({ name: `${int}_to_${prefix}`, operands: ["i"], result, rounds: true });
  }
}
rows.push({ name: "f64_to_f32", operands: ["d"], result: "i32", rounds: true });
rows.push({ name: "f32_to_f64", operands: ["s"], result: "i64", rounds: false });

/** A loop that calls the function on operands from the arrays and xors the results; `keep` is and'ed into FFLAGS. */
function loop(row: Row): string {
  const parameter = { d: "i64", s: "i32", i: "i64" } as const;
  const parameters = [...row.operands.map((o) => parameter[o]), ...(row.rounds ? ["i32"] : [])].join(" ");
  const load = (o: "d" | "s" | "i", n: number): string => {
    const base = OPERANDS + { d: 0, s: 8192, i: 16384 }[o];
    const size = o === "s" ? 4 : 8;
    const index = `(i32.add (i32.mul (local.get $i) (i32.const ${2 * n + 1})) (i32.const ${n * 77}))`;
    const address = `(i32.mul (i32.and ${index} (i32.const 1023)) (i32.const ${size}))`;
    return `(${parameter[o]}.load offset=${base} ${address})`;
  };
  const call = `(call $f ${row.operands.map(load).join(" ")} ${row.rounds ? "(local.get $rm)" : ""})`;
  return `(module
    (import "env" "memory" (memory 1 65536 shared))
    (import "core" "f" (func $f (param ${parameters}) (result ${row.result})))
    (func (export "run") (param $n i32) (param $rm i32) (param $keep i32) (result i64) (local $i i32) (local $sum i64)
      (loop $l
        (local.set $sum (i64.xor (local.get $sum) ${row.result === "i32" ? `(i64.extend_i32_u ${call})` : call}))
        (i32.store offset=${FFLAGS} (i32.const 0) (i32.and (i32.load offset=${FFLAGS} (i32.const 0)) (local.get $keep)))
        (br_if $l (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (local.get $n))))
      (local.get $sum)))`;
}

const tools = await wabt();
const flags = new Uint32Array(memory.buffer, FFLAGS, 1);

function assemble(source: string): Uint8Array<ArrayBuffer> {
  const parsed = tools.parseWat("fpu.wat", source, { threads: true });
  return new Uint8Array(parsed.toBinary({}).buffer);
}

function measure(row: Row, f: WebAssembly.ImportValue): string[] {
  const module = new WebAssembly.Module(assemble(loop(row)));
  const instance = new WebAssembly.Instance(module, { env: { memory }, core: { f } });
  const run = instance.exports["run"] as (n: number, rm: number, keep: number) => bigint;
  const time = (rm: number, before: number, keep: number): string => {
    run(ROUNDS / 4, rm, keep);
    let best = Infinity;
    for (let i = 0; i < 3; i++) {
      flags[0] = before;
      const start = process.hrtime.bigint();
      run(ROUNDS, rm, keep);
      best = Math.min(best, Number(process.hrtime.bigint() - start) / ROUNDS);
    }
    return best.toFixed(1).padStart(8);
  };
  return [time(0, 1, -1), time(0, 0, 0), row.rounds ? time(1, 1, -1) : "".padStart(8)];
}

const nothing = new WebAssembly.Module(
  assemble(`(module (func (export "f") (param i64 i64 i32) (result i64) (local.get 0)))`),
);
console.log("ns per operation  NX sticky NX clear     RTZ");
const call: Row = { name: "call", operands: ["d", "d"], result: "i64", rounds: true };
const filter = process.argv[2] ?? "";
const print = (row: Row, f: unknown): void => {
  console.log(row.name.padEnd(18), measure(row, f as () => bigint).join(" "));
};
print(call, new WebAssembly.Instance(nothing).exports["f"]);
for (const row of rows) if (row.name.includes(filter)) print(row, core[row.name]);
