// What an operation is. The table (table.ts) lists them; REST routes, JSON-RPC methods, the documents under
// openapi/, the command line and its help are all made from it.
import type { Static, TObject, TSchema } from "../schema/type.js";
import type { ErrorCode } from "./errors.js";
import type { Service } from "./service.js";
import type { Loose } from "./wire.js";

/** What a handler knows about its caller. */
export interface CallContext {
  readonly service: Service;
  /** Aborted when the caller went away. */
  readonly signal: AbortSignal;
  /** Media type of the answer: JSON, unless a caller over REST wants another that the operation offers. */
  readonly accept: string;
  /** The caller may run code of its own in the service (JavaScript plugins). */
  readonly mayRunCode: boolean;
}

/** A raw request body: read once. Reading past `limit` bytes throws EMU_BODY_TOO_LARGE. */
export interface RawBody {
  readonly stream: AsyncIterable<Uint8Array>;
  bytes(limit: number): Promise<Uint8Array>;
}

/** A result that REST may also give as raw bytes; in JSON, `data` holds them as `encoding` says. */
export interface Bytes {
  data: Uint8Array;
  /** The other members of the JSON form; in REST's raw form they become `emuscope-<name>` headers. */
  meta: Record<string, unknown>;
  encoding: "hex" | "base64" | "text";
}

export interface RestBinding {
  method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  /** `{name}` stands for a parameter; GET and DELETE take the others from the query, the rest from the JSON body. */
  path: string;
  /** Success status, 200 unless given. */
  status?: number;
  /** POST does the same as `method`. */
  alsoPost?: boolean;
  /** Value of the Location header, from the JSON result. */
  location?: (result: Record<string, string>) => string;
}

export interface Operation<P extends TObject = TObject, R extends TSchema = TSchema> {
  /** `noun.verb`. */
  name: string;
  summary: string;
  description?: string;
  params: P;
  result: R;
  errors: readonly ErrorCode[];
  rest: RestBinding;
  /**
   * Parameter that a raw body stands for, with the media types it may come in. With a raw body the other parameters
   * come from the query, and `encoding` does not apply.
   */
  raw?: { param: string; types: readonly string[]; description: string };
  /** The result may be had raw (`Accept`), in these media types; handlers then return Bytes. */
  bytes?: readonly string[];
  /** Leaves everything as it is; such operations may be repeated freely. */
  safe: boolean;
  /** Needs no token. */
  open?: boolean;
  handler(
    context: CallContext,
    params: Static<P>,
    body?: RawBody,
  ): Promise<Loose<Static<R>> | Bytes> | Loose<Static<R>> | Bytes;
}

/** Type inference for one entry; the table itself holds them with their types erased. */
export function operation<P extends TObject, R extends TSchema>(definition: Operation<P, R>): Operation {
  return definition as unknown as Operation;
}

export function isBytes(value: unknown): value is Bytes {
  return typeof value === "object" && value !== null && (value as Bytes).data instanceof Uint8Array && "meta" in value;
}
