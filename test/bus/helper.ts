import { Bus } from "../../src/bus/bus.js";
import type { IoHandlers } from "../../src/bus/region.js";

/** A bus over a memory of its own, with what it logged. */
export function makeBus(pages = 64): { bus: Bus; memory: WebAssembly.Memory; log: string[] } {
  const memory = new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true });
  const log: string[] = [];
  // the low part belongs to the core
  let next = 0x80000;
  const bus = new Bus({
    memory,
    allocate: (size) => {
      const at = next;
      next += Math.ceil(size / 16) * 16;
      if (next > memory.buffer.byteLength) throw new RangeError("out of host memory");
      return at;
    },
    log: { guestError: (_device, _key, message) => void log.push(message) },
  });
  return { bus, memory, log };
}

export function nullIo(): IoHandlers {
  return { read: () => 0, write: () => {} };
}
