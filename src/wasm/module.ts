// Builds a WebAssembly module: imports first, then functions, then one code section (core spec 5.5).
import { Bytes } from "./bytes.js";
import type { ValueType } from "./opcodes.js";

export interface FunctionType {
  params: readonly ValueType[];
  results: readonly ValueType[];
}

/** Body of one function: its own locals and instruction bytes. */
export class FunctionBody {
  readonly code = new Bytes(512);
  private readonly locals: ValueType[] = [];

  readonly type: FunctionType;

  constructor(type: FunctionType) {
    this.type = type;
  }

  /** A new local; its index counts on from the parameters. */
  local(type: ValueType): number {
    this.locals.push(type);
    return this.type.params.length + this.locals.length - 1;
  }

  encode(): Bytes {
    const out = new Bytes(this.code.length + 32);
    const runs: [number, ValueType][] = [];
    for (const type of this.locals) {
      const last = runs[runs.length - 1];
      if (last && last[1] === type) last[0]++;
      else runs.push([1, type]);
    }
    out.u32(runs.length);
    for (const [count, type] of runs) {
      out.u32(count);
      out.u8(type);
    }
    out.append(this.code.view());
    out.u8(0x0b);
    return out;
  }
}

export class ModuleBuilder {
  private readonly types: string[] = [];
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
    const key = `${type.params.join()}>${type.results.join()}`;
    const known = this.types.indexOf(key);
    if (known >= 0) return known;
    this.types.push(key);
    this.typeBytes.u8(0x60);
    this.typeBytes.u32(type.params.length);
    for (const p of type.params) this.typeBytes.u8(p);
    this.typeBytes.u32(type.results.length);
    for (const r of type.results) this.typeBytes.u8(r);
    return this.types.length - 1;
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
    const out = new Bytes(4096);
    for (const b of [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0]) out.u8(b);
    const section = (id: number, content: Bytes): void => {
      out.u8(id);
      out.u32(content.length);
      out.append(content.view());
    };
    const counted = (count: number, content: Bytes): Bytes => {
      const b = new Bytes(content.length + 8);
      b.u32(count);
      b.append(content.view());
      return b;
    };
    section(1, counted(this.types.length, this.typeBytes));
    section(2, counted(this.importCount, this.imports));
    const funcs = new Bytes();
    for (const t of this.functionTypes) funcs.u32(t);
    section(3, counted(this.functionTypes.length, funcs));
    if (this.exportCount > 0) section(7, counted(this.exportCount, this.exports));
    if (this.elements.length > 0) {
      const elems = new Bytes();
      for (const e of this.elements) {
        elems.u32(0);
        elems.u8(0x41);
        elems.i32(e.offset);
        elems.u8(0x0b);
        elems.u32(e.functions.length);
        for (const f of e.functions) elems.u32(f);
      }
      section(9, counted(this.elements.length, elems));
    }
    const code = new Bytes(4096);
    for (const f of this.functions) {
      const body = f.encode();
      code.u32(body.length);
      code.append(body.view());
    }
    section(10, counted(this.functions.length, code));
    return out.take() as Uint8Array<ArrayBuffer>;
  }
}
