// How often a test tries what it makes up at random, and whether it compiles anew what is checked in built: seldom and not where
// everybody waits for it, often and so in `npm run test:thorough`.

const thorough = process.env["EMUSCOPE_THOROUGH"] !== undefined;

/** Option of tests that take a compiler a while. */
export const skipUnlessThorough = !thorough && "in npm run test:thorough";

/** `quick` times in the quick tests, `often` times in the thorough ones. */
export const times = (quick: number, often: number): number => (thorough ? often : quick);
