// Checks parameters against an operation's schema, and says what is wrong in words a caller can act on.
import { Ajv2020, type ErrorObject, type ValidateFunction } from "ajv/dist/2020.js";
import { nearest } from "../probe/nearest.js";
import type { TObject, TSchema } from "../schema/type.js";
import { type FieldError, invalidFields } from "./errors.js";

const MAX_REPORTED = 20;

/**
 * One compiler for all: defaults are filled in, nothing is coerced, unknown keys are refused by the schemas.
 * `checked`: schemas are themselves checked against JSON Schema's own.
 */
export function makeAjv({ checked = true } = {}): Ajv2020 {
  const ajv = new Ajv2020({
    allErrors: true,
    useDefaults: true,
    verbose: true,
    strict: true,
    allowUnionTypes: true,
    strictTuples: false,
    meta: checked,
    validateSchema: checked,
    // takes longer than all else about a schema that is compiled for a few requests
    code: { optimize: false },
  });
  ajv.addVocabulary(["x-schema", "x-ref", "x-expected"]);
  return ajv;
}

// the service's own schemas, which tests check; each is compiled when it is first used
const ajv = makeAjv({ checked: false });
const compiled = new WeakMap<TSchema, ValidateFunction>();

function validatorOf(schema: TSchema): ValidateFunction {
  let validate = compiled.get(schema);
  if (!validate) {
    validate = ajv.compile(schema as object);
    compiled.set(schema, validate);
  }
  return validate;
}

/**
 * Fills in defaults and checks. `value` is changed and must belong to the caller.
 * @throws EMU_INVALID_PARAMS naming every refused field
 */
export function validate(schema: TSchema, value: unknown): void {
  const check = validatorOf(schema);
  if (!check(value)) throw invalidFields(explain(check.errors ?? []));
}

/** Ajv's errors as one FieldError per place. */
export function explain(errors: readonly ErrorObject[]): FieldError[] {
  // a failed union reports every branch too; the union's own words say it better
  const unions = errors.filter((error) => error.keyword === "anyOf" && expectedBy(error.parentSchema) !== undefined);
  const inUnion = (error: ErrorObject) =>
    unions.some(
      (union) => union !== error && error.schemaPath.startsWith(union.schemaPath.replace(/anyOf$/, "anyOf/")),
    );
  const seen = new Set<string>();
  const out: FieldError[] = [];
  for (const error of errors) {
    if (inUnion(error)) continue;
    const fieldError = describe(error);
    if (seen.has(fieldError.field)) continue;
    seen.add(fieldError.field);
    out.push(fieldError);
    if (out.length === MAX_REPORTED) break;
  }
  return out;
}

function describe(error: ErrorObject): FieldError {
  const field = fieldPath(error.instancePath);
  const schema = error.parentSchema as Record<string, unknown> | undefined;
  switch (error.keyword) {
    case "additionalProperties": {
      const key = String(error.params["additionalProperty"]).slice(0, 64);
      const known = Object.keys((schema?.["properties"] as object | undefined) ?? {});
      const near = nearest(key, known);
      return {
        field: join(field, key),
        expected: known.length > 0 ? `one of the known fields: ${known.join(", ")}` : "no fields",
        hint: near === undefined ? "remove the field" : `did you mean ${near}?`,
      };
    }
    case "required": {
      const key = String(error.params["missingProperty"]);
      const properties = schema?.["properties"] as Record<string, object> | undefined;
      return {
        field: join(field, key),
        expected: words(properties?.[key]) ?? "a value",
        got: "nothing",
        hint: "add the field",
      };
    }
    default:
      return { field, expected: words(schema) ?? `a value that ${error.message ?? "fits"}`, got: show(error.data) };
  }
}

/** What a schema accepts, in words. */
function words(schema: unknown): string | undefined {
  if (typeof schema !== "object" || schema === null) return undefined;
  const said = expectedBy(schema);
  if (said !== undefined) return said;
  const s = schema as Record<string, unknown>;
  if (Array.isArray(s["enum"])) return `one of ${s["enum"].map((value) => JSON.stringify(value)).join(", ")}`;
  if ("const" in s) return JSON.stringify(s["const"]);
  switch (s["type"]) {
    case "integer":
    case "number": {
      const low = s["minimum"];
      const high = s["maximum"];
      const noun = s["type"] === "integer" ? "an integer" : "a number";
      if (low !== undefined && high !== undefined) return `${noun} from ${low} to ${high}`;
      if (low !== undefined) return `${noun} not below ${low}`;
      return noun;
    }
    case "string": {
      if (s["pattern"] !== undefined) return `a string matching ${s["pattern"]}`;
      if (s["maxLength"] !== undefined) return `a string of at most ${s["maxLength"]} characters`;
      return "a string";
    }
    case "boolean":
      return "true or false";
    case "array": {
      const bound = s["maxItems"] === undefined ? "" : ` of at most ${s["maxItems"]} items`;
      const least = s["minItems"] === undefined ? "" : ` (at least ${s["minItems"]})`;
      return `an array${bound}${least}`;
    }
    case "object":
      return "an object";
    default:
      return undefined;
  }
}

function expectedBy(schema: unknown): string | undefined {
  const said = (schema as Record<string, unknown> | undefined)?.["x-expected"];
  return typeof said === "string" ? said : undefined;
}

function fieldPath(pointer: string): string {
  let path = "";
  for (const part of pointer.split("/").slice(1)) {
    const key = part.replaceAll("~1", "/").replaceAll("~0", "~").slice(0, 64);
    path = /^\d+$/.test(key) ? `${path}[${key}]` : join(path, key);
  }
  return path;
}

function join(path: string, key: string): string {
  return path === "" ? key : `${path}.${key}`;
}

/** A value shortened for a message. */
function show(value: unknown): string {
  if (Array.isArray(value)) return `an array of ${value.length}`;
  if (typeof value === "object" && value !== null) return "an object";
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 80 ? `${text.slice(0, 77)}...` : text;
}

/**
 * Parameters as they came in a query: text to what the schema wants. Text that does not fit stays text, so that
 * validation names it. Lists are comma-separated or repeated.
 */
export function fromQuery(
  schema: TObject,
  query: Record<string, string | string[] | undefined>,
): Record<string, unknown> {
  const out: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(query)) {
    if (value === undefined) continue;
    const property = Object.hasOwn(schema.properties, key)
      ? (schema.properties[key] as Record<string, unknown>)
      : undefined;
    Object.defineProperty(out, key, {
      value: property ? coerce(property, value) : value,
      enumerable: true,
      writable: true,
      configurable: true,
    });
  }
  return out;
}

function coerce(schema: Record<string, unknown>, value: string | string[]): unknown {
  if (schema["type"] === "array") {
    const parts = (Array.isArray(value) ? value : [value])
      .flatMap((text) => text.split(","))
      .filter((text) => text !== "");
    return parts.map((text) => coerce((schema["items"] as Record<string, unknown> | undefined) ?? {}, text));
  }
  if (typeof value !== "string") return value;
  const numeric =
    schema["type"] === "integer" || (Array.isArray(schema["enum"]) && typeof schema["enum"][0] === "number");
  if (numeric && /^-?\d{1,16}$/.test(value)) return Number(value);
  if (schema["type"] === "boolean") {
    if (value === "true" || value === "1" || value === "") return true;
    if (value === "false" || value === "0") return false;
  }
  if (Array.isArray(schema["anyOf"]) && /^\d{1,16}$/.test(value)) {
    const takesInteger = schema["anyOf"].some((branch) => (branch as Record<string, unknown>)["type"] === "integer");
    if (takesInteger) return Number(value);
  }
  return value;
}
