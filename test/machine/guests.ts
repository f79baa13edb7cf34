// Where the unmodified guests are, for tests that boot or load them; undefined where they are not.
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { ImageBytes } from "../../src/machine/description.js";

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
