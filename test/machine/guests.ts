// Where the unmodified guests are, for tests that boot or load them; undefined where they are not.
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { ImageBytes, MachineDescription } from "../../src/machine/description.js";

const candidates = [process.env.EMUSCOPE_GUESTS, "../shared/guests"].filter(
  (path): path is string => path !== undefined,
);

/** Directory of the Debian guest, or undefined. */
export const debianGuest: string | undefined = candidates
  .flatMap((path) => [join(path, "debian-riscv64"), path])
  .find((path) => existsSync(join(path, "Image.gz")));

/** Option for tests that need the guests. */
export const skipWithoutGuests = debianGuest === undefined && "no guests: set EMUSCOPE_GUESTS";

export function guestImage(name: string): ImageBytes {
  return { name, bytes: readFileSync(join(debianGuest ?? "", name)) };
}

/** The machine that boots Debian to a shell on its console. */
export function debian(harts: number): MachineDescription {
  return {
    board: "virt",
    harts,
    ram: 256 << 20,
    firmware: guestImage("fw_dynamic.bin"),
    kernel: guestImage("Image.gz"),
    initrd: guestImage("initrd.gz"),
    cmdline: "console=ttyS0",
  };
}
