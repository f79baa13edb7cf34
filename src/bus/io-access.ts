// One guest access to an io region, cut to the sizes its handlers implement.
//
// With impl.unaligned the pieces start at the access's own offset, each as wide as the handlers allow. Without
// it every piece is naturally aligned. A piece narrower than impl.min becomes an access of impl.min bytes at the
// aligned offset: a read takes its bytes out of the wide value, a write puts its bytes in their lanes and
// zeros in the others. For aligned accesses these are the pieces QEMU's access_with_adjusted_size makes.
import type { MemoryRegion } from "./memory-region.js";
import type { AccessRules, IoHandlers } from "./region.js";

/** A value of up to eight bytes in two unsigned words; reused, so that accesses allocate nothing. */
export interface Words {
  lo: number;
  hi: number;
}

export type IoDirection = "read" | "write";

/** Why the region refuses this access, or undefined. `size` in bytes, a power of two. */
export function refusal(rules: AccessRules, offset: number, size: number): string | undefined {
  const valid = rules.valid;
  if (size < valid.min || size > valid.max) return `size ${size}, takes ${valid.min} to ${valid.max}`;
  if (!valid.unaligned && offset % size !== 0) return `unaligned access of ${size}`;
  return undefined;
}

/** Carries out an access that refusal() lets pass. For reads fills `value`; the first piece decides the names left in the handlers. */
export function perform(
  region: MemoryRegion,
  direction: IoDirection,
  offset: number,
  size: number,
  value: Words,
): void {
  const handlers = region.handlers as IoHandlers;
  const { impl, endianness } = region.rules;
  // the common case: one piece as it comes
  if (endianness === "little" && size >= impl.min && size <= impl.max && (impl.unaligned || offset % size === 0)) {
    piece(handlers, direction, offset, size, value);
    return;
  }
  let register: number | undefined;
  let field: number | undefined;
  const bytes = direction === "write" ? toBytes(value, size, "little") : new Uint8Array(size);
  for (let done = 0; done < size; ) {
    const at = offset + done;
    let want = Math.min(size - done, impl.max);
    want = 2 ** Math.floor(Math.log2(want));
    if (!impl.unaligned) while (want > 1 && at % want !== 0) want /= 2;
    const width = Math.max(want, impl.min);
    const from = impl.unaligned ? at : at - (at % width);
    const lane = at - from;
    const take = Math.min(width - lane, size - done);
    const part: Words = { lo: 0, hi: 0 };
    if (direction === "write") {
      const lanes = new Uint8Array(width);
      lanes.set(bytes.subarray(done, done + take), lane);
      fromBytes(lanes, endianness, part);
      piece(handlers, direction, from, width, part);
    } else {
      piece(handlers, direction, from, width, part);
      bytes.set(toBytes(part, width, endianness).subarray(lane, lane + take), done);
    }
    if (done === 0) {
      register = handlers.lastRegister;
      field = handlers.lastField;
    }
    done += take;
  }
  if (register !== undefined) handlers.lastRegister = register;
  if (field !== undefined) handlers.lastField = field;
  if (direction === "read") fromBytes(bytes, "little", value);
}

function piece(handlers: IoHandlers, direction: IoDirection, offset: number, size: number, value: Words): void {
  if (size === 8) {
    if (direction === "read") {
      const wide = handlers.read64 ? handlers.read64(offset) : 0n;
      value.lo = Number(wide & 0xffffffffn);
      value.hi = Number((wide >> 32n) & 0xffffffffn);
    } else handlers.write64?.(offset, (BigInt(value.hi) << 32n) | BigInt(value.lo));
    return;
  }
  const narrow = size as 1 | 2 | 4;
  if (direction === "read") {
    const read = handlers.read(offset, narrow);
    value.lo = narrow === 4 ? read >>> 0 : narrow === 2 ? read & 0xffff : read & 0xff;
    value.hi = 0;
  } else handlers.write(offset, narrow, narrow === 4 ? value.lo >>> 0 : value.lo & (narrow === 2 ? 0xffff : 0xff));
}

/** Bytes in address order. The guest's side is little-endian, the device's as its rules say. */
function toBytes(value: Words, size: number, endianness: AccessRules["endianness"]): Uint8Array {
  const bytes = new Uint8Array(size);
  for (let i = 0; i < size; i++) bytes[i] = i < 4 ? value.lo >>> (8 * i) : value.hi >>> (8 * (i - 4));
  return endianness === "big" ? bytes.reverse() : bytes;
}

function fromBytes(bytes: Uint8Array, endianness: AccessRules["endianness"], value: Words): void {
  const size = bytes.length;
  let lo = 0;
  let hi = 0;
  for (let i = 0; i < size; i++) {
    const byte = bytes[endianness === "big" ? size - 1 - i : i] as number;
    if (i < 4) lo |= byte << (8 * i);
    else hi |= byte << (8 * (i - 4));
  }
  value.lo = lo >>> 0;
  value.hi = hi >>> 0;
}
