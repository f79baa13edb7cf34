import assert from "node:assert/strict";
import { test } from "node:test";
import { CallTree } from "../../../src/probe/builtin/uftrace/call-tree.js";

test("beyond its chains, a tree keeps functions apart under their root", () => {
  const tree = new CallTree(["cpu0", "cpu1"], 5);
  const [f, g, h] = ["f", "g", "h"].map((name, i) => tree.functionOf(name, BigInt(i), undefined)) as [
    number,
    number,
    number,
  ];
  const inF = tree.child(1, f, 1);
  const inG = tree.child(inF, g, 1);
  const inH = tree.child(inG, h, 1);
  assert.deepEqual([tree.name(inH), tree.parent[inH], tree.truncated], ["h", inG, false]);
  const flat = tree.child(inH, g, 1);
  assert.deepEqual([tree.name(flat), tree.parent[flat], tree.truncated], ["g", 1, true]);
  // what is known stays what it was
  assert.deepEqual([tree.child(inF, g, 1), tree.child(flat, g, 1)], [inG, flat]);
  for (const node of [inG, flat]) tree.own[node] = 3;
  const own = tree.own.slice(0, tree.size);
  assert.deepEqual(tree.byFunction(own, tree.inclusive(own))[g], { calls: 0, own: 6, inclusive: 6 });
  for (let n = 0; n < 20; n++) tree.child(inH, tree.functionOf(`f${n}`, BigInt(10 + n), undefined), 1);
  assert.equal(tree.size, 10);
});
