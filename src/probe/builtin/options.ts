// Options that several built-in plugins share.
import type { Option } from "../plugin.js";

export const INLINE: Option = {
  type: "boolean",
  default: true,
  description: "taken as QEMU takes it; counting is part of the generated code either way",
};

/** How many entries of a list to give; 0 for all. */
export const limit = (byDefault: number, what: string): Option => ({
  type: "integer",
  default: byDefault,
  minimum: 0,
  maximum: 10_000_000,
  description: `${what} to list, 0 for all`,
});

/** The first entries, as `limit` says. */
export const first = <T>(entries: readonly T[], limited: number): readonly T[] =>
  limited === 0 ? entries : entries.slice(0, limited);
