// Memory: read, write, search, translate, and what answers where.
import Type, { type Static } from "../schema/type.js";
import { invalid, overLimit } from "./errors.js";
import { operation } from "./operation.js";
import { RegionNode, Section, strict, Translation } from "./schemas.js";
import { findSession } from "./service.js";
import { byteLength, Count, Encoding, HartIndex, Hex64, SessionId, Space, toBytes, toU64, U64 } from "./wire.js";

const where = {
  vaddr: Type.Optional(U64),
  paddr: Type.Optional(U64),
};

interface Place {
  space: "virtual" | "physical";
  address: bigint;
}

/** @throws EMU_INVALID_PARAMS unless exactly one address is given and the range stays in the space */
function place(params: { vaddr?: Static<typeof U64>; paddr?: Static<typeof U64> }, length: number): Place {
  const { vaddr, paddr } = params;
  if ((vaddr === undefined) === (paddr === undefined)) {
    throw invalid("vaddr", "exactly one of vaddr and paddr", "vaddr is translated as the hart would now, paddr is not");
  }
  const address = toU64((vaddr ?? paddr) as string | number);
  if (address + BigInt(length) > 1n << 64n)
    throw invalid(vaddr === undefined ? "paddr" : "vaddr", "a range that ends below 2^64");
  return { space: vaddr === undefined ? "physical" : "virtual", address };
}

const errors = ["EMU_SESSION_NOT_FOUND", "EMU_SESSION_CRASHED", "EMU_SESSION_GONE"] as const;

export const memoryOperations = [
  operation({
    name: "memory.read",
    summary: "Read memory by virtual or physical address",
    description:
      "Only memory is read: a range that touches a device is refused, since looking at a device can change it.",
    params: Type.Object(
      {
        session: SessionId,
        ...where,
        length: Count({ minimum: 1, description: "bytes" }),
        hart: HartIndex,
        encoding: Encoding,
      },
      strict,
    ),
    result: Type.Object(
      {
        space: Space,
        address: Hex64,
        length: Type.Integer(),
        encoding: Type.Enum(["hex", "base64"]),
        data: Type.String(),
      },
      strict,
    ),
    errors: [...errors, "EMU_LIMIT", "EMU_UNMAPPED", "EMU_NOT_MEMORY"],
    rest: { method: "GET", path: "/v1/sessions/{session}/memory" },
    bytes: ["application/octet-stream"],
    safe: true,
    async handler({ service }, params) {
      const { length, hart, encoding } = params;
      if (length > service.limits.maxMemoryRead)
        throw overLimit("length", "maxMemoryRead", service.limits.maxMemoryRead, length);
      const at = place(params, length);
      const data = await findSession(service, params.session).call("readMemory", { ...at, length, hart });
      return { data, encoding, meta: { ...at, length: data.length } };
    },
  }),

  operation({
    name: "memory.write",
    summary: "Write memory by virtual or physical address",
    description: "All or nothing. Code in the range is decoded anew. ROM can be written this way.",
    params: Type.Object(
      {
        session: SessionId,
        ...where,
        hart: HartIndex,
        encoding: Encoding,
        data: Type.String({ minLength: 1, description: "the bytes, as encoding says" }),
      },
      strict,
    ),
    result: Type.Object({ space: Space, address: Hex64, length: Type.Integer() }, strict),
    errors: [...errors, "EMU_LIMIT", "EMU_BODY_TOO_LARGE", "EMU_UNMAPPED", "EMU_NOT_MEMORY"],
    rest: { method: "PUT", path: "/v1/sessions/{session}/memory" },
    raw: { param: "data", types: ["application/octet-stream"], description: "the bytes" },
    safe: false,
    async handler({ service }, params, body) {
      const { maxMemoryWrite } = service.limits;
      const session = findSession(service, params.session);
      const bytes = body ? await body.bytes(maxMemoryWrite) : toBytes(params.data, params.encoding, "data");
      if (bytes.length === 0) throw invalid("data", "at least one byte");
      if (bytes.length > maxMemoryWrite) throw overLimit("data", "maxMemoryWrite", maxMemoryWrite, bytes.length);
      const at = place(params, bytes.length);
      await session.call("writeMemory", { ...at, bytes, hart: params.hart });
      return { ...at, length: bytes.length };
    },
  }),

  operation({
    name: "memory.search",
    summary: "Find bytes in memory",
    description:
      "Addresses of every place in the range where the pattern begins, lowest first. Devices and holes are skipped.",
    params: Type.Object(
      {
        session: SessionId,
        ...where,
        length: Count({ minimum: 1, description: "bytes to look through" }),
        pattern: Type.String({ minLength: 1, maxLength: 131_072, description: "what to find, as encoding says" }),
        encoding: Type.Enum(["hex", "base64", "text"], { default: "hex", description: "how the pattern is written" }),
        limit: Count({ minimum: 1, default: 100, description: "most hits to return" }),
        hart: HartIndex,
      },
      strict,
    ),
    result: Type.Object(
      {
        space: Space,
        matches: Type.Array(Hex64),
        complete: Type.Boolean({ description: "false when limit cut it short" }),
      },
      strict,
    ),
    errors: [...errors, "EMU_LIMIT"],
    rest: { method: "POST", path: "/v1/sessions/{session}/memory/search" },
    safe: true,
    async handler({ service }, params) {
      const { maxSearchBytes, maxSearchPattern, maxSearchResults } = service.limits;
      const { length, limit, hart, encoding } = params;
      if (length > maxSearchBytes) throw overLimit("length", "maxSearchBytes", maxSearchBytes, length);
      if (limit > maxSearchResults) throw overLimit("limit", "maxSearchResults", maxSearchResults, limit);
      const size = byteLength(params.pattern, encoding);
      if (size > maxSearchPattern) throw overLimit("pattern", "maxSearchPattern", maxSearchPattern, size);
      const pattern = toBytes(params.pattern, encoding, "pattern");
      if (pattern.length === 0) throw invalid("pattern", "at least one byte");
      const at = place(params, length);
      // one more than asked for tells whether there are more
      const matches = await findSession(service, params.session).call("searchMemory", {
        ...at,
        length,
        pattern,
        limit: limit + 1,
        hart,
      });
      return { space: at.space, matches: matches.slice(0, limit), complete: matches.length <= limit };
    },
  }),

  operation({
    name: "memory.translate",
    summary: "Translate a virtual address, with every level of the walk",
    description:
      "As the hart would do now, without side effects: no A or D bit is set, no TLB entry made. A fault is part of the answer.",
    params: Type.Object(
      {
        session: SessionId,
        vaddr: U64,
        access: Type.Enum(["read", "write", "fetch"], { default: "read" }),
        privilege: Type.Optional(Type.Enum(["U", "S", "M"], { description: "the hart's present one unless given" })),
        hart: HartIndex,
      },
      strict,
    ),
    result: Translation,
    errors: [...errors],
    rest: { method: "GET", path: "/v1/sessions/{session}/translate" },
    safe: true,
    handler({ service }, { session, vaddr, access, privilege, hart }) {
      return findSession(service, session).call("translate", {
        vaddr: toU64(vaddr),
        access,
        hart,
        ...(privilege === undefined ? {} : { privilege }),
      });
    },
  }),

  operation({
    name: "memory.tree",
    summary: "The tree of memory regions",
    params: Type.Object({ session: SessionId }, strict),
    result: RegionNode,
    errors: [...errors],
    rest: { method: "GET", path: "/v1/sessions/{session}/memory/tree" },
    safe: true,
    handler({ service }, { session }) {
      return findSession(service, session).call("memoryTree");
    },
  }),

  operation({
    name: "memory.flat",
    summary: "The flat view: which region answers at which physical address",
    params: Type.Object({ session: SessionId }, strict),
    result: Type.Object({ sections: Type.Array(Section) }, strict),
    errors: [...errors],
    rest: { method: "GET", path: "/v1/sessions/{session}/memory/flat" },
    safe: true,
    async handler({ service }, { session }) {
      return { sections: await findSession(service, session).call("flatView") };
    },
  }),
];
