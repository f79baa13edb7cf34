// Memory-access subscriptions on the machine's side: recorders and their rings, made and ended between run slices.
import { KIND_FETCH, MAX_RECORDERS } from "../../core/layout.js";
import { NOTIFY_FULL } from "../../core/trace/layout.js";
import { Arena } from "../../machine/arena.js";
import type { MachineApi } from "../../machine/machine-api.js";
import { type AttachedRecorder, attachRecorder, ringFor, waitForBatch } from "../../trace/attach.js";
import { compileFilter, TraceSpecError } from "../../trace/filter.js";
import { SessionError } from "../host-api.js";
import type { SubscriptionRing, SubscriptionSpec } from "../protocol.js";
import type { Methods, WorkerContext } from "../session-worker.js";

/** The recorder's control functions, exports of core.wasm (src/core/trace/recorder.ts). */
interface RecorderCore {
  recorder_start(i: number): void;
  recorder_stop(i: number): void;
  recorder_flush(i: number): number;
  recorder_matched(i: number): bigint;
  recorder_written(i: number): bigint;
  recorder_dropped(i: number): bigint;
  /** Bit set of blocking recorders without a free batch. */
  recorders_blocked(): number;
  /** Union of the kinds active recorders want. */
  trace_kinds(): number;
}

/**
 * Longest a burst that one instruction makes (DMA larger than the ring) waits for its reader. The thread answers nobody
 * meanwhile, so what is left after that is dropped, and told as a gap.
 */
const FULL_WAIT_MS = 30_000;

interface Stream {
  attached: AttachedRecorder;
  bytes: number;
}

export class StreamControl {
  readonly #machine: MachineApi;
  readonly #core: RecorderCore;
  readonly #arena: Arena;
  readonly #maxRingBytes: number;
  readonly #streams = new Map<string, Stream>();
  readonly #recorders: (Stream | undefined)[] = new Array(MAX_RECORDERS).fill(undefined);
  #regions = 0;

  /**
   * @param maxRingBytes of one subscription
   * @param ready batches of a recorder can be read; called from inside the machine
   */
  constructor(machine: MachineApi, maxRingBytes: number, ready: (recorder: number) => void) {
    this.#machine = machine;
    this.#maxRingBytes = maxRingBytes;
    this.#core = machine.core as unknown as RecorderCore;
    this.#arena = new Arena(machine.traceArena);
    machine.onTrace((recorder, event) => {
      ready(recorder);
      const stream = this.#recorders[recorder];
      if (event !== NOTIFY_FULL || stream === undefined) return undefined;
      return waitForBatch(machine.memory, stream.attached.ring, FULL_WAIT_MS);
    });
    // A region gets its place in the filters before the guest can touch it.
    machine.bus.onCommit(() => this.#nameRegions());
  }

  /** Whether there is anything to flush. */
  get active(): boolean {
    return this.#streams.size > 0;
  }

  /** Recorders the guest has to wait for. */
  full(): number[] {
    if (this.#streams.size === 0) return [];
    const blocked = this.#core.recorders_blocked();
    return blocked === 0
      ? []
      : this.#recorders.flatMap((stream, recorder) =>
          stream !== undefined && (blocked >>> recorder) & 1 ? [recorder] : [],
        );
  }

  /** Hands over what recorders have gathered in batches that are not full. */
  flush(): void {
    for (const { attached } of this.#streams.values()) this.#core.recorder_flush(attached.ring.recorder);
    this.#observe();
  }

  /** @throws SessionError invalid, limit, unknown-device */
  subscribe(id: string, spec: SubscriptionSpec): SubscriptionRing {
    const filter = compile(spec);
    this.#checkNames(spec);
    const recorder = this.#recorders.indexOf(undefined);
    if (recorder < 0)
      throw new SessionError("limit", `a session has ${MAX_RECORDERS} recorders`, {
        limit: "recorders",
        value: MAX_RECORDERS,
      });
    const { bytes, batchBytes, batches } = ringFor(filter);
    // What the client chose counts; headers and bitmaps are ours.
    if (batchBytes * batches > this.#maxRingBytes) {
      throw new SessionError(
        "limit",
        `a ring has at most ${this.#maxRingBytes} bytes, this one needs ${batchBytes * batches}`,
        {
          limit: "maxRingBytes",
          value: this.#maxRingBytes,
          needed: batchBytes * batches,
        },
      );
    }
    const base = this.#arena.take(bytes);
    if (base === undefined) {
      const { largest } = this.#arena;
      throw new SessionError("limit", `the ring needs ${bytes} bytes; the session has ${largest} left for one`, {
        limit: "traceArena",
        value: largest,
        needed: bytes,
      });
    }
    const stream: Stream = { attached: attachRecorder(this.#machine.memory, recorder, base, filter), bytes };
    this.#recorders[recorder] = stream;
    this.#streams.set(id, stream);
    for (const device of this.#machine.devices) stream.attached.addName("device", device.id, device.name);
    for (const region of this.#machine.bus.regions)
      if (region !== undefined) stream.attached.addName("region", region.id, region.name);
    this.#nameRegions();
    this.#core.recorder_start(recorder);
    this.#observe();
    return stream.attached.ring;
  }

  /** @throws SessionError unknown-subscription */
  unsubscribe(id: string): { records: number } {
    const { attached, bytes } = this.#find(id);
    const { recorder, base } = attached.ring;
    this.#core.recorder_stop(recorder);
    const records = count(this.#core.recorder_written(recorder));
    this.#streams.delete(id);
    this.#recorders[recorder] = undefined;
    this.#arena.give(base, bytes);
    this.#observe();
    return { records };
  }

  /** @throws SessionError unknown-subscription */
  stats(id: string): { matched: number; written: number; dropped: number } {
    const { recorder } = this.#find(id).attached.ring;
    return {
      matched: count(this.#core.recorder_matched(recorder)),
      written: count(this.#core.recorder_written(recorder)),
      dropped: count(this.#core.recorder_dropped(recorder)),
    };
  }

  #find(id: string): Stream {
    const stream = this.#streams.get(id);
    if (stream === undefined)
      throw new SessionError("unknown-subscription", `no subscription ${id}`, { subscription: id });
    return stream;
  }

  /** The engine records no more than somebody wants. */
  #observe(): void {
    const kinds = this.#core.trace_kinds();
    this.#machine.observe(kinds === 0 ? "plain" : (kinds >>> KIND_FETCH) & 1 ? "fetch" : "memory");
  }

  #checkNames(spec: SubscriptionSpec): void {
    const devices = this.#machine.devices.map((device) => device.name);
    const device = spec.filter.device?.find((name) => !devices.includes(name));
    if (device !== undefined)
      throw new SessionError("unknown-device", `no device named ${device}`, {
        device,
        devices,
        field: "filter.device",
      });
    const regions = new Set(this.#machine.bus.regions.map((region) => region?.name));
    const region = spec.filter.region?.find((name) => !regions.has(name));
    if (region !== undefined)
      throw new SessionError("invalid", `no memory region named ${region}`, { field: "filter.region", region });
  }

  #nameRegions(): void {
    const { regions } = this.#machine.bus;
    for (; this.#regions < regions.length; this.#regions++) {
      const region = regions[this.#regions];
      if (region === undefined) continue;
      for (const { attached } of this.#streams.values()) attached.addName("region", region.id, region.name);
    }
  }
}

function compile(spec: SubscriptionSpec): ReturnType<typeof compileFilter> {
  try {
    return compileFilter(spec);
  } catch (error) {
    if (!(error instanceof TraceSpecError)) throw error;
    throw new SessionError("invalid", error.message, { field: error.problems[0]?.field, problems: error.problems });
  }
}

/** Core counters come as signed 64-bit values; none gets near 2^53. */
function count(value: bigint): number {
  return Number(BigInt.asUintN(64, value));
}

export function streamMethods({
  machine,
  streams,
  loop,
}: WorkerContext): Pick<Methods, "subscribe" | "unsubscribe" | "subscriptionStats"> {
  return {
    subscribe({ id, spec }) {
      const ring = streams.subscribe(id, spec);
      loop.observed();
      return { ring, memory: machine.memory };
    },
    unsubscribe({ id }) {
      const result = streams.unsubscribe(id);
      // The guest may have waited for exactly this one.
      loop.credit();
      return result;
    },
    subscriptionStats({ id }) {
      return streams.stats(id);
    },
  };
}
