// The folder uftrace.data as a tar archive: what `uftrace report -d uftrace.data` and the like read, with symbols of the functions
// that ran.
import type { FunctionName } from "./call-tree.js";
import type { Timeline } from "./timeline.js";

// magic "Ftrace!", version 4, header of 40 bytes, little endian, 64 bit, features and info fields as recorded by uftrace, depth 1024
const INFO_HEADER = [
  0x46, 0x74, 0x72, 0x61, 0x63, 0x65, 0x21, 0, 4, 0, 0, 0, 40, 0, 1, 2, 0x63, 0x12, 0, 0, 0, 0, 0, 0, 0xff, 0x7b, 0, 0,
  0, 0, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0,
];
const MASK48 = 0xffff_ffff_ffffn;
/** The name uftrace finds the symbols under. */
const SYMBOLS = "guest";
/** Bytes the last function is taken to have. */
const REACH = 0x1000n;

export function uftraceArchive(timelines: readonly Timeline[], functions: readonly FunctionName[]): Uint8Array {
  const sorted = [...new Map(functions.map((f) => [f.address & MASK48, f])).entries()].sort(([a], [b]) =>
    a < b ? -1 : 1,
  );
  const files: [string, Uint8Array][] = [
    ["info", info(timelines)],
    ["task.txt", text(timelines.flatMap(task))],
    ["sid-0.map", text(map(sorted))],
    [`${SYMBOLS}.sym`, text(symbols(sorted))],
    ...timelines.map((timeline): [string, Uint8Array] => [`${timeline.id}.dat`, timeline.bytes()]),
  ];
  return tar(files.map(([name, bytes]) => [`uftrace.data/${name}`, bytes]));
}

const text = (lines: readonly string[]): Uint8Array =>
  new TextEncoder().encode(lines.map((line) => `${line}\n`).join(""));
const hex12 = (address: bigint): string => address.toString(16).padStart(12, "0");

function task({ id, name }: Timeline): string[] {
  return [`SESS timestamp=0.0 pid=${id} sid=0 exename="${name}"`, `TASK timestamp=0.0 tid=${id} pid=${id}`];
}

function info(timelines: readonly Timeline[]): Uint8Array {
  const lines = text([
    "exename:",
    `build_id:${"0".repeat(40)}`,
    "exit_status:",
    "cmdline:",
    "cpuinfo:lines=2",
    "cpuinfo:nr_cpus=",
    "cpuinfo:desc=",
    "meminfo:",
    "osinfo:lines=3",
    "osinfo:kernel=",
    "osinfo:hostname=",
    "osinfo:distro=",
    "taskinfo:lines=2",
    `taskinfo:nr_tid=${timelines.length}`,
    `taskinfo:tids=${timelines.map(({ id }) => id).join(",")}`,
    "usageinfo:lines=6",
    "usageinfo:systime=",
    "usageinfo:usrtime=",
    "usageinfo:ctxsw=",
    "usageinfo:maxrss=",
    "usageinfo:pagefault=",
    "usageinfo:iops=",
    "loadinfo:",
    "record_date:",
    "elapsed_time:",
    "pattern_type:regex",
    "uftrace_version:",
    "utc_offset:",
  ]);
  const bytes = new Uint8Array(INFO_HEADER.length + lines.length);
  bytes.set(INFO_HEADER);
  bytes.set(lines, INFO_HEADER.length);
  return bytes;
}

/** uftrace takes what lies above the stack for a kernel of the host: the stack is put as high as can be. */
function map(functions: readonly [bigint, FunctionName][]): string[] {
  const lines = ["ffffffffffff-ffffffffffff rw-p 00000000 00:00 0 [stack]"];
  const last = functions.at(-1)?.[0];
  if (last !== undefined) lines.push(`${hex12(0n)}-${hex12(last + REACH)} r-xp 00000000 00:00 0 /${SYMBOLS}`);
  return lines;
}

/** Without sizes, as all versions read it: a function reaches as far as the next one, the last one as far as the end. */
function symbols(functions: readonly [bigint, FunctionName][]): string[] {
  const lines = functions.map(([address, { name }]) => `${hex12(address)} T ${name}`);
  const last = functions.at(-1)?.[0];
  if (last !== undefined) lines.push(`${hex12(last + REACH)} ? __sym_end`);
  return lines;
}

const BLOCK = 512;

/** POSIX ustar. */
function tar(files: readonly [string, Uint8Array][]): Uint8Array {
  const padded = (length: number): number => Math.ceil(length / BLOCK) * BLOCK;
  const size = files.reduce((sum, [, bytes]) => sum + BLOCK + padded(bytes.length), 2 * BLOCK);
  const archive = new Uint8Array(size);
  let at = 0;
  for (const [name, bytes] of files) {
    const header = archive.subarray(at, at + BLOCK);
    const put = (offset: number, value: string): void => header.set(new TextEncoder().encode(value), offset);
    const octal = (value: number, digits: number): string => `${value.toString(8).padStart(digits, "0")}\0`;
    put(0, name);
    put(100, octal(0o644, 7));
    put(108, octal(0, 7));
    put(116, octal(0, 7));
    put(124, octal(bytes.length, 11));
    put(136, octal(0, 11));
    put(148, " ".repeat(8));
    put(156, "0");
    put(257, "ustar\x0000");
    put(
      148,
      `${header
        .reduce((sum, byte) => sum + byte, 0)
        .toString(8)
        .padStart(6, "0")}\0 `,
    );
    archive.set(bytes, at + BLOCK);
    at += BLOCK + padded(bytes.length);
  }
  return archive;
}
