// Who called whom: a node for each function under each chain of callers, with how often it was called from there and how many
// instructions it ran itself. What a subtree ran is the sum over its nodes, so recursion needs no care.
import { grown } from "../support/growable.js";
import { largest } from "../support/largest.js";
import { PairTable } from "../support/pair-table.js";

export interface FunctionName {
  name: string;
  address: bigint;
  image: string | undefined;
}

/** Call chains that are told apart. */
const CHAINS = 200_000;
/** Lines of folded stacks. */
const LINES = 20_000;

export class CallTree {
  readonly functions: FunctionName[] = [];
  parent: Int32Array = new Int32Array(1024);
  function: Int32Array = new Int32Array(1024);
  calls: Float64Array = new Float64Array(1024);
  own: Float64Array = new Float64Array(1024);
  truncated = false;
  /** Names of the roots, which are the first nodes. */
  readonly roots: readonly string[];
  /** (parent, function); the number of the pair is that of the node, less the roots. */
  readonly #children = new PairTable();
  #size: number;
  readonly #byName = new Map<string, number>();

  readonly #chains: number;

  constructor(roots: readonly string[], chains = CHAINS) {
    this.roots = roots;
    this.#chains = chains;
    this.#size = roots.length;
    this.parent = grown(this.parent, roots.length).fill(-1);
    this.function = grown(this.function, roots.length).fill(-1);
    this.calls = grown(this.calls, roots.length);
    this.own = grown(this.own, roots.length);
  }

  get size(): number {
    return this.#size;
  }

  /** Number of a function. */
  functionOf(name: string, address: bigint, image: string | undefined): number {
    const key = `${address.toString(36)} ${image ?? ""} ${name}`;
    let number = this.#byName.get(key);
    if (number === undefined) {
      number = this.functions.length;
      this.functions.push({ name, address, image });
      this.#byName.set(key, number);
    }
    return number;
  }

  /**
   * The node of a function under `parent`. When there are too many call chains, new ones lead to a node for the function right
   * under `root`: what it runs itself stays its own. The root when there are too many functions, too.
   */
  child(parent: number, callee: number, root: number): number {
    const first = this.roots.length;
    const known = this.#children.find(parent, callee);
    if (known >= 0) return first + known;
    if (this.#size >= this.#chains) {
      this.truncated = true;
      if (parent !== root) return this.child(root, callee, root);
      if (this.#size >= 2 * this.#chains) return root;
    }
    const node = first + this.#children.number(parent, callee);
    this.#size = node + 1;
    this.parent = grown(this.parent, node);
    this.function = grown(this.function, node);
    this.calls = grown(this.calls, node);
    this.own = grown(this.own, node);
    this.parent[node] = parent;
    this.function[node] = callee;
    return node;
  }

  /** Instructions of each node and what it called. A node comes behind its parent, so one pass from the end adds them up. */
  inclusive(own: Float64Array): Float64Array {
    const sums = own.slice(0, this.#size);
    for (let node = this.#size - 1; node >= 0; node--) {
      const parent = this.parent[node] as number;
      if (parent >= 0) sums[parent] = (sums[parent] as number) + (sums[node] as number);
    }
    return sums;
  }

  name(node: number): string {
    return this.roots[node] ?? (this.functions[this.function[node] as number] as FunctionName).name;
  }

  /** By function: instructions with what it called, where it calls itself counted once. */
  byFunction(own: Float64Array, inclusive: Float64Array): { calls: number; own: number; inclusive: number }[] {
    const totals = this.functions.map(() => ({ calls: 0, own: 0, inclusive: 0 }));
    for (let node = this.roots.length; node < this.#size; node++) {
      const callee = this.function[node] as number;
      const total = totals[callee] as { calls: number; own: number; inclusive: number };
      total.calls += this.calls[node] as number;
      total.own += own[node] as number;
      let above = this.parent[node] as number;
      while (above >= 0 && this.function[above] !== callee) above = this.parent[above] as number;
      if (above < 0) total.inclusive += inclusive[node] as number;
    }
    return totals;
  }

  /**
   * A line for each chain of callers with what its last function ran itself, as flame graphs take it; those with most
   * instructions first, as long as they fit.
   */
  folded(own: Float64Array, limit: number): string {
    const lines: string[] = [];
    let left = limit;
    for (const node of largest(own.subarray(0, this.#size), LINES)) {
      const names: string[] = [];
      for (let at = node; at >= 0; at = this.parent[at] as number) names.push(this.name(at).replaceAll(/[;\s]/g, "_"));
      const line = `${names.reverse().join(";")} ${own[node]}\n`;
      left -= line.length;
      if (left < 0) break;
      lines.push(line);
    }
    return lines.join("");
  }
}
