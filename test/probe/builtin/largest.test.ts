import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { largest } from "../../../src/probe/builtin/support/largest.js";

test("gives what sorting all of them gives", () => {
  const value = fc.oneof(fc.nat(3), fc.nat(1000), fc.nat({ max: Number.MAX_SAFE_INTEGER }));
  fc.assert(
    fc.property(fc.array(value), fc.nat(12), (values, count) => {
      const all = values.map((_, i) => i).filter((i) => (values[i] as number) > 0);
      all.sort((a, b) => (values[b] as number) - (values[a] as number) || a - b);
      assert.deepEqual(largest(Float64Array.from(values), count), count === 0 ? all : all.slice(0, count));
    }),
  );
});
