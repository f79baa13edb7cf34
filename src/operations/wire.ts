// Wire types shared by the operations, and the conversions between them and what sessions speak.
// 64-bit values are lower-case hex strings outside and bigint inside; sizes and counts are numbers.
import Type, { type Static, type TSchema } from "../schema/type.js";
import { invalid } from "./errors.js";

const MAX_SAFE = Number.MAX_SAFE_INTEGER;

/** Puts a fresh schema among the components of the generated documents under `name`. */
export function named<T extends TSchema>(name: string, schema: T): T {
  return Object.assign(schema, { "x-schema": name });
}

/** A 64-bit value in a result. */
export const Hex64 = named(
  "Hex64",
  Type.String({
    pattern: "^0x[0-9a-f]{1,16}$",
    description: "64-bit value, lower-case hexadecimal",
    examples: ["0x80200000"],
  }),
);

/** A 64-bit value in a request: hex string or, for convenience, a number. */
export const U64 = named(
  "U64",
  Type.Union([Type.String({ pattern: "^0x[0-9a-fA-F]{1,16}$" }), Type.Integer({ minimum: 0, maximum: MAX_SAFE })], {
    description: "64-bit value: hexadecimal string, or a non-negative integer",
    examples: ["0x80200000"],
    "x-expected": 'a hex string such as "0x80200000" or a non-negative integer',
  }),
);

/** Inclusive range of addresses: `"0x1000-0x1fff"`, `"0x1000"` (one address) or `[first, last]`. */
export const AddressRange = named(
  "AddressRange",
  Type.Union(
    [
      Type.String({ pattern: "^0x[0-9a-fA-F]{1,16}(-0x[0-9a-fA-F]{1,16})?$" }),
      Type.Array(U64, { minItems: 2, maxItems: 2 }),
    ],
    {
      description: "Inclusive range of addresses: first-last, one address, or a pair",
      examples: ["0x10000000-0x10000fff"],
      "x-expected": 'a range such as "0x10000000-0x10000fff" or ["0x10000000", "0x10000fff"]',
    },
  ),
);

export const Count = (options: { maximum?: number; minimum?: number; default?: number; description?: string } = {}) =>
  Type.Integer({ minimum: 0, maximum: MAX_SAFE, ...options });

export const HartIndex = Type.Integer({ minimum: 0, maximum: 7, default: 0, description: "hart, from 0" });

export const Space = Type.Enum(["virtual", "physical"], { description: "address space" });

export const SessionIdPattern = "^[a-z0-9][a-z0-9-]{0,62}$";
export const SessionId = Type.String({ pattern: SessionIdPattern, description: "session id", examples: ["demo"] });

export const Encoding = Type.Enum(["hex", "base64"], {
  default: "hex",
  description: "how bytes are written in JSON",
});

/** Bytes of a request: encoded text from JSON, or raw from a binary body. */
export function toBytes(value: string | Uint8Array, encoding: "hex" | "base64" | "text", field: string): Uint8Array {
  if (typeof value !== "string") return value;
  if (encoding === "text") return Buffer.from(value, "utf8");
  if (encoding === "base64") {
    if (!/^[A-Za-z0-9+/]*={0,2}$/.test(value) || value.length % 4 !== 0)
      throw invalid(field, "base64 (padded, no spaces)");
    return Buffer.from(value, "base64");
  }
  const digits = value.startsWith("0x") ? value.slice(2) : value;
  if (digits.length % 2 !== 0 || !/^[0-9a-fA-F]*$/.test(digits)) {
    throw invalid(field, "an even number of hex digits", 'set encoding to "base64" for base64');
  }
  return Buffer.from(digits, "hex");
}

/** Number of bytes `toBytes` will make, without making them. */
export function byteLength(value: string | Uint8Array, encoding: "hex" | "base64" | "text"): number {
  if (typeof value !== "string") return value.byteLength;
  if (encoding === "text") return Buffer.byteLength(value);
  return Buffer.byteLength(encoding === "hex" && value.startsWith("0x") ? value.slice(2) : value, encoding);
}

export function toU64(value: string | number): bigint {
  return BigInt(value);
}

/** A range as a pair of inclusive bounds. */
export function toRange(value: Static<typeof AddressRange>, field: string): [bigint, bigint] {
  const [first, last] = typeof value === "string" ? value.split("-") : value;
  const low = BigInt(first as string | number);
  const high = last === undefined ? low : BigInt(last);
  if (high < low) throw invalid(field, "the first address not above the last");
  return [low, high];
}

export function hex(value: bigint): string {
  return `0x${value.toString(16)}`;
}

/** What a handler may return where the schema says T: bigint for hex strings, and undefined for what is absent. */
export type Loose<T> = T extends string
  ? T | bigint
  : T extends readonly (infer E)[]
    ? readonly Loose<E>[]
    : T extends object
      ? { [K in keyof T]: Loose<T[K]> | (undefined extends T[K] ? undefined : never) }
      : T;

/** JSON-safe copy: bigint becomes hex, byte arrays hex digits, members that are undefined vanish. */
export function toWire(value: unknown): unknown {
  if (typeof value === "bigint") return hex(BigInt.asUintN(64, value));
  if (typeof value !== "object" || value === null) return value;
  if (value instanceof Uint8Array) return Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString("hex");
  if (Array.isArray(value)) return value.map(toWire);
  const out: Record<string, unknown> = {};
  for (const [key, member] of Object.entries(value)) {
    if (member !== undefined) out[key] = toWire(member);
  }
  return out;
}
