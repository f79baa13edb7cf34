// Typed arrays that grow by doubling, for tables whose size the guest's code decides.

type Numbers = Float64Array | Int32Array | Uint32Array | Uint16Array | Uint8Array;

/** The array itself when index `at` fits, else a longer one that begins with what was in it. */
export function grown<A extends Numbers>(array: A, at: number): A {
  if (at < array.length) return array;
  let length = Math.max(array.length, 16);
  while (length <= at) length *= 2;
  const longer = new (array.constructor as new (length: number) => A)(length);
  longer.set(array as never);
  return longer;
}
