// The call graph: who calls whom, how often, and how many instructions each function runs, alone and with what it calls. Calls and
// returns are told by the registers they link with, as the RISC-V manual wants return-address predictors to (unprivileged 2.5.1);
// frame pointers are not needed, nor code compiled for profiling.
//
// A return goes to the innermost caller it fits; one that fits none (a thread switch, longjmp) begins a new stack. A trap handler
// is a call from where it interrupted or, with trace-privilege-level, the bottom of its level's own stack. A jump to another
// function takes the place of the one that jumped.
import Type from "../../../schema/type.js";
import type { Block, OptionValues, Plugin, PluginDefinition, PluginHost } from "../../plugin.js";
import { Address } from "../schema.js";
import { BlockStream, type Discontinuity } from "../support/block-stream.js";
import { grown } from "../support/growable.js";
import { largest } from "../support/largest.js";
import { hex } from "../support/text.js";
import { uftraceArchive } from "./archive.js";
import { CallStack, DEPTH, TRAP, UNKNOWN } from "./call-stack.js";
import { CallTree } from "./call-tree.js";
import { Timeline } from "./timeline.js";

const COUNTS = {
  calls: Type.Integer(),
  exclusive: Type.Integer({ description: "instructions of the function itself" }),
  inclusive: Type.Integer({ description: "instructions of it and what it called" }),
};
const RESULTS = Type.Object({
  instructions: Type.Integer({ description: "in all functions" }),
  functions: Type.Array(
    Type.Object({
      name: Type.String(),
      address: Address("virtual address"),
      image: Type.Optional(Type.String()),
      ...COUNTS,
    }),
    { description: "those with most instructions" },
  ),
  tree: Type.Array(
    Type.Object({
      id: Type.Integer(),
      parent: Type.Integer({ description: "id of the caller; -1 for a hart or privilege level" }),
      name: Type.String(),
      ...COUNTS,
    }),
    { description: "call chains with most instructions; a caller comes before what it calls" },
  ),
  nodes: Type.Integer({ description: "call chains in all" }),
  truncated: Type.Boolean({ description: "there were more call chains than are kept, or more events" }),
  events: Type.Integer({ description: "entries and exits in uftrace.data" }),
  files: Type.Array(Type.String()),
});

/** Characters of the folded stacks; a plugin's files have a limit. */
const FOLDED_LIMIT = 2 << 20;
const LEVELS = ["U", "S", "H", "M"];

/** What a block's end leads to, or what has happened since. */
const PLAIN = 0;
const CALL = 1;
const RETURN = 2;
/** A return and a call in one, between coroutines. */
const SWAP = 3;
/** The stack begins anew. */
const ROOT = 4;
const TRAPPED = 5;
const TRAP_RETURN = 6;
/** Another level's stack goes on. */
const RESUMED = 7;

/** Where a stack stood when its level was left. */
interface Suspended {
  from: bigint;
  resume: number;
}

class CallGraph implements Plugin {
  readonly #host: PluginHost;
  readonly #levels: boolean;
  readonly #limit: number;
  readonly #eventLimit: number;
  readonly #stream: BlockStream;
  readonly #tree: CallTree;
  readonly #stacks: CallStack[];
  readonly #timelines: Timeline[];
  readonly #suspended: Suspended[];
  /** Stack each hart is on; the block it ran last, and what that leads to. */
  readonly #current: Int32Array;
  readonly #last: Int32Array;
  readonly #pending: Uint8Array;
  /** For TRAPPED: the block whose end was not followed up, and where the trap came from. */
  readonly #interrupted: Suspended[];

  /** By block: numbers of its first address and of that behind it, function (-1: no symbol) and what its end leads to. */
  #start: Int32Array = new Int32Array(256);
  #end: Int32Array = new Int32Array(256);
  #function: Int32Array = new Int32Array(256);
  #kind: Uint8Array = new Uint8Array(256);
  readonly #addresses = new Map<bigint, number>();
  /** Whether the function has a symbol. */
  #named: Uint8Array = new Uint8Array(256);

  /** Instructions begun, and virtual time less instructions. */
  #clock: number;
  #skew: number;
  #events = 0;

  /** A trap return is about to run: says to which level. */
  readonly #returns = (hart: number, machine: number): void => {
    const mstatus = this.#host.readRegister(hart, "mstatus");
    this.#stream.note(hart, Number(machine === 1 ? (mstatus >> 11n) & 3n : (mstatus >> 8n) & 1n));
  };

  constructor(host: PluginHost, options: OptionValues) {
    this.#host = host;
    this.#levels = options["trace-privilege-level"] as boolean;
    this.#limit = options["limit"] as number;
    this.#eventLimit = options["events"] as number;
    this.#clock = host.instructions();
    this.#skew = host.now() - this.#clock;
    const harts = Array.from({ length: host.harts }, (_, hart) => hart);
    const names = harts.flatMap((hart) =>
      this.#levels ? LEVELS.map((level) => `cpu${hart} ${level}`) : [`cpu${hart}`],
    );
    const perHart = this.#levels ? LEVELS.length : 1;
    this.#tree = new CallTree(names);
    this.#stacks = names.map((_, root) => new CallStack(root));
    this.#suspended = names.map(() => ({ from: 0n, resume: -1 }));
    this.#interrupted = harts.map(() => ({ from: 0n, resume: -1 }));
    this.#timelines = names.map(
      (name, root) => new Timeline((Math.floor(root / perHart) + 1) * 100 + (root % perHart), name),
    );
    this.#current = Int32Array.from(harts, (hart) => this.#stackOf(hart, Number(host.readRegister(hart, "priv"))));
    this.#last = new Int32Array(host.harts).fill(-1);
    this.#pending = new Uint8Array(host.harts).fill(ROOT);
    this.#stream = new BlockStream(host, this);
  }

  translate(block: Block): void {
    const { table } = this.#stream;
    const before = table.size;
    const number = this.#stream.follow(block);
    const last = block.instructions[block.instructions.length - 1];
    if (last?.mnemonic === "mret" || last?.mnemonic === "sret") {
      last.onExec(this.#host.call(this.#returns, last.mnemonic === "mret" ? 1 : 0, { registers: "read" }));
    }
    if (number < before) return;
    this.#start = grown(this.#start, number);
    this.#end = grown(this.#end, number);
    this.#function = grown(this.#function, number);
    this.#kind = grown(this.#kind, number);
    this.#start[number] = this.#address(table.start[number] as bigint);
    this.#end[number] = this.#address(table.end[number] as bigint);
    this.#function[number] = this.#functionAt(block.vaddr) ?? -1;
    this.#kind[number] = last ? kindOf(last.flow, last.rd, last.rs1) : PLAIN;
  }

  enter(hart: number, number: number): void {
    if (this.#pending[hart] !== PLAIN) this.#follow(hart, number);
    const stack = this.#stacks[this.#current[hart] as number] as CallStack;
    const tree = this.#tree;
    const callee = this.#function[number] as number;
    const present = tree.function[stack.top] as number;
    if (callee !== present && (callee >= 0 || this.#named[present] !== 0)) this.#drift(stack, number);
    const length = this.#stream.table.length[number] as number;
    const { top } = stack;
    tree.own[top] = (tree.own[top] as number) + length;
    this.#clock += length;
    this.#last[hart] = number;
    this.#pending[hart] = this.#kind[number] as number;
  }

  leave(hart: number, begun: number, what: Discontinuity): void {
    this.#skew = Math.max(this.#skew, what.skew);
    const stack = this.#stacks[this.#current[hart] as number] as CallStack;
    if (begun >= 0) {
      const missing = (this.#stream.table.length[this.#last[hart] as number] as number) - begun;
      this.#tree.own[stack.top] = (this.#tree.own[stack.top] as number) - missing;
      this.#clock -= missing;
      this.#pending[hart] = PLAIN;
    }
    // the code of the block was written: what is left of it goes on
    if (what.type === "elsewhere") return;
    const next = this.#stackOf(hart, what.privilege);
    const other = next !== this.#current[hart];
    switch (what.type) {
      case "reset":
        this.#clear(stack);
        this.#current[hart] = next;
        this.#clear(this.#stacks[next] as CallStack);
        this.#pending[hart] = ROOT;
        break;
      case "note":
        if (other) {
          this.#clear(stack);
          this.#current[hart] = next;
          this.#pending[hart] = RESUMED;
        } else this.#pending[hart] = TRAP_RETURN;
        break;
      default: {
        this.#settle(hart, what.from);
        const interrupted = {
          from: what.from,
          resume:
            (this.#pending[hart] as number) < ROOT && this.#pending[hart] !== PLAIN ? (this.#last[hart] as number) : -1,
        };
        if (other) {
          this.#suspended[this.#current[hart] as number] = interrupted;
          this.#current[hart] = next;
          this.#clear(this.#stacks[next] as CallStack);
          this.#pending[hart] = ROOT;
        } else {
          this.#interrupted[hart] = interrupted;
          this.#pending[hart] = TRAPPED;
        }
      }
    }
  }

  reset(): void {
    this.#stream.reset();
  }

  results(): unknown {
    const tree = this.#tree;
    const own = this.#own();
    const inclusive = tree.inclusive(own);
    const counts = (node: number): { calls: number; exclusive: number; inclusive: number } => ({
      calls: tree.calls[node] as number,
      exclusive: own[node] as number,
      inclusive: inclusive[node] as number,
    });
    const most = (a: { inclusive: number }, b: { inclusive: number }): number => b.inclusive - a.inclusive;
    const functions = tree
      .byFunction(own, inclusive)
      .map(({ calls, own, inclusive }, i) => {
        const { name, address, image } = tree.functions[i] as (typeof tree.functions)[number];
        return { name, address, ...(image !== undefined && { image }), calls, exclusive: own, inclusive };
      })
      .filter((f) => f.inclusive > 0)
      .sort(most);
    // nobody has more instructions than his caller: the first ones make a tree
    const chains = largest(inclusive, this.#limit).map((id) => ({
      id,
      parent: tree.parent[id] as number,
      name: tree.name(id),
      ...counts(id),
    }));
    const archive = uftraceArchive(this.#timelines, tree.functions);
    this.#host.file("uftrace.data.tar", archive);
    this.#host.file("uftrace.folded", new TextEncoder().encode(tree.folded(own, FOLDED_LIMIT)));
    return {
      instructions: tree.roots.reduce((sum, _, root) => sum + (inclusive[root] as number), 0),
      functions: this.#limited(functions),
      tree: chains,
      nodes: inclusive.reduce((count, instructions) => count + (instructions > 0 ? 1 : 0), 0),
      truncated: tree.truncated || (this.#eventLimit > 0 && this.#events >= this.#eventLimit),
      events: this.#events,
      files: ["uftrace.data.tar", "uftrace.folded"],
    };
  }

  /** Stacks with their instructions, one a line; QEMU's plugin prints nothing. */
  text(): string {
    return this.#tree.folded(this.#own(), FOLDED_LIMIT);
  }

  #limited<T>(list: T[]): T[] {
    return this.#limit === 0 ? list : list.slice(0, this.#limit);
  }

  /** Instructions of each node up to this moment. */
  #own(): Float64Array {
    this.#stream.settle();
    const own = this.#tree.own.slice(0, this.#tree.size);
    for (let hart = 0; hart < this.#host.harts; hart++) {
      const { top } = this.#stacks[this.#current[hart] as number] as CallStack;
      own[top] = (own[top] as number) - this.#stream.missing(hart);
    }
    return own;
  }

  #stackOf(hart: number, level: number): number {
    return this.#levels ? hart * LEVELS.length + (level & 3) : hart;
  }

  #address(address: bigint): number {
    let number = this.#addresses.get(address);
    if (number === undefined) {
      number = this.#addresses.size;
      this.#addresses.set(address, number);
    }
    return number;
  }

  /** The function whose symbol covers the address. */
  #functionAt(address: bigint): number | undefined {
    const symbol = this.#host.symbol(address);
    if (!symbol) return undefined;
    const begin = BigInt.asUintN(64, address - BigInt(symbol.offset));
    const number = this.#tree.functionOf(symbol.name, begin, symbol.image);
    this.#named = grown(this.#named, number);
    this.#named[number] = 1;
    return number;
  }

  /** The function a block belongs to when control came to it from another function. */
  #callee(number: number): number {
    const known = this.#function[number] as number;
    if (known >= 0) return known;
    const address = this.#stream.table.start[number] as bigint;
    const callee = this.#tree.functionOf(hex(address), address, undefined);
    this.#named = grown(this.#named, callee);
    return callee;
  }

  /** Finishes what was pending, where a trap came before the next block. */
  #settle(hart: number, at: bigint): void {
    if (this.#pending[hart] === TRAP_RETURN) this.#leaveTrap(hart, at);
    else if (this.#pending[hart] === RESUMED) this.#resume(hart, at);
  }

  /** Follows what the last block's end, or a trap, led to: `number` is where it went. */
  #follow(hart: number, number: number): void {
    const start = this.#stream.table.start[number] as bigint;
    this.#settle(hart, start);
    const stack = this.#stacks[this.#current[hart] as number] as CallStack;
    const pending = this.#pending[hart] as number;
    this.#pending[hart] = PLAIN;
    switch (pending) {
      case PLAIN:
        break;
      case CALL:
        this.#push(stack, number, this.#end[this.#last[hart] as number] as number);
        break;
      case RETURN:
      case SWAP:
        this.#return(stack, number, pending === SWAP ? (this.#end[this.#last[hart] as number] as number) : UNKNOWN);
        break;
      case TRAPPED: {
        const { resume, from } = this.#interrupted[hart] as Suspended;
        if (!this.#push(stack, number, TRAP)) break;
        stack.resume[stack.depth - 1] = resume;
        stack.from[stack.depth - 1] = from;
        break;
      }
      default:
        this.#clear(stack);
        this.#push(stack, number, UNKNOWN);
    }
  }

  #return(stack: CallStack, number: number, link: number): void {
    if (stack.beyond > 0) {
      stack.beyond--;
      return;
    }
    const depth = stack.returning(this.#start[number] as number);
    if (depth > 0) this.#pop(stack, depth);
    else if (link !== UNKNOWN) this.#push(stack, number, link);
    else {
      this.#clear(stack);
      this.#push(stack, number, UNKNOWN);
    }
  }

  /** Back from the innermost trap handler, to `at`. */
  #leaveTrap(hart: number, at: bigint): void {
    const stack = this.#stacks[this.#current[hart] as number] as CallStack;
    const depth = stack.trap();
    if (depth < 0) {
      this.#pending[hart] = ROOT;
      return;
    }
    const suspended = { from: stack.from[depth] as bigint, resume: stack.resume[depth] as number };
    this.#pop(stack, depth);
    this.#goOn(hart, stack, suspended, at);
  }

  /** Back on the stack of another level. */
  #resume(hart: number, at: bigint): void {
    const current = this.#current[hart] as number;
    this.#goOn(hart, this.#stacks[current] as CallStack, this.#suspended[current] as Suspended, at);
  }

  #goOn(hart: number, stack: CallStack, { from, resume }: Suspended, at: bigint): void {
    const distance = BigInt.asUintN(64, at - from);
    // behind the instruction where the trap was a call to the environment
    const back = distance === 0n || distance === 2n || distance === 4n;
    if (!back || stack.depth === 0) this.#pending[hart] = ROOT;
    else if (resume >= 0) {
      this.#last[hart] = resume;
      this.#pending[hart] = this.#kind[resume] as number;
    } else this.#pending[hart] = PLAIN;
  }

  /** @returns false when the stack is too deep */
  #push(stack: CallStack, number: number, returnTo: number): boolean {
    if (stack.depth === DEPTH) {
      stack.beyond++;
      return false;
    }
    const { top } = stack;
    const node = this.#tree.child(top, this.#callee(number), stack.root);
    if (node !== stack.root) this.#tree.calls[node] = (this.#tree.calls[node] as number) + 1;
    stack.node[stack.depth] = node;
    stack.returnTo[stack.depth] = returnTo;
    stack.depth++;
    this.#record(stack, true);
    return true;
  }

  #pop(stack: CallStack, depth: number): void {
    stack.beyond = 0;
    while (stack.depth > depth) {
      this.#record(stack, false);
      stack.depth--;
    }
  }

  #clear(stack: CallStack): void {
    this.#pop(stack, 0);
  }

  /** Control came to another function without a call. */
  #drift(stack: CallStack, number: number): void {
    const tree = this.#tree;
    const callee = this.#callee(number);
    const parent = tree.parent[stack.top] as number;
    if (callee === tree.function[stack.top] || parent < 0 || stack.beyond > 0) return;
    const node = tree.child(parent, callee, stack.root);
    if (node === parent) return;
    this.#record(stack, false);
    stack.node[stack.depth - 1] = node;
    const atStart =
      (tree.functions[callee] as (typeof tree.functions)[number]).address === this.#stream.table.start[number];
    if (atStart) tree.calls[node] = (tree.calls[node] as number) + 1;
    this.#record(stack, true);
  }

  /** Entry or exit of the top frame. */
  #record(stack: CallStack, entry: boolean): void {
    if (this.#events >= this.#eventLimit) return;
    this.#events++;
    const timeline = this.#timelines[stack.root] as Timeline;
    const callee = this.#tree.function[stack.top] as number;
    const address = callee < 0 ? 0n : (this.#tree.functions[callee] as { address: bigint }).address;
    const ns = Math.round(this.#clock + this.#skew);
    if (entry) timeline.enter(ns, address, stack.depth - 1);
    else timeline.exit(ns, address, stack.depth - 1);
  }
}

const LINK = new Set([1, 5]);

function kindOf(flow: string, rd: number, rs1: number): number {
  if (flow === "jump") return LINK.has(rd) ? CALL : PLAIN;
  if (flow !== "jumpTo") return PLAIN;
  if (LINK.has(rd)) return LINK.has(rs1) && rs1 !== rd ? SWAP : CALL;
  return LINK.has(rs1) ? RETURN : PLAIN;
}

export const uftrace: PluginDefinition = {
  name: "uftrace",
  summary: "Call graph with instruction counts, as a tree, folded stacks and uftrace's files",
  options: {
    "trace-privilege-level": {
      type: "boolean",
      description: "a stack of its own for each privilege level of a hart",
      default: false,
    },
    limit: { type: "integer", description: "functions and call chains listed, 0 for all", default: 1000, minimum: 0 },
    events: {
      type: "integer",
      description: "function entries and exits kept for uftrace.data",
      default: 250_000,
      minimum: 0,
      maximum: 750_000,
    },
  },
  results: RESULTS,
  install: (host, options) => new CallGraph(host, options),
};
