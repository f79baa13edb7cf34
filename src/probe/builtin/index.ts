// All built-in plugins, in the order lists show them. Adding one is a file beside this one and a line here.
import type { PluginDefinition } from "../plugin.js";

export const BUILTIN_PLUGINS: readonly PluginDefinition[] = [];

/** By name. */
export const BUILTIN_BY_NAME: ReadonlyMap<string, PluginDefinition> = new Map(
  BUILTIN_PLUGINS.map((plugin) => [plugin.name, plugin]),
);
