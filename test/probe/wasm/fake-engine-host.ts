// FakeHost with what Wasm plugins need besides: dispatchers, counters mirrored in "machine memory", the core's answers about
// the access in hand. Calls of ops go through the plugin's own dispatchers, as they do from generated code.
import type { CallOp, CounterPlace } from "../../../src/engine/probe-ops.js";
import type { Access, Counter, Plugin, PluginEvents } from "../../../src/probe/plugin.js";
import type { EngineHost, PluginModule } from "../../../src/probe/wasm/engine-host.js";
import { INSTANCE_LIMITS, type InstanceLimits, WasmPlugin } from "../../../src/probe/wasm/instance.js";
import { DEFAULT_LIMITS, type PrepareLimits, prepare } from "../../../src/probe/wasm/prepare.js";
import { FakeHost } from "../fake-host.js";

const KINDS: readonly Access["kind"][] = ["load", "store", "amo-read", "amo-write"];

/** What set_pc throws. */
export class PcSet extends Error {
  readonly vaddr: bigint;
  constructor(vaddr: bigint) {
    super("pc set");
    this.vaddr = vaddr;
  }
}

export class FakeEngineHost extends FakeHost implements EngineHost {
  readonly slotNumber = 3;
  readonly machineMemory = new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true });
  readonly coreImports: EngineHost["coreImports"];
  readonly filters: object[] = [];
  readonly deferred: (() => void)[] = [];
  detached = false;
  /** Set while a call is in hand. */
  hart = 0;
  readonly mirrors: { address: number; stride: number; counter: Counter; place: CounterPlace }[] = [];
  wasm: WasmPlugin | undefined;
  #module: PluginModule | undefined;
  #told: Access | undefined;

  constructor(options: ConstructorParameters<typeof FakeHost>[0] = {}) {
    super(options);
    const about =
      <T>(read: (access: Access) => T, none: T) =>
      (): T => {
        const access = this.#told ?? this.currentAccess;
        return access ? read(access) : none;
      };
    this.coreImports = {
      mem_get_value: about((a) => a.value, 0n),
      get_hwaddr: about(() => 1, 0),
      hwaddr_is_io: about((a) => (a.io ? 1 : 0), 0),
      hwaddr_phys_addr: about((a) => a.paddr, 0n),
      emu_hwaddr_region: about((a) => a.regionId, 0),
      emu_hwaddr_device: about((a) => a.deviceId, 0),
      emu_hwaddr_offset: about((a) => a.offset, 0n),
      emu_hwaddr_split: about((a) => a.second?.split ?? 0, 0),
      emu_hwaddr_second_phys_addr: about((a) => a.second?.paddr ?? 0n, 0n),
      emu_hwaddr_second_region: about((a) => (a.second ? this.regionId(a.second.region) : 0), 0),
      emu_hwaddr_second_offset: about((a) => a.second?.offset ?? 0n, 0n),
      emu_instructions: () => BigInt(this.instructions()),
      emu_virtual_ns: () => BigInt(this.ns),
    };
  }

  /** Prepares, instantiates and attaches a module. */
  upload(
    bytes: Uint8Array,
    args: Record<string, unknown> = {},
    limits: Partial<PrepareLimits> = {},
    instanceLimits: Partial<InstanceLimits> = {},
  ): WasmPlugin {
    const { module, info } = prepare(bytes, { ...DEFAULT_LIMITS, ...limits });
    const posted = structuredClone(info);
    this.attach({
      name: "uploaded",
      summary: "",
      options: {},
      results: {},
      install: (): Plugin => {
        this.wasm = new WasmPlugin(this, module, posted, args, { ...INSTANCE_LIMITS, ...instanceLimits });
        return this.wasm;
      },
    });
    return this.wasm as WasmPlugin;
  }

  /** The end of a slice: what plugins put off. */
  settle(): void {
    for (let action = this.deferred.shift(); action; action = this.deferred.shift()) action();
  }

  /** Of all mirrored counters, by the address in the plugin's memory. */
  mirrored(address: number, hart: number): bigint | undefined {
    return this.mirrors.find((mirror) => mirror.address === address)?.counter.get(hart);
  }

  bind(): string {
    return "leaf";
  }
  registerDispatchers(module: PluginModule): { exec: number; access: number } {
    this.#module = module;
    return { exec: 11, access: 12 };
  }

  mirror(address: number, stride: number): CounterPlace {
    const counter = this.scoreboard(1).counter(0);
    const op = counter.add(1);
    const place = { address: op.counter.address, stride: stride === 0 ? 0 : op.counter.stride };
    this.mirrors.push({ address, stride, counter, place });
    this.#copy((at, of, hart) => of.set(hart, (this.#module as PluginModule).peek64(at)), this.mirrors.slice(-1));
    return place;
  }

  dropMirrors(address: number, bytes: number): void {
    const keep = this.mirrors.filter((mirror) => mirror.address < address || mirror.address >= address + bytes);
    this.mirrors.splice(0, this.mirrors.length, ...keep);
  }

  pullMirrors(): void {
    this.#copy((at, of, hart) => (this.#module as PluginModule).poke64(at, of.get(hart)), this.mirrors);
  }

  pushMirrors(): void {
    this.#copy((at, of, hart) => of.set(hart, (this.#module as PluginModule).peek64(at)), this.mirrors);
  }

  #copy(one: (at: number, counter: Counter, hart: number) => void, mirrors: typeof this.mirrors): void {
    for (const { address, stride, counter } of mirrors) {
      for (let hart = 0; hart < (stride === 0 ? 1 : this.harts); hart++) one(address + hart * stride, counter, hart);
    }
  }

  protected override dispatch(op: CallOp, hart: number): void {
    if (op.target.dispatcher === 0) {
      super.dispatch(op, hart);
      return;
    }
    const module = this.#module as PluginModule;
    this.hart = hart;
    if (op.synced) this.pullMirrors();
    const access = this.currentAccess;
    if (op.signature === "exec") module.exec(op.target.fn, hart, op.tag);
    else if (access) {
      const info =
        Math.log2(access.size) |
        (access.signed ? 1 << 4 : 0) |
        (access.write ? 1 << 6 : 0) |
        (KINDS.indexOf(access.kind) << 8);
      module.access(op.target.fn, hart, info, access.vaddr, op.tag);
    } else throw new Error("an access callback on something that is no access");
    if (op.synced) this.pushMirrors();
    this.hart = 0;
  }

  override emit<E extends keyof PluginEvents>(event: E, payload: PluginEvents[E]): void {
    if (event === "walk" || event === "dma") this.#told = payload as Access;
    if ("hart" in payload) this.hart = payload.hart as number;
    super.emit(event, payload);
    this.#told = undefined;
    this.hart = 0;
  }

  currentHart(): number {
    return this.hart;
  }

  /** x5 is in memory, all others are asked for by name. */
  registerAddress(name: string): number | undefined {
    return name === "x5" ? 0x1028 : undefined;
  }

  hartInstructions(hart: number): bigint {
    return BigInt(100 * (hart + 1));
  }

  functionAt(vaddr: bigint): string | undefined {
    return this.symbol(vaddr)?.name;
  }

  regionName(id: number): string | undefined {
    return id === 0 ? "unassigned" : this.regions[id - 1]?.name;
  }

  deviceName(id: number): string | undefined {
    return this.regions[id - 1]?.device;
  }

  regionId(name: string): number {
    return this.regions.findIndex((region) => region.name === name) + 1;
  }

  deviceId(name: string): number {
    return this.regions.findIndex((region) => region.device === name) + 1;
  }

  addFilter(filter: object): void {
    this.filters.push(filter);
  }

  defer(action: () => void): void {
    this.deferred.push(action);
  }

  detachSelf(): void {
    this.detached = true;
    this.wasm?.uninstall();
  }

  setPc(vaddr: bigint): never {
    throw new PcSet(vaddr);
  }
}
