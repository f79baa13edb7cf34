// npm run bench: `--vs qemu` compares with QEMU; the other benchmarks are programs of their own in this directory.
import { compareWithQemu } from "./vs-qemu/main.js";

const args = process.argv.slice(2);
const against = args[args.indexOf("--vs") + 1];
if (args.includes("--vs") && against === "qemu") {
  await compareWithQemu(args).catch((error: unknown) => {
    console.error(error instanceof Error ? error.message : error);
    process.exitCode = 1;
  });
} else {
  console.error("npm run bench -- --vs qemu [--help]");
  process.exitCode = 2;
}
