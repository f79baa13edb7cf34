// Calls an operation: what REST and JSON-RPC have in common.

import type { Bytes, CallContext, Operation, RawBody } from "../operations/operation.js";
import { isBytes } from "../operations/operation.js";
import { validate } from "../operations/validate.js";
import { toWire } from "../operations/wire.js";
import type { TSchema } from "../schema/type.js";
import Type from "../schema/type.js";

const rawSchemas = new Map<Operation, TSchema>();

/** The parameters that remain when a raw body stands for one of them. */
export function rawParams(op: Operation): TSchema {
  let schema = rawSchemas.get(op);
  if (!schema) {
    const { [op.raw?.param ?? ""]: _body, encoding: _encoding, ...rest } = op.params.properties;
    schema = Type.Object(rest, { additionalProperties: false });
    rawSchemas.set(op, schema);
  }
  return schema;
}

/**
 * Validates `params` (which it may change) and runs the handler.
 * @throws EmuError, SessionError, and whatever bugs throw
 */
export async function invoke(op: Operation, context: CallContext, params: unknown, body?: RawBody): Promise<unknown> {
  validate(body ? rawParams(op) : op.params, params);
  return await op.handler(context, params as never, body);
}

/** The JSON form of a result. */
export function jsonResult(result: unknown): unknown {
  return isBytes(result) ? bytesJson(result) : toWire(result);
}

function bytesJson({ data, encoding, meta }: Bytes): unknown {
  const buffer = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  const text = encoding === "text" ? buffer.toString("utf8") : buffer.toString(encoding);
  return { ...(toWire(meta) as object), encoding, data: text };
}
