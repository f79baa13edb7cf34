// Symbols of the loaded images, by name or by address.
import type { MachineApi, MachineSymbol } from "../../machine/machine-api.js";
import type { Methods, WorkerContext } from "../session-worker.js";

/** The last symbol at or below `address`, when the address is inside it or it does not say how long it is. */
export function symbolAt(machine: MachineApi, address: bigint): { symbol: MachineSymbol; offset: bigint } | undefined {
  const symbols = machine.symbols();
  const last = lastAtOrBelow(symbols, address);
  // Several may begin at one address; one with a size is the better answer, so look back a little.
  for (let i = last; i >= 0 && i > last - 8; i--) {
    const symbol = symbols[i] as MachineSymbol;
    const offset = address - symbol.address;
    if (symbol.size > 0 ? offset < BigInt(symbol.size) : offset < NEAR) return { symbol, offset };
  }
  return undefined;
}

const functions = new WeakMap<readonly MachineSymbol[], readonly MachineSymbol[]>();

/** Name of the function that covers `address`, as QEMU knows functions: not by labels of assembly, nor data. */
export function functionAt(machine: MachineApi, address: bigint): string | undefined {
  const symbols = machine.symbols();
  let known = functions.get(symbols);
  if (known === undefined) {
    known = symbols.filter(({ kind, size }) => kind === "function" && size > 0);
    functions.set(symbols, known);
  }
  const found = lastAtOrBelow(known, address);
  const symbol = known[found];
  return symbol !== undefined && address - symbol.address < BigInt(symbol.size) ? symbol.name : undefined;
}

/** Index, or -1. */
function lastAtOrBelow(symbols: readonly MachineSymbol[], address: bigint): number {
  let low = 0;
  let high = symbols.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((symbols[middle] as MachineSymbol).address <= address) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

/** Assembly labels have no size; past this distance a label says nothing any more. */
const NEAR = 0x1000n;

/** `name` or `name+0x12`. */
export function symbolText(machine: MachineApi, address: bigint): string | undefined {
  const found = symbolAt(machine, address);
  if (found === undefined) return undefined;
  return found.offset === 0n ? found.symbol.name : `${found.symbol.name}+0x${found.offset.toString(16)}`;
}

export function symbolMethods({ machine }: WorkerContext): Pick<Methods, "symbols"> {
  return {
    symbols({ query, address, limit }) {
      if (address !== undefined) {
        const found = symbolAt(machine, address);
        return found === undefined ? [] : [plain(found.symbol)];
      }
      const wanted = query?.toLowerCase();
      const result = [];
      for (const symbol of machine.symbols()) {
        if (result.length >= limit) break;
        if (wanted === undefined || symbol.name.toLowerCase().includes(wanted)) result.push(plain(symbol));
      }
      return result;
    },
  };
}

/** Only what the protocol promises, whatever else an implementation keeps with a symbol. */
function plain({ name, address, size, image }: MachineSymbol): Omit<MachineSymbol, "kind"> {
  return { name, address, size, image };
}
