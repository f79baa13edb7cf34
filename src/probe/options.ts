// What a plugin is given, checked against its option table. Values come as JSON, or as the strings of a QEMU command line
// (`inline=on`); both end as the same values. Nothing is guessed: what does not fit is refused, with the option's name and
// what would fit.
import { nearest } from "./nearest.js";
import { type Option, type OptionValue, type OptionValues, PluginOptionError } from "./plugin.js";

type Table = Readonly<Record<string, Option>>;
type Scalar = boolean | number | bigint | string;

// the words QEMU takes
const TRUE = new Set(["on", "yes", "true", "y"]);
const FALSE = new Set(["off", "no", "false", "n"]);
const SUFFIX: Record<string, bigint> = { k: 1n << 10n, m: 1n << 20n, g: 1n << 30n };
const U64_MAX = (1n << 64n) - 1n;

/**
 * Splits `a=1,b=on,c` (or its parts) into what `checkOptions` takes. A name alone means `on`; two commas stand for one in a value.
 */
export function splitArguments(text: string | readonly string[]): Record<string, string | string[]> {
  const parts = typeof text === "string" ? text.split(/(?<!,),(?!,)/) : text;
  const given: Record<string, string | string[]> = Object.create(null);
  for (const part of parts) {
    const unescaped = typeof text === "string" ? part.replaceAll(",,", ",") : part;
    if (unescaped === "") continue;
    const at = unescaped.indexOf("=");
    const name = at < 0 ? unescaped : unescaped.slice(0, at);
    const value = at < 0 ? "on" : unescaped.slice(at + 1);
    const before = given[name];
    given[name] = before === undefined ? value : [...(Array.isArray(before) ? before : [before]), value];
  }
  return given;
}

/**
 * Every option that was given or has a default, as the plugin takes it.
 * @throws PluginOptionError for unknown options and values that do not fit
 */
export function checkOptions(table: Table, given: Readonly<Record<string, unknown>>): OptionValues {
  const values: Record<string, OptionValue> = Object.create(null);
  for (const [name, option] of Object.entries(table)) {
    if (option.default !== undefined) values[name] = option.default;
  }
  for (const [name, value] of Object.entries(given)) {
    if (!Object.hasOwn(table, name)) throw new PluginOptionError(name, known(table, name));
    if (value === undefined) continue;
    const option = table[name] as Option;
    values[name] = option.repeated ? several(name, option, value) : single(name, option, value);
  }
  return values;
}

function several(name: string, option: Option, value: unknown): OptionValue {
  const values = Array.isArray(value) ? value : [value];
  return values.map((one) => scalar(name, option, one)) as (number | bigint | string)[];
}

function single(name: string, option: Option, value: unknown): OptionValue {
  if (Array.isArray(value)) throw new PluginOptionError(name, `one value, not ${value.length}; give it once`);
  return scalar(name, option, value);
}

function scalar(name: string, option: Option, value: unknown): Scalar {
  const parsed = parse(option, value);
  if (parsed === undefined) throw new PluginOptionError(name, `${expected(option)}, not ${shown(value)}`);
  return parsed;
}

function parse(option: Option, value: unknown): Scalar | undefined {
  switch (option.type) {
    case "boolean":
      if (typeof value === "boolean") return value;
      if (typeof value !== "string") return undefined;
      return TRUE.has(value) || (FALSE.has(value) ? false : undefined);
    case "integer": {
      const number = integer(value, /^-?\d+$/);
      if (number === undefined || !Number.isSafeInteger(Number(number))) return undefined;
      const { minimum = Number.MIN_SAFE_INTEGER, maximum = Number.MAX_SAFE_INTEGER } = option;
      return number >= minimum && number <= maximum ? Number(number) : undefined;
    }
    case "address": {
      // plain digits are refused: some of QEMU's plugins take them for hexadecimal, others for decimal
      const number = integer(value, /^0$/);
      return number !== undefined && number >= 0n && number <= U64_MAX ? number : undefined;
    }
    case "string":
      return typeof value === "string" ? value : undefined;
    case "choice":
      return typeof value === "string" && option.choices?.includes(value) ? value : undefined;
  }
}

/** A whole number from JSON, from `plain` digits, 0x and hexadecimal digits, or digits with a suffix. */
function integer(value: unknown, plain: RegExp): bigint | undefined {
  if (typeof value === "bigint") return value;
  if (typeof value === "number") return Number.isSafeInteger(value) ? BigInt(value) : undefined;
  if (typeof value !== "string" || value.length > 32) return undefined;
  if (plain.test(value) || /^0x[0-9a-f]+$/i.test(value)) return BigInt(value);
  const scaled = /^(\d+)([kmg])$/i.exec(value);
  return scaled ? BigInt(scaled[1] as string) * (SUFFIX[(scaled[2] as string).toLowerCase()] as bigint) : undefined;
}

function expected(option: Option): string {
  switch (option.type) {
    case "boolean":
      return "on or off";
    case "integer": {
      const { minimum, maximum } = option;
      const range =
        minimum !== undefined && maximum !== undefined
          ? ` from ${minimum} to ${maximum}`
          : minimum !== undefined
            ? ` of at least ${minimum}`
            : maximum !== undefined
              ? ` of at most ${maximum}`
              : "";
      return `a whole number${range} (such as 4096, 0x1000 or 4k)`;
    }
    case "address":
      return "an address such as 0x80000000 or 2g";
    case "string":
      return "a string";
    case "choice":
      return `one of ${option.choices?.join(", ")}`;
  }
}

function shown(value: unknown): string {
  const text = typeof value === "bigint" ? String(value) : (JSON.stringify(value) ?? String(value));
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}

function known(table: Table, name: string): string {
  const names = Object.keys(table);
  if (names.length === 0) return "no option, this plugin takes none; leave it out";
  const near = nearest(name.slice(0, 64), names);
  return `an option of this plugin (${names.join(", ")})${near === undefined ? "" : `; did you mean ${near}?`}`;
}
