// Pieces of the result schemas of built-in plugins.
import Type from "../../schema/type.js";

/** 64-bit: bigint in results, a hex string on the wire. */
export const Address = (description: string) => Type.String({ pattern: "^0x[0-9a-f]{1,16}$", description });
/** Exact up to 2^53. */
export const Count = (description: string) => Type.Integer({ minimum: 0, description });
export const Hart = () => Type.Integer({ minimum: 0, description: "hart" });
