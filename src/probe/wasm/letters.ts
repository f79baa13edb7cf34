// Signatures in short: `Ii>i` is (i64, i32) -> i32.

export const LETTER_TYPES: Readonly<Record<string, string>> = { i: "i32", I: "i64", f: "f32", F: "f64" };

export function signatureText(letters: string): string {
  const [params = "", results = ""] = letters.split(">");
  const spell = (part: string): string => [...part].map((letter) => LETTER_TYPES[letter] ?? "?").join(", ");
  return `(${spell(params)})${results ? ` -> ${spell(results)}` : ""}`;
}
