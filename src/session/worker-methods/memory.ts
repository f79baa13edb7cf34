// Reading, writing and searching guest memory. Looking never has side effects: device regions are refused.
import type { MachineApi } from "../../machine/machine-api.js";
import { SessionError } from "../host-api.js";
import type { Methods, WorkerContext } from "../session-worker.js";
import { toolCore } from "./core-calls.js";
import { checkHart } from "./hart-state.js";
import { quickTranslate } from "./translation.js";

const PAGE = 4096;
const SPACE_END = 1n << 64n;
/** Physical addresses are 56 bits wide in Sv39 to Sv57, numbers on this side. */
const PHYSICAL_END = 2 ** 53;

/** A run of bytes in one section of memory. */
interface Piece {
  /** Address in the session's memory. */
  host: number;
  paddr: number;
  length: number;
}

type Space = "virtual" | "physical";

/** Checks a range before anything is done with it. @throws SessionError invalid */
function checkRange(space: Space, address: bigint, length: number): void {
  if (!Number.isSafeInteger(length) || length < 0)
    throw new SessionError("invalid", "length must be a count of bytes", { field: "length" });
  const end = space === "virtual" ? SPACE_END : BigInt(PHYSICAL_END);
  if (address < 0n || address + BigInt(length) > end) {
    throw new SessionError("invalid", "the range leaves the address space", { field: "address" });
  }
}

/**
 * Resolves a range to runs of memory, a page at a time where it is virtual, as `hart` would read it.
 * @throws SessionError unmapped, not-memory
 */
export function* pieces(
  machine: MachineApi,
  hart: number,
  space: Space,
  address: bigint,
  length: number,
): Generator<Piece> {
  for (let done = 0; done < length; ) {
    const va = address + BigInt(done);
    let paddr: number;
    let left = length - done;
    if (space === "virtual") {
      const translated = quickTranslate(machine, hart, va, "read", -1);
      if (translated.paddr === undefined) throw unmapped(va, "it does not translate");
      paddr = translated.paddr;
      left = Math.min(left, PAGE - Number(va & BigInt(PAGE - 1)));
    } else paddr = Number(va);
    const section = machine.bus.find(paddr);
    if (section === undefined) throw unmapped(va, "nothing answers there");
    if (section.host === 0) {
      throw new SessionError("not-memory", `0x${va.toString(16)} is in the device region ${section.region.name}`, {
        address: `0x${va.toString(16)}`,
        region: section.region.name,
      });
    }
    const take = Math.min(left, section.end - paddr);
    yield { host: section.host + (paddr - section.start), paddr, length: take };
    done += take;
  }
}

function unmapped(address: bigint, why: string): SessionError {
  return new SessionError("unmapped", `0x${address.toString(16)} cannot be read: ${why}`, {
    address: `0x${address.toString(16)}`,
  });
}

/** Copies a range out. @throws SessionError invalid, unmapped, not-memory */
export function readBytes(
  machine: MachineApi,
  hart: number,
  space: Space,
  address: bigint,
  length: number,
): Uint8Array<ArrayBuffer> {
  checkRange(space, address, length);
  const bytes = new Uint8Array(machine.memory.buffer);
  const result = new Uint8Array(length);
  let done = 0;
  for (const piece of pieces(machine, hart, space, address, length)) {
    result.set(bytes.subarray(piece.host, piece.host + piece.length), done);
    done += piece.length;
  }
  return result;
}

/** Writes a range; all of it is resolved before any of it is written. @throws SessionError unmapped, not-memory */
export function writeBytes(machine: MachineApi, hart: number, space: Space, address: bigint, bytes: Uint8Array): void {
  checkRange(space, address, bytes.length);
  const targets = [...pieces(machine, hart, space, address, bytes.length)];
  const memory = new Uint8Array(machine.memory.buffer);
  const core = toolCore(machine);
  let done = 0;
  for (const { host, paddr, length } of targets) {
    memory.set(bytes.subarray(done, done + length), host);
    core.memory_written(BigInt(paddr), length);
    done += length;
  }
}

/** Bytes searched at a time. */
const SEARCH_CHUNK = 1 << 20;

export function memoryMethods({
  machine,
}: WorkerContext): Pick<Methods, "readMemory" | "writeMemory" | "searchMemory"> {
  return {
    readMemory({ space, address, length, hart }) {
      checkHart(machine, hart);
      return readBytes(machine, hart, space, address, length);
    },
    writeMemory({ space, address, bytes, hart }) {
      checkHart(machine, hart);
      writeBytes(machine, hart, space, address, bytes);
    },
    searchMemory({ space, address, length, pattern, limit, hart }) {
      checkHart(machine, hart);
      checkRange(space, address, length);
      if (pattern.length === 0) throw new SessionError("invalid", "the pattern is empty", { field: "pattern" });
      return search(machine, hart, space, address, length, pattern, limit);
    },
  };
}

function search(
  machine: MachineApi,
  hart: number,
  space: Space,
  address: bigint,
  length: number,
  pattern: Uint8Array,
  limit: number,
): bigint[] {
  const found: bigint[] = [];
  const needle = Buffer.from(pattern);
  const overlap = pattern.length - 1;
  for (let at = 0; at < length && found.length < limit; at += SEARCH_CHUNK) {
    const start = address + BigInt(at);
    const size = Math.min(SEARCH_CHUNK + overlap, length - at);
    const chunk = Buffer.from(readBytes(machine, hart, space, start, size).buffer);
    for (let hit = chunk.indexOf(needle); hit >= 0 && found.length < limit; hit = chunk.indexOf(needle, hit + 1)) {
      if (hit >= SEARCH_CHUNK) break;
      found.push(start + BigInt(hit));
    }
  }
  return found;
}
