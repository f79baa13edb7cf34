// The files a run needs, made once in a temporary directory: Debian's kernel unpacked for QEMU, and one initramfs per
// Linux workload, the stored one with a second archive behind it that holds the script and the text it works on.
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync, gzipSync } from "node:zlib";
import { withVariable } from "../../test/guest/elf-symbols.js";
import { cpio } from "./cpio.js";
import type { Workload } from "./workloads.js";

const ROOT = new URL("../../../", import.meta.url);
const DATA = "bench-data";
const DATA_SIZE = 1 << 20;

/** Paths; both emulators are given the same files, but for the kernel, which QEMU does not unpack. */
export interface GuestFiles {
  firmware?: string;
  kernel: string;
  /** For QEMU. */
  rawKernel: string;
  initrd?: string;
  cmdline?: string;
}

/** Directory of the Debian guest; undefined when neither EMUSCOPE_GUESTS nor ../shared/guests has it. */
export function debianDirectory(): string | undefined {
  const candidates = [process.env["EMUSCOPE_GUESTS"], new URL("../shared/guests", ROOT).pathname];
  return candidates
    .flatMap((path) => (path === undefined ? [] : [join(path, "debian-riscv64"), path]))
    .find((path) => existsSync(join(path, "Image.gz")));
}

/**
 * Files of `workload`; what has to be made goes into `directory`.
 * @throws Error when a Linux workload is asked for and there is no Debian guest
 */
export function guestFiles(workload: Workload, directory: string): GuestFiles {
  if (workload.kind === "bare") {
    const kernel = new URL(`guest/bare/${workload.name}.elf`, ROOT).pathname;
    if (workload.iterations === undefined) return { kernel, rawKernel: kernel };
    const changed = join(directory, `${workload.name}.elf`);
    writeFileSync(changed, withVariable(readFileSync(kernel), "iterations", BigInt(workload.iterations)));
    return { kernel: changed, rawKernel: changed };
  }
  const debian = debianDirectory();
  if (debian === undefined) throw new Error("no Debian guest: set EMUSCOPE_GUESTS to the directory that holds it");
  const firmware = join(debian, "fw_dynamic.bin");
  const kernel = join(debian, "Image.gz");
  const rawKernel = join(directory, "Image");
  if (!existsSync(rawKernel)) writeFileSync(rawKernel, gunzipSync(readFileSync(kernel)));
  const initrd = join(debian, "initrd.gz");
  const cmdline = "console=ttyS0 quiet";
  if (workload.kind === "boot") return { firmware, kernel, rawKernel, initrd, cmdline };
  const stacked = join(directory, `initrd-${workload.name}.gz`);
  const program = `bench-${workload.name}`;
  if (!existsSync(stacked)) {
    const script = `#!/bin/sh\nDATA=/${DATA}\necho BENCH-BEGIN ${workload.name}\n${workload.script}\necho BENCH-END ${workload.name}\n`;
    const archive = cpio([
      { name: `bin/${program}`, bytes: Buffer.from(script), mode: 0o755 },
      { name: DATA, bytes: text(DATA_SIZE), mode: 0o644 },
    ]);
    writeFileSync(stacked, Buffer.concat([readFileSync(initrd), gzipSync(archive, { level: 1 })]));
  }
  return { firmware, kernel, rawKernel, initrd: stacked, cmdline: `${cmdline} run=${program}` };
}

/** Lines of words with frequencies about as in natural language; always the same. */
function text(size: number): Buffer {
  let state = 2463534242;
  const random = (): number => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
  const word = (): string =>
    Array.from(
      { length: 2 + Math.floor(random() * 8) },
      () => "etaoinshrdlucmfw"[Math.floor(16 * random() ** 1.5)],
    ).join("");
  const words = Array.from({ length: 3000 }, word);
  let made = "";
  let column = 0;
  while (made.length < size) {
    const next = words[Math.floor(3000 * random() ** 3)] as string;
    column += next.length + 1;
    made += next + (column > 60 ? "\n" : " ");
    if (column > 60) column = 0;
  }
  return Buffer.from(`${made.slice(0, size - 1)}\n`);
}
