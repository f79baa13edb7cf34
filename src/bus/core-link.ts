// Between the bus and the Wasm core: the flat view as the core's section table, and the core's way to the devices.
import {
  IO_FIELD,
  IO_REGISTER,
  IO_VALUE,
  MAX_SECTIONS,
  SECTION_COUNT,
  SECTION_DEVICE,
  SECTION_END,
  SECTION_HOST,
  SECTION_IO,
  SECTION_KIND,
  SECTION_OFFSET,
  SECTION_RAM,
  SECTION_REGION,
  SECTION_ROM,
  SECTION_SIZE,
  SECTION_START,
  SECTIONS,
  TOPOLOGY_GENERATION,
} from "../core/layout.js";
import type { NameTables } from "../devices/names.js";
import { type Bus, BusError } from "./bus.js";
import type { Section } from "./region.js";

const WORD = 2 ** 32;

export interface CoreLinkOptions {
  bus: Bus;
  memory: WebAssembly.Memory;
  /** Tells the core that the section table changed; called after each new table, also in the middle of a device access. */
  topologyChanged: () => void;
  /** Gets the names of regions and devices as they appear. */
  names?: NameTables;
}

export class CoreLink {
  readonly #bus: Bus;
  readonly #words: Uint32Array;
  readonly #topologyChanged: () => void;
  readonly #names: NameTables | undefined;
  #namedRegions = 1;

  /** Writes the present flat view at once (without calling back), and every later one. */
  constructor(options: CoreLinkOptions) {
    this.#bus = options.bus;
    // the words used lie below ARENA, so growing the memory does not matter
    this.#words = new Uint32Array(options.memory.buffer);
    this.#topologyChanged = options.topologyChanged;
    this.#names = options.names;
    this.#write(options.bus.sections);
    options.bus.onCommit((sections) => {
      this.#write(sections);
      this.#topologyChanged();
    });
  }

  #write(sections: readonly Section[]): void {
    if (sections.length > MAX_SECTIONS)
      throw new BusError(`flat view of ${sections.length} sections, at most ${MAX_SECTIONS} fit`);
    const words = this.#words;
    let at = SECTIONS;
    for (const section of sections) {
      const kind = section.region.kind;
      put64(words, at + SECTION_START, section.start);
      put64(words, at + SECTION_END, section.end);
      put64(words, at + SECTION_OFFSET, section.offset);
      words[(at + SECTION_HOST) >>> 2] = section.host;
      words[(at + SECTION_REGION) >>> 2] = section.region.id;
      words[(at + SECTION_KIND) >>> 2] = kind === "ram" ? SECTION_RAM : kind === "rom" ? SECTION_ROM : SECTION_IO;
      words[(at + SECTION_DEVICE) >>> 2] = section.region.device;
      at += SECTION_SIZE;
    }
    words[SECTION_COUNT >>> 2] = sections.length;
    words[TOPOLOGY_GENERATION >>> 2] = ((words[TOPOLOGY_GENERATION >>> 2] as number) + 1) >>> 0;
    this.#nameNew();
  }

  #nameNew(): void {
    const names = this.#names;
    if (!names) return;
    const regions = this.#bus.regions;
    for (; this.#namedRegions < regions.length; this.#namedRegions++) {
      const region = regions[this.#namedRegions];
      if (region) names.region.set(region.id, region.name);
    }
    for (const [id, name] of this.#bus.deviceNames()) names.device.set(id, name);
  }

  /** Import `env.io_read(region, offset, size): status`; the value goes to IO_VALUE. Offsets stay below 2^32 in io regions. */
  readonly ioRead = (region: number, offset: number, size: number): number => {
    const bus = this.#bus;
    const status = bus.dispatchRead(region, offset >>> 0, size);
    const words = this.#words;
    words[IO_VALUE >>> 2] = bus.value.lo;
    words[(IO_VALUE >>> 2) + 1] = bus.value.hi;
    words[IO_REGISTER >>> 2] = bus.lastRegister;
    words[IO_FIELD >>> 2] = bus.lastField;
    return status;
  };

  /** Import `env.io_write(region, offset, size): status`; the value is taken from IO_VALUE. */
  readonly ioWrite = (region: number, offset: number, size: number): number => {
    const bus = this.#bus;
    const words = this.#words;
    const status = bus.dispatchWrite(
      region,
      offset >>> 0,
      size,
      words[IO_VALUE >>> 2] as number,
      words[(IO_VALUE >>> 2) + 1] as number,
    );
    words[IO_REGISTER >>> 2] = bus.lastRegister;
    words[IO_FIELD >>> 2] = bus.lastField;
    return status;
  };
}

function put64(words: Uint32Array, address: number, value: number): void {
  words[address >>> 2] = value % WORD;
  words[(address >>> 2) + 1] = Math.floor(value / WORD);
}
