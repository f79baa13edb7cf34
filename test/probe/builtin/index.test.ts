// What all built-in plugins have in common.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Ajv2020 } from "ajv/dist/2020.js";
import { BUILTIN_PLUGINS } from "../../../src/probe/builtin/index.js";
import { FakeHost } from "../fake-host.js";

const WORDS = [0x00150513, 0x0005b503, 0x00a5b423, 0x00c5b52f]; // addi, ld, sd, amoadd.d

/** Options without which a plugin has nothing to do. */
const NEEDED: Record<string, Record<string, unknown>> = { stoptrigger: { icount: "3", addr: "0x80000004" } };

/** As results go out: bigint as hex strings. */
const onTheWire = (results: unknown): unknown =>
  JSON.parse(JSON.stringify(results, (_, value) => (typeof value === "bigint" ? `0x${value.toString(16)}` : value)));

for (const definition of BUILTIN_PLUGINS) {
  test(`${definition.name}: name, options and summary are what lists need`, () => {
    assert.match(definition.name, /^[a-z][a-z0-9-]*$/);
    assert.match(definition.summary, /^[^\n]{10,100}$/);
    assert.equal(BUILTIN_PLUGINS.filter(({ name }) => name === definition.name).length, 1);
    for (const [name, option] of Object.entries(definition.options)) {
      assert.match(name, /^[a-z][a-z0-9-]*$/);
      assert.ok(option.description.length > 4, name);
      if (option.type === "choice" && option.default !== undefined) {
        assert.ok(option.choices?.includes(option.default as string), name);
      }
    }
  });

  test(`${definition.name}: results follow its schema, before and after the guest ran`, () => {
    const ajv = new Ajv2020({ strict: true, allErrors: true });
    const valid = ajv.compile(definition.results);
    const host = new FakeHost({ harts: 2 });
    host.attach(definition, NEEDED[definition.name] ?? {});
    const check = () => assert.ok(valid(onTheWire(host.results())), JSON.stringify(valid.errors));
    check();
    const block = host.block(0x80000000, WORDS);
    for (const hart of [0, 1, 0]) {
      host.run(block, {
        hart,
        accesses: {
          1: [{ vaddr: 0x80001000, value: 1 }],
          2: [{ vaddr: 0x10000000, size: 1 }],
          3: [{ vaddr: 0x80001000 }, { vaddr: 0x80001000, write: true }],
        },
      });
    }
    host.emit("exception", { hart: 0, cause: 2, from: 0x80000000n, to: 0x80000000n, tval: 0n });
    host.emit("idle", { hart: 0 });
    check();
    assert.equal(typeof host.report(), "string");
    host.emit("reset", {});
    check();
    host.detach();
  });
}
