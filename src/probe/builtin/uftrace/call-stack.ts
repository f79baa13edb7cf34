// The functions a hart is in, innermost last, on one privilege level or on all of them.

/** In place of a return address: the frame of a trap handler, and one whose caller is not known. */
export const TRAP = -2;
export const UNKNOWN = -1;
/** Deeper calls count for the deepest frame. */
export const DEPTH = 1000;

export class CallStack {
  /** Node of the call tree everything here hangs on. */
  readonly root: number;
  /** Node and return address (by number) of each frame. */
  readonly node: Int32Array = new Int32Array(DEPTH);
  readonly returnTo: Int32Array = new Int32Array(DEPTH);
  /** For a trap's frame: the block whose end it interrupted, -1 for none, and where execution should go on. */
  readonly resume: Int32Array = new Int32Array(DEPTH);
  readonly from: bigint[] = [];
  depth = 0;
  /** Calls beyond the depth. */
  beyond = 0;

  constructor(root: number) {
    this.root = root;
  }

  get top(): number {
    return this.depth === 0 ? this.root : (this.node[this.depth - 1] as number);
  }

  /** Where a return to this address leads: the number of frames left; -1 when nobody here called from there. */
  returning(address: number): number {
    for (let at = this.depth - 1; at >= 0; at--) {
      if (this.returnTo[at] === address) return at;
      if (this.returnTo[at] === TRAP) return -1;
    }
    return -1;
  }

  /** Number of frames below the innermost trap handler; -1 when there is none. */
  trap(): number {
    for (let at = this.depth - 1; at >= 0; at--) if (this.returnTo[at] === TRAP) return at;
    return -1;
  }
}
