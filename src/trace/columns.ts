// The columns a trace record can have: the one table from which come the ring's layout, the Arrow schema, the JSON
// lines and the documentation. The order here is the order in a batch and in every schema.
import * as L from "../core/trace/layout.js";

/** Tables of names that grow while a machine lives; entry `id` of a table is the name of that id. */
export type NameTableKind = "region" | "device" | "register" | "field";

/** What a dictionary column's numbers stand for: a fixed list, or a growing table. */
export type ColumnDictionary =
  | { readonly fixed: readonly string[] }
  | { readonly table: NameTableKind /** Name of id 0. */; readonly none: string };

export interface ColumnDefinition {
  readonly name: string;
  /** Bit in REC_COLUMNS and index in REC_COL. */
  readonly id: number;
  /** Bytes per row in the ring; unsigned integers throughout. */
  readonly width: 1 | 2 | 8;
  readonly dictionary?: ColumnDictionary;
  /** JSON form: `hex` a string, `number` a number while it is a safe integer, `name` the dictionary's string. */
  readonly json: "hex" | "number" | "name";
  readonly doc: string;
}

/** Names of the access kinds by KIND_* number. */
export const KIND_NAMES = [
  "load",
  "store",
  "amo-read",
  "amo-write",
  "fetch",
  "walk-read",
  "walk-write",
  "dma-read",
  "dma-write",
] as const;
export type KindName = (typeof KIND_NAMES)[number];

/** Names of privilege modes by their encoding; 2 is reserved in the ISA and never occurs. */
export const PRIVILEGE_NAMES = ["U", "S", "reserved", "M"] as const;

export const DIRECTION_NAMES = ["read", "write"] as const;

/** Names of the bits of column `flags`, from bit 0. */
export const FLAG_NAMES = [
  "fault",
  "split-first",
  "split-second",
  "remapped",
  "unknown-register",
  "discarded",
] as const;

export const COLUMNS: readonly ColumnDefinition[] = [
  {
    name: "seq",
    id: L.COLUMN_SEQ,
    width: 8,
    json: "number",
    doc: "Sequence number in this subscription, from 0, one per selected record, lost ones included: a hole is a gap.",
  },
  {
    name: "icount",
    id: L.COLUMN_ICOUNT,
    width: 8,
    json: "number",
    doc: "Machine-wide instruction count (all harts) before the instruction in flight.",
  },
  {
    name: "hart",
    id: L.COLUMN_HART,
    width: 1,
    json: "number",
    doc: "Hart that made the access; for DMA the hart that ran.",
  },
  {
    name: "privilege",
    id: L.COLUMN_PRIVILEGE,
    width: 1,
    json: "name",
    dictionary: { fixed: PRIVILEGE_NAMES },
    doc: "Privilege mode of that hart (MPRV is not applied).",
  },
  { name: "pc", id: L.COLUMN_PC, width: 8, json: "hex", doc: "Virtual address of the instruction in flight." },
  {
    name: "vaddr",
    id: L.COLUMN_VADDR,
    width: 8,
    json: "hex",
    doc: "Virtual address; for page walks the address being translated; 0 for DMA.",
  },
  {
    name: "paddr",
    id: L.COLUMN_PADDR,
    width: 8,
    json: "hex",
    doc: "Physical address the access really went to, taken when it happened.",
  },
  {
    name: "region",
    id: L.COLUMN_REGION,
    width: 2,
    json: "name",
    dictionary: { table: "region", none: "unassigned" },
    doc: "Memory region that answered.",
  },
  {
    name: "device",
    id: L.COLUMN_DEVICE,
    width: 2,
    json: "name",
    dictionary: { table: "device", none: "" },
    doc: "Device that owns the region; empty for memory.",
  },
  {
    name: "register",
    id: L.COLUMN_REGISTER,
    width: 2,
    json: "name",
    dictionary: { table: "register", none: "" },
    doc: "Device register; empty when none or unknown.",
  },
  {
    name: "field",
    id: L.COLUMN_FIELD,
    width: 2,
    json: "name",
    dictionary: { table: "field", none: "" },
    doc: "Field of that register; empty when none.",
  },
  { name: "offset", id: L.COLUMN_OFFSET, width: 8, json: "hex", doc: "Offset inside the memory region." },
  { name: "size", id: L.COLUMN_SIZE, width: 1, json: "number", doc: "Bytes of this access or part of an access." },
  {
    name: "kind",
    id: L.COLUMN_KIND,
    width: 1,
    json: "name",
    dictionary: { fixed: KIND_NAMES },
    doc: "What made the access.",
  },
  {
    name: "direction",
    id: L.COLUMN_DIRECTION,
    width: 1,
    json: "name",
    dictionary: { fixed: DIRECTION_NAMES },
    doc: "Whether memory or the device was read or written; follows from kind.",
  },
  {
    name: "value",
    id: L.COLUMN_VALUE,
    width: 8,
    json: "hex",
    doc: "Bytes moved, little endian, zero-extended; the first 8 where size is larger.",
  },
  { name: "flags", id: L.COLUMN_FLAGS, width: 2, json: "number", doc: `Bits from 0: ${FLAG_NAMES.join(", ")}.` },
];

const BY_NAME = new Map(COLUMNS.map((column) => [column.name, column]));

/** Column by name, undefined for an unknown one. */
export function columnNamed(name: string): ColumnDefinition | undefined {
  return BY_NAME.get(name);
}

/** The columns of a REC_COLUMNS bit set, in batch order. */
export function columnsOf(mask: number): ColumnDefinition[] {
  return COLUMNS.filter((column) => (mask >>> column.id) & 1);
}
