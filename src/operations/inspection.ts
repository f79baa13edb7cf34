// Looking into a machine: TLBs, devices, device tree, symbols, code, interrupts.
import Type from "../schema/type.js";
import { invalid, overLimit } from "./errors.js";
import { operation } from "./operation.js";
import { Device, DeviceState, Instruction, Symbol_, strict, TlbEntry } from "./schemas.js";
import { findSession } from "./service.js";
import { Count, HartIndex, Hex64, SessionId, toU64, U64 } from "./wire.js";

const errors = ["EMU_SESSION_NOT_FOUND", "EMU_SESSION_CRASHED", "EMU_SESSION_GONE"] as const;
const justSession = Type.Object({ session: SessionId }, strict);

export const tlbOperations = [
  operation({
    name: "tlb.stats",
    summary: "TLB counters and table sizes",
    params: justSession,
    result: Type.Object(
      {
        counters: Type.Record(Type.String(), Type.Integer()),
        tables: Type.Array(
          Type.Object(
            {
              hart: Type.Integer(),
              mmuIndex: Type.Integer(),
              entries: Type.Integer(),
              used: Type.Integer(),
              windowMax: Type.Integer({ description: "most entries used in the present resize window" }),
            },
            strict,
          ),
        ),
      },
      strict,
    ),
    errors: [...errors],
    rest: { method: "GET", path: "/v1/sessions/{session}/tlb" },
    safe: true,
    handler({ service }, { session }) {
      return findSession(service, session).call("tlbStats");
    },
  }),

  operation({
    name: "tlb.dump",
    summary: "The live TLB entries",
    params: Type.Object(
      {
        session: SessionId,
        hart: Type.Optional(Type.Integer({ minimum: 0, maximum: 7, description: "all unless given" })),
        mmuIndex: Type.Optional(
          Type.Integer({ minimum: 0, maximum: 3, description: "0 U, 1 S, 2 S with SUM, 3 M; all unless given" }),
        ),
        limit: Count({ minimum: 1, default: 1000, description: "most entries to return" }),
      },
      strict,
    ),
    result: Type.Object({ entries: Type.Array(TlbEntry), complete: Type.Boolean() }, strict),
    errors: [...errors, "EMU_LIMIT"],
    rest: { method: "GET", path: "/v1/sessions/{session}/tlb/entries" },
    safe: true,
    async handler({ service }, { session, hart, mmuIndex, limit }) {
      const { maxTlbEntries } = service.limits;
      if (limit > maxTlbEntries) throw overLimit("limit", "maxTlbEntries", maxTlbEntries, limit);
      const entries = await findSession(service, session).call("tlbDump", {
        ...(hart === undefined ? {} : { hart }),
        ...(mmuIndex === undefined ? {} : { mmuIndex }),
        limit: limit + 1,
      });
      return { entries: entries.slice(0, limit), complete: entries.length <= limit };
    },
  }),
];

export const deviceOperations = [
  operation({
    name: "device.list",
    summary: "Devices of the machine and where they answer",
    params: justSession,
    result: Type.Object({ devices: Type.Array(Device) }, strict),
    errors: [...errors],
    rest: { method: "GET", path: "/v1/sessions/{session}/devices" },
    safe: true,
    async handler({ service }, { session }) {
      return { devices: await findSession(service, session).call("devices") };
    },
  }),

  operation({
    name: "device.get",
    summary: "Registers, fields and inner state of a device, without side effects",
    params: Type.Object(
      { session: SessionId, device: Type.String({ minLength: 1, maxLength: 64, examples: ["uart0"] }) },
      strict,
    ),
    result: DeviceState,
    errors: [...errors, "EMU_DEVICE_NOT_FOUND"],
    rest: { method: "GET", path: "/v1/sessions/{session}/devices/{device}" },
    safe: true,
    handler({ service }, { session, device }) {
      return findSession(service, session).call("deviceState", { name: device });
    },
  }),

  operation({
    name: "device.tree",
    summary: "The device tree the guest was given",
    params: Type.Object(
      {
        session: SessionId,
        format: Type.Enum(["dts", "dtb"], { default: "dts", description: "source text, or the blob" }),
      },
      strict,
    ),
    result: Type.Object(
      {
        format: Type.Enum(["dts", "dtb"]),
        encoding: Type.Enum(["text", "base64"], { description: "text for dts, base64 for dtb" }),
        data: Type.String(),
      },
      strict,
    ),
    errors: [...errors],
    rest: { method: "GET", path: "/v1/sessions/{session}/device-tree" },
    bytes: ["text/plain", "application/octet-stream"],
    safe: true,
    async handler({ service }, { session, format }) {
      const data = await findSession(service, session).call("deviceTree", { format });
      const text = format === "dts";
      return { data, encoding: text ? "text" : "base64", meta: { format } };
    },
  }),

  operation({
    name: "interrupt.get",
    summary: "Pending and enabled interrupts of harts, and the controllers' state",
    params: justSession,
    result: Type.Object(
      {
        harts: Type.Array(
          Type.Object(
            { hart: Type.Integer(), mip: Hex64, mie: Hex64, mideleg: Hex64, pending: Type.Array(Type.String()) },
            strict,
          ),
        ),
        controllers: Type.Record(Type.String(), Type.Unknown()),
      },
      strict,
    ),
    errors: [...errors],
    rest: { method: "GET", path: "/v1/sessions/{session}/interrupts" },
    safe: true,
    handler({ service }, { session }) {
      return findSession(service, session).call("interrupts");
    },
  }),
];

export const codeOperations = [
  operation({
    name: "symbol.list",
    summary: "Symbols of the loaded images, by name or by address",
    params: Type.Object(
      {
        session: SessionId,
        query: Type.Optional(Type.String({ maxLength: 256, description: "part of the name" })),
        address: Type.Optional(U64),
        limit: Count({ minimum: 1, default: 100 }),
      },
      strict,
    ),
    result: Type.Object({ symbols: Type.Array(Symbol_) }, strict),
    errors: [...errors, "EMU_LIMIT"],
    rest: { method: "GET", path: "/v1/sessions/{session}/symbols" },
    safe: true,
    async handler({ service }, { session, query, address, limit }) {
      const { maxSymbols } = service.limits;
      if (limit > maxSymbols) throw overLimit("limit", "maxSymbols", maxSymbols, limit);
      const symbols = await findSession(service, session).call("symbols", {
        ...(query === undefined ? {} : { query }),
        ...(address === undefined ? {} : { address: toU64(address) }),
        limit,
      });
      return { symbols };
    },
  }),

  operation({
    name: "code.disassemble",
    summary: "Disassemble from an address; from the hart's pc unless one is given",
    params: Type.Object(
      {
        session: SessionId,
        vaddr: Type.Optional(U64),
        paddr: Type.Optional(U64),
        count: Count({ minimum: 1, default: 16, description: "instructions" }),
        hart: HartIndex,
      },
      strict,
    ),
    result: Type.Object({ instructions: Type.Array(Instruction) }, strict),
    errors: [...errors, "EMU_LIMIT", "EMU_UNMAPPED", "EMU_NOT_MEMORY"],
    rest: { method: "GET", path: "/v1/sessions/{session}/disassembly" },
    safe: true,
    async handler({ service }, { session: id, vaddr, paddr, count, hart }) {
      const { maxDisassembly } = service.limits;
      if (count > maxDisassembly) throw overLimit("count", "maxDisassembly", maxDisassembly, count);
      if (vaddr !== undefined && paddr !== undefined) throw invalid("vaddr", "at most one of vaddr and paddr");
      const session = findSession(service, id);
      const given = vaddr ?? paddr;
      let address: bigint;
      if (given !== undefined) address = toU64(given);
      else {
        const [pc] = await session.call("registers", { hart, names: ["pc"] });
        address = pc?.value ?? 0n;
      }
      const space = paddr === undefined ? "virtual" : "physical";
      return { instructions: await session.call("disassemble", { address, count, hart, space }) };
    },
  }),
];
