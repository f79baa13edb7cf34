// The host side of one memory-access subscription: reads its ring and makes the frames of the client attached to it.
// Flow control is the reader's pull: a batch stays in the ring until its frames have left the process, so a client that
// does not keep up leaves the recorder without space, and the recorder does what its policy says.
import type { ArrowStreamEncoder } from "../trace/arrow-stream.js";
import { JsonLinesEncoder } from "../trace/json-lines.js";
import { type Gap, type RingBatch, RingReader, type TraceMemory } from "../trace/ring.js";
import type { EventDetails } from "./event-log.js";
import { SessionError, type StreamFrame, type StreamOptions, type SubscriptionHost } from "./host-api.js";
import type { NameTables } from "./name-tables.js";
import type { SubscriptionRing, SubscriptionSpec } from "./protocol.js";

/** Rows turned into JSON at a time: text is made on the service's thread, which others wait for. */
const JSON_ROWS = 1024;
/** How long a deleted subscription waits for frames still on their way before their memory is used again. */
const DRAIN_MS = 1000;
/** Gaps are told as events at most this often; the stream itself tells each one. */
const GAP_EVENT_MS = 1000;

export interface SubscriptionOptions {
  id: string;
  spec: SubscriptionSpec;
  ring: SubscriptionRing;
  memory: TraceMemory;
  names: NameTables;
  /** Encoder of Arrow streams; loaded by whoever makes the first subscription of the process. */
  ArrowEncoder: typeof ArrowStreamEncoder;
  /** Session id, for the schema's metadata. */
  session: string;
  /** Ring space came free. */
  freed(recorder: number): void;
  stats(): Promise<{ matched: number; written: number; dropped: number }>;
  event(
    what: Extract<EventDetails, { type: "subscription" }>["what"],
    counts: { records?: number; dropped?: number },
  ): void;
}

export class Subscription implements SubscriptionHost {
  readonly id: string;
  readonly spec: SubscriptionSpec;
  readonly created = Date.now();
  readonly #options: SubscriptionOptions;
  readonly #reader: RingReader;
  #client: Client | undefined;
  #closed = false;
  #ended = false;
  #drained: (() => void) | undefined;
  #gapLost = 0n;
  #gapToldMs = Number.NEGATIVE_INFINITY;

  constructor(options: SubscriptionOptions) {
    this.id = options.id;
    this.spec = options.spec;
    this.#options = options;
    this.#reader = new RingReader(options.memory, options.ring);
  }

  get recorder(): number {
    return this.#options.ring.recorder;
  }
  get attached(): boolean {
    return this.#client !== undefined;
  }
  get ended(): boolean {
    return this.#ended || this.#closed;
  }
  get closed(): boolean {
    return this.#closed;
  }

  /** From the machine; from the ring, as of its last batch, where the machine is gone. */
  async stats(): Promise<{ matched: number; written: number; dropped: number }> {
    try {
      return await this.#options.stats();
    } catch (error) {
      if (!(error instanceof SessionError) || error.code !== "crashed") throw error;
      const { matched, written, dropped } = this.#reader.counters;
      return { matched: Number(matched), written: Number(written), dropped: Number(dropped) };
    }
  }

  open(options: StreamOptions): AsyncIterableIterator<StreamFrame> {
    if (this.#closed)
      throw new SessionError("unknown-subscription", `subscription ${this.id} was deleted`, { subscription: this.id });
    if (this.#client !== undefined)
      throw new SessionError("busy", `subscription ${this.id} has a client already`, { subscription: this.id });
    if (options.after !== undefined) {
      const seek = this.#reader.seek(BigInt(options.after) + 1n);
      if (!seek.found) {
        throw new SessionError(
          "sequence-gone",
          `the ring no longer holds record ${options.after + 1}; the oldest is ${seek.oldest}`,
          {
            oldest: Number(seek.oldest),
          },
        );
      }
    }
    // Batches that the client says it has may have come free.
    if (options.after !== undefined) this.#options.freed(this.recorder);
    const { ring, names, session, ArrowEncoder } = this.#options;
    const client = new Client({
      reader: this.#reader,
      format:
        options.format === "arrow"
          ? new ArrowFrames(new ArrowEncoder(ring, names, { session, subscription: this.id }))
          : new JsonFrames(new JsonLinesEncoder(ring, names)),
      closed: () => this.#closed,
      gap: (gap) => this.#tellGap(gap),
      freed: () => {
        this.#options.freed(this.recorder);
        if (this.#closed && client.outstanding === 0) this.#drained?.();
      },
      left: () => {
        if (this.#client === client) this.#client = undefined;
        this.#drained?.();
      },
    });
    this.#client = client;
    return client;
  }

  /** The recorder handed over a batch, or finished. */
  available(): void {
    if (this.#closed) return;
    if (!this.#ended && this.#reader.finished) {
      this.#ended = true;
      const { written, dropped } = this.#reader.counters;
      this.#options.event("ended", { records: Number(written), ...(dropped > 0n ? { dropped: Number(dropped) } : {}) });
    }
    this.#client?.wake();
  }

  /** Whether the recorder has a batch to write to. */
  hasRoom(): boolean {
    return this.#reader.hasRoom;
  }

  /** Ends the stream; resolves when its frames have left, or will not any more. The ring must stay until then. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    const client = this.#client;
    if (client !== undefined) {
      client.wake();
      if (client.outstanding > 0) {
        await new Promise<void>((resolve) => {
          const timer = setTimeout(resolve, DRAIN_MS);
          this.#drained = () => {
            clearTimeout(timer);
            resolve();
          };
        });
      }
    }
    this.#reader.close();
  }

  #tellGap(gap: Gap): void {
    this.#gapLost += gap.count;
    const now = performance.now();
    if (now - this.#gapToldMs < GAP_EVENT_MS) return;
    this.#gapToldMs = now;
    this.#options.event("gap", { dropped: Number(this.#gapLost) });
    this.#gapLost = 0n;
  }
}

/** How batches become messages. */
interface Format {
  /** Rows of one message at most. */
  readonly rows: number;
  start(): Content[];
  batch(batch: RingBatch): Content[];
  end(counters: { matched: bigint; written: bigint; dropped: bigint }, gap: Gap | undefined): Content[];
}

type Content = { text: string } | { parts: readonly Uint8Array[] };

/** Binary messages are an Arrow IPC stream; text messages tell of gaps and of the end in JSON, for who does not look into metadata. */
class ArrowFrames implements Format {
  readonly rows = Number.POSITIVE_INFINITY;
  readonly #encoder: ArrowStreamEncoder;

  constructor(encoder: ArrowStreamEncoder) {
    this.#encoder = encoder;
  }
  start(): Content[] {
    return [{ parts: this.#encoder.start() }];
  }
  batch(batch: RingBatch): Content[] {
    const content: Content[] = [{ parts: this.#encoder.batch(batch) }];
    if (batch.gap !== undefined) content.unshift({ text: gapText(batch.gap) });
    return content;
  }
  end(counters: { matched: bigint; written: bigint; dropped: bigint }, gap: Gap | undefined): Content[] {
    const content: Content[] = gap === undefined ? [] : [{ text: gapText(gap) }];
    const totals = Object.fromEntries(Object.entries(counters).map(([name, value]) => [name, Number(value)]));
    return [...content, { parts: this.#encoder.end(gap) }, { text: JSON.stringify({ end: totals }) }];
  }
}

class JsonFrames implements Format {
  readonly rows = JSON_ROWS;
  readonly #encoder: JsonLinesEncoder;

  constructor(encoder: JsonLinesEncoder) {
    this.#encoder = encoder;
  }
  start(): Content[] {
    return [];
  }
  batch(batch: RingBatch): Content[] {
    return [{ text: this.#encoder.batch(batch) }];
  }
  end(counters: { matched: bigint; written: bigint; dropped: bigint }, gap: Gap | undefined): Content[] {
    return [{ text: this.#encoder.end(counters, gap) }];
  }
}

function gapText(gap: Gap): string {
  return JSON.stringify({ gap: Object.fromEntries(Object.entries(gap).map(([name, value]) => [name, Number(value)])) });
}

interface ClientOptions {
  reader: RingReader;
  format: Format;
  closed(): boolean;
  gap(gap: Gap): void;
  freed(): void;
  left(): void;
}

/** A batch whose frames are on their way. */
interface Sending {
  batch: RingBatch;
  /** Frames made and not yet released, and whether more will be made. */
  frames: number;
  complete: boolean;
  /** First sequence number that is not known to have left. */
  unsent: bigint;
}

/** One attached client: an iterator over its frames. */
class Client implements AsyncIterableIterator<StreamFrame> {
  readonly #options: ClientOptions;
  /** Frames made and not yet asked for. */
  readonly #frames: StreamFrame[] = [];
  readonly #sending: Sending[] = [];
  /** The batch being cut into messages, and how far. */
  #cutting: { entry: Sending; row: number } | undefined;
  #wake: (() => void) | undefined;
  #done = false;
  #over = false;

  constructor(options: ClientOptions) {
    this.#options = options;
    for (const content of options.format.start()) this.#frames.push({ ...content, release: () => {} } as StreamFrame);
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** Batches on their way to the client. */
  get outstanding(): number {
    return this.#sending.length;
  }

  wake(): void {
    this.#wake?.();
    this.#wake = undefined;
  }

  async next(): Promise<IteratorResult<StreamFrame>> {
    for (;;) {
      const frame = this.#frames.shift();
      if (frame !== undefined && !this.#done) return { done: false, value: frame };
      if (this.#done || this.#over) {
        this.#leave();
        return { done: true, value: undefined };
      }
      if (this.#options.closed()) this.#end();
      else if (this.#cutting !== undefined) this.#cut();
      else {
        // Asked before the ring is looked at: the last batch may come in between.
        const { finished } = this.#options.reader;
        if (this.#read()) continue;
        if (finished) this.#end();
        else await new Promise<void>((resolve) => (this.#wake = resolve));
      }
    }
  }

  /** The client left: what it may not have got is to be had again. */
  async return(): Promise<IteratorResult<StreamFrame>> {
    if (!this.#done) {
      const first = this.#sending[0];
      // A batch goes out again from its first row that is not known to have left.
      if (first !== undefined && !this.#options.closed()) this.#options.reader.seek(first.unsent);
      this.#sending.length = 0;
      this.#frames.length = 0;
      this.#leave();
    }
    return { done: true, value: undefined };
  }

  #leave(): void {
    if (this.#done) return;
    this.#done = true;
    this.#options.left();
    this.wake();
  }

  /** Takes the next batch of the ring; false when there is none. */
  #read(): boolean {
    const batch = this.#options.reader.next();
    if (batch === undefined) return false;
    if (batch.gap !== undefined) this.#options.gap(batch.gap);
    const entry: Sending = { batch, frames: 0, complete: false, unsent: batch.gap?.firstSeq ?? batch.firstSeq };
    this.#sending.push(entry);
    if (batch.rows === 0 && batch.gap === undefined) {
      entry.complete = true;
      this.#release();
      return true;
    }
    this.#cutting = { entry, row: 0 };
    return true;
  }

  /** Makes the next message of the batch in hand. */
  #cut(): void {
    const { entry, row } = this.#cutting as { entry: Sending; row: number };
    const { format } = this.#options;
    const end = Math.min(entry.batch.rows, row + format.rows);
    const last = end === entry.batch.rows;
    const contents = format.batch(entry.batch.slice(row, end));
    const sent = entry.batch.firstSeq + BigInt(end);
    entry.complete = last;
    contents.forEach((content, index) => {
      entry.frames++;
      this.#frames.push({
        ...content,
        release: once(() => this.#released(entry, index === contents.length - 1 ? sent : undefined)),
      } as StreamFrame);
    });
    if (last) this.#cutting = undefined;
    else (this.#cutting as { row: number }).row = end;
  }

  #released(entry: Sending, sent: bigint | undefined): void {
    entry.frames--;
    if (sent !== undefined) entry.unsent = sent;
    if (!this.#done || this.#options.closed()) this.#release();
  }

  /** Gives batches back in their order: one is done with when all before it are. */
  #release(): void {
    let freed = false;
    for (;;) {
      const head = this.#sending[0];
      if (!head?.complete || head.frames > 0) break;
      this.#sending.shift();
      if (!this.#options.closed()) this.#options.reader.release(head.batch);
      freed = true;
    }
    if (freed) this.#options.freed();
  }

  #end(): void {
    const { reader, format } = this.#options;
    this.#over = true;
    const entry = this.#cutting?.entry;
    if (entry !== undefined) entry.complete = true;
    this.#cutting = undefined;
    for (const content of format.end(reader.counters, reader.tailGap))
      this.#frames.push({ ...content, release: () => {} } as StreamFrame);
  }
}

function once(body: () => void): () => void {
  let called = false;
  return () => {
    if (called) return;
    called = true;
    body();
  };
}
