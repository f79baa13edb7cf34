// Which device registers the guest writes, and how often: the worked example of the SDK, the same in each language.
//
// Only writes to devices call the plugin; accesses to memory cost nothing. The hwaddr is there by value: the device and the
// offset in its region, as they were when the access was made.

/** @type {import("../../dist/src/probe/plugin.js").PluginDefinition} */
export default {
  name: "device-writes",
  summary: "counts writes to device registers",
  options: {},
  results: {
    type: "object",
    required: ["registers"],
    properties: {
      registers: {
        type: "array",
        items: {
          type: "object",
          properties: { device: { type: "string" }, offset: { type: "string" }, writes: { type: "integer" } },
        },
      },
    },
  },
  install(host) {
    /** @type {Map<string, { device: string, deviceId: number, offset: bigint, writes: number }>} */
    const registers = new Map();
    const count = host.call(() => {
      const { device = "", deviceId, offset } = host.access;
      const place = `${deviceId}+${offset}`;
      const found = registers.get(place);
      if (found) found.writes++;
      else registers.set(place, { device, deviceId, offset, writes: 1 });
    }, 0);
    const sorted = () =>
      [...registers.values()].sort((a, b) => a.deviceId - b.deviceId || (a.offset < b.offset ? -1 : 1));
    return {
      translate(block) {
        for (const instruction of block.instructions) {
          if (instruction.memory !== "none") instruction.onAccess(count, { direction: "write", io: true });
        }
      },
      results: () => ({
        registers: sorted().map(({ device, offset, writes }) => ({ device, offset: `0x${offset.toString(16)}`, writes })),
      }),
      text: () =>
        sorted()
          .map(({ device, offset, writes }) => `${device}+0x${offset.toString(16)}: ${writes} writes\n`)
          .join(""),
    };
  },
};
