// QEMU's own plugins from its source package, which is not part of this repository: where the sources are, what options each
// plugin documents, and a plugin compiled natively and run inside QEMU.
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { withScratch } from "../sdk/support.js";

const QEMU = process.env["EMUSCOPE_QEMU"] ?? "qemu-system-riscv64";
const FOLDER = process.env["EMUSCOPE_QEMU_SOURCES"];
const OF_WINDOWS = "win32_linker";

export interface Sources {
  /** Of the sources: 7.2, 10.0 */
  version: number;
  /** Path by name. */
  plugins: Map<string, string>;
  /** Where qemu-plugin.h is. */
  include: string;
}

/** The plugins in the folder that EMUSCOPE_QEMU_SOURCES names (unpacked, or the part with plugins), or why there are none. */
export function sources(): Sources | string {
  if (FOLDER === undefined || FOLDER === "") return "no sources of QEMU: set EMUSCOPE_QEMU_SOURCES";
  const folders = ["contrib/plugins", "tests/plugin", "tests/tcg/plugins"].map((part) => join(FOLDER, part));
  const files = folders.flatMap((folder) =>
    existsSync(folder) ? readdirSync(folder).map((name) => join(folder, name)) : [],
  );
  const plugins = new Map(files.filter((file) => file.endsWith(".c")).map((file) => [basename(file, ".c"), file]));
  plugins.delete(OF_WINDOWS);
  const include = join(FOLDER, "include/qemu");
  const version = join(FOLDER, "VERSION");
  if (plugins.size === 0 || !existsSync(join(include, "qemu-plugin.h")) || !existsSync(version))
    return `${FOLDER} has no contrib/plugins, include/qemu/qemu-plugin.h and VERSION of QEMU`;
  return { version: Number.parseFloat(readFileSync(version, "utf8")), plugins, include };
}

/** Why a plugin of these sources cannot be run in QEMU here, or false when it can. */
export function cannotCompare({ version }: Sources): string | false {
  const { stdout, status } = spawnSync(QEMU, ["--version"], { encoding: "utf8" });
  const found = Number.parseFloat(/version (\S+)/.exec(stdout ?? "")?.[1] ?? "");
  if (status !== 0) return `${QEMU} is not installed`;
  if (found !== version) return `the sources are QEMU ${version}'s, ${QEMU} is ${found}`;
  if (spawnSync("cc", ["--version"]).status !== 0) return "there is no C compiler";
  return spawnSync("pkg-config", ["--exists", "glib-2.0"]).status !== 0 && "GLib's headers are not installed";
}

export interface NativeRun {
  /** What the plugin said with qemu_plugin_outs. */
  output: string;
  files: Record<string, string>;
  status: number | null;
}

/** Compiles it for QEMU. @throws Error with what the compiler said */
export function native({ plugins, include }: Sources, name: string, folder: string): string {
  const library = join(folder, `${name}.so`);
  const glib = (what: string) =>
    spawnSync("pkg-config", [what, "glib-2.0"], { encoding: "utf8" }).stdout.trim().split(/\s+/);
  // assertions of plugins about QEMU itself fail in it: 10.0 lists registers that it then cannot read
  const options = ["-O2", "-fPIC", "-shared", "-fvisibility=hidden", "-w", "-DG_DISABLE_ASSERT", `-I${include}`];
  const { status, stderr } = spawnSync(
    "cc",
    [options, glib("--cflags"), plugins.get(name) as string, "-o", library, glib("--libs")].flat(),
    { encoding: "utf8" },
  );
  if (status !== 0) throw new Error(stderr);
  return library;
}

/** Runs the guest to its end on the board both have. */
export function runNative(library: string, args: string, elf: Uint8Array): NativeRun {
  return withScratch((folder) => {
    writeFileSync(join(folder, "guest.elf"), elf);
    const quiet = ["-display", "none", "-monitor", "none", "-serial", "null", "-bios", "none"];
    const plugin = [library, ...(args === "" ? [] : [args])].join(",");
    const logged = ["-plugin", plugin, "-d", "plugin", "-D", "log.txt"];
    const { status } = spawnSync(QEMU, ["-M", "virt", "-m", "64M", ...quiet, "-kernel", "guest.elf", ...logged], {
      cwd: folder,
      timeout: 60_000,
    });
    const text = (name: string) => readFileSync(join(folder, name), "latin1");
    const names = readdirSync(folder).filter((name) => name !== "guest.elf" && name !== "log.txt");
    const output = existsSync(join(folder, "log.txt")) ? readFileSync(join(folder, "log.txt"), "utf8") : "";
    return { output, files: Object.fromEntries(names.map((name) => [name, text(name)])), status };
  });
}

const CACHES = [
  "",
  "limit=5",
  "icachesize=8192,iblksize=32,iassoc=4,dcachesize=4096,dblksize=32,dassoc=2",
  "l2=on",
  "l2cachesize=65536,l2blksize=64,l2assoc=8",
  "evict=fifo",
  "evict=rand",
  "cores=2",
];

/** The options each plugin documents, as on QEMU's command line; those of older versions first. */
export const OPTIONS: Readonly<Record<string, readonly string[]>> = {
  bb: ["", "inline=true", "idle=true"],
  bbv: ["interval=1000,outfile=bbv"],
  cache: CACHES,
  cflow: ["", "sort=hottest", "sort=early", "sort=exceptions"],
  drcov: ["", "filename=blocks.trace"],
  empty: [""],
  execlog: ["", "ifilter=addi", "ifilter=jal,ifilter=ret", "afilter=80000010"],
  hotblocks: ["", "inline=true"],
  hotpages: ["", "sortby=reads", "sortby=writes", "sortby=address", "io=on", "pagesize=1024"],
  howvec: ["", "inline=true", "verbose=true", "count=class", "count=all", "count=individual", "count=hint"],
  hwprofile: ["", "track=read", "track=write", "pattern=on", "source=on", "match=uart0"],
  inline: [""],
  insn: ["", "inline=true", "sizes=true", "match=addi"],
  ips: ["", "ips=100000000"],
  lockstep: ["sockpath=nowhere"],
  mem: ["callback=true", "inline=true", "haddr=true,callback=true", "track=r,callback=true", "track=w,inline=true"],
  reset: [""],
  stoptrigger: ["icount=1000", "addr=0x80000010:3"],
  syscall: ["", "print=true"],
};

/** What came with versions behind 7.2. */
export const NEWER_OPTIONS: Readonly<Record<string, readonly string[]>> = {
  execlog: ["reg=a*", "reg=a0,reg=sp", "reg=a*,rdisas=on", "reg=*"],
  insn: ["match=addi,trace=true"],
  mem: ["print-accesses=true", "region-summary=true", "region-summary=true,haddr=true,callback=true"],
  syscall: ["log_writes=true"],
};
