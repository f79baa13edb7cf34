import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { asEmuError, EmuError } from "../../src/operations/errors.js";
import { fromQuery, validate } from "../../src/operations/validate.js";
import { TextFinder } from "../../src/operations/wait.js";
import { AddressRange, byteLength, toBytes, toRange, toU64, toWire, U64 } from "../../src/operations/wire.js";
import { nearest } from "../../src/probe/nearest.js";
import Type from "../../src/schema/type.js";
import { jsonDepth, parseJson } from "../../src/server/json.js";
import { SessionError } from "../../src/session/host-api.js";

test("64-bit values go out as hex strings wherever they stand", () => {
  const value = { a: 1n, b: [2n ** 64n - 1n, { c: -1n }], d: undefined, e: new Uint8Array([1, 0xab]), f: null, g: 5 };
  assert.deepEqual(toWire(value), {
    a: "0x1",
    b: ["0xffffffffffffffff", { c: "0xffffffffffffffff" }],
    e: "01ab",
    f: null,
    g: 5,
  });
});

test("addresses come in as hex or numbers, ranges in three forms", () => {
  assert.equal(toU64("0xFFFFFFFFFFFFFFFF"), 2n ** 64n - 1n);
  assert.equal(toU64(4096), 4096n);
  assert.deepEqual(toRange("0x10-0x1f", "f"), [16n, 31n]);
  assert.deepEqual(toRange("0x10", "f"), [16n, 16n]);
  assert.deepEqual(toRange([1, "0x2"], "f"), [1n, 2n]);
  assert.throws(() => toRange(["0x2", 1], "f"), EmuError);
  const schema = Type.Object({ range: AddressRange, value: U64 }, { additionalProperties: false });
  for (const bad of ["1-2", "0x1-", "-0x1", "0x1-0x2-0x3", "0x11112222333344445", [1], [1, 2, 3], 7, null]) {
    assert.throws(() => validate(schema, { range: bad, value: 0 }), /range.*expected a range/, String(bad));
  }
});

test("bytes are read as hex, base64 and text, and nothing else", () => {
  fc.assert(
    fc.property(fc.uint8Array(), (data) => {
      const hex = Buffer.from(data).toString("hex");
      const base64 = Buffer.from(data).toString("base64");
      assert.deepEqual([...toBytes(hex, "hex", "x")], [...data]);
      assert.deepEqual([...toBytes(`0x${hex}`, "hex", "x")], [...data]);
      assert.deepEqual([...toBytes(base64, "base64", "x")], [...data]);
      assert.equal(byteLength(hex, "hex"), data.length);
      assert.equal(byteLength(base64, "base64"), data.length);
    }),
  );
  for (const bad of ["0", "zz", "0x1", "12 34"]) assert.throws(() => toBytes(bad, "hex", "x"), /hex digits/);
  for (const bad of ["A", "AAA", "A===", "AA A", "AA==AA=="])
    assert.throws(() => toBytes(bad, "base64", "x"), /base64/);
});

test("query text becomes what the schema wants, or stays text to be refused", () => {
  const schema = Type.Object({
    n: Type.Integer(),
    on: Type.Boolean(),
    list: Type.Array(Type.Integer()),
    address: U64,
    word: Type.String(),
  });
  const query = fromQuery(schema, { n: "12", on: "", list: ["1,2", "3"], address: "0x10", word: "7", extra: "9" });
  assert.deepEqual(query, { n: 12, on: true, list: [1, 2, 3], address: "0x10", word: "7", extra: "9" });
  assert.deepEqual(fromQuery(schema, { n: "x", on: "yes", address: "16" }), { n: "x", on: "yes", address: 16 });
  const polluted = fromQuery(schema, JSON.parse('{"__proto__": "x"}'));
  assert.deepEqual(Object.keys(polluted), ["__proto__"]);
});

test("text is found in a stream however it is cut", () => {
  fc.assert(
    fc.property(
      fc.string({ minLength: 1, maxLength: 4, unit: fc.constantFrom("a", "b") }),
      fc.array(fc.string({ maxLength: 5, unit: fc.constantFrom("a", "b", "c") })),
      (pattern, chunks) => {
        const finder = new TextFinder(Buffer.from(pattern));
        let position = 0;
        let found = -1;
        for (const chunk of chunks) {
          const hit = finder.push(Buffer.from(chunk));
          if (hit >= 0) {
            found = position + hit;
            break;
          }
          position += chunk.length;
        }
        const at = chunks.join("").indexOf(pattern);
        assert.equal(found, at < 0 ? -1 : at + pattern.length);
      },
    ),
  );
});

test("JSON is bounded in depth, brackets in strings do not count", () => {
  assert.equal(jsonDepth('{"a":[{"b":"[[[[\\"[["}]}'), 3);
  assert.deepEqual(parseJson("[[1]]", 2), [[1]]);
  assert.throws(() => parseJson("[[[1]]]", 2), /maxJsonDepth/);
  assert.throws(() => parseJson('{"a":', 9), EmuError);
});

test("a misspelt name finds its neighbour, a strange one none", () => {
  assert.equal(nearest("sesion", ["session", "board"]), "session");
  assert.equal(nearest("RAM", ["harts", "ram"]), "ram");
  assert.equal(nearest("completely-else", ["session", "board"]), undefined);
  assert.equal(nearest("x", ["y"]), undefined);
});

test("what a session refuses becomes an entry of the table, a bug does not", () => {
  assert.equal(asEmuError(new SessionError("unmapped", "m", { address: 1n }))?.code, "EMU_UNMAPPED");
  assert.equal(asEmuError(new SessionError("limit", "m", { limit: "maxTotalRam" }))?.code, "EMU_CAPACITY");
  assert.equal(asEmuError(new SessionError("limit", "m", { limit: "maxRam" }))?.code, "EMU_LIMIT");
  const invalid = asEmuError(
    new SessionError("invalid", "m", { problems: [{ field: "filter.pc", message: "too wide" }] }),
  );
  assert.deepEqual(invalid?.extra["errors"], [{ field: "filter.pc", expected: "too wide" }]);
  assert.equal(asEmuError(new TypeError("bug")), undefined);
  assert.equal(asEmuError(undefined), undefined);
});
