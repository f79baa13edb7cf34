// Who may call: the token, WebSocket tickets, and the checks that keep other people's web pages out.
//
// Without a token only loopback is served, and then a page in the user's browser is the attacker to think of:
// - it can send requests to 127.0.0.1 but not hide its Origin: an Origin that is not this service is refused;
// - it can rebind its own name to 127.0.0.1, but then Host bears that name: unknown hosts are refused.
import { createHash, timingSafeEqual } from "node:crypto";
import type { IncomingHttpHeaders } from "node:http";
import { EmuError } from "../operations/errors.js";
import type { Tickets } from "../operations/tickets.js";

export interface AccessOptions {
  /** Bearer token; undefined serves everybody who can reach the socket. */
  token: string | undefined;
  /** Token whose bearers may also run code of theirs in the service (JavaScript plugins); undefined: nobody may. */
  codeToken?: string | undefined;
  /** Address bound to. */
  host: string;
  /** More values of Host to accept, without port. */
  allowedHosts: readonly string[];
  /** Web origins that may call, e.g. `https://example.org`. */
  allowedOrigins: readonly string[];
  tickets: Tickets;
}

export interface AccessRequest {
  headers: IncomingHttpHeaders;
  /** The operation needs no token. */
  open: boolean;
  /** A WebSocket upgrade may bring a ticket instead of the token. */
  ticket: string | undefined;
}

export class Access {
  readonly #options: AccessOptions;
  readonly #tokenHash: Buffer | undefined;
  readonly #codeHash: Buffer | undefined;
  readonly #hosts: Set<string>;

  constructor(options: AccessOptions) {
    this.#options = options;
    this.#tokenHash = options.token === undefined ? undefined : sha256(options.token);
    this.#codeHash = options.codeToken === undefined ? undefined : sha256(options.codeToken);
    this.#hosts = new Set([
      "localhost",
      "127.0.0.1",
      "::1",
      options.host.toLowerCase(),
      ...options.allowedHosts.map((h) => h.toLowerCase()),
    ]);
  }

  /**
   * Whether the caller may run code in the service besides what everybody may who is let in.
   * @throws EMU_FORBIDDEN_HOST, EMU_FORBIDDEN_ORIGIN, EMU_UNAUTHORIZED
   */
  check(request: AccessRequest): { code: boolean } {
    this.#checkHost(request.headers.host);
    this.checkOrigin(request.headers.origin, request.headers.host);
    const { authorization } = request.headers;
    const [, given] = /^Bearer +(\S+) *$/i.exec(authorization ?? "") ?? [];
    const matches = (hash: Buffer | undefined) =>
      hash !== undefined && given !== undefined && timingSafeEqual(sha256(given), hash);
    if (matches(this.#codeHash)) return { code: true };
    const plain = { code: false };
    if (this.#tokenHash === undefined || request.open) return plain;
    if (authorization !== undefined) {
      if (matches(this.#tokenHash)) return plain;
      throw new EmuError("EMU_UNAUTHORIZED", "the Authorization header has no valid bearer token");
    }
    if (request.ticket !== undefined) {
      if (this.#options.tickets.redeem(request.ticket)) return plain;
      throw new EmuError("EMU_UNAUTHORIZED", "the ticket is unknown, used or expired; get one by POST /v1/tickets");
    }
    throw new EmuError("EMU_UNAUTHORIZED", "send Authorization: Bearer <EMUSCOPE_TOKEN>");
  }

  /** True where a page of `origin` may read answers. */
  isAllowedOrigin(origin: string): boolean {
    return this.#options.allowedOrigins.includes(origin.toLowerCase());
  }

  checkOrigin(origin: string | undefined, host: string | undefined): void {
    if (origin === undefined || this.isAllowedOrigin(origin)) return;
    if (host !== undefined && /^https?:\/\//.test(origin) && origin.replace(/^https?:\/\//, "") === host) return;
    throw new EmuError("EMU_FORBIDDEN_ORIGIN", `pages of ${shorten(origin)} may not call; --allow-origin permits it`);
  }

  #checkHost(host: string | undefined): void {
    // with a token a rebound page has no way in: it does not know the token
    if (this.#tokenHash !== undefined) return;
    const name = hostName(host ?? "");
    if (!this.#hosts.has(name)) {
      throw new EmuError(
        "EMU_FORBIDDEN_HOST",
        `${shorten(name) || "an empty Host"} is not this service; --allow-host permits it`,
      );
    }
  }
}

/** Loopback addresses and names: reachable from this machine only. */
export function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || host === "[::1]" || /^127(\.\d{1,3}){3}$/.test(host);
}

function hostName(host: string): string {
  const bracketed = /^\[([^\]]*)\](:\d+)?$/.exec(host);
  return (bracketed ? (bracketed[1] as string) : host.replace(/:\d+$/, "")).toLowerCase();
}

function sha256(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}

function shorten(text: string): string {
  return text.length > 80 ? `${text.slice(0, 77)}...` : text;
}
