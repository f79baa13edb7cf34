// Symbols of everything that was loaded into a machine.
import { loadImage } from "../image/detect.js";
import type { ImageBytes, MachineDescription } from "./description.js";
import type { MachineSymbol } from "./machine-api.js";

const cache = new WeakMap<MachineDescription, readonly MachineSymbol[]>();

/** Sorted by address. Images without symbols add none. */
export function loadedSymbols(description: MachineDescription): readonly MachineSymbol[] {
  let symbols = cache.get(description);
  if (!symbols) {
    const images = [description.firmware, description.kernel, ...(description.load ?? [])];
    symbols = images
      .filter((image): image is ImageBytes => image !== undefined)
      .flatMap((image) =>
        loadImage(image.bytes, image.kind ? { kind: image.kind } : {}).symbols.map((s) => ({
          ...s,
          image: image.name,
        })),
      )
      .sort((a, b) => (a.address < b.address ? -1 : a.address > b.address ? 1 : 0));
    cache.set(description, symbols);
  }
  return symbols;
}
