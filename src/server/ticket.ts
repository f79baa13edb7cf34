// The query parameter that WebSockets take in place of an Authorization header, which browsers cannot send with them.
import Type from "../schema/type.js";

export const ticket = Type.Optional(
  Type.String({ maxLength: 128, description: "one-use ticket in place of the Authorization header" }),
);
