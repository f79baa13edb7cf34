// The largest of very many numbers, without sorting all of them.

/** Places of the `count` largest positive values, largest first and equal ones in their order; 0 for all positive ones. */
export function largest(values: Float64Array, count: number): number[] {
  const above = count === 0 ? 0 : threshold(values, count);
  const places: number[] = [];
  for (let i = 0; i < values.length; i++)
    if ((values[i] as number) > 0 && (values[i] as number) >= above) places.push(i);
  places.sort((a, b) => (values[b] as number) - (values[a] as number) || a - b);
  return count === 0 ? places : places.slice(0, count);
}

/** A power of two that at least `count` values reach, large enough to leave most of the others out. */
function threshold(values: Float64Array, count: number): number {
  const byMagnitude = new Float64Array(64);
  for (const value of values) {
    if (value < 1) continue;
    const magnitude = Math.floor(Math.log2(value));
    byMagnitude[magnitude] = (byMagnitude[magnitude] as number) + 1;
  }
  let reached = 0;
  for (let magnitude = 63; magnitude >= 0; magnitude--) {
    reached += byMagnitude[magnitude] as number;
    // half of it, since logarithms are rounded
    if (reached >= count) return 2 ** (magnitude - 1);
  }
  return 0;
}
