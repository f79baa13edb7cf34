// Control flow of a region as nested blocks and loops, from its dominator tree
// (N. Ramsey, "Beyond Relooper: recursive translation of unstructured control flow to structured control flow", 2022).
// Inside, nodes go by their position in reverse postorder.

export interface Graph {
  entry: number;
  /** Successors inside the region, by node; nodes are places. */
  successors: ReadonlyMap<number, readonly number[]>;
}

const NONE: readonly number[] = [];

export class Structure {
  /** In reverse postorder. */
  readonly nodes: readonly number[];
  readonly #position = new Map<number, number>();
  // by position
  readonly #idom: Int32Array;
  readonly #forwardEdges: Uint16Array;
  readonly #loops: Uint8Array;
  readonly #merges: number[][] = [];

  constructor(graph: Graph) {
    const nodes = postorder(graph).reverse();
    this.nodes = nodes;
    const count = nodes.length;
    for (let i = 0; i < count; i++) this.#position.set(nodes[i] as number, i);
    const predecessors: number[][] = nodes.map(() => []);
    for (let i = 0; i < count; i++)
      for (const s of graph.successors.get(nodes[i] as number) ?? NONE) predecessors[this.#at(s)]?.push(i);

    this.#idom = dominators(predecessors);
    this.#forwardEdges = new Uint16Array(count);
    this.#loops = new Uint8Array(count);
    for (let to = 0; to < count; to++) {
      for (const from of predecessors[to] as number[]) {
        if (from < to) (this.#forwardEdges[to] as number)++;
        else if (this.#dominates(to, from)) this.#loops[to] = 1;
      }
    }
    // the latest in order come first
    for (let i = count - 1; i > 0; i--) {
      if ((this.#forwardEdges[i] as number) <= 1) continue;
      const parent = this.#idom[i] as number;
      const merges = this.#merges[parent];
      if (merges) merges.push(nodes[i] as number);
      else this.#merges[parent] = [nodes[i] as number];
    }
  }

  #at(node: number): number {
    return this.#position.get(node) as number;
  }
  #dominates(a: number, b: number): boolean {
    while (b > a) b = this.#idom[b] as number;
    return a === b;
  }

  /** Nodes immediately dominated that need a block which the edges to them leave: the latest in order first. */
  mergesOf(node: number): readonly number[] {
    return this.#merges[this.#at(node)] ?? NONE;
  }
  /** More than one forward edge comes in, so the code follows a block that the edges leave. */
  isMerge(node: number): boolean {
    return (this.#forwardEdges[this.#at(node)] as number) > 1;
  }
  isLoopHeader(node: number): boolean {
    return this.#loops[this.#at(node)] === 1;
  }
  isBackEdge(from: number, to: number): boolean {
    return this.#at(to) <= this.#at(from);
  }
  /** A back edge whose target does not dominate its source cannot be structured; it has to leave the region. */
  isIrreducible(from: number, to: number): boolean {
    return this.isBackEdge(from, to) && !this.#dominates(this.#at(to), this.#at(from));
  }
}

/** Depth first with an explicit stack: regions may be long chains. */
function postorder({ entry, successors }: Graph): number[] {
  const order: number[] = [];
  const seen = new Set<number>([entry]);
  const stack = [entry];
  /** Successors of the nodes on the stack that are still to be looked at. */
  const left = [successors.get(entry)?.length ?? 0];
  while (stack.length > 0) {
    const top = stack.length - 1;
    const node = stack[top] as number;
    const remaining = left[top] as number;
    if (remaining === 0) {
      order.push(node);
      stack.pop();
      left.pop();
      continue;
    }
    // the last successor first, so that the fall-through comes right behind in reverse postorder
    left[top] = remaining - 1;
    const successor = (successors.get(node) as readonly number[])[remaining - 1] as number;
    if (seen.has(successor)) continue;
    seen.add(successor);
    stack.push(successor);
    left.push(successors.get(successor)?.length ?? 0);
  }
  return order;
}

/** Immediate dominators (Cooper, Harvey, Kennedy: "A simple, fast dominance algorithm"); the entry's is itself. */
function dominators(predecessors: readonly (readonly number[])[]): Int32Array {
  const idom = new Int32Array(predecessors.length).fill(-1);
  idom[0] = 0;
  for (let changed = true; changed; ) {
    changed = false;
    for (let node = 1; node < predecessors.length; node++) {
      let dominator = -1;
      for (const p of predecessors[node] as readonly number[]) {
        if (idom[p] === -1) continue;
        if (dominator === -1) dominator = p;
        for (let other = p; other !== dominator; ) {
          if (other > dominator) other = idom[other] as number;
          else dominator = idom[dominator] as number;
        }
      }
      if (idom[node] === dominator) continue;
      idom[node] = dominator;
      changed = true;
    }
  }
  return idom;
}
