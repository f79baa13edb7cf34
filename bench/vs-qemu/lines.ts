// Console output as it comes, cut into lines.

/** Gives `each` the complete lines of a byte stream, without line ends. */
export function lineReader(each: (line: string) => void): (bytes: Uint8Array) => void {
  let rest = "";
  return (bytes) => {
    for (const byte of bytes) {
      if (byte === 10) {
        each(rest);
        rest = "";
      } else if (byte !== 13) rest += String.fromCharCode(byte);
    }
  };
}
