// Schemas as TypeBox makes them: its types are used over our builder, so both have to agree on what a call gives.
import assert from "node:assert/strict";
import { test } from "node:test";
import Typebox from "typebox";
import Ours from "../../src/schema/type.js";

/** One schema of everything, by whichever builder. */
function everything(Type: typeof Ours) {
  const word = Type.String({ pattern: "^[a-z]+$", description: "a word" });
  const size = Type.Integer({ minimum: 1, default: 4 });
  const inner = Type.Object({ word, size: Type.Optional(size) }, { additionalProperties: false, description: "both" });
  return Type.Object({
    inner,
    again: Type.Optional(Type.Array(inner, { maxItems: 3 })),
    spread: Type.Object({ ...inner.properties, more: Type.Boolean() }),
    maybe: Type.Optional(
      Type.Union([Type.Literal("all"), Type.Literal(1), Type.Number()], { "x-expected": "all or so" }),
    ),
    kind: Type.Enum(["a", "b"], { description: "which" }),
    table: Type.Record(Type.String(), Type.Unknown(), { description: "anything" }),
    named: Type.Record(word, Type.Unknown({ description: "whatever" })),
    other: Type.Unsafe<number>({ "x-ref": "Other" }),
    nothing: Type.Object({ only: Type.Optional(Type.Unsafe<string>({ type: "string" })) }),
  });
}

test("schemas are those of TypeBox, members in the same order", () => {
  const [ours, theirs] = [everything(Ours), everything(Typebox)];
  assert.equal(JSON.stringify(ours, null, 1), JSON.stringify(theirs, null, 1));
});

test("making a member optional leaves the schema it was made of as it was", () => {
  const word = Ours.String();
  const one = Ours.Object({ word: Ours.Optional(word) });
  const other = Ours.Object({ word });
  assert.equal(JSON.stringify(one), '{"type":"object","properties":{"word":{"type":"string"}}}');
  assert.equal(JSON.stringify(other), '{"type":"object","required":["word"],"properties":{"word":{"type":"string"}}}');
});
