// Registrations of a Wasm plugin: what it is called for besides the probes it puts into blocks. Each is one listener on the
// host, begun with the first registration and ended by one of function 0.
import { KIND_DMA_READ, KIND_DMA_WRITE, KIND_WALK_READ, KIND_WALK_WRITE } from "../../core/layout.js";
import type { Access, PluginEvents } from "../plugin.js";
import type { HostFunctions } from "./host-functions.js";
import { type Arguments, MAY_WRITE, NO_REGISTERS, type WasmPlugin } from "./instance.js";
import { PluginMisuse } from "./report.js";

const DISCONTINUITIES = [
  { type: 1, event: "interrupt" },
  { type: 2, event: "exception" },
  { type: 4, event: "hostcall" },
] as const;
const FLUSH_SCOPES = ["all", "index", "page", "asid", "topology"] as const;
const KINDS: Partial<Record<Access["kind"], number>> = {
  "walk-read": KIND_WALK_READ,
  "walk-write": KIND_WALK_WRITE,
  "dma-read": KIND_DMA_READ,
  "dma-write": KIND_DMA_WRITE,
};

/** Info word of an access that did not come from generated code. */
function infoWord({ size, write, kind }: Access): number {
  return Math.log2(size) | (write ? 1 << 6 : 0) | ((KINDS[kind] ?? 0) << 8);
}

export function eventFunctions(plugin: WasmPlugin): HostFunctions {
  const { host } = plugin;

  /** A registration that follows one event of the host. */
  const on =
    <E extends keyof PluginEvents>(
      name: string,
      types: readonly string[],
      event: E,
      registers: number,
      args: (event: PluginEvents[E], letters: string, userdata: number) => Arguments,
    ) =>
    (_id: bigint, cb: number, userdata: number): void =>
      plugin.register(name, cb, userdata, types, () =>
        host.on(event, (payload) => plugin.notify(name, registers, (letters, data) => args(payload, letters, data))),
      );

  const hart = (name: string, event: "hart-init" | "hart-exit" | "idle" | "resume") =>
    on(name, ["Ii>", "ii>"], event, MAY_WRITE, ({ hart }, letters, userdata) =>
      letters === "Ii>" ? [plugin.id, hart] : [hart, userdata],
    );

  /** A registration whose callback is called by other means than an event. */
  const keep =
    (name: string, types: readonly string[]) =>
    (_id: bigint, cb: number, userdata: number): void =>
      plugin.register(name, cb, userdata, types, () => () => undefined);

  /** Ends things once no callback runs, then calls cb(id) or cb(userdata). */
  const leave =
    (name: "uninstall" | "reset", end: () => void) =>
    (_id: bigint, cb: number, userdata: number): void => {
      if (plugin.installing) throw new PluginMisuse(`${name} cannot be called during install`);
      const found = cb === 0 ? undefined : plugin.callback(name, cb, ["I>", "i>"]);
      host.defer(() => {
        plugin.drop();
        if (found) plugin.invoke(`${name} callback`, found.fn, [found.letters === "I>" ? plugin.id : userdata]);
        end();
      });
    };

  return {
    uninstall: leave("uninstall", () => {
      plugin.uninstalled();
      host.detachSelf();
    }),
    reset: leave("reset", () => undefined),
    register_vcpu_init_cb: hart("register_vcpu_init_cb", "hart-init"),
    register_vcpu_exit_cb: hart("register_vcpu_exit_cb", "hart-exit"),
    register_vcpu_idle_cb: hart("register_vcpu_idle_cb", "idle"),
    register_vcpu_resume_cb: hart("register_vcpu_resume_cb", "resume"),
    register_vcpu_discon_cb: (_id: bigint, types: number, cb: number, userdata: number): void => {
      const name = "register_vcpu_discon_cb";
      plugin.register(name, cb, userdata, ["IiiII>", "iiIIi>", "IiiIIi>"], () => {
        const ends = DISCONTINUITIES.filter(({ type }) => types & type).map(({ type, event }) =>
          host.on(event, ({ hart, from, to }) =>
            plugin.notify(name, MAY_WRITE, (letters, data) => [
              ...(letters.startsWith("I") ? [plugin.id] : []),
              ...[hart, type, from, to],
              ...(letters.endsWith("i>") ? [data] : []),
            ]),
          ),
        );
        return () => {
          for (const end of ends) end();
        };
      });
    },
    register_vcpu_tb_trans_cb: keep("register_vcpu_tb_trans_cb", ["Ii>", "ii>"]),
    register_atexit_cb: keep("register_atexit_cb", ["Ii>", "i>"]),
    emu_register_reset_cb: keep("emu_register_reset_cb", ["i>"]),
    emu_register_results_cb: keep("emu_register_results_cb", ["i>"]),
    register_flush_cb: on("register_flush_cb", ["I>", "i>"], "flush", NO_REGISTERS, (_event, letters, userdata) => [
      letters === "I>" ? plugin.id : userdata,
    ]),
    emu_register_tlb_fill_cb: on(
      "emu_register_tlb_fill_cb",
      ["iIIiii>"],
      "tlb-fill",
      NO_REGISTERS,
      ({ hart, vaddr, paddr, pageBits, mmuIndex }, _letters, userdata) => [
        hart,
        vaddr,
        paddr,
        pageBits,
        mmuIndex,
        userdata,
      ],
    ),
    emu_register_tlb_flush_cb: on(
      "emu_register_tlb_flush_cb",
      ["iiIii>"],
      "tlb-flush",
      NO_REGISTERS,
      ({ hart, scope, vaddr, asid }, _letters, userdata) => [hart, FLUSH_SCOPES.indexOf(scope), vaddr, asid, userdata],
    ),
    emu_register_satp_cb: on(
      "emu_register_satp_cb",
      ["iIIi>"],
      "satp",
      NO_REGISTERS,
      ({ hart, old, value }, _letters, userdata) => [hart, old, value, userdata],
    ),
    emu_register_topology_cb: on(
      "emu_register_topology_cb",
      ["ii>"],
      "topology",
      NO_REGISTERS,
      ({ generation }, _letters, userdata) => [generation, userdata],
    ),
    emu_register_walk_cb: on("emu_register_walk_cb", ["iiIi>"], "walk", NO_REGISTERS, (access, _letters, userdata) => [
      access.hart,
      infoWord(access),
      access.vaddr,
      userdata,
    ]),
    emu_register_dma_cb: on("emu_register_dma_cb", ["iiIi>"], "dma", NO_REGISTERS, (access, _letters, userdata) => [
      access.hart,
      infoWord(access),
      access.paddr,
      userdata,
    ]),
  };
}
