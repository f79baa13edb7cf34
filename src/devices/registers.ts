// One table per device model says which registers it has: name, place, fields, access, side effects. From the
// table come decoding, the io handlers with the names for trace records, the state dump and the documentation.
//
// Values are kept as two unsigned 32-bit words, so that no access of up to four bytes makes a BigInt.
import type { IoHandlers } from "../bus/region.js";
import type { DeviceLog, DeviceState, NameTable } from "./device.js";

/**
 * What software may do to bits:
 *   rw   read and write          ro   read; writes are ignored
 *   wo   write; reads as 0       w1c  writing 1 clears, writing 0 keeps
 *   w1s  writing 1 sets, writing 0 keeps
 */
export type Access = "rw" | "ro" | "wo" | "w1c" | "w1s";

export interface FieldSpec {
  /** High and low bit, both included; a number for a single bit. */
  bits: readonly [number, number] | number;
  /** The register's access unless given. */
  access?: Access;
  doc?: string;
}

export interface RegisterSpec {
  /** As in the data sheet. In arrays each `[]` takes an index, outermost first; missing ones are put at the end. */
  name: string;
  /** Bytes from the start of the device; of the first element in arrays. */
  offset: number;
  /** Bits. */
  width: 8 | 16 | 32 | 64;
  /** `rw` unless given. Where fields are declared, bits outside them keep their reset value. */
  access?: Access;
  fields?: Readonly<Record<string, FieldSpec>>;
  reset?: number | bigint;
  /** Reading changes the device: debuggers must not. */
  readSideEffect?: boolean;
  /** Banked registers: only there while the bank of this name is chosen. */
  bank?: string;
  /** Arrays, outermost dimension first; `stride` in bytes, `first` is the index of the first element. */
  array?: readonly { count: number; stride: number; first?: number }[];
  doc?: string;
}

/** What a device does at a register; absent hooks leave it plain storage. Indexes are those of the array, as in its name. */
export interface RegisterHooks {
  /** Value of a read by the guest, with its side effects. Numbers are taken modulo the width. */
  read?(...index: number[]): number | bigint;
  /** Value without side effects; needed where `read` has some and the value is not the stored one. */
  peek?(...index: number[]): number | bigint;
  /**
   * After a write by the guest. `value` is the register's new value after the fields' access rules (with the bits written to `wo`
   * fields), `written` what the guest put there, 0 in bytes it did not cover. The value has been stored already.
   */
  write?(value: number, written: number, ...index: number[]): void;
  /** As `write`, for 64-bit registers. */
  write64?(value: bigint, written: bigint, ...index: number[]): void;
}

/** One guest access as the device itself saw it: the oracle tests compare traces with. */
export interface LoggedAccess {
  direction: "read" | "write";
  offset: number;
  size: number;
  value: bigint;
}

export interface RegisterFileOptions {
  /** Instance name, for names and messages. */
  device: string;
  table: readonly RegisterSpec[];
  hooks?: Readonly<Record<string, RegisterHooks>>;
  names: NameTable;
  log: DeviceLog;
  /** Name of the bank chosen now, for tables with banked registers. */
  bank?: () => string;
  /** An access wider than the register at its offset concerns that register alone (byte registers behind a wide bus). */
  firstOnly?: boolean;
}

interface Masks {
  readonly rw: number;
  readonly wo: number;
  readonly w1c: number;
  readonly w1s: number;
  readonly readable: number;
}

interface Field {
  readonly name: string;
  readonly low: number;
  readonly width: number;
  readonly lo: number;
  readonly hi: number;
  readonly spec: FieldSpec;
}

/** What all elements of an array share. */
interface Shape {
  readonly spec: RegisterSpec;
  readonly bytes: number;
  readonly lo: Masks;
  readonly hi: Masks;
  readonly resetLo: number;
  readonly resetHi: number;
  readonly fields: readonly Field[];
  readonly hooks: RegisterHooks;
}

interface Register {
  readonly shape: Shape;
  readonly slot: number;
  readonly name: string;
  readonly offset: number;
  readonly bytes: number;
  readonly index: readonly number[];
  /** Lazily interned; -1 before. */
  nameId: number;
  /** Field name ids by bit set of fields. */
  fieldIds: Map<number, number> | undefined;
  // the last bits asked for and their id: polling asks for the same ones again and again
  lastLo: number;
  lastHi: number;
  lastId: number;
}

const LOW_OFFSETS = 0x100;
/** Unknown registers logged per device. */
export const UNKNOWN_LOG_LIMIT = 32;

/** The registers of one device instance, as io handlers that take accesses of any size and alignment up to eight bytes. */
export class RegisterFile implements IoHandlers {
  lastRegister = 0;
  lastField = 0;
  /** Accesses by the guest since reset. */
  reads = 0;
  writes = 0;

  readonly #device: string;
  readonly #names: NameTable;
  readonly #fieldNames: NameTable;
  #fieldNamesFull = false;
  readonly #log: DeviceLog;
  readonly #bank: (() => string) | undefined;
  readonly #firstOnly: boolean;
  readonly #registers: Register[] = [];
  /** By offset of each byte covered, all banks. */
  readonly #byByte = new Map<number, Register[]>();
  /** The same for the first offsets, where most devices have all their registers. */
  readonly #low: (readonly Register[] | undefined)[] = [];
  readonly #byName = new Map<string, Register>();
  readonly #lo: Uint32Array;
  readonly #hi: Uint32Array;
  // result of #get and of an access, to return two words without an object
  #valueLo = 0;
  #valueHi = 0;
  #accesses: LoggedAccess[] | undefined;
  readonly #unknownLogged = new Set<number>();

  constructor(options: RegisterFileOptions) {
    this.#device = options.device;
    this.#names = options.names;
    this.#fieldNames = options.names.fields ?? options.names;
    this.#log = options.log;
    this.#bank = options.bank;
    this.#firstOnly = options.firstOnly ?? false;
    for (const spec of options.table) this.#declare(spec, options.hooks?.[spec.name] ?? {});
    for (let offset = 0; offset < LOW_OFFSETS; offset++) this.#low.push(this.#byByte.get(offset));
    for (const name of Object.keys(options.hooks ?? {})) {
      if (!options.table.some((spec) => spec.name === name))
        throw new Error(`${options.device}: hooks for unknown register ${name}`);
    }
    this.#lo = new Uint32Array(this.#registers.length);
    this.#hi = new Uint32Array(this.#registers.length);
    this.reset();
  }

  // ---- the table ----------------------------------------------------------------------------------

  #declare(spec: RegisterSpec, hooks: RegisterHooks): void {
    const shape = makeShape(this.#device, spec, hooks);
    for (const { name, offset, index } of elements(spec)) {
      const register: Register = {
        shape,
        slot: this.#registers.length,
        name,
        offset,
        bytes: shape.bytes,
        index,
        nameId: -1,
        fieldIds: undefined,
        lastLo: 0,
        lastHi: 0,
        lastId: 0,
      };
      this.#registers.push(register);
      if (this.#byName.has(name)) throw new Error(`${this.#device}: two registers ${name}`);
      this.#byName.set(name, register);
      for (let byte = 0; byte < shape.bytes; byte++) {
        const here = this.#byByte.get(offset + byte);
        if (!here) this.#byByte.set(offset + byte, [register]);
        else {
          const clash = here.find((other) => overlap(other.shape.spec, spec));
          if (clash) throw new Error(`${this.#device}: registers ${name} and ${clash.name} overlap`);
          here.push(register);
        }
      }
    }
  }

  /** All registers to their reset values, counters to 0. */
  reset(): void {
    for (const register of this.#registers) {
      this.#lo[register.slot] = register.shape.resetLo;
      this.#hi[register.slot] = register.shape.resetHi;
    }
    this.reads = 0;
    this.writes = 0;
  }

  // ---- the device's own access: no hooks, no access rules, no counting ------------------------------

  /** Stored value of a register of up to 32 bits. Throws on an unknown name. */
  get(name: string): number {
    return this.#lo[this.#named(name).slot] as number;
  }

  set(name: string, value: number): void {
    const register = this.#named(name);
    this.#lo[register.slot] = value & mask32(register.bytes * 8);
  }

  get64(name: string): bigint {
    const slot = this.#named(name).slot;
    return join(this.#lo[slot] as number, this.#hi[slot] as number);
  }

  set64(name: string, value: bigint): void {
    const slot = this.#named(name).slot;
    this.#lo[slot] = Number(value & 0xffffffffn);
    this.#hi[slot] = Number((value >> 32n) & 0xffffffffn);
  }

  /** A field of the stored value, up to 32 bits. */
  field(name: string, field: string): number {
    const register = this.#named(name);
    const found = register.shape.fields.find((candidate) => candidate.name === field);
    if (!found) throw new Error(`${this.#device}: register ${name} has no field ${field}`);
    return extract(found, this.#lo[register.slot] as number, this.#hi[register.slot] as number);
  }

  #named(name: string): Register {
    const register = this.#byName.get(name);
    if (!register) throw new Error(`${this.#device}: no register ${name}`);
    return register;
  }

  // ---- guest access ---------------------------------------------------------------------------------

  read(offset: number, size: 1 | 2 | 4): number {
    this.#read(offset, size);
    return this.#valueLo;
  }

  read64(offset: number): bigint {
    this.#read(offset, 8);
    return join(this.#valueLo, this.#valueHi);
  }

  write(offset: number, size: 1 | 2 | 4, value: number): void {
    this.#write(offset, size, value, 0);
  }

  write64(offset: number, value: bigint): void {
    this.#write(offset, 8, Number(value & 0xffffffffn), Number((value >> 32n) & 0xffffffffn));
  }

  #read(offset: number, size: number): void {
    this.reads += 1;
    this.lastRegister = 0;
    this.lastField = 0;
    const first = this.#at(offset, "read");
    if (first && first.offset === offset && (first.bytes === size || (this.#firstOnly && first.bytes < size))) {
      this.#get(first, true);
      this.lastRegister = this.#nameId(first);
      if (first.shape.fields.length > 0) this.lastField = this.#fieldId(first, this.#valueLo, this.#valueHi);
    } else this.#readPieces(offset, size, true);
    if (this.#accesses) this.#record("read", offset, size, this.#valueLo, this.#valueHi);
  }

  /** An access that covers part of a register or several of them; each is read once. */
  #readPieces(offset: number, size: number, effects: boolean): void {
    let lo = 0;
    let hi = 0;
    let named = false;
    for (let at = offset; at < offset + size; ) {
      const register = this.#at(at, "read");
      if (!register) {
        if (effects) this.#unknown("read", at);
        named = true;
        at += 1;
        continue;
      }
      const skip = at - register.offset;
      const take = Math.min(register.bytes - skip, offset + size - at);
      this.#get(register, effects);
      const pieceLo = shiftRight(this.#valueLo, this.#valueHi, skip) & mask32(take * 8);
      const pieceHi = (skip < 4 ? this.#valueHi >>> (8 * skip) : 0) & mask32(take * 8 - 32);
      if (effects && !named) {
        this.lastRegister = this.#nameId(register);
        this.lastField = this.#fieldId(register, placeLo(pieceLo, skip), placeHi(pieceLo, pieceHi, skip));
        named = true;
      }
      const into = at - offset;
      lo |= placeLo(pieceLo, into);
      hi |= placeHi(pieceLo, pieceHi, into);
      at += take;
    }
    this.#valueLo = lo >>> 0;
    this.#valueHi = hi >>> 0;
  }

  #write(offset: number, size: number, lo: number, hi: number): void {
    this.writes += 1;
    this.lastRegister = 0;
    this.lastField = 0;
    if (this.#accesses) this.#record("write", offset, size, lo, hi);
    let named = false;
    for (let at = offset; at < offset + size; ) {
      const register = this.#at(at, "write");
      if (!register) {
        this.#unknown("write", at);
        named = true;
        at += 1;
        continue;
      }
      const skip = at - register.offset;
      const take = Math.min(register.bytes - skip, offset + size - at);
      const from = at - offset;
      const pieceLo = shiftRight(lo, hi, from) & mask32(take * 8);
      const pieceHi = (from < 4 ? hi >>> (8 * from) : 0) & mask32(take * 8 - 32);
      const maskLo = placeLo(mask32(take * 8), skip);
      const maskHi = placeHi(mask32(take * 8), mask32(take * 8 - 32), skip) & mask32(register.bytes * 8 - 32);
      this.#put(register, placeLo(pieceLo, skip) >>> 0, placeHi(pieceLo, pieceHi, skip) >>> 0, maskLo, maskHi, !named);
      if (this.#firstOnly) return;
      named = true;
      at += take;
    }
  }

  /** Reads into #valueLo/#valueHi what the guest sees. */
  #get(register: Register, effects: boolean): void {
    const { hooks, lo, hi } = register.shape;
    const hook =
      effects || !hooks.peek ? (effects || !register.shape.spec.readSideEffect ? hooks.read : undefined) : hooks.peek;
    if (hook) {
      const value = hook(...register.index);
      if (typeof value === "bigint") {
        this.#valueLo = Number(value & 0xffffffffn);
        this.#valueHi = register.bytes === 8 ? Number((value >> 32n) & 0xffffffffn) : 0;
      } else {
        this.#valueLo = (value & mask32(register.bytes * 8)) >>> 0;
        this.#valueHi = register.bytes === 8 ? Math.floor(value / 2 ** 32) >>> 0 : 0;
      }
    } else {
      this.#valueLo = ((this.#lo[register.slot] as number) & lo.readable) >>> 0;
      this.#valueHi = ((this.#hi[register.slot] as number) & hi.readable) >>> 0;
    }
  }

  #put(register: Register, lo: number, hi: number, maskLo: number, maskHi: number, name: boolean): void {
    const { shape, slot } = register;
    const { hooks } = shape;
    // the present value: stored, unless the device computes it
    let oldLo = this.#lo[slot] as number;
    let oldHi = this.#hi[slot] as number;
    if (hooks.peek || (hooks.read && !shape.spec.readSideEffect)) {
      this.#get(register, false);
      oldLo = this.#valueLo;
      oldHi = this.#valueHi;
    }
    const newLo = merge(oldLo, lo, maskLo, shape.lo);
    const newHi = merge(oldHi, hi, maskHi, shape.hi);
    if (name) {
      this.lastRegister = this.#nameId(register);
      if (shape.fields.length > 0) {
        // the bits that change; bits that act without being kept count when written as 1
        const changedLo = (newLo ^ oldLo) | (lo & shape.lo.wo);
        const changedHi = (newHi ^ oldHi) | (hi & shape.hi.wo);
        this.lastField = this.#fieldId(register, changedLo, changedHi);
      }
    }
    this.#lo[slot] = newLo;
    this.#hi[slot] = newHi;
    const passLo = (newLo | (lo & shape.lo.wo)) >>> 0;
    if (register.bytes === 8) {
      const passHi = (newHi | (hi & shape.hi.wo)) >>> 0;
      hooks.write64?.(join(passLo, passHi), join(lo, hi), ...register.index);
    } else hooks.write?.(passLo, lo, ...register.index);
  }

  /** The register that owns the byte at `offset` for this direction in the present bank. */
  #at(offset: number, direction: "read" | "write"): Register | undefined {
    const here = offset < LOW_OFFSETS ? this.#low[offset] : this.#byByte.get(offset);
    if (here === undefined) return undefined;
    if (here.length === 1) {
      const only = here[0] as Register;
      return only.shape.spec.bank === undefined || only.shape.spec.bank === this.#bank?.() ? only : undefined;
    }
    const bank = this.#bank?.();
    const other = direction === "read" ? "wo" : "ro";
    let fallback: Register | undefined;
    for (const register of here) {
      const spec = register.shape.spec;
      if (spec.bank !== undefined && spec.bank !== bank) continue;
      if (spec.access !== other) return register;
      fallback = register;
    }
    return fallback;
  }

  /** Once per offset, up to a limit: a guest that probes a large region must not fill the log. */
  #unknown(direction: "read" | "write", offset: number): void {
    const logged = this.#unknownLogged;
    if (logged.has(offset) || logged.size >= UNKNOWN_LOG_LIMIT) return;
    logged.add(offset);
    const hex = offset.toString(16);
    const last = logged.size === UNKNOWN_LOG_LIMIT ? "; further ones are not logged" : "";
    this.#log.guestError(
      this.#device,
      `unknown register 0x${hex}`,
      `${this.#device}: ${direction} of unknown register at offset 0x${hex}${last}`,
    );
  }

  // ---- names ----------------------------------------------------------------------------------------

  #nameId(register: Register): number {
    if (register.nameId < 0) register.nameId = this.#names.intern(`${this.#device}.${register.name}`);
    return register.nameId;
  }

  /** Id for the fields that have any of these bits: `uart0.LCR.DLAB`, or `uart0.LCR.DLAB|WLS` (high bit first), or 0. */
  #fieldId(register: Register, lo: number, hi: number): number {
    if (lo === register.lastLo && hi === register.lastHi) return register.lastId;
    register.lastLo = lo;
    register.lastHi = hi;
    register.lastId = this.#findFieldId(register, lo, hi);
    return register.lastId;
  }

  #findFieldId(register: Register, lo: number, hi: number): number {
    const fields = register.shape.fields;
    let set = 0;
    for (let i = 0; i < fields.length; i++) {
      const field = fields[i] as Field;
      if (((field.lo & lo) | (field.hi & hi)) !== 0) set |= 1 << i;
    }
    if (set === 0) return 0;
    register.fieldIds ??= new Map();
    let id = register.fieldIds.get(set);
    if (id === undefined) {
      if (this.#fieldNamesFull) return 0;
      const chosen = fields.filter((_, i) => (set >>> i) & 1).map((field) => field.name);
      id = this.#fieldNames.intern(`${this.#device}.${register.name}.${chosen.join("|")}`);
      // a full table stays full; without this a guest could make the map of combinations grow without end
      if (id === 0) this.#fieldNamesFull = true;
      else register.fieldIds.set(set, id);
    }
    return id;
  }

  // ---- looking without touching -----------------------------------------------------------------------

  /** Value of an access of up to four bytes without side effects; unknown registers read 0. */
  peek(offset: number, size: 1 | 2 | 4): number | undefined {
    this.#readPieces(offset, size, false);
    return this.#valueLo;
  }

  /** Whether reading [offset, offset + size) changes nothing. */
  isReadIdempotent(offset: number, size: number): boolean {
    for (let at = offset; at < offset + size; at++) {
      if (this.#at(at, "read")?.shape.spec.readSideEffect) return false;
    }
    return true;
  }

  /** Every register with its present value, other banks included, for Device.state(). */
  dump(): DeviceState["registers"] {
    return this.#registers.map((register) => {
      this.#get(register, false);
      const lo = this.#valueLo;
      const hi = this.#valueHi;
      return {
        name: register.name,
        offset: register.offset,
        width: register.bytes * 8,
        value: `0x${join(lo, hi).toString(16)}`,
        fields: Object.fromEntries(register.shape.fields.map((field) => [field.name, extract(field, lo, hi)])),
      };
    });
  }

  /** Name of the register at `offset` in the present bank, without the device's; undefined where none is. */
  nameAt(offset: number): string | undefined {
    return this.#at(offset, "read")?.name;
  }

  // ---- the oracle of tests ------------------------------------------------------------------------------

  /** Keeps every guest access from now on; for tests. */
  recordAccesses(): LoggedAccess[] {
    this.#accesses = [];
    return this.#accesses;
  }

  #record(direction: "read" | "write", offset: number, size: number, lo: number, hi: number): void {
    this.#accesses?.push({ direction, offset, size, value: join(lo, hi) });
  }
}

// ---- documentation ----------------------------------------------------------------------------------------

/** The table as Markdown, one line per register and one per field. */
export function describeRegisters(table: readonly RegisterSpec[]): string {
  const lines = ["| offset | name | bits | access | reset | |", "|---|---|---|---|---|---|"];
  for (const spec of table) {
    const array =
      spec.array
        ?.map(({ count, stride, first = 0 }) => `[${first}..${first + count - 1}] every 0x${stride.toString(16)}`)
        .join(" ") ?? "";
    const notes = [
      spec.doc,
      array,
      spec.bank && `while ${spec.bank}`,
      spec.readSideEffect && "reading has side effects",
    ]
      .filter(Boolean)
      .join("; ");
    lines.push(
      `| 0x${spec.offset.toString(16)} | ${spec.name} | ${spec.width} | ${spec.access ?? "rw"} | 0x${BigInt(spec.reset ?? 0).toString(16)} | ${notes} |`,
    );
    for (const [name, field] of Object.entries(spec.fields ?? {})) {
      const [high, low] = typeof field.bits === "number" ? [field.bits, field.bits] : field.bits;
      const bits = high === low ? `${low}` : `${high}:${low}`;
      lines.push(`| | .${name} | ${bits} | ${field.access ?? spec.access ?? "rw"} | | ${field.doc ?? ""} |`);
    }
  }
  return lines.join("\n");
}

/** Registers may share an offset in different banks, or when one is only read and the other only written. */
function overlap(a: RegisterSpec, b: RegisterSpec): boolean {
  if (a.bank !== undefined && b.bank !== undefined && a.bank !== b.bank) return false;
  return !((a.access === "ro" && b.access === "wo") || (a.access === "wo" && b.access === "ro"));
}

// ---- helpers ------------------------------------------------------------------------------------------------

function makeShape(device: string, spec: RegisterSpec, hooks: RegisterHooks): Shape {
  const fields: Field[] = Object.entries(spec.fields ?? {}).map(([name, field]) => {
    const [high, low] = typeof field.bits === "number" ? [field.bits, field.bits] : field.bits;
    if (low < 0 || high < low || high >= spec.width)
      throw new Error(`${device}: field ${spec.name}.${name} does not fit`);
    const mask = ((1n << BigInt(high - low + 1)) - 1n) << BigInt(low);
    return {
      name,
      low,
      width: high - low + 1,
      lo: Number(mask & 0xffffffffn) | 0,
      hi: Number(mask >> 32n) | 0,
      spec: field,
    };
  });
  // names of several fields go from the high bit to the low one
  fields.sort((a, b) => b.low - a.low);
  if (fields.length > 31) throw new Error(`${device}: register ${spec.name} has more than 31 fields`);
  const masks = (word: "lo" | "hi"): Masks => {
    const all = word === "lo" ? mask32(spec.width) : mask32(spec.width - 32);
    const of = (access: Access): number => {
      if (fields.length === 0) return (spec.access ?? "rw") === access ? all : 0;
      return fields.reduce(
        (mask, field) => ((field.spec.access ?? spec.access ?? "rw") === access ? mask | field[word] : mask),
        0,
      );
    };
    return { rw: of("rw"), wo: of("wo"), w1c: of("w1c"), w1s: of("w1s"), readable: all & ~of("wo") };
  };
  for (const field of fields) {
    const clash = fields.find((other) => other !== field && ((other.lo & field.lo) | (other.hi & field.hi)) !== 0);
    if (clash) throw new Error(`${device}: fields ${field.name} and ${clash.name} of ${spec.name} overlap`);
  }
  const reset = BigInt(spec.reset ?? 0);
  return {
    spec,
    bytes: spec.width / 8,
    lo: masks("lo"),
    hi: masks("hi"),
    resetLo: Number(reset & 0xffffffffn),
    resetHi: Number((reset >> 32n) & 0xffffffffn),
    fields,
    hooks,
  };
}

/** The elements of an array of registers, or the one register. */
function elements(spec: RegisterSpec): { name: string; offset: number; index: number[] }[] {
  let list: { offset: number; index: number[] }[] = [{ offset: spec.offset, index: [] }];
  for (const { count, stride, first = 0 } of spec.array ?? []) {
    list = list.flatMap(({ offset, index }) =>
      Array.from({ length: count }, (_, i) => ({ offset: offset + i * stride, index: [...index, first + i] })),
    );
  }
  return list.map(({ offset, index }) => ({ name: elementName(spec.name, index), offset, index }));
}

function elementName(pattern: string, index: readonly number[]): string {
  let next = 0;
  const name = pattern.replace(/\[\]/g, () => `[${index[next++]}]`);
  return index.slice(next).reduce((text, i) => `${text}[${i}]`, name);
}

function merge(old: number, value: number, mask: number, access: Masks): number {
  const rw = mask & access.rw;
  const changed = (old & ~rw) | (value & rw);
  return ((changed & ~(value & mask & access.w1c)) | (value & mask & access.w1s)) >>> 0;
}

/** The low `bits` bits set, as a signed word; nothing for 0 and less. */
function mask32(bits: number): number {
  return bits >= 32 ? -1 : bits <= 0 ? 0 : (1 << bits) - 1;
}

function join(lo: number, hi: number): bigint {
  return hi === 0 ? BigInt(lo >>> 0) : (BigInt(hi >>> 0) << 32n) | BigInt(lo >>> 0);
}

/** Low word of the value shifted right by `bytes`. */
function shiftRight(lo: number, hi: number, bytes: number): number {
  if (bytes === 0) return lo;
  return bytes < 4 ? (lo >>> (8 * bytes)) | (hi << (32 - 8 * bytes)) : hi >>> (8 * (bytes - 4));
}

/** Low and high word of a value shifted left by `bytes`. */
function placeLo(lo: number, bytes: number): number {
  return bytes < 4 ? lo << (8 * bytes) : 0;
}

function placeHi(lo: number, hi: number, bytes: number): number {
  if (bytes === 0) return hi;
  return bytes < 4 ? (hi << (8 * bytes)) | (lo >>> (32 - 8 * bytes)) : lo << (8 * (bytes - 4));
}

function extract(field: Field, lo: number, hi: number): number {
  if (field.low >= 32) return ((hi >>> (field.low - 32)) & mask32(field.width)) >>> 0;
  if (field.low + field.width <= 32) return ((lo >>> field.low) & mask32(field.width)) >>> 0;
  return Number((join(lo, hi) >> BigInt(field.low)) & ((1n << BigInt(field.width)) - 1n));
}
