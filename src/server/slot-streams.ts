// Live views of a plugin slot over WebSocket: its results, again and again, and its output as it comes. All messages are
// JSON text. A client gets the newest results there are when it can take them: a slow one gets fewer, never older ones.
import type { FastifyBaseLogger } from "fastify";
import { strict } from "../operations/schemas.js";
import { SlotId } from "../operations/slots.js";
import { Count, SessionId } from "../operations/wire.js";
import Type, { type Static } from "../schema/type.js";
import type { SessionHost } from "../session/host-api.js";
import type { FinalResults, SlotResults } from "../session/protocol.js";
import { toEmuError } from "./errors.js";
import { CLOSE, type Outlet } from "./socket.js";
import type { Channel } from "./streams.js";
import { ticket } from "./ticket.js";

const OUTPUT_CHUNK = 64 * 1024;

export const ResultsQuery = Type.Object(
  {
    session: SessionId,
    slot: SlotId,
    interval: Type.Integer({
      minimum: 20,
      maximum: 3_600_000,
      default: 1000,
      description: "ms between two looks at the results",
    }),
    on: Type.Enum(["interval", "change"], {
      default: "interval",
      description: "change: only results that differ from those sent before",
    }),
    text: Type.Boolean({ default: false, description: "the text form as well, where the plugin has one" }),
    ticket,
  },
  strict,
);

export const OutputQuery = Type.Object(
  {
    session: SessionId,
    slot: SlotId,
    from: Type.Union([Count(), Type.Enum(["start", "end"])], {
      default: "start",
      description: "offset to begin at: start is the oldest output kept, end only what is new",
      "x-expected": "an offset, start or end",
    }),
    ticket,
  },
  strict,
);

const results: Channel<Static<typeof ResultsQuery>> = {
  path: "/v1/sessions/:session/plugins/:slot/results",
  operation: "slot.results",
  query: ResultsQuery,
  // one snapshot at a time is on its way
  highWater: 1,
  async open(query, session) {
    const asked = query as Static<typeof ResultsQuery>;
    await session.call("plugin", { id: asked.slot });
    return asked;
  },
  run(query, outlet, log, session) {
    runResults(session, query, outlet).catch((error: unknown) => fail(error, outlet, log));
  },
};

const output: Channel<{ slot: string; from: number }> = {
  path: "/v1/sessions/:session/plugins/:slot/output",
  operation: "slot.output",
  query: OutputQuery,
  async open(query, session) {
    const { slot, from } = query as Static<typeof OutputQuery>;
    const { end } = await session.call("pluginOutput", { id: slot, from: Number.MAX_SAFE_INTEGER, limit: 1 });
    return { slot, from: from === "start" ? 0 : from === "end" ? end : Math.min(from, end) };
  },
  run({ slot, from }, outlet, log, session) {
    runOutput(session, slot, from, outlet).catch((error: unknown) => fail(error, outlet, log));
  },
};

export const SLOT_CHANNELS: readonly Channel<never>[] = [results, output] as unknown as Channel<never>[];

/** A slot until it is gone, with a wait that its end, its output or the client's leaving cuts short. */
class Watch {
  final: FinalResults | undefined;
  ended = false;
  readonly #outlet: Outlet;
  #wake: () => void = () => {};
  #news = false;

  constructor(session: SessionHost, slot: string, outlet: Outlet) {
    this.#outlet = outlet;
    const stop = session.onSlot(slot, {
      output: () => this.#notify(),
      ended: (final) => {
        this.final = final;
        this.ended = true;
        this.#notify();
      },
    });
    // nothing is expected from the client; a listener keeps its frames from piling up
    outlet.socket.on("message", () => undefined);
    outlet.socket.on("close", () => {
      stop();
      this.#notify();
    });
  }

  get over(): boolean {
    return this.ended || this.#outlet.closed;
  }

  /** Until there is output, or it is over. */
  async news(): Promise<void> {
    if (!this.#news && !this.over) await new Promise<void>((resolve) => (this.#wake = resolve));
    this.#news = false;
  }

  /** `ms`, or until it is over. */
  async pause(ms: number): Promise<void> {
    if (this.over) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#wake = () => {
        if (!this.over) return;
        clearTimeout(timer);
        resolve();
      };
    });
  }

  #notify(): void {
    this.#news = true;
    this.#wake();
  }
}

async function runResults(
  session: SessionHost,
  { slot, interval, on, text }: Static<typeof ResultsQuery>,
  outlet: Outlet,
): Promise<void> {
  const watch = new Watch(session, slot, outlet);
  let revision: string | undefined;
  let sent: string | undefined;
  const send = (answer: SlotResults): void => {
    // instruction count and time alone are no change
    const found = JSON.stringify([answer.state, answer.text, answer.results]);
    if (on === "change" && found === sent) return;
    sent = found;
    outlet.text(snapshotText(session.id, answer));
  };
  while (!watch.over) {
    const begun = performance.now();
    const unless = on === "change" && revision !== undefined ? { unless: revision } : {};
    const answer = await session.call("pluginResults", { id: slot, text, ...unless }).catch((error: unknown) => {
      // what ends a slot ends calls about it as well
      if (watch.ended) return undefined;
      throw error;
    });
    if (answer !== undefined && !watch.ended) {
      const { revision: now, ...snapshot } = answer;
      revision = now;
      send(snapshot);
    }
    // results that take long are looked at less often: half of the time is the guest's
    const took = performance.now() - begun;
    await outlet.room();
    await watch.pause(Math.max(took, interval - (performance.now() - begun)));
  }
  if (watch.final) {
    const { output: _output, files, ...final } = watch.final;
    send({ ...final, files: files.map(({ name, bytes }) => ({ name, size: bytes.length })) });
  }
  end(watch, outlet);
}

async function runOutput(session: SessionHost, slot: string, from: number, outlet: Outlet): Promise<void> {
  const watch = new Watch(session, slot, outlet);
  let cursor = from;
  const send = (offset: number, bytes: Uint8Array): void => {
    if (bytes.length === 0) return;
    outlet.text(JSON.stringify({ offset, text: Buffer.from(bytes).toString("utf8") }));
    cursor = offset + bytes.length;
  };
  while (!watch.over) {
    const answer = await session
      .call("pluginOutput", { id: slot, from: cursor, limit: OUTPUT_CHUNK })
      .catch((error: unknown) => {
        if (watch.ended) return undefined;
        throw error;
      });
    if (answer === undefined) break;
    send(answer.offset, answer.bytes);
    await outlet.room();
    if (cursor >= answer.end) await watch.news();
  }
  if (watch.final) {
    // what it wrote when it ended
    const bytes = Buffer.from(watch.final.output, "utf8");
    const start = watch.final.outputBytes - bytes.length;
    send(Math.max(start, cursor), bytes.subarray(Math.max(0, cursor - start)));
  }
  end(watch, outlet);
}

function end(watch: Watch, outlet: Outlet): void {
  const reason = watch.final ? "detached" : "session-ended";
  outlet.text(JSON.stringify({ end: { reason } }));
  outlet.close(CLOSE.normal, watch.final ? "the plugin was detached" : "the session ended");
}

function fail(error: unknown, outlet: Outlet, log: FastifyBaseLogger): void {
  const known = toEmuError(error);
  if (known.code === "EMU_INTERNAL") log.error({ err: error }, "live view of a plugin failed");
  outlet.close(known.code === "EMU_INTERNAL" ? CLOSE.internal : CLOSE.policy, `${known.code}: ${known.message}`);
}

/** The message of a snapshot. Results are JSON already. */
function snapshotText(session: string, { results: found, ...answer }: SlotResults): string {
  return `${JSON.stringify({ session, ...answer }).slice(0, -1)},"results":${found}}`;
}
