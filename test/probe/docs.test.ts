// docs/plugins.md against what there is: each function of QEMU's interface has its row, what the rows name exists, and the
// built-in plugins are listed. The list of QEMU's functions is checked in beside this file, without the prefix qemu_plugin_.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { BUILTIN_PLUGINS } from "../../src/probe/builtin/index.js";
import { IMPORTS, SHIM_ONLY } from "../../src/probe/wasm/imports.js";

const root = new URL("../../../", import.meta.url);
const read = (path: string) => readFileSync(new URL(path, root), "utf8");
const docs = read("docs/plugins.md");
const functions = read("test/probe/qemu-plugin-functions.txt").trimEnd().split("\n");

const cells = (line: string) => line.split("|").map((cell) => cell.trim());
const table = docs
  .slice(docs.indexOf("## Each function of QEMU's interface"))
  .split("\n")
  .filter((line) => /^\| `/.test(line))
  .map((line) => {
    const [, name = "", typescript = "", wasm = "", note = ""] = cells(line);
    return { name: name.replaceAll("`", ""), typescript, wasm, note };
  });
const quoted = (text: string) => [...text.matchAll(/`([^`]+)`/g)].map((match) => match[1] as string);

test("each function of QEMU's plugin interface has one row", () => {
  assert.equal(functions.length, 67);
  assert.deepEqual(table.map(({ name }) => name).sort(), [...functions].sort());
});

test("what a row names is there, and where nothing is, the row says why", () => {
  const interfaces = read("src/probe/plugin.ts");
  /** Text of an interface's body. */
  const body = (name: string): string => {
    const [, found] = new RegExp(`export interface ${name} \\{\\n([\\s\\S]*?)\\n\\}`).exec(interfaces) ?? [];
    assert.ok(found, `interface ${name}`);
    return found;
  };
  const events = body("PluginEvents");
  for (const { name, typescript, wasm, note } of table) {
    if (typescript === "none") assert.ok(note !== "", name);
    for (const reference of quoted(typescript)) {
      const [owner = "", member] = reference.split(".");
      if (member !== undefined) assert.match(body(owner), new RegExp(`^  (readonly )?${member}[?(:<]`, "m"), name);
      else assert.match(events, new RegExp(`^  "?${owner}"?:`, "m"), name);
    }
    for (const reference of quoted(wasm).filter((each) => !/^(qemu|emuscope)_plugin_/.test(each)))
      assert.ok(Object.hasOwn(IMPORTS, reference), `${name}: ${reference}`);
    if (wasm.includes("sdk/c") && name !== "scoreboard_new")
      assert.ok(Object.hasOwn(SHIM_ONLY, name) || name === "u64_sum", name);
  }
});

test("the rows agree with what the imports say they serve", () => {
  const rows = new Map(table.map(({ name, wasm }) => [name, quoted(wasm)]));
  for (const [name, { serves }] of Object.entries(IMPORTS))
    for (const served of serves) {
      const row = rows.get(served);
      assert.ok(row, `${name} serves ${served}`);
      assert.ok(
        row.includes(name) || row.length === 0 || row.some((each) => IMPORTS[each]?.serves.includes(served)),
        served,
      );
    }
});

test("every built-in plugin is in the docs", () => {
  const listed = docs.slice(docs.indexOf("## Built in"), docs.indexOf("## Writing one"));
  for (const { name } of BUILTIN_PLUGINS) assert.match(listed, new RegExp(`^\\| \`${name}\` \\|`, "m"));
});
