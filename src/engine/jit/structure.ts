// Control flow of a region as nested blocks and loops, from its dominator tree
// (N. Ramsey, "Beyond Relooper: recursive translation of unstructured control flow to structured control flow", 2022).

export interface Graph {
  entry: number;
  /** Successors inside the region, by node; nodes are page offsets. */
  successors: Map<number, number[]>;
}

export interface Structure {
  /** Position in reverse postorder. */
  order: Map<number, number>;
  /** Nodes immediately dominated, those that need a block first: latest in order first. */
  children: Map<number, number[]>;
  /** More than one forward edge comes in, so the code follows a block that the edges leave. */
  isMerge(node: number): boolean;
  isLoopHeader(node: number): boolean;
  /** A back edge whose target does not dominate its source cannot be structured; it has to leave the region. */
  isIrreducible(from: number, to: number): boolean;
  isBackEdge(from: number, to: number): boolean;
}

export function structure(graph: Graph): Structure {
  const postorder: number[] = [];
  const seen = new Set<number>([graph.entry]);
  // depth first with an explicit stack: regions may be long chains
  const stack: { node: number; next: number }[] = [{ node: graph.entry, next: 0 }];
  while (stack.length > 0) {
    const top = stack[stack.length - 1] as { node: number; next: number };
    const successors = graph.successors.get(top.node) ?? [];
    if (top.next === successors.length) {
      postorder.push(top.node);
      stack.pop();
      continue;
    }
    // the last successor first, so that the fall-through comes right behind in reverse postorder
    const successor = successors[successors.length - 1 - top.next++] as number;
    if (!seen.has(successor)) {
      seen.add(successor);
      stack.push({ node: successor, next: 0 });
    }
  }
  const nodes = postorder.reverse();
  const order = new Map(nodes.map((node, i) => [node, i]));
  const position = (node: number): number => order.get(node) as number;

  const predecessors = new Map<number, number[]>();
  for (const node of nodes) {
    for (const s of graph.successors.get(node) ?? []) {
      const list = predecessors.get(s) ?? [];
      list.push(node);
      predecessors.set(s, list);
    }
  }

  // immediate dominators (Cooper, Harvey, Kennedy: "A simple, fast dominance algorithm")
  const idom = new Map<number, number>([[graph.entry, graph.entry]]);
  const intersect = (a: number, b: number): number => {
    while (a !== b) {
      while (position(a) > position(b)) a = idom.get(a) as number;
      while (position(b) > position(a)) b = idom.get(b) as number;
    }
    return a;
  };
  for (let changed = true; changed; ) {
    changed = false;
    for (const node of nodes) {
      if (node === graph.entry) continue;
      let dominator: number | undefined;
      for (const p of predecessors.get(node) ?? []) {
        if (!idom.has(p)) continue;
        dominator = dominator === undefined ? p : intersect(dominator, p);
      }
      if (dominator !== undefined && idom.get(node) !== dominator) {
        idom.set(node, dominator);
        changed = true;
      }
    }
  }
  const dominates = (a: number, b: number): boolean => {
    for (;;) {
      if (a === b) return true;
      const up = idom.get(b) as number;
      if (up === b) return false;
      b = up;
    }
  };

  const isBackEdge = (from: number, to: number): boolean => position(to) <= position(from);
  const loopHeaders = new Set<number>();
  const forwardEdges = new Map<number, number>();
  for (const node of nodes) {
    for (const s of graph.successors.get(node) ?? []) {
      if (!isBackEdge(node, s)) forwardEdges.set(s, (forwardEdges.get(s) ?? 0) + 1);
      else if (dominates(s, node)) loopHeaders.add(s);
    }
  }
  const children = new Map<number, number[]>();
  for (const node of nodes) {
    if (node === graph.entry) continue;
    const parent = idom.get(node) as number;
    const list = children.get(parent) ?? [];
    list.push(node);
    children.set(parent, list);
  }
  for (const list of children.values()) list.sort((a, b) => position(b) - position(a));
  return {
    order,
    children,
    isMerge: (node) => (forwardEdges.get(node) ?? 0) > 1,
    isLoopHeader: (node) => loopHeaders.has(node),
    isIrreducible: (from, to) => isBackEdge(from, to) && !dominates(to, from),
    isBackEdge,
  };
}
