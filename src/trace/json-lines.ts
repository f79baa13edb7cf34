// Batches of a ring as JSON lines, for people and small scripts (docs/trace-format.md, "JSON lines").
import type { SubscriptionRing } from "../session/protocol.js";
import type { NameSource } from "./arrow-stream.js";
import { type ColumnDefinition, columnNamed } from "./columns.js";
import type { Gap, RingBatch, RingCounters } from "./ring.js";

type Cell = (row: number) => string;

/** One line per record, `{"gap":{…}}` where records were lost, and `{"end":{…}}` at the end. */
export class JsonLinesEncoder {
  readonly #columns: ColumnDefinition[];
  readonly #names: NameSource;

  constructor(ring: Pick<SubscriptionRing, "columns">, names: NameSource) {
    this.#names = names;
    this.#columns = ring.columns.map(({ name }) => {
      const column = columnNamed(name);
      if (!column) throw new RangeError(`no column "${name}"`);
      return column;
    });
  }

  /** The lines of a batch, each ended by a newline; slice the batch for smaller pieces. */
  batch(batch: RingBatch): string {
    const cells = this.#columns.map((column, index): Cell => {
      const cell = this.#cell(column, batch.columnBytes(index));
      const key = `${index === 0 ? "{" : ","}${JSON.stringify(column.name)}:`;
      return (row) => key + cell(row);
    });
    let text = batch.gap ? gapLine(batch.gap) : "";
    for (let row = 0; row < batch.rows; row++) {
      for (const cell of cells) text += cell(row);
      text += "}\n";
    }
    return text;
  }

  /** Closing lines: records lost behind the last batch, and the totals. */
  end(counters: RingCounters, gap?: Gap): string {
    const { matched, written, dropped } = counters;
    const totals = `{"end":{"matched":${decimal(matched)},"written":${decimal(written)},"dropped":${decimal(dropped)}}}\n`;
    return (gap ? gapLine(gap) : "") + totals;
  }

  #cell(column: ColumnDefinition, bytes: Uint8Array<ArrayBufferLike>): Cell {
    const { buffer, byteOffset } = bytes;
    const rows = bytes.length / column.width;
    if (column.width === 8) {
      const halves = new Uint32Array(buffer, byteOffset, rows * 2);
      if (column.json === "number") return (row) => decimalOf(halves[row * 2 + 1] as number, halves[row * 2] as number);
      return (row) => hexOf(halves[row * 2 + 1] as number, halves[row * 2] as number);
    }
    const numbers = column.width === 2 ? new Uint16Array(buffer, byteOffset, rows) : bytes;
    const { dictionary } = column;
    if (!dictionary) return (row) => String(numbers[row]);
    const names = "fixed" in dictionary ? dictionary.fixed : this.#names.names(dictionary.table);
    const none = "fixed" in dictionary ? undefined : JSON.stringify(dictionary.none);
    const quoted: string[] = [];
    return (row) => {
      const id = numbers[row] as number;
      if (id === 0 && none !== undefined) return none;
      return (quoted[id] ??= JSON.stringify(names[id] ?? `#${id}`));
    };
  }
}

/** 64-bit value from its halves as a quoted lower-case hex string. */
function hexOf(high: number, low: number): string {
  return high === 0 ? `"0x${low.toString(16)}"` : `"0x${high.toString(16)}${low.toString(16).padStart(8, "0")}"`;
}

/** A number while it is a safe integer, a hex string beyond. */
function decimalOf(high: number, low: number): string {
  return high < 0x200000 ? String(high * 0x100000000 + low) : hexOf(high, low);
}

function decimal(value: bigint): string {
  return decimalOf(Number(value >> 32n), Number(value & 0xffffffffn));
}

function gapLine({ firstSeq, count, firstIcount, lastIcount }: Gap): string {
  return `{"gap":{"firstSeq":${decimal(firstSeq)},"count":${decimal(count)},"firstIcount":${decimal(firstIcount)},"lastIcount":${decimal(lastIcount)}}}\n`;
}
