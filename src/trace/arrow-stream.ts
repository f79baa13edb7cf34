// Batches of a ring as an Arrow IPC stream, to be read by any Arrow library (docs/trace-format.md).
// Only the small metadata messages are built here; the body of a record batch is the ring's own memory.
// Of the Arrow library only what makes messages is loaded: all of it takes twice as long.
import { BufferRegion, DictionaryBatch, FieldNode, Message, RecordBatch } from "apache-arrow/ipc/metadata/message";
import { Field, Schema } from "apache-arrow/schema";
import { type DataType, Dictionary, Uint8, Uint16, Uint64, Utf8 } from "apache-arrow/type";
import type { SubscriptionRing } from "../session/protocol.js";
import { type ColumnDefinition, columnNamed, type NameTableKind } from "./columns.js";
import type { Gap, RingBatch } from "./ring.js";

/** Version of the stream's columns and metadata; goes up when a reader of the old one would misread the new one. */
export const TRACE_FORMAT_VERSION = 1;

/** Who knows what dictionary numbers mean: names by id, growing, never changing. Index 0 is not looked at. */
export interface NameSource {
  names(table: NameTableKind): readonly string[];
}

export type Part = Uint8Array<ArrayBufferLike>;

const ALIGN = 64;
const ZEROS = new Uint8Array(ALIGN);
const padding = (length: number): number => -length & (ALIGN - 1);
const CONTINUATION = 0xffffffff;
const utf8 = new TextEncoder();

const EMPTY_REGION = (at: number): BufferRegion => new BufferRegion(at, 0);

/** Encapsulated message: continuation marker, metadata length, metadata; padded so that the body is aligned. */
function frame(message: Message): Uint8Array {
  const metadata = Message.encode(message);
  const length = metadata.length + padding(8 + metadata.length);
  const bytes = new Uint8Array(8 + length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, CONTINUATION, true);
  view.setInt32(4, length, true);
  bytes.set(metadata, 8);
  return bytes;
}

function typeOf(column: ColumnDefinition): DataType {
  const integer = column.width === 1 ? new Uint8() : column.width === 2 ? new Uint16() : new Uint64();
  // Arrow allows unsigned dictionary indexes; the type says Int only
  return column.dictionary ? new Dictionary(new Utf8(), integer as never, column.id) : integer;
}

interface DictionaryState {
  column: ColumnDefinition;
  /** Entries the reader has. */
  sent: number;
  /** Names given to it, to keep them distinct as tools that make categories of them want. */
  taken: Set<string>;
}

/**
 * Encodes one stream: start(), then batch() for each batch in order, then end(). Each call returns the parts of whole
 * messages, to be written one behind the other; parts that show the ring are valid until the batch is released.
 */
export class ArrowStreamEncoder {
  readonly #columns: ColumnDefinition[];
  readonly #names: NameSource;
  readonly #schema: Schema;
  readonly #dictionaries: DictionaryState[];

  /** `metadata`: what goes into the schema besides the format version, such as session and machine ids. */
  constructor(ring: Pick<SubscriptionRing, "columns">, names: NameSource, metadata: Record<string, string> = {}) {
    this.#names = names;
    this.#columns = ring.columns.map(({ name }) => {
      const column = columnNamed(name);
      if (!column) throw new RangeError(`no column "${name}"`);
      return column;
    });
    const fields = this.#columns.map(
      (column) => new Field(column.name, typeOf(column), false, new Map([["doc", column.doc]])),
    );
    const pairs = Object.entries(metadata).map(([key, value]): [string, string] => [`emuscope.${key}`, value]);
    this.#schema = new Schema(fields, new Map([["emuscope.format", String(TRACE_FORMAT_VERSION)], ...pairs]));
    this.#dictionaries = this.#columns
      .filter((column) => column.dictionary)
      .map((column) => ({ column, sent: 0, taken: new Set() }));
  }

  /** Schema, and the dictionaries as far as they are known. */
  start(): Part[] {
    return [frame(Message.from(this.#schema)), ...this.#newNames()];
  }

  /** Names that came since the last call, then the rows; a gap before them goes into the message's metadata. */
  batch(batch: RingBatch): Part[] {
    return [...this.#newNames(), ...this.#rows(batch)];
  }

  /** The end-of-stream marker, after an empty batch that tells of records lost at the end, if any. */
  end(gap?: Gap): Part[] {
    const marker = new Uint8Array(8);
    new DataView(marker.buffer).setUint32(0, CONTINUATION, true);
    if (!gap) return [marker];
    const nodes = this.#columns.map(() => new FieldNode(0, 0));
    const buffers = this.#columns.flatMap(() => [EMPTY_REGION(0), EMPTY_REGION(0)]);
    const metadata = new Map([["emuscope.first_seq", String(gap.firstSeq + gap.count)], ...gapMetadata(gap)]);
    return [frame(Message.from(new RecordBatch(0, nodes, buffers, null, [], metadata), 0)), marker];
  }

  #rows(batch: RingBatch): Part[] {
    const nodes: FieldNode[] = [];
    const buffers: BufferRegion[] = [];
    const body: Part[] = [];
    const whole = batch.wholeBytes();
    let length = 0;
    this.#columns.forEach((column, index) => {
      const bytes = batch.rows * column.width;
      nodes.push(new FieldNode(batch.rows, 0));
      buffers.push(EMPTY_REGION(length), new BufferRegion(length, bytes));
      if (!whole && bytes > 0) {
        body.push(batch.columnBytes(index));
        if (padding(bytes)) body.push(ZEROS.subarray(0, padding(bytes)));
      }
      // the columns of a full batch lie one behind the other in the ring as they do here
      length += bytes + padding(bytes);
    });
    if (whole) body.push(whole);
    const metadata = new Map([
      ["emuscope.first_seq", String(batch.firstSeq)],
      ...(batch.gap ? gapMetadata(batch.gap) : []),
    ]);
    return [frame(Message.from(new RecordBatch(batch.rows, nodes, buffers, null, [], metadata), length)), ...body];
  }

  #newNames(): Part[] {
    const parts: Part[] = [];
    for (const state of this.#dictionaries) {
      const { column, sent } = state;
      const dictionary = column.dictionary;
      if (!dictionary) continue;
      const names = "fixed" in dictionary ? dictionary.fixed : this.#names.names(dictionary.table);
      const none = "fixed" in dictionary ? undefined : dictionary.none;
      const size = Math.max(names.length, 1);
      if (size <= sent) continue;
      const fresh: string[] = [];
      for (let id = sent; id < size; id++) {
        let name = id === 0 && none !== undefined ? none : (names[id] ?? "");
        if (state.taken.has(name)) name = `${name}#${id}`;
        state.taken.add(name);
        fresh.push(name);
      }
      parts.push(...dictionaryMessage(column.id, fresh, sent > 0));
      state.sent = size;
    }
    return parts;
  }
}

function gapMetadata(gap: Gap): [string, string][] {
  return [
    ["emuscope.gap.first_seq", String(gap.firstSeq)],
    ["emuscope.gap.count", String(gap.count)],
    ["emuscope.gap.first_icount", String(gap.firstIcount)],
    ["emuscope.gap.last_icount", String(gap.lastIcount)],
  ];
}

/** One dictionary batch of strings; a delta adds to what the reader has. */
function dictionaryMessage(id: number, names: readonly string[], delta: boolean): Part[] {
  const encoded = names.map((name) => utf8.encode(name));
  const offsets = new Int32Array(names.length + 1);
  encoded.forEach((bytes, n) => {
    offsets[n + 1] = (offsets[n] ?? 0) + bytes.length;
  });
  const textBytes = offsets[names.length] ?? 0;
  const textAt = offsets.byteLength + padding(offsets.byteLength);
  const body = new Uint8Array(textAt + textBytes + padding(textBytes));
  body.set(new Uint8Array(offsets.buffer), 0);
  encoded.forEach((bytes, n) => {
    body.set(bytes, textAt + (offsets[n] ?? 0));
  });
  const regions = [EMPTY_REGION(0), new BufferRegion(0, offsets.byteLength), new BufferRegion(textAt, textBytes)];
  const batch = new RecordBatch(names.length, [new FieldNode(names.length, 0)], regions, null);
  return [frame(Message.from(new DictionaryBatch(batch, id, delta), body.length)), body];
}
