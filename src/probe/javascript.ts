// Plugins written as JavaScript modules: an ES module whose default export (or export `plugin`) is a PluginDefinition, like
// the built-in ones. Such a module is code with the rights of the process, not sandboxed and not bounded in time; whether
// one may be loaded at all is decided above (docs/plugins.md).
import { PluginError } from "./manager-api.js";
import type { Option, PluginDefinition } from "./plugin.js";

const NAME = /^[a-z][a-z0-9-]{0,62}$/;
const TYPES = new Set(["boolean", "integer", "address", "string", "choice"]);

/** Time a module has to load: the session answers nothing else meanwhile. */
const LOAD_MS = 10_000;

/**
 * Runs the module and gives what it defines. The same source is run once in a thread; the loader keeps it for good.
 * @throws PluginError failed, where it cannot be loaded; invalid, where it defines no plugin
 */
export async function loadJavaScriptPlugin(name: string, source: string, ms = LOAD_MS): Promise<PluginDefinition> {
  let module: Record<string, unknown>;
  let timer: ReturnType<typeof setTimeout> | undefined;
  try {
    const late = new Promise<never>((_resolve, reject) => {
      timer = setTimeout(() => reject(new Error(`it was not done within ${ms} ms`)), ms);
    });
    const loading = import(`data:text/javascript;charset=utf-8,${encodeURIComponent(source)}`) as Promise<
      typeof module
    >;
    module = await Promise.race([loading, late]);
  } catch (error) {
    throw new PluginError("failed", `${name} cannot be loaded: ${told(error)}`, { where: "load" });
  } finally {
    clearTimeout(timer);
  }
  const definition = module["default"] ?? module["plugin"];
  const wrong = problem(definition);
  if (wrong !== undefined) throw new PluginError("invalid", `${name}: ${wrong}`, { field: "plugin", expected: wrong });
  return definition as PluginDefinition;
}

/** What keeps a value from being a definition; undefined where nothing does. */
function problem(value: unknown): string | undefined {
  if (typeof value !== "object" || value === null) return "expected a default export that is a plugin definition";
  const { name, summary, options, results, install } = value as Partial<Record<keyof PluginDefinition, unknown>>;
  if (typeof name !== "string" || !NAME.test(name))
    return "expected `name` to be lower-case letters, digits and dashes";
  if (typeof summary !== "string") return "expected `summary` to be a string";
  if (typeof results !== "object" || results === null) return "expected `results` to be a JSON Schema";
  if (typeof install !== "function") return "expected `install` to be a function";
  if (typeof options !== "object" || options === null) return "expected `options` to be a table";
  for (const [key, option] of Object.entries(options as Record<string, Partial<Option> | undefined>)) {
    if (option?.type === undefined || !TYPES.has(option.type))
      return `expected options.${key}.type to be one of ${[...TYPES].join(", ")}`;
    if (option.type === "choice" && !Array.isArray(option.choices))
      return `expected options.${key}.choices to be an array`;
  }
  return undefined;
}

function told(error: unknown): string {
  const text = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  // the loader quotes the whole URL, which is the source
  return text.replace(/data:text\/javascript\S*/g, "the module").slice(0, 500);
}
