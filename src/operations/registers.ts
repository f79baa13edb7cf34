// Registers and CSRs of a hart.
import Type from "../schema/type.js";
import { operation } from "./operation.js";
import { Register, strict } from "./schemas.js";
import { findSession } from "./service.js";
import { HartIndex, SessionId, toU64, U64 } from "./wire.js";

const name = Type.String({
  pattern: "^[a-z][a-z0-9]{0,31}$",
  "x-expected": "a register name such as a0, x10, f3, pc or mstatus",
});
const errors = ["EMU_SESSION_NOT_FOUND", "EMU_SESSION_CRASHED", "EMU_SESSION_GONE", "EMU_REGISTER_NOT_FOUND"] as const;

export const registerOperations = [
  operation({
    name: "register.get",
    summary: "Registers and CSRs of a hart",
    params: Type.Object(
      {
        session: SessionId,
        hart: HartIndex,
        names: Type.Optional(Type.Array(name, { maxItems: 256, description: "which; all unless given" })),
      },
      strict,
    ),
    result: Type.Object({ hart: Type.Integer(), registers: Type.Array(Register) }, strict),
    errors: [...errors],
    rest: { method: "GET", path: "/v1/sessions/{session}/registers" },
    safe: true,
    async handler({ service }, { session, hart, names }) {
      const registers = await findSession(service, session).call("registers", { hart, ...(names ? { names } : {}) });
      return { hart, registers };
    },
  }),

  operation({
    name: "register.set",
    summary: "Write registers and CSRs of a hart",
    description:
      "All or none: one refused name or value leaves every register as it was. CSRs take what their WARL fields allow.",
    params: Type.Object(
      {
        session: SessionId,
        hart: HartIndex,
        values: Type.Record(Type.String({ pattern: "^[a-z][a-z0-9]{0,31}$" }), U64, {
          minProperties: 1,
          maxProperties: 256,
          additionalProperties: false,
          description: "value by register name",
        }),
      },
      strict,
    ),
    result: Type.Object({ hart: Type.Integer(), registers: Type.Array(Register) }, strict),
    errors: [...errors, "EMU_REGISTER_READ_ONLY", "EMU_SESSION_STATE"],
    rest: { method: "PATCH", path: "/v1/sessions/{session}/registers" },
    safe: false,
    async handler({ service }, { session: id, hart, values }) {
      const session = findSession(service, id);
      const wanted = Object.fromEntries(Object.entries(values).map(([key, value]) => [key, toU64(value)]));
      await session.call("setRegisters", { hart, values: wanted });
      return { hart, registers: await session.call("registers", { hart, names: Object.keys(wanted) }) };
    },
  }),
];
