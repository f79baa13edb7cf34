// Flattened device trees: build, write, read, and print as source text.
// Source: Devicetree Specification v0.4, chapter 5 (flattened format, version 17) and chapter 6 (source format).
// A tree is FdtNode objects; property values are kept as the bytes of the blob (big endian).

const MAGIC = 0xd00dfeed;
const VERSION = 17;
const LAST_COMPATIBLE = 16;
const HEADER_SIZE = 40;
const BEGIN_NODE = 1;
const END_NODE = 2;
const PROP = 3;
const NOP = 4;
const END = 9;

/** Deepest nesting read; a blob is the user's data. */
export const MAX_DEPTH = 64;
/** Largest blob read, bytes. */
export const MAX_FDT_SIZE = 2 << 20;

/** A malformed blob: byte offset and what was expected there. */
export class FdtError extends Error {
  readonly offset: number;
  readonly reason: string;
  constructor(offset: number, reason: string) {
    super(`device tree offset ${offset}: ${reason}`);
    this.name = "FdtError";
    this.offset = offset;
    this.reason = reason;
  }
}

/** A node: ordered properties and children. Setters replace an earlier value and return the node. */
export class FdtNode {
  /** With its unit address, e.g. `serial@10000000`; empty for the root. */
  readonly name: string;
  readonly properties = new Map<string, Uint8Array>();
  readonly children: FdtNode[] = [];

  constructor(name = "") {
    this.name = name;
  }

  /** Adds a child at the end. */
  add(name: string): FdtNode {
    const child = new FdtNode(name);
    this.children.push(child);
    return child;
  }

  /** The child of this name, or undefined. */
  child(name: string): FdtNode | undefined {
    return this.children.find((node) => node.name === name);
  }

  /** The child of this name, made when absent. */
  ensure(name: string): FdtNode {
    return this.child(name) ?? this.add(name);
  }

  /** An empty property. */
  flag(name: string): this {
    return this.bytes(name, new Uint8Array());
  }

  /** 32-bit cells. */
  u32(name: string, ...values: number[]): this {
    const data = new DataView(new ArrayBuffer(values.length * 4));
    values.forEach((value, i) => data.setUint32(i * 4, value));
    return this.bytes(name, new Uint8Array(data.buffer));
  }

  /** 64-bit values, two cells each, e.g. address and size pairs of `reg` where both have two cells. */
  u64(name: string, ...values: (number | bigint)[]): this {
    const data = new DataView(new ArrayBuffer(values.length * 8));
    values.forEach((value, i) => data.setBigUint64(i * 8, BigInt(value)));
    return this.bytes(name, new Uint8Array(data.buffer));
  }

  /** One or more strings, each ended by NUL. */
  string(name: string, ...values: string[]): this {
    return this.bytes(name, new Uint8Array(Buffer.from(values.map((value) => `${value}\0`).join(""), "utf8")));
  }

  bytes(name: string, value: Uint8Array): this {
    this.properties.set(name, value);
    return this;
  }

  /** The cells of a property, or undefined where it is absent or no whole number of cells. */
  cells(name: string): number[] | undefined {
    const value = this.properties.get(name);
    if (value === undefined || value.length % 4 !== 0) return undefined;
    const view = new DataView(value.buffer, value.byteOffset, value.byteLength);
    return Array.from({ length: value.length / 4 }, (_, i) => view.getUint32(i * 4));
  }

  /** The first string of a property, or undefined. */
  text(name: string): string | undefined {
    const value = this.properties.get(name);
    if (value === undefined) return undefined;
    const end = value.indexOf(0);
    return Buffer.from(end < 0 ? value : value.subarray(0, end)).toString("utf8");
  }
}

/** A whole tree with its header's fields. */
export interface Fdt {
  root: FdtNode;
  /** Hart id of the boot hart. */
  bootCpu: number;
  /** Memory reservation block. */
  reservations: { address: bigint; size: bigint }[];
}

/** Hands out phandles and writes them into the nodes. */
export class Phandles {
  #next = 1;

  /** The node's phandle, given to it when it has none. */
  of(node: FdtNode): number {
    const known = node.cells("phandle")?.[0];
    if (known !== undefined) return known;
    const phandle = this.#next++;
    node.u32("phandle", phandle);
    return phandle;
  }
}

/** A growing byte buffer, big endian. */
class Writer {
  #bytes = new Uint8Array(4096);
  #view = new DataView(this.#bytes.buffer);
  length = 0;

  #grow(count: number): void {
    if (this.length + count <= this.#bytes.length) return;
    const larger = new Uint8Array(Math.max(this.#bytes.length * 2, this.length + count));
    larger.set(this.#bytes);
    this.#bytes = larger;
    this.#view = new DataView(larger.buffer);
  }

  u32(value: number): void {
    this.#grow(4);
    this.#view.setUint32(this.length, value);
    this.length += 4;
  }

  u64(value: bigint): void {
    this.#grow(8);
    this.#view.setBigUint64(this.length, value);
    this.length += 8;
  }

  bytes(value: Uint8Array): void {
    this.#grow(value.length);
    this.#bytes.set(value, this.length);
    this.length += value.length;
  }

  align(to: number): void {
    const padding = (to - (this.length % to)) % to;
    if (padding > 0) this.bytes(new Uint8Array(padding));
  }

  take(): Uint8Array {
    return this.#bytes.slice(0, this.length);
  }
}

/** Writes a version 17 blob. */
export function writeFdt(tree: Fdt): Uint8Array {
  const strings = new Writer();
  const stringOffsets = new Map<string, number>();
  const structure = new Writer();
  const cString = (text: string): Uint8Array => new Uint8Array(Buffer.from(`${text}\0`, "utf8"));

  const writeNode = (node: FdtNode): void => {
    structure.u32(BEGIN_NODE);
    structure.bytes(cString(node.name));
    structure.align(4);
    for (const [name, value] of node.properties) {
      let at = stringOffsets.get(name);
      if (at === undefined) {
        at = strings.length;
        stringOffsets.set(name, at);
        strings.bytes(cString(name));
      }
      structure.u32(PROP);
      structure.u32(value.length);
      structure.u32(at);
      structure.bytes(value);
      structure.align(4);
    }
    for (const child of node.children) writeNode(child);
    structure.u32(END_NODE);
  };
  writeNode(tree.root);
  structure.u32(END);

  const reservationsAt = HEADER_SIZE;
  const structureAt = reservationsAt + (tree.reservations.length + 1) * 16;
  const stringsAt = structureAt + structure.length;
  const blob = new Writer();
  for (const word of [
    MAGIC,
    stringsAt + strings.length,
    structureAt,
    stringsAt,
    reservationsAt,
    VERSION,
    LAST_COMPATIBLE,
    tree.bootCpu,
    strings.length,
    structure.length,
  ]) {
    blob.u32(word);
  }
  for (const { address, size } of tree.reservations) {
    blob.u64(address);
    blob.u64(size);
  }
  blob.u64(0n);
  blob.u64(0n);
  blob.bytes(structure.take());
  blob.bytes(strings.take());
  return blob.take();
}

/**
 * Reads a blob of version 16 or 17.
 * @throws FdtError
 */
export function readFdt(bytes: Uint8Array): Fdt {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < HEADER_SIZE)
    throw new FdtError(bytes.length, `the header has ${HEADER_SIZE} bytes, the blob ends before`);
  if (view.getUint32(0) !== MAGIC)
    throw new FdtError(0, `magic is 0x${view.getUint32(0).toString(16)}, expected 0xd00dfeed`);
  const totalSize = view.getUint32(4);
  if (totalSize > bytes.length) throw new FdtError(4, `totalsize is ${totalSize}, the blob has ${bytes.length} bytes`);
  if (totalSize > MAX_FDT_SIZE) throw new FdtError(4, `totalsize is ${totalSize}, at most ${MAX_FDT_SIZE} is read`);
  const version = view.getUint32(20);
  const compatible = view.getUint32(24);
  if (version < LAST_COMPATIBLE || compatible > VERSION)
    throw new FdtError(20, `version is ${version} (compatible with ${compatible}), expected 16 or 17`);

  const structureAt = view.getUint32(8);
  const stringsAt = view.getUint32(12);
  const stringsSize = view.getUint32(32);
  if (stringsAt > totalSize || stringsSize > totalSize - stringsAt)
    throw new FdtError(12, "the strings block passes totalsize");
  const structureSize = version >= 17 ? view.getUint32(36) : totalSize - Math.min(structureAt, totalSize);
  if (structureAt % 4 !== 0) throw new FdtError(8, `off_dt_struct is ${structureAt}, expected a multiple of 4`);
  if (structureAt > totalSize || structureSize > totalSize - structureAt)
    throw new FdtError(8, "the structure block passes totalsize");
  const end = structureAt + structureSize;

  const reservations: Fdt["reservations"] = [];
  for (let at = view.getUint32(16); ; at += 16) {
    if (at + 16 > totalSize) throw new FdtError(Math.min(at, totalSize), "the memory reservation block has no end");
    const address = view.getBigUint64(at);
    const size = view.getBigUint64(at + 8);
    if (address === 0n && size === 0n) break;
    reservations.push({ address, size });
  }

  let at = structureAt;
  const u32 = (what: string): number => {
    if (at + 4 > end) throw new FdtError(at, `${what}: the structure block ends`);
    const value = view.getUint32(at);
    at += 4;
    return value;
  };
  const text = (from: number, limit: number, what: string): { value: string; next: number } => {
    let stop = from;
    while (stop < limit && bytes[stop] !== 0) stop++;
    if (stop >= limit) throw new FdtError(from, `${what} has no end`);
    return { value: Buffer.from(bytes.buffer, bytes.byteOffset + from, stop - from).toString("utf8"), next: stop + 1 };
  };

  const stack: FdtNode[] = [];
  let root: FdtNode | undefined;
  for (;;) {
    const tokenAt = at;
    const token = u32("token");
    if (token === NOP) continue;
    if (token === BEGIN_NODE) {
      if (stack.length >= MAX_DEPTH) throw new FdtError(tokenAt, `nodes are nested deeper than ${MAX_DEPTH}`);
      const { value: name, next } = text(at, end, "node name");
      at = structureAt + Math.ceil((next - structureAt) / 4) * 4;
      const parent = stack.at(-1);
      if (parent === undefined && root !== undefined) throw new FdtError(tokenAt, "a second root node");
      const node = parent === undefined ? new FdtNode(name) : parent.add(name);
      root ??= node;
      stack.push(node);
    } else if (token === END_NODE) {
      if (stack.pop() === undefined) throw new FdtError(tokenAt, "a node ends that did not begin");
    } else if (token === PROP) {
      const node = stack.at(-1);
      if (node === undefined) throw new FdtError(tokenAt, "a property outside of any node");
      const length = u32("property length");
      const nameAt = u32("property name offset");
      if (nameAt >= stringsSize)
        throw new FdtError(at - 4, `property name offset is ${nameAt}, expected below ${stringsSize}`);
      if (length > end - at)
        throw new FdtError(at - 8, `property length is ${length}, the structure block ends ${end - at} bytes on`);
      const name = text(stringsAt + nameAt, stringsAt + stringsSize, "property name").value;
      node.bytes(name, bytes.slice(at, at + length));
      at = structureAt + Math.ceil((at + length - structureAt) / 4) * 4;
    } else if (token === END) {
      if (stack.length > 0) throw new FdtError(tokenAt, `the tree ends inside node "${stack.at(-1)?.name}"`);
      if (root === undefined) throw new FdtError(tokenAt, "the tree has no root node");
      return { root, bootCpu: view.getUint32(28), reservations };
    } else {
      throw new FdtError(
        tokenAt,
        `token is ${token}, expected 1 (begin node), 2 (end node), 3 (property), 4 (nop) or 9 (end)`,
      );
    }
  }
}

/**
 * Prints a tree as source text: dtc turns it back into the same blob, and has nothing to complain about where the blob is sound.
 * Nodes with a phandle get a label, and the properties of REFERENCES name nodes by it.
 */
export function fdtToDts(tree: Fdt): string {
  const lines = ["/dts-v1/;", ""];
  for (const { address, size } of tree.reservations)
    lines.push(`/memreserve/ 0x${address.toString(16)} 0x${size.toString(16)};`);
  const labels = labelsOf(tree.root);
  const print = (node: FdtNode, depth: number): void => {
    const indent = "\t".repeat(depth);
    const label = labels.byNode.get(node);
    lines.push(`${indent}${label === undefined ? "" : `${label}: `}${node.name === "" ? "/" : node.name} {`);
    for (const [name, value] of node.properties) {
      const text = value.length === 0 ? "" : ` = ${formatReference(name, node, labels) ?? formatValue(value)}`;
      lines.push(`${indent}\t${name}${text};`);
    }
    node.children.forEach((child, i) => {
      if (i > 0 || node.properties.size > 0) lines.push("");
      print(child, depth + 1);
    });
    lines.push(`${indent}};`);
  };
  print(tree.root, 0);
  return `${lines.join("\n")}\n`;
}

/** Properties that begin with a phandle: how many cells follow it before the next one; a name is the property of the target that says. */
const REFERENCES: Readonly<Record<string, number | string>> = {
  "interrupt-parent": 0,
  "interrupts-extended": "#interrupt-cells",
  regmap: 0,
  cpu: 0,
};

interface Labels {
  byNode: Map<FdtNode, string>;
  byPhandle: Map<number, FdtNode>;
}

function labelsOf(root: FdtNode): Labels {
  const labels: Labels = { byNode: new Map(), byPhandle: new Map() };
  const visit = (node: FdtNode): void => {
    const cells = node.cells("phandle");
    const phandle = cells?.length === 1 ? cells[0] : undefined;
    if (phandle !== undefined && !labels.byPhandle.has(phandle)) {
      const base = (node.name.split("@")[0] as string).replace(/[^a-zA-Z0-9_]/g, "_").replace(/^(?=[0-9]|$)/, "n");
      labels.byPhandle.set(phandle, node);
      labels.byNode.set(node, `${base}_${phandle}`);
    }
    node.children.forEach(visit);
  };
  visit(root);
  return labels;
}

/** The value with labels for phandles, or undefined where the property has none or does not add up. */
function formatReference(name: string, node: FdtNode, labels: Labels): string | undefined {
  const follows = Object.hasOwn(REFERENCES, name) ? REFERENCES[name] : undefined;
  const cells = follows === undefined ? undefined : node.cells(name);
  if (cells === undefined) return undefined;
  const parts: string[] = [];
  for (let i = 0; i < cells.length; ) {
    const target = labels.byPhandle.get(cells[i] as number);
    const label = target && labels.byNode.get(target);
    const count = typeof follows === "string" ? target?.cells(follows)?.[0] : follows;
    if (label === undefined || count === undefined || i + 1 + count > cells.length) return undefined;
    parts.push(`&${label}`, ...cells.slice(i + 1, i + 1 + count).map((cell) => `0x${cell.toString(16)}`));
    i += 1 + count;
  }
  return `<${parts.join(" ")}>`;
}

/** Values carry no type in a blob: printable, NUL-ended strings are shown as such, whole cells as cells, the rest as bytes. */
function formatValue(value: Uint8Array): string {
  const strings = asStrings(value);
  if (strings !== undefined) return strings.map((text) => `"${text.replace(/["\\]/g, "\\$&")}"`).join(", ");
  if (value.length % 4 === 0) {
    const view = new DataView(value.buffer, value.byteOffset, value.byteLength);
    const cells = Array.from({ length: value.length / 4 }, (_, i) => `0x${view.getUint32(i * 4).toString(16)}`);
    return `<${cells.join(" ")}>`;
  }
  return `[${Array.from(value, (byte) => byte.toString(16).padStart(2, "0")).join(" ")}]`;
}

function asStrings(value: Uint8Array): string[] | undefined {
  if (value.at(-1) !== 0) return undefined;
  const parts = Buffer.from(value.subarray(0, -1)).toString("latin1").split("\0");
  return parts.every((part) => /^[\x20-\x7e]+$/.test(part)) ? parts : undefined;
}
