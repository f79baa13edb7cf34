// How often a test tries what it makes up at random: seldom where everybody waits for it, often in `npm run test:thorough`.

/** `quick` times in the quick tests, `often` times in the thorough ones. */
export const times = (quick: number, often: number): number =>
  process.env["EMUSCOPE_THOROUGH"] === undefined ? quick : often;
