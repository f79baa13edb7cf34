// A small deterministic generator for everything that must look random and repeat: the entropy device and rng-seed.
// xoshiro128** (Blackman and Vigna, 2018), its state filled by splitmix32. Not for secrets.

export class Prng {
  readonly #state = new Uint32Array(4);

  /** @param seed any number; its integer part modulo 2^53 counts */
  constructor(seed: number) {
    const whole = Math.abs(Math.trunc(seed)) % 2 ** 53;
    let mix = (whole ^ Math.floor(whole / 2 ** 32)) >>> 0;
    for (let i = 0; i < 4; i++) {
      mix = (mix + 0x9e3779b9) >>> 0;
      let z = mix;
      z = Math.imul(z ^ (z >>> 16), 0x85ebca6b);
      z = Math.imul(z ^ (z >>> 13), 0xc2b2ae35);
      this.#state[i] = z ^ (z >>> 16);
    }
  }

  /** The next 32 bits, unsigned. */
  next(): number {
    const s = this.#state as unknown as [number, number, number, number];
    const scrambled = Math.imul(s[1], 5);
    const result = Math.imul((scrambled << 7) | (scrambled >>> 25), 9) >>> 0;
    const shifted = s[1] << 9;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= shifted;
    s[3] = (s[3] << 11) | (s[3] >>> 21);
    return result;
  }

  /** The next `length` bytes, little endian from each word; a started word is used up. */
  bytes(length: number): Uint8Array {
    const result = new Uint8Array(length);
    for (let i = 0; i < length; i += 4) {
      const word = this.next();
      for (let j = 0; j < 4 && i + j < length; j++) result[i + j] = word >>> (8 * j);
    }
    return result;
  }

  /** The four state words, for dumps. */
  state(): number[] {
    return Array.from(this.#state);
  }
}
