// Option values of plugins: what is taken, and what is said of what is not.
import assert from "node:assert/strict";
import { test } from "node:test";
import { checkOptions, splitArguments } from "../../src/probe/options.js";
import { type Option, PluginOptionError } from "../../src/probe/plugin.js";

const TABLE: Record<string, Option> = {
  inline: { type: "boolean", description: "", default: false },
  limit: { type: "integer", description: "", default: 20, minimum: 0, maximum: 1 << 20 },
  afilter: { type: "address", description: "", repeated: true },
  match: { type: "string", description: "", repeated: true },
  track: { type: "choice", choices: ["r", "w", "rw"], description: "", default: "rw" },
  at: { type: "address", description: "" },
};
const check = (given: Record<string, unknown>) => ({ ...checkOptions(TABLE, given) });
const complaint = (given: Record<string, unknown>): string => {
  try {
    check(given);
  } catch (error) {
    assert.ok(error instanceof PluginOptionError);
    return error.message;
  }
  return assert.fail(`taken: ${JSON.stringify(given)}`);
};

test("defaults stand for what is not given, and what has none is absent", () => {
  assert.deepEqual(check({}), { inline: false, limit: 20, track: "rw" });
});

test("JSON values and command-line strings end as the same values", () => {
  const json = check({
    inline: true,
    limit: 4096,
    afilter: [0x80000000],
    match: ["ld", "sd"],
    track: "w",
    at: 2 ** 31,
  });
  const text = splitArguments("inline=on,limit=4k,afilter=0x80000000,match=ld,match=sd,track=w,at=2g");
  assert.deepEqual(check(text), json);
  assert.deepEqual(json["afilter"], [0x80000000n]);
  assert.equal(check(splitArguments(["inline"]))["inline"], true);
  assert.deepEqual(check({ match: "ld" })["match"], ["ld"]);
  assert.deepEqual(check(splitArguments("match=a,,b,inline=no")), { ...check({}), match: ["a,b"] });
});

test("every word QEMU takes for a boolean is taken", () => {
  for (const word of ["on", "yes", "true", "y"]) assert.equal(check({ inline: word })["inline"], true);
  for (const word of ["off", "no", "false", "n"]) assert.equal(check({ inline: word })["inline"], false);
});

test("addresses are exact over 64 bits", () => {
  assert.equal(check({ at: "0xffffffff80000000" })["at"], 0xffffffff80000000n);
  assert.equal(check({ at: "0" })["at"], 0n);
  assert.match(complaint({ at: "0x10000000000000000" }), /^at: expected an address such as 0x80000000/);
  assert.match(complaint({ at: -1 }), /address/);
  assert.match(complaint({ at: 2 ** 60 }), /address/);
});

test("digits alone are no address: QEMU's plugins do not agree on their base", () => {
  assert.match(
    complaint({ afilter: "80000000" }),
    /^afilter: expected an address such as 0x80000000 or 2g, not "80000000"/,
  );
});

test("a complaint says which option, what would fit and what was given", () => {
  assert.equal(complaint({ inline: "maybe" }), 'inline: expected on or off, not "maybe"');
  assert.equal(complaint({ inline: 1 }), "inline: expected on or off, not 1");
  assert.equal(
    complaint({ limit: -1 }),
    "limit: expected a whole number from 0 to 1048576 (such as 4096, 0x1000 or 4k), not -1",
  );
  assert.match(complaint({ limit: "many" }), /a whole number from 0/);
  assert.match(complaint({ limit: 1.5 }), /a whole number from 0/);
  assert.equal(complaint({ track: "x" }), 'track: expected one of r, w, rw, not "x"');
  assert.match(complaint({ track: ["r", "w"] }), /^track: expected one value, not 2; give it once/);
  assert.match(complaint({ match: [1] }), /^match: expected a string, not 1/);
  assert.match(complaint({ match: null }), /^match: expected a string, not null/);
  assert.ok(complaint({ track: "x".repeat(1000) }).length < 150);
});

test("unknown options are refused, with the nearest name", () => {
  assert.match(
    complaint({ inlin: true }),
    /^inlin: expected an option of this plugin \(inline, .*\); did you mean inline\?$/,
  );
  assert.match(complaint({ Match: "x" }), /did you mean match\?$/);
  assert.doesNotMatch(complaint({ quantization: 1 }), /did you mean/);
  assert.match(complaint({ constructor: 1 }), /^constructor: expected an option/);
  assert.throws(() => checkOptions({}, { x: 1 }), /takes none; leave it out/);
});
