// Sessions: making machines, running them, waiting for them.

import type { ImageBytes, MachineDescription, VirtioSlot } from "../machine/description.js";
import Type, { type Static } from "../schema/type.js";
import type { SessionHost } from "../session/host-api.js";
import { atCapacity, EmuError, invalid, overLimit } from "./errors.js";
import { operation } from "./operation.js";
import { ImageRef, Session, SessionState, SessionSummary, strict } from "./schemas.js";
import { findSession, type Service } from "./service.js";
import { waitFor } from "./wait.js";
import { Count, Hex64, SessionId, toU64, U64 } from "./wire.js";

const MIB = 1024 * 1024;

/** Counts instructions and time with bounds of the service. */
const timeout = Type.Integer({
  minimum: 0,
  maximum: 86_400_000,
  default: 30_000,
  description: "ms of real time; at most the limit maxWait",
});

const Virtio = Type.Union(
  [
    Type.Object(
      {
        type: Type.Literal("block"),
        image: ImageRef,
        readOnly: Type.Optional(
          Type.Boolean({ description: "false unless given: writes go to an overlay of the session's own" }),
        ),
      },
      strict,
    ),
    Type.Object({ type: Type.Literal("entropy") }, strict),
    Type.Object({ type: Type.Literal("console") }, strict),
  ],
  {
    description: "device of a virtio-mmio slot",
    "x-expected": '{"type": "block", "image": ...}, {"type": "entropy"} or {"type": "console"}',
  },
);

const machineFields = {
  board: Type.Enum(["virt", "remap"], {
    default: "virt",
    description: "virt: QEMU's; remap: the demo machine with bank controllers",
  }),
  harts: Type.Integer({ minimum: 1, maximum: 8, default: 1 }),
  ram: Type.Union(
    [Type.Integer({ minimum: 4096, maximum: 2 ** 40 }), Type.String({ pattern: "^[1-9][0-9]{0,6}[KMG]$" })],
    {
      default: 512 * MIB,
      description: "guest RAM: bytes (a multiple of 4096), or a number with K, M or G",
      "x-expected": 'bytes (a multiple of 4096), or a string such as "512M"',
    },
  ),
  firmware: Type.Optional(ImageRef),
  kernel: Type.Optional(ImageRef),
  initrd: Type.Optional(ImageRef),
  dtb: Type.Optional(ImageRef),
  cmdline: Type.Optional(Type.String({ maxLength: 65_536, description: "kernel command line" })),
  load: Type.Optional(
    Type.Array(
      Type.Object(
        {
          image: ImageRef,
          address: Type.Optional(U64),
        },
        strict,
      ),
      { maxItems: 256, description: "more images put into memory: raw at an address, others where they say" },
    ),
  ),
  flash: Type.Optional(Type.Array(ImageRef, { maxItems: 2, description: "contents of the two flash banks" })),
  virtio: Type.Optional(
    Type.Array(Virtio, { maxItems: 8, description: "devices of the virtio-mmio slots, from slot 0" }),
  ),
  seed: Type.Optional(Type.Integer({ minimum: 0, maximum: 0xffffffff, description: "of the entropy device" })),
  rtcEpochMs: Type.Optional(
    Type.Integer({
      minimum: 0,
      maximum: Number.MAX_SAFE_INTEGER,
      description: "time the clock starts at, ms since 1970; fixed unless given",
    }),
  ),
  quantum: Type.Optional(
    Type.Integer({
      minimum: 1,
      maximum: 1_000_000_000,
      description: "instructions a hart runs before the next one's turn",
    }),
  ),
  engine: Type.Optional(
    Type.Object(
      {
        jit: Type.Optional(Type.Boolean({ description: "compile hot code; results are the same either way" })),
        hotThreshold: Type.Optional(
          Type.Integer({ minimum: 1, maximum: 65535, description: "jumps to a place before it is compiled" }),
        ),
        batch: Type.Optional(
          Type.Integer({ minimum: 1, maximum: 64, description: "hot places compiled into one module" }),
        ),
      },
      strict,
    ),
  ),
  idle: Type.Optional(
    Type.Enum(["auto", "skip", "realtime"], {
      description:
        "what idle time costs: skip jumps to the next timer, realtime sleeps it, auto skips until the guest is mostly idle",
    }),
  ),
};

const CreateParams = Type.Object(
  {
    id: Type.Optional(SessionId),
    ...machineFields,
    start: Type.Boolean({ default: false, description: "start it at once" }),
  },
  strict,
);

const target = { session: SessionId };
const justSession = Type.Object(target, strict);

const positionResult = {
  reason: Type.String(),
  instructions: Type.Integer({ description: "instructions of all harts so far" }),
  pc: Hex64,
};

/** @throws EMU_INVALID_PARAMS, EMU_LIMIT */
function ramBytes(ram: number | string, service: Service): number {
  const scale = { K: 1024, M: MIB, G: 1024 * MIB };
  const bytes = typeof ram === "number" ? ram : Number(ram.slice(0, -1)) * scale[ram.slice(-1) as "K" | "M" | "G"];
  if (bytes % 4096 !== 0) throw invalid("ram", "a multiple of 4096 bytes");
  if (bytes > service.limits.maxRam) throw overLimit("ram", "maxRam", service.limits.maxRam, bytes);
  return bytes;
}

/** Reads the images a description names, each once, and keeps them from being deleted until `done` is called. */
class ImageReader {
  readonly digests = new Set<string>();
  readonly #service: Service;
  readonly #bytes = new Map<string, Promise<Uint8Array>>();
  readonly #pins: (() => void)[] = [];

  constructor(service: Service) {
    this.#service = service;
  }

  async read(reference: Static<typeof ImageRef>): Promise<ImageBytes> {
    const { image, kind } = typeof reference === "string" ? { image: reference, kind: undefined } : reference;
    const record = this.#service.images.find(image);
    if (!this.digests.has(record.digest)) {
      this.digests.add(record.digest);
      this.#pins.push(this.#service.images.pin(record));
      this.#bytes.set(record.digest, this.#service.images.read(record));
    }
    const bytes = (await this.#bytes.get(record.digest)) as Uint8Array;
    return { bytes, name: record.names[0] ?? `sha256:${record.digest.slice(0, 12)}`, kind: kind ?? record.kind };
  }

  /** The reference with the image by digest, for showing. */
  resolved(reference: Static<typeof ImageRef>): unknown {
    const image = typeof reference === "string" ? reference : reference.image;
    const { digest } = this.#service.images.find(image);
    return typeof reference === "string" || reference.kind === undefined
      ? digest
      : { image: digest, kind: reference.kind };
  }

  done(): void {
    for (const unpin of this.#pins) unpin();
  }
}

function checkCreate(service: Service, params: Static<typeof CreateParams>): number {
  const { limits } = service;
  if (params.harts > limits.maxHarts) throw overLimit("harts", "maxHarts", limits.maxHarts, params.harts);
  if (params.load && params.load.length > limits.maxLoadImages) {
    throw overLimit("load", "maxLoadImages", limits.maxLoadImages, params.load.length);
  }
  if (params.cmdline !== undefined) {
    const length = Buffer.byteLength(params.cmdline);
    if (length > limits.maxCmdline) throw overLimit("cmdline", "maxCmdline", limits.maxCmdline, length);
    if (params.cmdline.includes("\0")) throw invalid("cmdline", "a string without NUL characters");
  }
  for (const [index, { address }] of (params.load ?? []).entries()) {
    if (address !== undefined && toU64(address) > BigInt(Number.MAX_SAFE_INTEGER)) {
      throw invalid(`load[${index}].address`, "a physical address below 2^53");
    }
  }
  if (params.id !== undefined && service.sessions.get(params.id)) {
    throw new EmuError("EMU_SESSION_EXISTS", `there is a session "${params.id}"; delete it or choose another id`, {
      session: params.id,
    });
  }
  if (service.sessions.list().length >= limits.maxSessions) {
    throw atCapacity("no room for another session; delete one first", "maxSessions", limits.maxSessions);
  }
  return ramBytes(params.ram, service);
}

async function describe(
  params: Static<typeof CreateParams>,
  ram: number,
  images: ImageReader,
): Promise<MachineDescription> {
  const description: MachineDescription = { board: params.board, harts: params.harts, ram };
  for (const slot of ["firmware", "kernel", "initrd", "dtb"] as const) {
    const reference = params[slot];
    if (reference !== undefined) description[slot] = await images.read(reference);
  }
  if (params.load) {
    description.load = [];
    for (const { image, address } of params.load) {
      const bytes = await images.read(image);
      description.load.push(address === undefined ? bytes : { ...bytes, address: Number(toU64(address)) });
    }
  }
  if (params.flash) {
    description.flash = [];
    for (const image of params.flash) description.flash.push(await images.read(image));
  }
  if (params.virtio) {
    const slots: VirtioSlot[] = [];
    for (const slot of params.virtio) {
      slots.push(
        slot.type === "block"
          ? { type: "block", image: await images.read(slot.image), readOnly: slot.readOnly ?? false }
          : slot,
      );
    }
    description.virtio = slots;
  }
  for (const key of ["cmdline", "seed", "rtcEpochMs", "quantum", "engine", "idle"] as const) {
    if (params[key] !== undefined) Object.assign(description, { [key]: params[key] });
  }
  return description;
}

/** The description as `session.get` shows it. */
function shown(params: Static<typeof CreateParams>, ram: number, images: ImageReader): Record<string, unknown> {
  const { id: _id, start: _start, ...machine } = params;
  const out: Record<string, unknown> = { ...machine, ram };
  for (const slot of ["firmware", "kernel", "initrd", "dtb"] as const) {
    const reference = params[slot];
    if (reference !== undefined) out[slot] = images.resolved(reference);
  }
  if (params.load) out["load"] = params.load.map((entry) => ({ ...entry, image: images.resolved(entry.image) }));
  if (params.flash) out["flash"] = params.flash.map((image) => images.resolved(image));
  if (params.virtio) {
    out["virtio"] = params.virtio.map((slot) =>
      slot.type === "block" ? { ...slot, image: images.resolved(slot.image) } : slot,
    );
  }
  return out;
}

export function summary(session: SessionHost) {
  const { machine } = session.meta;
  return {
    id: session.id,
    state: session.state,
    reason: session.reason,
    board: String(machine["board"]),
    harts: Number(machine["harts"]),
    ram: Number(machine["ram"]),
    instructions: session.instructions,
    created: new Date(session.created).toISOString(),
  };
}

async function full(session: SessionHost) {
  const status = session.state === "crashed" ? undefined : await session.call("status");
  return {
    ...summary(session),
    ...(status
      ? {
          state: status.state,
          instructions: status.instructions,
          virtualNs: status.virtualNs,
          hartStates: status.harts,
          ...(status.waiting === undefined ? {} : { waiting: status.waiting }),
        }
      : {}),
    exitCode: status?.exitCode ?? session.exitCode,
    ...(session.blockedBy?.length ? { blockedBy: [...session.blockedBy] } : {}),
    consoles: [...session.consoles],
    images: [...session.meta.images],
    subscriptions: session.subscriptions().map((subscription) => subscription.id),
    slots: session.slots().map(({ id }) => id),
    machine: session.meta.machine,
  };
}

/** @throws EMU_LIMIT */
function boundedWait(service: Service, timeoutMs: number): number {
  if (timeoutMs > service.limits.maxWait) throw overLimit("timeoutMs", "maxWait", service.limits.maxWait, timeoutMs);
  return timeoutMs;
}

/** Counts a request that may hang for long. @throws EMU_CAPACITY */
async function counted<T>(service: Service, task: () => Promise<T>): Promise<T> {
  if (service.waits.count >= service.limits.maxWaits) {
    throw atCapacity("too many waits are under way", "maxWaits", service.limits.maxWaits);
  }
  service.waits.count++;
  try {
    return await task();
  } finally {
    service.waits.count--;
  }
}

const SESSION_ERRORS = ["EMU_SESSION_NOT_FOUND", "EMU_SESSION_CRASHED", "EMU_SESSION_GONE"] as const;

export const sessionOperations = [
  operation({
    name: "session.create",
    summary: "Make a machine",
    description:
      "Firmware, kernel, initrd, command line and device tree combine as in QEMU. Without a kernel, firmware, flash or load images, board remap runs the embedded demo guest.",
    params: CreateParams,
    result: Session,
    errors: [
      "EMU_LIMIT",
      "EMU_CAPACITY",
      "EMU_IMAGE_NOT_FOUND",
      "EMU_IMAGE_MALFORMED",
      "EMU_SESSION_EXISTS",
      "EMU_OUT_OF_MEMORY",
    ],
    rest: { method: "POST", path: "/v1/sessions", status: 201, location: (session) => `/v1/sessions/${session["id"]}` },
    safe: false,
    async handler({ service }, params) {
      const empty = !params.kernel && !params.firmware && !params.flash?.length && !params.load?.length;
      const asked = empty && params.board === "remap" ? { ...params, kernel: DEMO_IMAGE } : params;
      const ram = checkCreate(service, asked);
      const images = new ImageReader(service);
      try {
        const machine = shown(asked, ram, images);
        const description = await describe(asked, ram, images);
        const session = await service.sessions.create(description, {
          ...(asked.id === undefined ? {} : { id: asked.id }),
          images: [...images.digests],
          machine,
        });
        if (asked.start) await session.call("start");
        return await full(session);
      } finally {
        images.done();
      }
    },
  }),

  operation({
    name: "session.list",
    summary: "All sessions, oldest first",
    params: Type.Object({}, strict),
    result: Type.Object({ sessions: Type.Array(SessionSummary) }, strict),
    errors: [],
    rest: { method: "GET", path: "/v1/sessions" },
    safe: true,
    handler({ service }) {
      return { sessions: service.sessions.list().map(summary) };
    },
  }),

  operation({
    name: "session.get",
    summary: "One session: state, instruction count, harts, machine",
    params: justSession,
    result: Session,
    errors: ["EMU_SESSION_NOT_FOUND", "EMU_SESSION_GONE"],
    rest: { method: "GET", path: "/v1/sessions/{session}" },
    safe: true,
    handler({ service }, { session }) {
      return full(findSession(service, session));
    },
  }),

  operation({
    name: "session.start",
    summary: "Run, or go on after a pause",
    params: justSession,
    result: SessionSummary,
    errors: [...SESSION_ERRORS, "EMU_SESSION_STATE"],
    rest: { method: "POST", path: "/v1/sessions/{session}/start" },
    safe: false,
    async handler({ service }, params) {
      const session = findSession(service, params.session);
      await session.call("start");
      return summary(session);
    },
  }),

  operation({
    name: "session.pause",
    summary: "Stop at the next instruction boundary",
    params: justSession,
    result: SessionSummary,
    errors: [...SESSION_ERRORS, "EMU_SESSION_STATE"],
    rest: { method: "POST", path: "/v1/sessions/{session}/pause" },
    safe: false,
    async handler({ service }, params) {
      const session = findSession(service, params.session);
      const { instructions } = await session.call("pause");
      return { ...summary(session), instructions };
    },
  }),

  operation({
    name: "session.step",
    summary: "Run exactly so many instructions",
    params: Type.Object(
      { ...target, count: Count({ minimum: 1, default: 1, description: "instructions, of all harts together" }) },
      strict,
    ),
    result: Type.Object({ executed: Type.Integer(), ...positionResult }, strict),
    errors: [...SESSION_ERRORS, "EMU_SESSION_STATE", "EMU_LIMIT"],
    rest: { method: "POST", path: "/v1/sessions/{session}/step" },
    safe: false,
    handler({ service }, { session, count }) {
      if (count > service.limits.maxStep) throw overLimit("count", "maxStep", service.limits.maxStep, count);
      return findSession(service, session).call("step", { count });
    },
  }),

  operation({
    name: "session.runUntil",
    summary: "Run until an instruction count or a pc is reached, then pause",
    params: Type.Object(
      {
        ...target,
        instructions: Type.Optional(Count({ description: "instruction count of the machine to stop at" })),
        pc: Type.Optional(U64),
        timeoutMs: timeout,
      },
      strict,
    ),
    result: Type.Object(positionResult, strict),
    errors: [...SESSION_ERRORS, "EMU_SESSION_STATE", "EMU_LIMIT", "EMU_CAPACITY"],
    rest: { method: "POST", path: "/v1/sessions/{session}/run-until" },
    safe: false,
    handler({ service }, params) {
      if (params.instructions === undefined && params.pc === undefined) {
        throw invalid("instructions", "an instruction count, a pc, or both");
      }
      const timeoutMs = boundedWait(service, params.timeoutMs);
      const session = findSession(service, params.session);
      return counted(service, () =>
        session.call("runUntil", {
          ...(params.instructions === undefined ? {} : { instructions: params.instructions }),
          ...(params.pc === undefined ? {} : { pc: toU64(params.pc) }),
          timeoutMs,
        }),
      );
    },
  }),

  operation({
    name: "session.reset",
    summary: "Back to power-on, with the same images",
    params: justSession,
    result: SessionSummary,
    errors: [...SESSION_ERRORS],
    rest: { method: "POST", path: "/v1/sessions/{session}/reset" },
    safe: false,
    async handler({ service }, params) {
      const session = findSession(service, params.session);
      await session.call("reset");
      return summary(session);
    },
  }),

  operation({
    name: "session.delete",
    summary: "End a session and everything attached to it",
    params: justSession,
    result: Type.Object({ deleted: Type.String() }, strict),
    errors: ["EMU_SESSION_NOT_FOUND"],
    rest: { method: "DELETE", path: "/v1/sessions/{session}" },
    safe: false,
    async handler({ service }, { session }) {
      findSession(service, session);
      await service.sessions.delete(session);
      return { deleted: session };
    },
  }),

  operation({
    name: "session.wait",
    summary: "Wait for a state, or for text on a console",
    description:
      "Answers at once when it is so already. `reason` says how the wait ended: matched, timeout, or ended (the text cannot come any more: the guest halted or the session is gone).",
    params: Type.Object(
      {
        ...target,
        state: Type.Optional(
          Type.Array(SessionState, { minItems: 1, maxItems: 5, description: "any of these states" }),
        ),
        text: Type.Optional(Type.String({ minLength: 1, maxLength: 65_536, description: "text on the console" })),
        console: Type.Optional(Type.String({ maxLength: 64, description: "which console; the first unless given" })),
        from: Count({ default: 0, description: "console offset to look from; older output may be gone already" }),
        timeoutMs: timeout,
      },
      strict,
    ),
    result: Type.Object(
      {
        matched: Type.Boolean(),
        reason: Type.Enum(["matched", "timeout", "ended"]),
        state: SessionState,
        instructions: Type.Integer(),
        offset: Type.Optional(Type.Integer({ description: "console offset just behind the text" })),
      },
      strict,
    ),
    errors: ["EMU_SESSION_NOT_FOUND", "EMU_CONSOLE_NOT_FOUND", "EMU_LIMIT", "EMU_CAPACITY"],
    rest: { method: "POST", path: "/v1/sessions/{session}/wait" },
    safe: true,
    async handler({ service, signal }, params) {
      if ((params.state === undefined) === (params.text === undefined)) throw invalid("state", "either state or text");
      if (params.text === undefined && params.console !== undefined) {
        throw invalid("console", "to be given with text only", "remove the field");
      }
      const timeoutMs = boundedWait(service, params.timeoutMs);
      const session = findSession(service, params.session);
      const text = params.text === undefined ? undefined : Buffer.from(params.text);
      if (text && text.length > service.limits.maxWaitText) {
        throw overLimit("text", "maxWaitText", service.limits.maxWaitText, text.length);
      }
      return counted(service, () =>
        waitFor(session, { state: params.state, text, console: params.console, from: params.from, timeoutMs, signal }),
      );
    },
  }),
];

/** Name of the image that board remap runs when nothing is asked for. */
export const DEMO_IMAGE = "demo.elf";
