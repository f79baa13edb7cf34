// How a session executes its guest's code.
import Type from "../schema/type.js";
import { operation } from "./operation.js";
import { strict } from "./schemas.js";
import { findSession } from "./service.js";
import { SessionId } from "./wire.js";

const milliseconds = (description: string) => Type.Number({ minimum: 0, description });
const count = (description: string) => Type.Integer({ minimum: 0, description });

const CompiledTier = Type.Object(
  {
    regions: count("compiled regions in use"),
    modules: count("WebAssembly modules they are in"),
    bytes: count("bytes of those modules"),
    bytesTotal: count("bytes of all modules ever made"),
    compiled: count("regions ever compiled"),
    instructions: count("guest instructions in them (blocks shared by regions count each time)"),
    invalidated: count("regions dropped because their code was written to"),
    evicted: count("regions dropped to stay within the budget of modules and bytes"),
    rejected: count("hot places that cannot be compiled"),
    outdated: count("regions not taken, because their code had changed while they were made"),
    compileMs: milliseconds("host time the guest waited for regions to be made and instantiated"),
    longestMs: milliseconds("the longest it waited at once"),
    backgroundMs: milliseconds("time the compiling thread spent making regions, which the guest did not wait for"),
  },
  strict,
);

export const engineOperations = [
  operation({
    name: "engine.stats",
    summary: "How guest code is executed: tiers, compiled regions, time",
    params: Type.Object({ session: SessionId }, strict),
    result: Type.Object(
      {
        variant: Type.Enum(["plain", "memory", "fetch", "probe"], {
          description: "what the engine records at present; probe: blocks run with the probes of plugins",
        }),
        runMs: milliseconds("host time inside the engine, compilation included"),
        compileMs: milliseconds("host time the guest waited for compiled code"),
        instructions: count("instruction slots used by all harts"),
        compiledInstructions: count("of these, in compiled regions; the interpreter used the rest"),
        jit: Type.Object(
          {
            plain: Type.Optional(CompiledTier),
            memory: Type.Optional(CompiledTier),
            fetch: Type.Optional(CompiledTier),
            probe: Type.Optional(CompiledTier),
          },
          strict,
        ),
      },
      strict,
    ),
    errors: ["EMU_SESSION_NOT_FOUND", "EMU_SESSION_CRASHED", "EMU_SESSION_GONE"],
    rest: { method: "GET", path: "/v1/sessions/{session}/engine" },
    safe: true,
    handler({ service }, { session }) {
      return findSession(service, session).call("engineStats");
    },
  }),
];
