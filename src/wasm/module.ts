// Builds a WebAssembly module: imports first, then functions, then one code section (core spec 5.5).
import { Bytes } from "./bytes.js";
import { OP, type ValueType } from "./opcodes.js";

export interface FunctionType {
  params: readonly ValueType[];
  results: readonly ValueType[];
}

/** Body of one function: its own locals and instruction bytes. */
export class FunctionBody {
  readonly type: FunctionType;
  readonly code: Bytes;
  private readonly locals: ValueType[] = [];

  /** @param code where the instructions go; emptied first */
  constructor(type: FunctionType, code = new Bytes(512)) {
    this.type = type;
    this.code = code;
    code.clear();
  }

  /** A new local; its index counts on from the parameters. */
  local(type: ValueType): number {
    this.locals.push(type);
    return this.type.params.length + this.locals.length - 1;
  }

  /** Appends locals and instructions, with their length in front. */
  encode(out: Bytes): void {
    const locals = new Bytes(32);
    let runs = 0;
    for (let i = 0; i < this.locals.length; runs++) {
      const type = this.locals[i] as ValueType;
      const first = i;
      while (this.locals[i] === type) i++;
      locals.u32(i - first);
      locals.u8(type);
    }
    const count = new Bytes(5);
    count.u32(runs);
    out.u32(count.length + locals.length + this.code.length + 1);
    out.append(count.view());
    out.append(locals.view());
    out.append(this.code.view());
    out.u8(OP.end);
  }
}

// Modules are made one after another: they are put together in the same two buffers.
const section = new Bytes(1 << 16);
const whole = new Bytes(1 << 16);

export class ModuleBuilder {
  private readonly types: string[] = [];
  private latest: FunctionType | undefined;
  private latestIndex = 0;
  private readonly typeBytes = new Bytes();
  private readonly imports = new Bytes();
  private importCount = 0;
  private importedFunctions = 0;
  private readonly functions: FunctionBody[] = [];
  private readonly functionTypes: number[] = [];
  private readonly exports = new Bytes();
  private exportCount = 0;
  private readonly elements: { offset: number; functions: number[] }[] = [];

  type(type: FunctionType): number {
    if (type === this.latest) return this.latestIndex;
    this.latest = type;
    const key = `${type.params.join()}>${type.results.join()}`;
    this.latestIndex = this.types.indexOf(key);
    if (this.latestIndex >= 0) return this.latestIndex;
    this.latestIndex = this.types.push(key) - 1;
    this.typeBytes.u8(0x60);
    this.typeBytes.u32(type.params.length);
    for (const p of type.params) this.typeBytes.u8(p);
    this.typeBytes.u32(type.results.length);
    for (const r of type.results) this.typeBytes.u8(r);
    return this.latestIndex;
  }

  importSharedMemory(module: string, name: string, minPages: number, maxPages: number): void {
    this.startImport(module, name, 0x02);
    this.imports.u8(0x03);
    this.imports.u32(minPages);
    this.imports.u32(maxPages);
  }

  importTable(module: string, name: string, min: number): void {
    this.startImport(module, name, 0x01);
    this.imports.u8(0x70);
    this.imports.u8(0x00);
    this.imports.u32(min);
  }

  /** Returns the function index. All imports must come before the first function. */
  importFunction(module: string, name: string, type: FunctionType): number {
    if (this.functions.length > 0) throw new Error("imports must precede functions");
    const index = this.type(type);
    this.startImport(module, name, 0x00);
    this.imports.u32(index);
    return this.importedFunctions++;
  }

  private startImport(module: string, name: string, kind: number): void {
    this.imports.name(module);
    this.imports.name(name);
    this.imports.u8(kind);
    this.importCount++;
  }

  /** Reserves a function; fill in its body any time before `encode`. */
  func(type: FunctionType): { index: number; body: FunctionBody } {
    const body = new FunctionBody(type);
    return { index: this.add(body), body };
  }

  /** Adds a function made before; returns its index. */
  add(body: FunctionBody): number {
    this.functions.push(body);
    this.functionTypes.push(this.type(body.type));
    return this.importedFunctions + this.functions.length - 1;
  }

  exportFunction(name: string, index: number): void {
    this.exports.name(name);
    this.exports.u8(0x00);
    this.exports.u32(index);
    this.exportCount++;
  }

  /** Fills table slots from `offset` on when the module is instantiated. */
  elementSegment(offset: number, functions: number[]): void {
    this.elements.push({ offset, functions });
  }

  encode(): Uint8Array<ArrayBuffer> {
    whole.clear();
    for (const b of [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0]) whole.u8(b);
    const add = (id: number, count: number, content: (out: Bytes) => void): void => {
      section.clear();
      section.u32(count);
      content(section);
      whole.u8(id);
      whole.u32(section.length);
      whole.append(section.view());
    };
    add(1, this.types.length, (out) => out.append(this.typeBytes.view()));
    add(2, this.importCount, (out) => out.append(this.imports.view()));
    add(3, this.functionTypes.length, (out) => {
      for (const t of this.functionTypes) out.u32(t);
    });
    if (this.exportCount > 0) add(7, this.exportCount, (out) => out.append(this.exports.view()));
    if (this.elements.length > 0) {
      add(9, this.elements.length, (out) => {
        for (const e of this.elements) {
          out.u32(0);
          out.u8(OP.i32_const);
          out.i32(e.offset);
          out.u8(OP.end);
          out.u32(e.functions.length);
          for (const f of e.functions) out.u32(f);
        }
      });
    }
    add(10, this.functions.length, (out) => {
      for (const f of this.functions) f.encode(out);
    });
    return whole.take() as Uint8Array<ArrayBuffer>;
  }
}
