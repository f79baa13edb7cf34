import assert from "node:assert/strict";
import { test } from "node:test";
import { uftrace } from "../../../src/probe/builtin/uftrace/uftrace.js";
import { FakeHost, type Run } from "../fake-host.js";
import { BEQZ, C_RET, CALL, CALL_BY_A5, ECALL, J, JUMP_BY_A5, LD, MRET, NOP, RET, SRET } from "./words.js";

const MAIN = 0x80000000;
const F = 0x80000100;
const G = 0x80000200;
const TRAP = 0x80000300;

function machine(given: Record<string, unknown> = {}, harts = 1): FakeHost {
  const host = new FakeHost({ harts });
  for (const [name, start] of Object.entries({ main: MAIN, f: F, g: G, trap: TRAP }))
    host.symbols.push({ name, start, size: 0x100 });
  for (let hart = 0; hart < harts; hart++) setPrivilege(host, hart, 3);
  host.attach(uftrace, given);
  return host;
}
const setPrivilege = (host: FakeHost, hart: number, level: number) =>
  host.registerValues.set(`${hart} priv`, BigInt(level));
const run = (host: FakeHost, at: number, words: number[], options: Run = {}) =>
  host.run(host.block(at, words), options);
/** The folded stacks, sorted. */
const stacks = (host: FakeHost): string[] => host.report().trim().split("\n").sort();
const functions = (host: FakeHost): Record<string, [number, number, number]> =>
  Object.fromEntries(host.results().functions.map((f: any) => [f.name, [f.calls, f.exclusive, f.inclusive]]));

test("calls and returns make a tree, with instructions of each function alone and with what it called", () => {
  const host = machine();
  run(host, MAIN, [NOP, CALL]);
  run(host, F, [NOP, CALL]);
  run(host, G, [C_RET]);
  run(host, F + 8, [NOP, NOP, RET]);
  run(host, MAIN + 8, [CALL_BY_A5]);
  run(host, G, [C_RET]);
  run(host, MAIN + 12, [NOP, J]);
  assert.deepEqual(stacks(host), ["cpu0;main 5", "cpu0;main;f 5", "cpu0;main;f;g 1", "cpu0;main;g 1"]);
  assert.deepEqual(functions(host), { main: [1, 5, 12], f: [1, 5, 6], g: [2, 2, 2] });
  const results = host.results();
  assert.equal(results.instructions, 12);
  assert.deepEqual(
    results.tree.map((node: any) => `${node.parent} ${node.id} ${node.name}`),
    ["-1 0 cpu0", "0 1 main", "1 2 f", "2 3 g", "1 4 g"],
  );
  assert.equal(host.calls, 0);
});

test("recursion counts once in a function's inclusive instructions", () => {
  const host = machine();
  run(host, F, [NOP, CALL]);
  run(host, F, [NOP, CALL]);
  run(host, F, [C_RET]);
  run(host, F + 8, [C_RET]);
  run(host, F + 8, [C_RET]);
  assert.deepEqual(functions(host)["f"], [3, 7, 7]);
});

test("a jump to another function takes the jumping one's place, and its return goes to the caller", () => {
  const host = machine();
  run(host, MAIN, [CALL]);
  run(host, F, [JUMP_BY_A5]);
  run(host, G, [C_RET]);
  run(host, MAIN + 4, [NOP, J]);
  assert.deepEqual(stacks(host), ["cpu0;main 3", "cpu0;main;f 1", "cpu0;main;g 1"]);
});

test("a return several frames down leaves them all; one that fits nobody begins anew", () => {
  const host = machine();
  run(host, MAIN, [CALL]);
  run(host, F, [CALL]);
  run(host, G, [RET]);
  run(host, MAIN + 4, [NOP, RET]);
  run(host, G + 16, [NOP, J]);
  assert.deepEqual(stacks(host), ["cpu0;g 2", "cpu0;main 3", "cpu0;main;f 1", "cpu0;main;f;g 1"]);
});

test("code without symbols is called by its address", () => {
  const host = machine();
  run(host, MAIN, [CALL]);
  run(host, 0x90000000, [NOP, BEQZ]);
  run(host, 0x90000008, [C_RET]);
  run(host, MAIN + 4, [J]);
  assert.deepEqual(stacks(host), ["cpu0;main 2", "cpu0;main;0x90000000 3"]);
});

const exception = (host: FakeHost, from: number, hart = 0) =>
  host.emit("exception", { hart, cause: 13, from: BigInt(from), to: BigInt(TRAP), tval: 0n });

test("a trap handler is called from where it interrupted, and what had not run does not count", () => {
  const host = machine();
  host.setRegister(0, "mstatus", 3 << 11);
  run(host, MAIN, [NOP, CALL]);
  run(host, F, [NOP, LD, NOP, RET], { count: 2, traps: true });
  exception(host, F + 4);
  run(host, TRAP, [NOP, CALL]);
  run(host, G, [C_RET]);
  run(host, TRAP + 8, [MRET]);
  run(host, F + 4, [LD, NOP, RET]);
  // between the return and the next block
  host.emit("interrupt", { hart: 0, cause: 7, from: BigInt(MAIN + 8), to: BigInt(TRAP) });
  run(host, TRAP, [NOP, CALL]);
  run(host, G, [C_RET]);
  run(host, TRAP + 8, [MRET]);
  // and again at once, before anything ran
  host.emit("interrupt", { hart: 0, cause: 7, from: BigInt(MAIN + 8), to: BigInt(TRAP) });
  run(host, TRAP + 8, [MRET]);
  run(host, MAIN + 8, [NOP, ECALL]);
  exception(host, MAIN + 12);
  run(host, TRAP + 8, [MRET]);
  run(host, MAIN + 16, [J]);
  assert.deepEqual(stacks(host), [
    "cpu0;main 5",
    "cpu0;main;f 5",
    "cpu0;main;f;trap 7",
    "cpu0;main;f;trap;g 2",
    "cpu0;main;trap 1",
  ]);
});

test("in the middle of a block, what has not begun does not count", () => {
  const host = machine();
  run(host, MAIN, [NOP, NOP, NOP, J], { count: 3 });
  host.setRegister(0, "pc", MAIN + 12);
  assert.equal(host.results().instructions, 3);
  host.setRegister(0, "pc", MAIN + 8);
  assert.equal(host.results().instructions, 2);
});

test("levels have stacks of their own, and one that was left goes on where it was", () => {
  const host = machine({ "trace-privilege-level": true });
  host.setRegister(0, "mstatus", 0);
  run(host, TRAP, [MRET]);
  setPrivilege(host, 0, 0);
  run(host, MAIN, [CALL]);
  run(host, F, [ECALL]);
  setPrivilege(host, 0, 1);
  exception(host, F);
  run(host, TRAP, [CALL]);
  run(host, G, [NOP, SRET]);
  setPrivilege(host, 0, 0);
  run(host, F + 4, [NOP, RET]);
  run(host, MAIN + 4, [NOP, ECALL]);
  setPrivilege(host, 0, 1);
  exception(host, MAIN + 8);
  run(host, TRAP, [SRET]);
  // another thread
  setPrivilege(host, 0, 0);
  run(host, G, [NOP, J]);
  assert.deepEqual(stacks(host), [
    "cpu0_M;trap 1",
    "cpu0_S;trap 2",
    "cpu0_S;trap;g 2",
    "cpu0_U;g 2",
    "cpu0_U;main 3",
    "cpu0_U;main;f 3",
  ]);
});

test("harts have stacks of their own", () => {
  const host = machine({}, 2);
  run(host, MAIN, [CALL]);
  run(host, G, [NOP, J], { hart: 1 });
  run(host, F, [NOP, J]);
  assert.deepEqual(stacks(host), ["cpu0;main 1", "cpu0;main;f 2", "cpu1;g 2"]);
});

/** Files of a tar archive. */
function untar(bytes: Uint8Array): Map<string, Buffer> {
  const files = new Map<string, Buffer>();
  const text = (at: number, length: number) =>
    Buffer.from(bytes.subarray(at, at + length))
      .toString()
      .replace(/\0.*$/s, "");
  for (let at = 0; text(at, 100) !== ""; ) {
    const size = Number.parseInt(text(at + 124, 12), 8);
    files.set(text(at, 100), Buffer.from(bytes.subarray(at + 512, at + 512 + size)));
    at += 512 + Math.ceil(size / 512) * 512;
  }
  return files;
}

test("the files hold entries and exits at virtual time, with depth, and the functions' symbols", () => {
  const host = machine();
  run(host, MAIN, [NOP, CALL]);
  run(host, F, [NOP, NOP, RET]);
  run(host, MAIN + 8, [J]);
  assert.deepEqual(host.results().files, ["uftrace.data.tar", "uftrace.folded"]);
  const files = untar(host.files.get("uftrace.data.tar") as Uint8Array);
  const data = files.get("uftrace.data/100.dat") as Buffer;
  const records = Array.from({ length: data.length / 16 }, (_, i) => {
    const word = data.readBigUInt64LE(16 * i + 8);
    const type = ["entry", "exit"][Number(word & 3n)];
    assert.equal((word >> 3n) & 7n, 5n);
    return `${data.readBigUInt64LE(16 * i)} ${type} ${(word >> 6n) & 1023n} ${(word >> 16n).toString(16)}`;
  });
  assert.deepEqual(records, ["0 entry 0 80000000", "2 entry 1 80000100", "5 exit 1 80000100"]);
  assert.equal(
    files.get("uftrace.data/task.txt")?.toString(),
    'SESS timestamp=0.0 pid=100 sid=0 exename="cpu0"\nTASK timestamp=0.0 tid=100 pid=100\n',
  );
  assert.equal(
    files.get("uftrace.data/guest.sym")?.toString(),
    "000080000000 T main\n000080000100 T f\n000080001100 ? __sym_end\n",
  );
  assert.match(files.get("uftrace.data/info")?.toString("latin1") as string, /^Ftrace!\0.*taskinfo:tids=100\n/s);
});

test("events and call chains beyond the limits are told", () => {
  const host = machine({ events: 2, limit: 1 });
  run(host, MAIN, [CALL]);
  run(host, F, [RET]);
  run(host, MAIN + 4, [J]);
  const results = host.results();
  assert.deepEqual([results.events, results.truncated, results.functions.length, results.nodes], [2, true, 1, 3]);
});

test("very deep recursion is one deep frame, and comes back out", () => {
  const host = machine({ limit: 0 });
  run(host, MAIN, [CALL]);
  for (let n = 0; n < 2000; n++) run(host, F, [CALL]);
  run(host, F, [RET]);
  for (let n = 0; n < 2000; n++) run(host, F + 4, [RET]);
  run(host, MAIN + 4, [NOP, J]);
  assert.equal(host.results().tree.find((node: any) => node.name === "main").exclusive, 3);
});

test("code that is written while it runs counts as far as it came, and goes on in its function", () => {
  const host = machine();
  run(host, MAIN, [NOP, NOP, NOP, J], { count: 2 });
  run(host, MAIN + 8, [NOP, NOP, NOP, NOP, J]);
  assert.deepEqual(stacks(host), ["cpu0;main 7"]);
});
