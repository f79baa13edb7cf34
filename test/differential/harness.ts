// Runs many generated programs on two sides and throws with a readable account of the first ones that differ.

import { differences, explain, type Leaving } from "./compare.js";
import { type GenerateOptions, generate } from "./generate.js";
import { buildImage, type Image, readResult, type Test } from "./image.js";
import { runModel } from "./model.js";
import { shrink } from "./shrink.js";

/** Someone who runs an image: all results, in the order of the tests. */
export interface Side {
  readonly name: string;
  run(image: Image): Promise<Leaving[]>;
}

/** A side that leaves its results in guest memory. */
export function machineSide(name: string, run: (image: Image) => Promise<Uint8Array[]>): Side {
  return {
    name,
    run: async (image) => {
      const [area] = await run(image);
      if (area === undefined) throw new Error("no results");
      return image.tests.map((_, index) => readResult(area, index));
    },
  };
}

/** The model of model.ts. */
export const MODEL: Side = {
  name: "model",
  run: (image) => Promise.resolve(image.tests.map((test, index) => runModel(test, image.entry[index] ?? 0))),
};

/** Seed of a run: EMUSCOPE_SEED (a number, or `random`), else the default. */
export function seedOf(standard: number): number {
  const text = process.env["EMUSCOPE_SEED"];
  if (text === undefined || text === "") return standard;
  if (text === "random") return Math.floor(Math.random() * 2 ** 31);
  const seed = Number(text);
  if (!Number.isSafeInteger(seed)) throw new Error(`EMUSCOPE_SEED=${text} is not a number`);
  return seed;
}

const PER_IMAGE = 1000;

async function compareAll(
  left: Side,
  right: Side,
  tests: readonly Test[],
): Promise<{ image: Image; lines: string[][] }> {
  const image = buildImage(tests);
  const [a, b] = await Promise.all([left.run(image), right.run(image)]);
  return { image, lines: tests.map((_, n) => differences(left.name, a[n] ?? {}, right.name, b[n] ?? {})) };
}

/**
 * Compares `count` programs. Throws an Error that says which differ, with their code, made as short as it goes.
 * `log` gets one line with the seed at the start.
 */
export async function compareSides(
  left: Side,
  right: Side,
  seed: number,
  count: number,
  options: GenerateOptions,
  log: (line: string) => void = console.log,
): Promise<void> {
  log(`${left.name} against ${right.name}: ${count} programs, EMUSCOPE_SEED=${seed}`);
  for (let first = 0; first < count; first += PER_IMAGE) {
    const tests = Array.from({ length: Math.min(PER_IMAGE, count - first) }, (_, n) =>
      generate(seed, first + n, options),
    );
    const { image, lines } = await compareAll(left, right, tests);
    const bad = tests.flatMap((_, n) => ((lines[n]?.length ?? 0) > 0 ? [n] : []));
    const worst = bad[0];
    if (worst === undefined) continue;
    const original = tests[worst] as Test;
    const short = await shrink(original, async (variants) =>
      (await compareAll(left, right, variants)).lines.map((found) => found.length > 0),
    );
    const again = await compareAll(left, right, [short]);
    throw new Error(
      `${bad.length} of ${tests.length} programs differ (${bad
        .slice(0, 10)
        .map((n) => tests[n]?.name)
        .join("; ")}).\n` +
        `First, shortened: ${explain(short, again.image.entry[0] ?? 0, again.lines[0] ?? [])}\n` +
        `As generated: ${explain(original, image.entry[worst] ?? 0, lines[worst] ?? [])}`,
    );
  }
}
