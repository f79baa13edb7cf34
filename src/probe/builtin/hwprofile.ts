// hwprofile: accesses to devices, by device and by offset in the device's registers, or by the code they come from. Only
// accesses to devices are looked at, each with the hardware address it really went to; others cost nothing. Unlike QEMU's,
// the base is the device's, a single device is listed, and offsets are there without `pattern`, which only chooses the text.
import Type from "../../schema/type.js";
import { type PluginDefinition, PluginOptionError } from "../plugin.js";
import { DIRECTIONS, mayAccess } from "./accesses.js";
import { LINES, Log } from "./log.js";
import { Address, Count, Hart } from "./schema.js";

/** Offsets, and places of code, kept for each device; what comes beyond is in the totals only. */
const MAX_PLACES = 65536;

interface Counts {
  reads: number;
  writes: number;
  readers: number;
  writers: number;
}

interface Device extends Counts {
  device: string;
  region: string;
  base: bigint;
  offsets: Map<number, Counts>;
  sources: Map<bigint, Counts>;
  /** Accesses beyond MAX_PLACES. */
  beyond: number;
}

const zero = (): Counts => ({ reads: 0, writes: 0, readers: 0, writers: 0 });
const CountsSchema = {
  reads: Count("reads"),
  writes: Count("writes"),
  readers: Type.Array(Hart()),
  writers: Type.Array(Hart()),
};

export const hwprofile: PluginDefinition = {
  name: "hwprofile",
  summary: "counts accesses to devices, by device and offset, or by the code they come from",
  options: {
    track: { type: "choice", choices: ["read", "write"], description: "only reads or only writes" },
    pattern: { type: "boolean", default: false, description: "text: by offset" },
    source: { type: "boolean", default: false, description: "by the code that makes the accesses" },
    match: {
      type: "string",
      repeated: true,
      description: "device to look at, and write a line for each access to; all, without lines, unless given",
    },
    lines: LINES,
  },
  results: Type.Object({
    devices: Type.Array(
      Type.Object({
        device: Type.String(),
        region: Type.String(),
        base: Address("physical address of offset 0"),
        ...CountsSchema,
        offsets: Type.Array(Type.Object({ offset: Count("bytes from the base"), ...CountsSchema })),
        sources: Type.Optional(Type.Array(Type.Object({ pc: Address("instruction"), ...CountsSchema }))),
        beyond: Count(`accesses not among offsets or sources, of which at most ${MAX_PLACES} are kept`),
      }),
      { description: "most accesses first" },
    ),
    dropped: Count("lines of matches not written"),
  }),

  install(host, options) {
    const pattern = options["pattern"] as boolean;
    const source = options["source"] as boolean;
    if (pattern && source) throw new PluginOptionError("pattern", "off when source is on: the text shows one of them");
    const direction = DIRECTIONS[(options["track"] ?? "rw") as keyof typeof DIRECTIONS];
    const matches = options["match"] === undefined ? undefined : new Set(options["match"] as string[]);
    const log = new Log(host, options["lines"] as number);
    const devices = new Map<number, Device>();

    const count = (into: Counts, hart: number, write: boolean): void => {
      if (write) {
        into.writes++;
        into.writers |= 1 << hart;
      } else {
        into.reads++;
        into.readers |= 1 << hart;
      }
    };
    const countAt = <K>(device: Device, places: Map<K, Counts>, at: K, hart: number, write: boolean): void => {
      let counts = places.get(at);
      if (!counts) {
        if (places.size >= MAX_PLACES) {
          device.beyond++;
          return;
        }
        counts = zero();
        places.set(at, counts);
      }
      count(counts, hart, write);
    };
    // of an access across two pages each part comes by itself
    const onAccess = (hart: number): void => {
      const { access } = host;
      const { regionId, write } = access;
      let device = devices.get(regionId);
      if (!device) {
        const { region, paddr, offset } = access;
        const name = access.device ?? region;
        const base = paddr - offset;
        device = { device: name, region, base, ...zero(), offsets: new Map(), sources: new Map(), beyond: 0 };
        devices.set(regionId, device);
      }
      const offset = Number(access.offset);
      if (matches) {
        if (!matches.has(device.device) && !matches.has(device.region)) return;
        log.write(`hwprofile: match @ offset${offset.toString(16)}, previous hits\n${totals(device)}`);
      }
      count(device, hart, write);
      countAt(device, device.offsets, offset, hart, write);
      if (source) countAt(device, device.sources, access.pc, hart, write);
    };
    const op = host.call(onAccess, 0);

    const columns = (of: Counts): string =>
      [
        direction === "write" ? "" : `, ${of.readers.toString(16)}, ${of.reads}`,
        direction === "read" ? "" : `, ${of.writers.toString(16)}, ${of.writes}`,
      ].join("");
    const totals = (of: Device): string => `${of.device}, 0x${of.base.toString(16)}${columns(of)}\n`;
    const sorted = (): Device[] =>
      [...devices.values()]
        .filter((device) => device.reads + device.writes > 0)
        .sort((a, b) => b.reads + b.writes - (a.reads + a.writes) || (a.base < b.base ? -1 : 1));
    const byPlace = <K extends number | bigint>(places: Map<K, Counts>): [K, Counts][] =>
      [...places].sort(([a], [b]) => (a < b ? -1 : 1));
    const hartsOf = (set: number): number[] =>
      Array.from({ length: host.harts }, (_, hart) => hart).filter((hart) => set & (1 << hart));
    const shown = ({ reads, writes, readers, writers }: Counts) => ({
      reads,
      writes,
      readers: hartsOf(readers),
      writers: hartsOf(writers),
    });

    return {
      translate(block) {
        for (const instruction of block.instructions) {
          if (mayAccess(instruction)) instruction.onAccess(op, { direction, io: true });
        }
      },
      results() {
        log.flush();
        return {
          devices: sorted().map((device) => ({
            device: device.device,
            region: device.region,
            base: device.base,
            ...shown(device),
            offsets: byPlace(device.offsets).map(([offset, counts]) => ({ offset, ...shown(counts) })),
            ...(source ? { sources: byPlace(device.sources).map(([pc, counts]) => ({ pc, ...shown(counts) })) } : {}),
            beyond: device.beyond,
          })),
          dropped: log.dropped,
        };
      },
      text() {
        log.flush();
        if (!pattern && !source) {
          const heading = [
            "Device, Address",
            direction === "write" ? "" : ", RCPUs, Reads",
            direction === "read" ? "" : ",  WCPUs, Writes",
          ];
          return `${heading.join("")}\n${sorted().map(totals).join("")}`;
        }
        return sorted()
          .map((device) => {
            const places: [number | bigint, Counts][] = pattern ? byPlace(device.offsets) : byPlace(device.sources);
            const lines = places.map(
              ([at, counts]) => `  ${pattern ? "off" : "pc"}:${at.toString(16).padStart(8, "0")}${columns(counts)}\n`,
            );
            return `${device.device} @ 0x${device.base.toString(16)}\n${lines.join("")}`;
          })
          .join("");
      },
    };
  },
};
