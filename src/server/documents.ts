// What the generated documents share: schemas as they are published, and the order of things.

import { ERRORS, type ErrorCode } from "../operations/errors.js";
import type { Operation } from "../operations/operation.js";
import type { TSchema } from "../schema/type.js";

export type Json = { [key: string]: unknown };

/** Collects named schemas (`x-schema`) as components while schemas are published. */
export class Components {
  readonly schemas: Json = {};
  readonly #prefix: string;
  readonly #recursive: ReadonlyMap<string, TSchema>;

  /** `recursive`: schemas that refer to themselves, by name, for `x-ref`. */
  constructor(prefix = "#/components/schemas/", recursive: ReadonlyMap<string, TSchema> = new Map()) {
    this.#prefix = prefix;
    this.#recursive = recursive;
  }

  /** The schema with named parts replaced by references. `input`: fields with a default are not required. */
  publish(schema: unknown, input: boolean, top = false): unknown {
    if (Array.isArray(schema)) return schema.map((part) => this.publish(part, input));
    if (typeof schema !== "object" || schema === null) return schema;
    const source = schema as Json;
    const name = source["x-schema"] ?? source["x-ref"];
    if (typeof name === "string" && !top) {
      if (!Object.hasOwn(this.schemas, name)) {
        const definition = source["x-ref"] === undefined ? source : this.#recursive.get(name);
        this.schemas[name] = {}; // claims the place: the schema may refer to itself
        this.schemas[name] = this.publish(definition, input, true);
      }
      return { $ref: this.#prefix + name };
    }
    const out: Json = {};
    for (const [key, value] of Object.entries(source)) {
      if (key === "x-schema" || key === "x-expected") continue;
      if (key === "required" && input && Array.isArray(value)) {
        const properties = (source["properties"] ?? {}) as Record<string, Json>;
        const required = value.filter((field: string) => properties[field]?.["default"] === undefined);
        if (required.length > 0) out[key] = required;
      } else if (key === "default" || key === "examples" || key === "enum") out[key] = value;
      else if (key === "properties" || key === "patternProperties") {
        out[key] = Object.fromEntries(
          Object.entries(value as Json).map(([field, part]) => [field, this.publish(part, input)]),
        );
      } else out[key] = this.publish(value, input);
    }
    return out;
  }
}

/** Errors any operation may give, besides its own. */
export function allErrors(op: Operation): ErrorCode[] {
  const common: ErrorCode[] = ["EMU_INVALID_PARAMS", "EMU_INTERNAL"];
  if (!op.open) common.push("EMU_UNAUTHORIZED");
  return [...new Set([...common, ...op.errors])].sort(
    (a, b) => ERRORS[a].status - ERRORS[b].status || (a < b ? -1 : 1),
  );
}

export function tagOf(op: Operation): string {
  return op.name.split(".")[0] as string;
}

export const TAGS: Record<string, string> = {
  service: "The service about itself",
  image: "Stored images that machines are made of",
  session: "Machines: making, running and waiting for them",
  register: "Registers and CSRs",
  memory: "Memory, translation and the memory map",
  engine: "How guest code is executed",
  tlb: "The softmmu's TLBs",
  device: "Devices and the device tree",
  interrupt: "Interrupts",
  symbol: "Symbols of the loaded images",
  code: "Guest code",
  console: "Consoles",
  event: "What happened to a session",
  subscription: "Streams of memory accesses",
  plugin: "Plugins there are, built in and uploaded",
  slot: "Plugins attached to sessions",
};
