// Builds JSON schemas whose TypeScript types are known: TypeBox's types over plain objects made here. Of that package only
// types are used, because loading it takes longer than the rest of the command together, in each session's thread again.
// test/schema/type.test.ts holds that every schema is the one TypeBox makes.
import type Typebox from "typebox";

/** Members that may be missing. Not seen in the schema itself: only the object around one lists what it needs. */
const optional = new WeakSet<object>();

type Options = Record<string, unknown>;

const builders = {
  Object(properties: Record<string, object>, options?: Options) {
    const needed = Object.keys(properties).filter((key) => !optional.has(properties[key] as object));
    return { type: "object", ...(needed.length > 0 ? { required: needed } : {}), properties, ...options };
  },
  Array: (items: object, options?: Options) => ({ type: "array", items, ...options }),
  Record: (key: object, value: object, options?: Options) => ({
    type: "object",
    patternProperties: { [keyPattern(key)]: value },
    ...options,
  }),
  Union: (anyOf: object[], options?: Options) => ({ anyOf, ...options }),
  Enum: (values: readonly unknown[], options?: Options) => ({ enum: values, ...options }),
  Literal: (value: unknown, options?: Options) => ({ type: typeof value, const: value, ...options }),
  String: (options?: Options) => ({ type: "string", ...options }),
  Integer: (options?: Options) => ({ type: "integer", ...options }),
  Number: (options?: Options) => ({ type: "number", ...options }),
  Boolean: (options?: Options) => ({ type: "boolean", ...options }),
  Unknown: (options?: Options) => ({ ...options }),
  Unsafe: (schema: object) => ({ ...schema }),
  Optional(schema: object) {
    const copy = { ...schema };
    optional.add(copy);
    return copy;
  },
};

function keyPattern(key: { pattern?: string }): string {
  return key.pattern ?? "^.*$";
}

const Type = builders as unknown as Pick<typeof Typebox, keyof typeof builders>;
export default Type;
export type { Static, TObject, TSchema } from "typebox";
