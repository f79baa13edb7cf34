// Writes cpio archives in the "new ASCII" format (magic 070701) that Linux unpacks as an initramfs
// (Documentation/driver-api/early-userspace/buffer-format.rst). Several archives may stand one behind the other.

export interface CpioFile {
  /** Path without a leading slash; its directory is there already. */
  name: string;
  bytes: Uint8Array;
  /** Permission bits. */
  mode: number;
}

const REGULAR = 0o100000;

/** An archive of regular files. */
export function cpio(files: readonly CpioFile[]): Buffer {
  const parts: Buffer[] = [];
  const all = [...files.map((file) => ({ ...file, mode: file.mode | REGULAR })), trailer];
  all.forEach((file, index) => {
    const fields = [
      index + 1, // inode
      file.mode,
      0, // uid
      0, // gid
      1, // links
      0, // time
      file.bytes.length,
      0, // device numbers: major, minor, and those of a device file
      0,
      0,
      0,
      file.name.length + 1,
      0, // checksum, unused
    ];
    const header = `070701${fields.map((field) => field.toString(16).padStart(8, "0")).join("")}${file.name}\0`;
    parts.push(padded(Buffer.from(header, "latin1")), padded(Buffer.from(file.bytes)));
  });
  return Buffer.concat(parts);
}

const trailer: CpioFile = { name: "TRAILER!!!", bytes: new Uint8Array(), mode: 0 };

/** Names and contents end at multiples of four. */
function padded(bytes: Buffer): Buffer {
  return Buffer.concat([bytes, Buffer.alloc(-bytes.length & 3)]);
}
