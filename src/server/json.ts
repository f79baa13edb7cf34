// JSON as it comes from a client: bounded in depth before anything recurses over it.
import { EmuError } from "../operations/errors.js";

/** @throws EMU_PARSE_ERROR where it is no JSON, or nested deeper than `maxDepth` */
export function parseJson(text: string, maxDepth: number): unknown {
  const depth = jsonDepth(text);
  if (depth > maxDepth) {
    throw new EmuError("EMU_PARSE_ERROR", `nested ${depth} deep; at most ${maxDepth} (limit maxJsonDepth)`, {
      limit: "maxJsonDepth",
      allowed: maxDepth,
    });
  }
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    // V8 quotes the text around the place: keep it short and on one line
    const reason = (error as Error).message.replace(/[\u0000-\u001f]+/g, " ").slice(0, 160);
    throw new EmuError("EMU_PARSE_ERROR", reason);
  }
}

/** Deepest nesting of brackets outside strings; right for valid JSON, an upper bound's guess for the rest. */
export function jsonDepth(text: string): number {
  let depth = 0;
  let deepest = 0;
  let inString = false;
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i);
    if (inString) {
      if (c === 0x5c) i++;
      else if (c === 0x22) inString = false;
    } else if (c === 0x22) inString = true;
    else if (c === 0x5b || c === 0x7b) {
      depth++;
      if (depth > deepest) deepest = depth;
    } else if (c === 0x5d || c === 0x7d) depth--;
  }
  return deepest;
}
