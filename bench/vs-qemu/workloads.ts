// What is measured. A Linux workload is a script that the guest's init runs; a bare one is a program of guest/bare.
// Each prints `BENCH-BEGIN name` when its work begins and a line that `end` matches when it is done.

export interface Workload {
  readonly name: string;
  readonly kind: "linux" | "bare" | "boot";
  /** Shell script, for `linux`. The text to work on is in $DATA, 1 MiB. */
  readonly script?: string;
  /** Rounds of a bare-metal program, instead of those it makes by itself. */
  readonly iterations?: number;
}

/** Repeats `command` in the guest. */
const times = (count: number, command: string): string =>
  `i=0; while [ $i -lt ${count} ]; do ${command}; i=$((i+1)); done`;

/** Sized for one to two seconds on QEMU 7.2 on a 2-core machine. */
export const WORKLOADS: readonly Workload[] = [
  { name: "sha256sum", kind: "linux", script: times(12, "sha256sum $DATA") },
  { name: "md5sum", kind: "linux", script: times(50, "md5sum $DATA") },
  { name: "gzip", kind: "linux", script: times(6, "gzip -c $DATA | md5sum") },
  {
    name: "awk",
    kind: "linux",
    script: `head -n 5000 $DATA | awk '{ for (f = 1; f <= NF; f++) { n[$f]++; sum += length($f) * NR % 7 } } END { for (w in n) k++; print k, sum }'`,
  },
  { name: "sort", kind: "linux", script: times(4, "sort $DATA | md5sum") },
  {
    name: "shell",
    kind: "linux",
    script: [
      "i=0; n=0",
      "while [ $i -lt 9000 ]; do",
      "  case $i in *7) n=$((n + i % 13)) ;; *) s=$n-$i n=$((n + 1)) ;; esac",
      "  if [ $((i % 1000)) = 0 ]; then n=$((n + $(echo $i | wc -c))); fi",
      "  i=$((i + 1))",
      "done",
      "echo $n $s",
    ].join("\n"),
  },
  { name: "integer", kind: "bare" },
  { name: "pointer", kind: "bare" },
  { name: "matrix", kind: "bare" },
  { name: "float", kind: "bare" },
  { name: "calls", kind: "bare" },
  { name: "strings", kind: "bare" },
  { name: "boot", kind: "boot" },
];

/** First line of the measured time; undefined: it begins when the machine is made. */
export function beginOf(workload: Workload): RegExp | undefined {
  return workload.kind === "boot" ? undefined : new RegExp(`^BENCH-BEGIN ${workload.name}$`);
}

/** The line the measured time ends with. */
export function endOf(workload: Workload): RegExp {
  if (workload.kind === "boot") return /^SHELL-READY$/;
  return workload.kind === "linux" ? new RegExp(`^BENCH-END ${workload.name}$`) : /check=[0-9a-f]+ (OK|WRONG)$/;
}
