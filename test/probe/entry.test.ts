// The package's typed entry for plugins, imported by its name as users do.
import assert from "node:assert/strict";
import { test } from "node:test";
import { type PluginDefinition, PluginOptionError } from "emuscope/plugin";
import { checkOptions } from "../../src/probe/options.js";

test("emuscope/plugin has the interface, and its classes are those the service knows", () => {
  const definition: PluginDefinition = {
    name: "typed",
    summary: "written against the entry",
    options: { depth: { type: "integer", description: "how deep" } },
    results: { type: "object" },
    install: (host, options) => ({ results: () => ({ harts: host.harts, depth: options["depth"] }) }),
  };
  assert.throws(() => checkOptions(definition.options, { dept: 1 }), PluginOptionError);
});
