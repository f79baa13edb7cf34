// GNU objdump as a second opinion on what an encoding means.
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const PREFIX = "riscv64-linux-gnu-";
const ARCH = "rv64gc_zba_zbb_zbs_zicbom_zicboz_svinval";

export const objdumpMissing: string | false =
  spawnSync(`${PREFIX}objdump`, ["--version"]).status === 0 && spawnSync(`${PREFIX}as`, ["--version"]).status === 0
    ? false
    : `no ${PREFIX}binutils here`;

/** Text of each word (16 bits when its low bits say so), at addresses from 0 on in their order. With aliases, and ABI names. */
export function objdump(words: readonly number[]): string[] {
  const directory = mkdtempSync(join(tmpdir(), "emuscope-isa-"));
  try {
    const source = words.map((word) => `.insn ${(word & 3) === 3 ? 4 : 2}, 0x${(word >>> 0).toString(16)}`).join("\n");
    writeFileSync(join(directory, "words.s"), `${source}\n`);
    const run = (tool: string, ...args: string[]): string => {
      const { status, stdout, stderr } = spawnSync(PREFIX + tool, args, {
        cwd: directory,
        encoding: "utf8",
        maxBuffer: 1 << 28,
      });
      if (status !== 0) throw new Error(`${tool}: ${stderr.slice(0, 500)}`);
      return stdout;
    };
    run("as", `-march=${ARCH}`, "-mno-relax", "-o", "words.o", "words.s");
    const lines = run("objdump", "-d", "words.o").matchAll(/^\s*[0-9a-f]+:\t([0-9a-f]+)\s+(.*)$/gm);
    const texts = Array.from(lines, (line) => line[2] ?? "");
    if (texts.length !== words.length) throw new Error(`${texts.length} lines for ${words.length} words`);
    return texts;
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}
