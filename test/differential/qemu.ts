// Runs an image on QEMU's `virt` board and fetches guest memory afterwards. Guest RAM is a file, so nothing has to
// be asked of the emulator: when the guest has powered off, the bytes are there.

import { spawn, spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, open, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { type Image, RAM_BASE, RAM_SIZE } from "./image.js";

const QEMU = process.env["EMUSCOPE_QEMU"] ?? "qemu-system-riscv64";
/** Extensions the tests use, and none that would give meaning to encodings they take for illegal. */
export const CPU =
  "rv64,zba=true,zbb=true,zbs=true,zbc=false,h=false,v=false,Zfh=false,svpbmt=true,svnapot=true,sstc=false";

/** Version text of the QEMU at hand, or undefined when there is none. */
export function qemuVersion(): string | undefined {
  const run = spawnSync(QEMU, ["--version"], { encoding: "utf8" });
  return run.status === 0 ? /version (\S+)/.exec(run.stdout)?.[1] : undefined;
}

/** Runs the image to power-off and returns what `fetch` asks for. Throws when the guest does not end in `timeoutMs`. */
export async function runOnQemu(image: Image, timeoutMs = 60_000): Promise<Uint8Array[]> {
  // a memory file system where there is one: the file is the guest's RAM
  const directory = await mkdtemp(join(existsSync("/dev/shm") ? "/dev/shm" : tmpdir(), "emuscope-"));
  try {
    const elf = join(directory, "image.elf");
    const ram = join(directory, "ram");
    await writeFile(elf, image.elf);
    const child = spawn(
      QEMU,
      [
        // with two harts atomics are atomic instructions and fault as such; with one they are a load and a store
        "-M",
        "virt,memory-backend=ram",
        "-object",
        `memory-backend-file,id=ram,size=${RAM_SIZE},mem-path=${ram},share=on`,
        "-smp",
        "2",
        "-m",
        `${RAM_SIZE / 2 ** 20}M`,
        "-cpu",
        CPU,
        "-display",
        "none",
        "-serial",
        "none",
        "-monitor",
        "none",
        "-bios",
        "none",
        "-kernel",
        elf,
      ],
      { stdio: ["ignore", "inherit", "inherit"] },
    );
    const timer = setTimeout(() => child.kill("SIGKILL"), timeoutMs);
    const code = await new Promise<number | null>((resolve, reject) => {
      child.on("error", reject);
      child.on("close", resolve);
    });
    clearTimeout(timer);
    if (code !== 0)
      throw new Error(`QEMU ended with ${code === null ? "a signal: the guest did not power off" : `code ${code}`}`);
    const file = await open(ram);
    try {
      const areas: Uint8Array[] = [];
      for (const { address, length } of image.fetch) {
        const area = new Uint8Array(length);
        await file.read(area, 0, length, address - RAM_BASE);
        areas.push(area);
      }
      return areas;
    } finally {
      await file.close();
    }
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}
