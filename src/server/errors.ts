// The error table (src/operations/errors.ts) on the wire: an RFC 9457 problem document, or a JSON-RPC error object.
import { asEmuError, EmuError, ERRORS, type ErrorEntry } from "../operations/errors.js";
import { toWire } from "../operations/wire.js";

export const PROBLEM_TYPE = "application/problem+json";

/** Fastify's own refusals, by their code; others go by status. */
const FROM_FASTIFY: Record<string, keyof typeof ERRORS> = {
  FST_ERR_CTP_BODY_TOO_LARGE: "EMU_BODY_TOO_LARGE",
  FST_ERR_CTP_INVALID_MEDIA_TYPE: "EMU_UNSUPPORTED_MEDIA_TYPE",
};

/**
 * Any exception as a table entry. What nobody foresaw becomes EMU_INTERNAL with nothing of its text: that goes to the
 * log, under the request's id.
 */
export function toEmuError(error: unknown): EmuError {
  const known = asEmuError(error);
  if (known) return known;
  const { code, statusCode, message } = (error ?? {}) as { code?: unknown; statusCode?: unknown; message?: unknown };
  if (typeof statusCode === "number" && statusCode >= 400 && statusCode < 500) {
    const mapped = typeof code === "string" ? FROM_FASTIFY[code] : undefined;
    return new EmuError(mapped ?? "EMU_BAD_REQUEST", String(message));
  }
  if (statusCode === 503) return new EmuError("EMU_SHUTTING_DOWN", "the service is shutting down");
  return new EmuError("EMU_INTERNAL", "a bug in the service; its log has more under this request id");
}

export function entryOf(error: EmuError): ErrorEntry {
  return ERRORS[error.code];
}

/** RFC 9457, section 3; `code`, `errors` and the like are extension members. */
export function problemOf(error: EmuError, requestId: string): Record<string, unknown> {
  const { status, title } = ERRORS[error.code];
  return {
    ...(toWire(error.extra) as object),
    type: `/v1/errors#${error.code}`,
    title,
    status,
    detail: error.message,
    instance: `urn:emuscope:request:${requestId}`,
    code: error.code,
  };
}

/** JSON-RPC 2.0, section 5.1. */
export function rpcErrorOf(error: EmuError): { code: number; message: string; data: Record<string, unknown> } {
  const { rpc, title, status } = ERRORS[error.code];
  return {
    code: rpc,
    message: error.message,
    data: { ...(toWire(error.extra) as object), code: error.code, title, status },
  };
}
