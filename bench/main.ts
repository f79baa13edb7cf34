// npm run bench: the figures of README.md; with `-- --vs qemu`, the same guests on Emuscope and on QEMU; with
// `-- plugins --vs qemu`, what plugins cost on both.
import { printFigures } from "./figures.js";
import { comparePlugins } from "./plugins/main.js";
import { compareWithQemu } from "./vs-qemu/main.js";

const args = process.argv.slice(2);
const versus = args.indexOf("--vs");
try {
  if (args[0] === "plugins") await comparePlugins(args.slice(1));
  else if (versus < 0) await printFigures(args);
  else if (args[versus + 1] === "qemu") await compareWithQemu(args);
  else throw new Error("npm run bench -- --vs qemu [--help]");
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
