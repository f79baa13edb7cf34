// Runs a bare-metal program on QEMU with our own plugin (qemu-plugins/observe.c, compiled when it is needed) and returns the
// lines the plugin wrote.
import { spawn, spawnSync } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const QEMU = process.env["EMUSCOPE_QEMU"] ?? "qemu-system-riscv64";
const SOURCE = fileURLToPath(new URL("../../../test/differential/qemu-plugins/observe.c", import.meta.url));

export interface QemuRun {
  /** ELF, or raw bytes for 0x80000000. */
  image: Uint8Array;
  /** `-cpu`. */
  cpu?: string;
  /** Arguments of the plugin. */
  args: readonly string[];
  timeoutMs?: number;
}

/** Why comparisons with QEMU's plugins cannot run here, or undefined when they can. */
export function missing(): string | undefined {
  if (spawnSync(QEMU, ["--version"]).status !== 0) return `${QEMU} is not installed`;
  return spawnSync("cc", ["--version"]).status === 0 ? undefined : "there is no C compiler";
}

/** @throws Error when the plugin does not compile or the guest does not power off */
export async function observe(run: QemuRun): Promise<{ lines: string[]; console: string }> {
  const directory = await mkdtemp(join(tmpdir(), "emuscope-"));
  try {
    const plugin = join(directory, "observe.so");
    const compiler = spawnSync("cc", ["-O2", "-Wall", "-fPIC", "-fvisibility=hidden", "-shared", "-o", plugin, SOURCE]);
    if (compiler.status !== 0) throw new Error(`observe.c does not compile: ${compiler.stderr}`);
    const image = join(directory, "image");
    const out = join(directory, "out.txt");
    await writeFile(image, run.image);
    const elf = run.image[0] === 0x7f;
    const child = spawn(
      QEMU,
      [
        ["-M", "virt", "-m", "128M", "-display", "none", "-monitor", "none"],
        ["-serial", "stdio", ...(elf ? ["-bios", "none", "-kernel", image] : ["-bios", image])],
        run.cpu === undefined ? [] : ["-cpu", run.cpu],
        ["-plugin", [plugin, `out=${out}`, ...run.args].join(",")],
      ].flat(),
      { stdio: ["ignore", "pipe", "inherit"] },
    );
    let console = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      console += text;
    });
    const timer = setTimeout(() => child.kill("SIGKILL"), run.timeoutMs ?? 60_000);
    const code = await new Promise<number | null>((resolve, reject) => {
      child.on("error", reject);
      child.on("close", resolve);
    });
    clearTimeout(timer);
    if (code !== 0) throw new Error(`QEMU ended with ${code === null ? "a signal: no power-off" : `code ${code}`}`);
    const text = await readFile(out, "utf8");
    return { lines: text.trimEnd().split("\n"), console };
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}
