// The version of the package, read once.
import { readFileSync } from "node:fs";

/** As in package.json, which lies three levels above the compiled file. */
export const VERSION = (
  JSON.parse(readFileSync(new URL("../../../package.json", import.meta.url), "utf8")) as { version: string }
).version;
