// The one table of what can go wrong by a caller's doing. REST renders an entry as an RFC 9457 problem,
// JSON-RPC as an error object (src/server/errors.ts). A fault of the guest is data and never comes here;
// an exception that is not an EmuError or a SessionError is a bug of ours and is shown as EMU_INTERNAL.
import { SessionError, type SessionErrorCode } from "../session/host-api.js";

export interface ErrorEntry {
  /** HTTP status. */
  status: number;
  /** JSON-RPC error code; unique in the table. */
  rpc: number;
  title: string;
  /** Level the request is logged at. */
  log: "debug" | "info" | "warn" | "error";
}

const entry = (status: number, rpc: number, title: string, log: ErrorEntry["log"] = "info"): ErrorEntry => ({
  status,
  rpc,
  title,
  log,
});

/** Codes are stable: clients may rely on them. New entries take the next free JSON-RPC code. */
export const ERRORS = {
  EMU_PARSE_ERROR: entry(400, -32700, "The body is not valid JSON"),
  EMU_INVALID_REQUEST: entry(400, -32600, "Not a valid JSON-RPC 2.0 request"),
  EMU_OPERATION_NOT_FOUND: entry(404, -32601, "No such operation"),
  EMU_INVALID_PARAMS: entry(400, -32602, "A parameter is missing, unknown or out of range"),
  EMU_INTERNAL: entry(500, -32603, "A bug in the service; it has been logged", "error"),

  EMU_UNAUTHORIZED: entry(401, -32001, "A valid token is required"),
  EMU_FORBIDDEN_HOST: entry(403, -32002, "The Host header does not name this service"),
  EMU_FORBIDDEN_ORIGIN: entry(403, -32003, "This web origin may not call the service"),
  EMU_ROUTE_NOT_FOUND: entry(404, -32004, "No such resource"),
  EMU_METHOD_NOT_ALLOWED: entry(405, -32005, "The resource has no such method"),
  EMU_NOT_ACCEPTABLE: entry(406, -32006, "The result cannot be had in an accepted media type"),
  EMU_BODY_TOO_LARGE: entry(413, -32007, "The body is larger than allowed"),
  EMU_UNSUPPORTED_MEDIA_TYPE: entry(415, -32008, "The media type of the body is not understood"),
  EMU_UPGRADE_REQUIRED: entry(426, -32009, "This resource is a WebSocket"),
  EMU_LIMIT: entry(422, -32010, "A parameter exceeds a limit of the service"),
  EMU_CAPACITY: entry(429, -32011, "The service is at capacity"),
  EMU_BAD_REQUEST: entry(400, -32012, "The request could not be understood"),
  EMU_SHUTTING_DOWN: entry(503, -32013, "The service is shutting down"),

  EMU_IMAGE_NOT_FOUND: entry(404, -32020, "No such image"),
  EMU_IMAGE_IN_USE: entry(409, -32021, "A session uses the image"),
  EMU_IMAGE_MALFORMED: entry(422, -32022, "The image is malformed"),
  EMU_IMAGE_DIGEST_MISMATCH: entry(422, -32023, "The uploaded bytes do not have the given digest"),

  EMU_SESSION_NOT_FOUND: entry(404, -32030, "No such session"),
  EMU_SESSION_EXISTS: entry(409, -32031, "A session with this id exists"),
  EMU_SESSION_STATE: entry(409, -32032, "Not possible in the session's present state"),
  EMU_SESSION_CRASHED: entry(409, -32033, "The session crashed; it can only be deleted", "warn"),
  EMU_SESSION_GONE: entry(410, -32034, "The session was deleted meanwhile"),
  EMU_OUT_OF_MEMORY: entry(507, -32035, "Not enough memory for the session", "warn"),

  EMU_REGISTER_NOT_FOUND: entry(404, -32040, "No such register"),
  EMU_REGISTER_READ_ONLY: entry(409, -32041, "The register cannot be written"),
  EMU_DEVICE_NOT_FOUND: entry(404, -32042, "No such device"),
  EMU_CONSOLE_NOT_FOUND: entry(404, -32043, "No such console"),
  EMU_UNMAPPED: entry(422, -32044, "Nothing is mapped at the address"),
  EMU_NOT_MEMORY: entry(422, -32045, "The address range is not plain memory"),

  EMU_SUBSCRIPTION_NOT_FOUND: entry(404, -32050, "No such subscription"),
  EMU_SUBSCRIPTION_BUSY: entry(409, -32051, "Another client reads the subscription"),
  EMU_SEQUENCE_GONE: entry(410, -32052, "The ring no longer holds the asked sequence number"),

  EMU_PLUGIN_NOT_FOUND: entry(404, -32060, "No such plugin"),
  EMU_PLUGIN_IN_USE: entry(409, -32061, "The plugin is attached to a session"),
  EMU_PLUGIN_MALFORMED: entry(422, -32062, "The uploaded bytes are no plugin that can be run"),
  EMU_PLUGIN_FORBIDDEN: entry(403, -32063, "Plugins of this kind need a permission the caller has not"),
  EMU_PLUGIN_FAILED: entry(422, -32064, "The plugin went wrong; the machine is as it was"),
  EMU_SLOT_NOT_FOUND: entry(404, -32065, "No such plugin slot"),
  EMU_SLOT_EXISTS: entry(409, -32066, "The session has a plugin slot of this id"),
  EMU_SLOT_STATE: entry(409, -32067, "Not possible in the slot's present state"),
  EMU_SLOT_FILE_NOT_FOUND: entry(404, -32068, "The plugin offers no such file"),
} as const satisfies Record<string, ErrorEntry>;

export type ErrorCode = keyof typeof ERRORS;

/** One field of a request that was refused. */
export interface FieldError {
  /** Path of the field, e.g. `filter.vaddr[0]`; empty for the whole body. */
  field: string;
  /** What would have been accepted, for people. */
  expected: string;
  /** What came, shortened. */
  got?: string;
  /** What to do about it. */
  hint?: string;
}

/** A user's mistake: an entry of the table with what is particular to this case. */
export class EmuError extends Error {
  readonly code: ErrorCode;
  /** Further members of the problem document; JSON-safe, or bigint (rendered as hex). */
  readonly extra: Record<string, unknown>;
  constructor(code: ErrorCode, detail: string, extra: Record<string, unknown> = {}) {
    super(detail);
    this.name = "EmuError";
    this.code = code;
    this.extra = extra;
  }
}

/** EMU_INVALID_PARAMS for one field. */
export function invalid(field: string, expected: string, hint?: string): EmuError {
  const error: FieldError = { field, expected, ...(hint === undefined ? {} : { hint }) };
  return invalidFields([error]);
}

/** EMU_INVALID_PARAMS for several fields; the detail names the first. */
export function invalidFields(errors: FieldError[]): EmuError {
  const [first] = errors;
  const more = errors.length > 1 ? ` (and ${errors.length - 1} more)` : "";
  const got = first?.got === undefined ? "" : `, got ${first.got}`;
  const hint = first?.hint === undefined ? "" : `; ${first.hint}`;
  const where = first?.field ? `${first.field}: ` : "";
  return new EmuError(
    "EMU_INVALID_PARAMS",
    `${where}expected ${first?.expected ?? "something else"}${got}${hint}${more}`,
    {
      errors,
    },
  );
}

/** EMU_LIMIT: `limit` is the name `service.limits` shows. */
export function overLimit(field: string, limit: string, allowed: number, got?: number): EmuError {
  const seen = got === undefined ? "" : `, got ${got}`;
  return new EmuError("EMU_LIMIT", `${field}: at most ${allowed} (limit ${limit})${seen}`, { field, limit, allowed });
}

/** EMU_CAPACITY: asked for again later, or with less there already, it may be granted. */
export function atCapacity(what: string, limit: string, allowed: number): EmuError {
  return new EmuError("EMU_CAPACITY", `${what} (limit ${limit}, ${allowed})`, { limit, allowed });
}

const FROM_SESSION: Record<SessionErrorCode, ErrorCode> = {
  invalid: "EMU_INVALID_PARAMS",
  image: "EMU_IMAGE_MALFORMED",
  "out-of-memory": "EMU_OUT_OF_MEMORY",
  limit: "EMU_LIMIT",
  "wrong-state": "EMU_SESSION_STATE",
  crashed: "EMU_SESSION_CRASHED",
  gone: "EMU_SESSION_GONE",
  "unknown-register": "EMU_REGISTER_NOT_FOUND",
  "read-only-register": "EMU_REGISTER_READ_ONLY",
  "unknown-device": "EMU_DEVICE_NOT_FOUND",
  "unknown-console": "EMU_CONSOLE_NOT_FOUND",
  "unknown-subscription": "EMU_SUBSCRIPTION_NOT_FOUND",
  unmapped: "EMU_UNMAPPED",
  "not-memory": "EMU_NOT_MEMORY",
  busy: "EMU_SUBSCRIPTION_BUSY",
  "sequence-gone": "EMU_SEQUENCE_GONE",
  "unknown-plugin": "EMU_PLUGIN_NOT_FOUND",
  "plugin-failed": "EMU_PLUGIN_FAILED",
  "unknown-slot": "EMU_SLOT_NOT_FOUND",
  "slot-exists": "EMU_SLOT_EXISTS",
  "slot-state": "EMU_SLOT_STATE",
  "unknown-file": "EMU_SLOT_FILE_NOT_FOUND",
};

/** Any exception as a table entry; undefined for what is a bug of ours. */
export function asEmuError(error: unknown): EmuError | undefined {
  if (error instanceof EmuError) return error;
  if (error instanceof SessionError) {
    // a code the map lacks comes from a newer worker: ours to mend
    const code = FROM_SESSION[error.code] as ErrorCode | undefined;
    if (code === undefined) return undefined;
    const { problems } = error.detail as { problems?: readonly { field: string; message: string }[] };
    if (code === "EMU_INVALID_PARAMS" && Array.isArray(problems)) {
      return new EmuError(code, error.message, {
        errors: problems.map(({ field, message }) => ({ field, expected: message })),
      });
    }
    if (code === "EMU_INVALID_PARAMS" && typeof error.detail["field"] === "string") {
      const { field, expected = error.message, ...detail } = error.detail;
      return new EmuError(code, error.message, { errors: [{ field, expected }], field, ...detail });
    }
    // a full house is not the request's fault: it may be asked again
    const full = code === "EMU_LIMIT" && /^max(Sessions|TotalRam)$/.test(String(error.detail["limit"]));
    return new EmuError(full ? "EMU_CAPACITY" : code, error.message, error.detail);
  }
  return undefined;
}
