// Which registers of a hart have other values than when they were looked at last.
import type { PluginHost, RegisterInfo } from "../plugin.js";
import { PluginOptionError } from "../plugin.js";

export class RegisterChanges {
  readonly #host: PluginHost;
  readonly #registers: readonly RegisterInfo[];
  readonly #onlyNamed: boolean;
  /** Of all matching registers. */
  readonly all: readonly number[];
  /** By hart, then register. */
  readonly #values: bigint[][];

  /**
   * @param patterns of names, with `*` and `?`
   * @param onlyNamed whether `namedIn` looks at the disassembly
   * @throws PluginOptionError for a pattern that matches no register
   */
  constructor(host: PluginHost, patterns: readonly string[], onlyNamed: boolean) {
    const globs = patterns.map(glob);
    const matches = (register: RegisterInfo, pattern: RegExp): boolean =>
      pattern.test(register.name) || (register.alias !== undefined && pattern.test(register.alias));
    const all = host.registers();
    globs.forEach((pattern, i) => {
      if (!all.some((register) => matches(register, pattern))) {
        throw new PluginOptionError("reg", `a register or a pattern of some, such as a0 or m*, not "${patterns[i]}"`);
      }
    });
    this.#host = host;
    this.#onlyNamed = onlyNamed;
    this.#registers = all.filter((register) => globs.some((pattern) => matches(register, pattern)));
    this.all = this.#registers.map((_, i) => i);
    this.#values = Array.from({ length: host.harts }, (_, hart) =>
      this.#registers.map(({ name }) => host.readRegister(hart, name)),
    );
  }

  /** The registers to look at behind an instruction. */
  namedIn(disassembly: string): readonly number[] {
    if (!this.#onlyNamed) return this.all;
    const words = new Set(disassembly.split(/[^\w.]+/));
    return this.all.filter((i) => {
      const { name, alias } = this.#registers[i] as RegisterInfo;
      return words.has(name) || (alias !== undefined && words.has(alias));
    });
  }

  /** Takes the present values for the old ones. */
  remember(hart: number, registers: readonly number[]): void {
    const values = this.#values[hart] as bigint[];
    for (const i of registers) values[i] = this.#host.readRegister(hart, (this.#registers[i] as RegisterInfo).name);
  }

  /** `, name -> 0xvalue` for each that changed. */
  since(hart: number, registers: readonly number[]): string {
    const values = this.#values[hart] as bigint[];
    let text = "";
    for (const i of registers) {
      const { name, alias, size } = this.#registers[i] as RegisterInfo;
      const value = this.#host.readRegister(hart, name);
      if (value === values[i]) continue;
      values[i] = value;
      text += `, ${alias ?? name} -> 0x${value.toString(16).padStart(2 * size, "0")}`;
    }
    return text;
  }
}

function glob(pattern: string): RegExp {
  const escaped = pattern.replace(/[.+^${}()|[\]\\]/g, "\\$&");
  return new RegExp(`^${escaped.replaceAll("*", ".*").replaceAll("?", ".")}$`, "i");
}
