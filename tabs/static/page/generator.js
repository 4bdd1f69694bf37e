// The page's own random numbers. They are other ones than the server's: the same seed gives
// another picture here, and the run cards of this page say so.

const BITS = 0xffffffffffffffffn;

/** A generator of normal numbers: xoshiro128** (Blackman and Vigna 2018) and Box and Muller 1958. */
export class Generator {
  /** @param {bigint} seed Of 64 bits, spread over the state by splitmix64. */
  constructor(seed) {
    this.state = new Uint32Array(4);
    let z = seed & BITS;
    for (let i = 0; i < 4; i += 2) {
      z = (z + 0x9e3779b97f4a7c15n) & BITS;
      let mixed = ((z ^ (z >> 30n)) * 0xbf58476d1ce4e5b9n) & BITS;
      mixed = ((mixed ^ (mixed >> 27n)) * 0x94d049bb133111ebn) & BITS;
      mixed ^= mixed >> 31n;
      this.state[i] = Number(mixed & 0xffffffffn);
      this.state[i + 1] = Number(mixed >> 32n);
    }
  }

  /** @returns {number} A whole number of 32 bits. */
  next() {
    const s = this.state;
    const times = Math.imul(s[1], 5);
    const result = Math.imul((times << 7) | (times >>> 25), 9) >>> 0;
    const shifted = s[1] << 9;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= shifted;
    s[3] = (s[3] << 11) | (s[3] >>> 21);
    return result;
  }

  /** @param {number} count @returns {Float32Array<ArrayBuffer>} Standard normal numbers. */
  normals(count) {
    const out = new Float32Array(count);
    for (let i = 0; i < count; i += 2) {
      const radius = Math.sqrt(-2 * Math.log((this.next() + 0.5) / 2 ** 32));
      const angle = (2 * Math.PI * this.next()) / 2 ** 32;
      out[i] = radius * Math.cos(angle);
      if (i + 1 < count) out[i + 1] = radius * Math.sin(angle);
    }
    return out;
  }
}

/**
 * The noise of a walk: each image has its own generator, seeded with seed + i, which draws first x_T
 * and then the noise of every step.
 */
export class WalkNoise {
  /**
   * @param {bigint} seed Of image 0.
   * @param {number} images
   * @param {number} size Numbers of one image.
   */
  constructor(seed, images, size) {
    this.size = size;
    this.generators = Array.from({ length: images }, (_, i) => new Generator(seed + BigInt(i)));
  }

  /** @param {number} steps @returns {Float32Array<ArrayBuffer>} (steps, images, size) */
  draw(steps) {
    const each = this.generators.length * this.size;
    const out = new Float32Array(steps * each);
    for (let step = 0; step < steps; step++) {
      this.generators.forEach((generator, i) => {
        out.set(generator.normals(this.size), step * each + i * this.size);
      });
    }
    return out;
  }
}

/**
 * @param {string} text Digits.
 * @returns {bigint} A seed from 0 to 2^64 - 1.
 * @throws {Error} With a sentence, if it is none.
 */
export function seedOf(text) {
  const digits = text.trim();
  if (!/^\d{1,20}$/.test(digits) || BigInt(digits) > BITS) {
    throw new Error(`Seed is "${digits.slice(0, 30)}", and must be a whole number from 0 to 2⁶⁴ − 1.`);
  }
  return BigInt(digits);
}
