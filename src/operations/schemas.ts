// Shapes of results, and of what several operations take. The only definition of wire types: documents, tests
// and clients read them from here.
import Type from "../schema/type.js";
import { Hex64, named, U64 } from "./wire.js";

export const strict = { additionalProperties: false } as const;

export const ImageKind = Type.Enum(["elf", "linux", "raw", "ihex", "srec"], {
  description: "elf; linux (Image); raw bytes; ihex (Intel HEX); srec (Motorola S-record). Each plain or gzip.",
});

export const Image = named(
  "Image",
  Type.Object(
    {
      digest: Type.String({ pattern: "^[0-9a-f]{64}$", description: "sha256 of the stored bytes" }),
      size: Type.Integer({ minimum: 0, description: "bytes, as stored" }),
      kind: ImageKind,
      gzip: Type.Boolean(),
      names: Type.Array(Type.String()),
      created: Type.String({ description: "ISO 8601" }),
      sessions: Type.Array(Type.String(), { description: "sessions that use it; it cannot be deleted meanwhile" }),
    },
    strict,
  ),
);

/** A stored image in a machine description: digest, prefix of one, or name; with its kind where detection is not wanted. */
export const ImageRef = named(
  "ImageRef",
  Type.Union(
    [
      Type.String({ minLength: 1, maxLength: 256 }),
      Type.Object({ image: Type.String({ minLength: 1, maxLength: 256 }), kind: Type.Optional(ImageKind) }, strict),
    ],
    {
      description: "a stored image by digest or name, with its kind if it is not to be detected",
      "x-expected": 'the digest or name of a stored image, or {"image": ..., "kind": ...}',
    },
  ),
);

export const SessionState = Type.Enum(["ready", "running", "paused", "halted", "crashed"], {
  description:
    "ready: never started since it was made or reset; halted: the guest powered off or exited; crashed: a bug of the service",
});

export const SessionSummary = named(
  "SessionSummary",
  Type.Object(
    {
      id: Type.String(),
      state: SessionState,
      reason: Type.String({ description: "why it is in this state" }),
      board: Type.String(),
      harts: Type.Integer(),
      ram: Type.Integer({ description: "bytes" }),
      instructions: Type.Integer({ description: "instructions of all harts, as of the last message of the machine" }),
      created: Type.String({ description: "ISO 8601" }),
    },
    strict,
  ),
);

export const Session = named(
  "Session",
  Type.Object(
    {
      ...SessionSummary.properties,
      exitCode: Type.Optional(Type.Integer({ description: "of a halted guest that gave one" })),
      virtualNs: Type.Optional(Type.Integer({ description: "virtual time, ns" })),
      hartStates: Type.Optional(
        Type.Array(
          Type.Object(
            {
              hart: Type.Integer(),
              pc: Hex64,
              privilege: Type.String(),
              waiting: Type.Boolean({ description: "in WFI" }),
              instret: Hex64,
            },
            strict,
          ),
        ),
      ),
      waiting: Type.Optional(
        Type.Enum(["asleep", "idle", "ring-full"], {
          description:
            "why a running guest does not run: real time passes, it waits for input, or a blocking subscription's ring is full",
        }),
      ),
      blockedBy: Type.Optional(
        Type.Array(Type.String(), {
          description: "subscriptions the guest waits for: slow is block, the ring is full, the client slow or away",
        }),
      ),
      consoles: Type.Array(Type.String()),
      images: Type.Array(Type.String({ description: "digest" })),
      subscriptions: Type.Array(Type.String()),
      slots: Type.Array(Type.String(), { description: "plugins attached" }),
      machine: Type.Record(Type.String(), Type.Unknown(), { description: "the machine description, images by digest" }),
    },
    strict,
  ),
);

export const Register = named(
  "Register",
  Type.Object(
    {
      name: Type.String(),
      alias: Type.Optional(Type.String()),
      value: Hex64,
      kind: Type.Enum(["gpr", "fpr", "pc", "csr"]),
    },
    strict,
  ),
);

export const WalkStep = named(
  "WalkStep",
  Type.Object(
    {
      level: Type.Integer({ description: "0 is the level of 4 KiB leaves" }),
      pteAddress: Hex64,
      pte: Hex64,
      flags: Type.String({ description: 'subset of "rwxugad", v when only valid' }),
      leaf: Type.Boolean(),
    },
    strict,
  ),
);

export const Translation = named(
  "Translation",
  Type.Object(
    {
      vaddr: Hex64,
      access: Type.Enum(["read", "write", "fetch"]),
      privilege: Type.Enum(["U", "S", "M"]),
      mode: Type.Enum(["bare", "sv39", "sv48", "sv57"]),
      walk: Type.Array(WalkStep),
      paddr: Type.Optional(Hex64),
      fault: Type.Optional(
        Type.Object({ cause: Type.Integer(), name: Type.String(), level: Type.Optional(Type.Integer()) }, strict),
      ),
      pageSize: Type.Optional(Type.Integer()),
      region: Type.Optional(Type.String()),
      device: Type.Optional(Type.String()),
      offset: Type.Optional(Hex64),
      register: Type.Optional(Type.String()),
    },
    strict,
  ),
);

export const Section = named(
  "Section",
  Type.Object(
    {
      start: Hex64,
      end: Type.String({ pattern: "^0x[0-9a-f]{1,17}$", description: "one past the last byte" }),
      region: Type.String(),
      kind: Type.Enum(["ram", "rom", "io"]),
      offset: Hex64,
      device: Type.Optional(Type.String()),
    },
    strict,
  ),
);

export interface RegionNodeWire {
  name: string;
  kind: "container" | "ram" | "rom" | "io" | "alias";
  offset: string;
  size: string;
  priority: number;
  enabled: boolean;
  device?: string;
  alias?: { target: string; offset: string };
  children: RegionNodeWire[];
}

/** The type of RegionNode's children: itself. */
const RegionNodeRef = Type.Unsafe<RegionNodeWire>({ "x-ref": "RegionNode" });

export const RegionNode = named(
  "RegionNode",
  Type.Object(
    {
      name: Type.String(),
      kind: Type.Enum(["container", "ram", "rom", "io", "alias"]),
      offset: Hex64,
      size: Type.String({ pattern: "^0x[0-9a-f]{1,17}$" }),
      priority: Type.Integer(),
      enabled: Type.Boolean(),
      device: Type.Optional(Type.String()),
      alias: Type.Optional(Type.Object({ target: Type.String(), offset: Hex64 }, strict)),
      children: Type.Array(RegionNodeRef),
    },
    strict,
  ),
);

export const TlbEntry = named(
  "TlbEntry",
  Type.Object(
    {
      hart: Type.Integer(),
      mmuIndex: Type.Integer({ description: "0 U, 1 S, 2 S with SUM, 3 M" }),
      index: Type.Integer(),
      victim: Type.Boolean(),
      vaddr: Hex64,
      paddr: Hex64,
      read: Type.Boolean(),
      write: Type.Boolean(),
      execute: Type.Boolean(),
      flags: Type.Array(Type.String()),
      asid: Type.Integer(),
      global: Type.Boolean(),
      pageSize: Type.Integer(),
      region: Type.String(),
    },
    strict,
  ),
);

export const DeviceState = named(
  "DeviceState",
  Type.Object(
    {
      registers: Type.Array(
        Type.Object(
          {
            name: Type.String(),
            offset: Type.Integer(),
            width: Type.Integer(),
            value: Type.String(),
            fields: Type.Record(Type.String(), Type.Number()),
          },
          strict,
        ),
      ),
      inner: Type.Record(Type.String(), Type.Unknown()),
    },
    strict,
  ),
);

export const Device = named(
  "Device",
  Type.Object(
    {
      id: Type.Integer(),
      name: Type.String(),
      type: Type.String(),
      regions: Type.Array(Type.Object({ name: Type.String(), start: Hex64, size: Hex64 }, strict)),
    },
    strict,
  ),
);

export const Instruction = named(
  "Instruction",
  Type.Object(
    { address: Hex64, bytes: Type.String(), text: Type.String(), symbol: Type.Optional(Type.String()) },
    strict,
  ),
);

export const Symbol_ = named(
  "Symbol",
  Type.Object({ name: Type.String(), address: Hex64, size: Type.Integer(), image: Type.String() }, strict),
);

/** Why a plugin was taken out of a session. */
export const SlotFailure = named(
  "SlotFailure",
  Type.Object(
    {
      cause: Type.Enum(["trap", "out-of-fuel", "stack-overflow", "out-of-memory", "exception", "exit"]),
      message: Type.String(),
      where: Type.String({ description: "what the plugin was doing" }),
      instructions: Type.Integer({ description: "instruction count of the machine" }),
    },
    strict,
  ),
);

export const SessionEvent = named(
  "SessionEvent",
  Type.Object(
    {
      seq: Type.Integer({ description: "counts from 1 per session without holes" }),
      time: Type.Integer({ description: "ms since 1970" }),
      instructions: Type.Integer(),
      type: Type.Enum(["state", "reset", "guest-error", "subscription", "plugin", "deleted"]),
      state: Type.Optional(SessionState),
      reason: Type.Optional(Type.String()),
      exitCode: Type.Optional(Type.Integer()),
      device: Type.Optional(Type.String()),
      message: Type.Optional(Type.String()),
      id: Type.Optional(Type.String({ description: "of the subscription or plugin slot" })),
      what: Type.Optional(
        Type.Enum([
          ...["created", "ended", "gap"],
          ...["attached", "configured", "paused", "resumed", "stopped", "failed", "ended", "detached"],
        ] as const),
      ),
      plugin: Type.Optional(Type.String()),
      failure: Type.Optional(SlotFailure),
      records: Type.Optional(Type.Integer()),
      dropped: Type.Optional(Type.Integer()),
    },
    strict,
  ),
);

/** Bytes in JSON. */
export const bytesResult = { encoding: Type.Enum(["hex", "base64", "text"]), data: Type.String() };

export { U64 };
