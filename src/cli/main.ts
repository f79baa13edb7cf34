#!/usr/bin/env node
// The `emuscope` command: starts the server, or talks to one. Exit codes: 0 done, 1 the service refused or cannot be
// reached, 2 wrong usage.
import { basename } from "node:path";
import { parseArgs } from "node:util";
import { OPERATION_BY_NAME, OPERATIONS } from "../operations/table.js";
import { nearest } from "../probe/nearest.js";
import { Client, ClientError } from "./client.js";
import { attachConsole, printEvents, printOutput, printResults, printTrace } from "./streams.js";

const USAGE = `emuscope: an oscilloscope for emulated machines

Usage:
  emuscope serve [flags]                    start the service (emuscope serve --help lists flags)
  emuscope ops [NOUN]                       list the operations
  emuscope call OPERATION [PARAMETERS]      call any operation; parameters as JSON or as name=value
  emuscope images put FILE [--name N] [--kind K]
  emuscope images list
  emuscope images delete IMAGE
  emuscope boot [--board B] [--firmware F] [--kernel F] [--initrd F] [--dtb F] [--cmdline TEXT] [--disk F]
                [--ram 512M] [--harts N] [--id ID] [--no-start] [--console]
                                            make a session; files are uploaded, other names taken from the store
  emuscope plugins list                     what can be attached
  emuscope plugins put FILE [--name N] [--kind wasm|javascript]
  emuscope plugins delete PLUGIN
  emuscope attach SESSION PLUGIN [OPTION=VALUE ...] [--id SLOT] [--pc R] [--vaddr R] [--paddr R] [--device D]
                [--region R] [--direction D] [--io-only] [--hart N] [--privilege P]
  emuscope watch SESSION SLOT [--interval MS] [--text] [--output]
                                            follow what a plugin finds, or the text it writes
  emuscope detach SESSION SLOT [--text]     final results
  emuscope console SESSION [--name uart0]   type into a console; Ctrl-] leaves
  emuscope events SESSION                   follow what happens to a session
  emuscope trace SESSION [--fields a,b] [--paddr R] [--vaddr R] [--pc R] [--device D] [--region R] [--direction D]
                [--kind K] [--size N] [--hart N] [--privilege P] [--io-only] [--fetch] [--walk] [--dma]
                [--every-nth N] [--stop-after N] [--slow block|drop] [--format jsonl|arrow]
                                            print memory accesses; arrow writes an Arrow IPC stream to stdout

Everywhere:
  --url URL       service to talk to (EMUSCOPE_URL) [http://127.0.0.1:8080]
  EMUSCOPE_TOKEN  its token, if it has one
`;

class UsageError extends Error {}

interface Invocation {
  client: () => Client;
  positionals: string[];
  values: Record<string, string | boolean | undefined>;
}

type Option = { type: "string" | "boolean" };
const text: Option = { type: "string" };
const flag: Option = { type: "boolean" };

interface Command {
  options: Record<string, Option>;
  run(invocation: Invocation): Promise<void>;
}

/** Query parameters of the trace WebSocket by flag. */
const TRACE_FLAGS: Record<string, string> = {
  fields: "fields",
  paddr: "paddr",
  vaddr: "vaddr",
  pc: "pc",
  device: "device",
  region: "region",
  direction: "direction",
  kind: "kind",
  size: "size",
  hart: "hart",
  privilege: "privilege",
  "every-nth": "everyNth",
  "stop-after": "stopAfter",
  slow: "slow",
};
const TRACE_SWITCHES: Record<string, string> = { "io-only": "ioOnly", fetch: "fetch", walk: "walk", dma: "dma" };
const FILTER_FLAGS = ["pc", "vaddr", "paddr", "device", "region", "direction", "hart", "privilege"] as const;
const IMAGE_FLAGS = ["firmware", "kernel", "initrd", "dtb"] as const;

const COMMANDS: Record<string, Command> = {
  ops: {
    options: {},
    async run({ positionals: [noun] }) {
      const shown = OPERATIONS.filter((op) => noun === undefined || op.name.startsWith(`${noun}.`));
      for (const op of shown) process.stdout.write(`${op.name.padEnd(24)} ${op.summary}\n`);
    },
  },

  call: {
    options: {},
    async run({ client, positionals: [name, ...given] }) {
      if (name === undefined) throw new UsageError("call: which operation? emuscope ops lists them");
      if (!OPERATION_BY_NAME.has(name) && name !== "rpc.discover") {
        const near = nearest(name, [...OPERATION_BY_NAME.keys()]);
        throw new UsageError(`no operation ${name}${near === undefined ? "" : `; did you mean ${near}?`}`);
      }
      print(await client().call(name, parameters(name, given)));
    },
  },

  images: {
    options: { name: text, kind: text },
    async run({ client, positionals: [verb, target], values }) {
      if (verb === "list") {
        const { images } = await client().call("image.list");
        print(images);
      } else if (verb === "put" && target !== undefined) {
        const query = {
          name: String(values["name"] ?? basename(target)),
          ...(values["kind"] ? { kind: String(values["kind"]) } : {}),
        };
        print(await client().upload(target, query));
      } else if (verb === "delete" && target !== undefined) {
        print(await client().call("image.delete", { image: target }));
      } else throw new UsageError("images: expected put FILE, list or delete IMAGE");
    },
  },

  plugins: {
    options: { name: text, kind: text },
    async run({ client, positionals: [verb, target], values }) {
      if (verb === "list") {
        const { plugins } = (await client().call("plugin.list")) as { plugins: Record<string, unknown>[] };
        const row = ({ name, kind, summary, size }: Record<string, unknown>) =>
          `${String(name).padEnd(20)} ${String(kind).padEnd(10)} ${summary ?? `${size} bytes`}\n`;
        for (const plugin of plugins) process.stdout.write(row(plugin));
      } else if (verb === "put" && target !== undefined) {
        const query = {
          name: String(values["name"] ?? basename(target)),
          ...(values["kind"] ? { kind: String(values["kind"]) } : {}),
        };
        print(await client().upload(target, query, "/v1/plugins"));
      } else if (verb === "delete" && target !== undefined) {
        print(await client().call("plugin.delete", { plugin: target }));
      } else throw new UsageError("plugins: expected list, put FILE or delete PLUGIN");
    },
  },

  attach: {
    options: { id: text, ...Object.fromEntries(FILTER_FLAGS.map((name) => [name, text])), "io-only": flag },
    async run({ client, positionals: [session, plugin, ...args], values }) {
      if (plugin === undefined)
        throw new UsageError("attach: expected SESSION PLUGIN; emuscope plugins list shows them");
      const filter: Record<string, unknown> = values["io-only"] ? { io: true } : {};
      for (const name of FILTER_FLAGS) {
        const value = values[name] as string | undefined;
        if (value === undefined) continue;
        filter[name] =
          name === "direction" ? value : value.split(",").map((item) => (name === "hart" ? Number(item) : item));
      }
      const request = { session: needSession(session), plugin, args: args.join(","), filter };
      print(
        await client().call("slot.attach", values["id"] === undefined ? request : { ...request, id: values["id"] }),
      );
    },
  },

  watch: {
    options: { interval: text, text: flag, output: flag },
    async run({ client, positionals: [session, slot], values }) {
      if (values["output"]) await printOutput(client(), needSession(session), needSlot(slot));
      else {
        const query = { interval: String(values["interval"] ?? 1000), text: String(values["text"] === true) };
        await printResults(client(), needSession(session), needSlot(slot), { ...query, on: "change" });
      }
    },
  },

  detach: {
    options: { text: flag },
    async run({ client, positionals: [session, slot], values }) {
      const final = await client().call("slot.detach", { session: needSession(session), slot: needSlot(slot) });
      if (values["text"]) process.stdout.write(String(final["text"] ?? final["output"]));
      else print(final);
    },
  },

  boot: {
    options: {
      ...Object.fromEntries(
        [...IMAGE_FLAGS, "board", "cmdline", "disk", "ram", "harts", "id"].map((name) => [name, text]),
      ),
      "no-start": flag,
      console: flag,
    },
    async run({ client: connect, values }) {
      const client = connect();
      const params: Record<string, unknown> = { start: values["no-start"] !== true };
      for (const name of IMAGE_FLAGS) {
        if (values[name] !== undefined) params[name] = await storedImage(client, String(values[name]));
      }
      if (values["disk"] !== undefined)
        params["virtio"] = [{ type: "block", image: await storedImage(client, String(values["disk"])) }];
      for (const name of ["board", "cmdline", "ram", "id"]) if (values[name] !== undefined) params[name] = values[name];
      if (values["harts"] !== undefined) params["harts"] = Number(values["harts"]);
      const session = await client.call("session.create", params);
      const { id, state, board, harts, ram } = session;
      print({ id, state, board, harts, ram });
      if (values["console"]) await attachConsole(client, String(id), undefined);
    },
  },

  console: {
    options: { name: text },
    async run({ client, positionals: [session], values }) {
      await attachConsole(client(), needSession(session), values["name"] as string | undefined);
    },
  },

  events: {
    options: {},
    async run({ client, positionals: [session] }) {
      await printEvents(client(), needSession(session));
    },
  },

  trace: {
    options: {
      ...Object.fromEntries(Object.keys(TRACE_FLAGS).map((name) => [name, text])),
      ...Object.fromEntries(Object.keys(TRACE_SWITCHES).map((name) => [name, flag])),
      format: text,
    },
    async run({ client, positionals: [session], values }) {
      const query: Record<string, string> = { format: String(values["format"] ?? "jsonl") };
      for (const [name, parameter] of Object.entries(TRACE_FLAGS))
        if (values[name] !== undefined) query[parameter] = String(values[name]);
      for (const [name, parameter] of Object.entries(TRACE_SWITCHES)) if (values[name]) query[parameter] = "true";
      await printTrace(client(), needSession(session), query);
    },
  },
};

function needSlot(slot: string | undefined): string {
  if (slot === undefined) throw new UsageError("which slot? emuscope call slot.list session=... shows them");
  return slot;
}

function needSession(session: string | undefined): string {
  if (session === undefined) throw new UsageError("which session? emuscope call session.list shows them");
  return session;
}

/** Parameters of `call`: one JSON object, or `name=value` with values as JSON where they are JSON. */
function parameters(operation: string, given: readonly string[]): Record<string, unknown> {
  const [first] = given;
  if (given.length === 1 && first?.trimStart().startsWith("{")) {
    try {
      return JSON.parse(first) as Record<string, unknown>;
    } catch (error) {
      throw new UsageError(`the parameters are not JSON: ${(error as Error).message}`);
    }
  }
  const known = OPERATION_BY_NAME.get(operation)?.params.properties ?? {};
  const out: Record<string, unknown> = {};
  for (const item of given) {
    const at = item.indexOf("=");
    if (at < 1)
      throw new UsageError(
        `expected name=value, got ${item}; ${operation} takes ${Object.keys(known).join(", ") || "nothing"}`,
      );
    out[item.slice(0, at)] = jsonOrText(item.slice(at + 1));
  }
  return out;
}

function jsonOrText(value: string): unknown {
  try {
    return JSON.parse(value);
  } catch {
    return value;
  }
}

/** Uploads a file and gives its digest; what is no file is the name of a stored image. */
async function storedImage(client: Client, value: string): Promise<string> {
  try {
    const image = await client.upload(value, { name: basename(value) });
    return String(image["digest"]);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return value;
    throw error;
  }
}

function print(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value, null, process.stdout.isTTY ? 2 : 0)}\n`);
}

async function main(args: readonly string[]): Promise<void> {
  const [name, ...rest] = args;
  if (name === undefined || name === "--help" || name === "-h" || name === "help") {
    process.stdout.write(USAGE);
    return;
  }
  if (name === "serve") {
    process.argv.splice(2, 1);
    await import("../main.js");
    return;
  }
  if (name === "--version") {
    const { VERSION } = await import("../server/version.js");
    process.stdout.write(`${VERSION}\n`);
    return;
  }
  const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  if (!command) {
    const near = nearest(name, ["serve", ...Object.keys(COMMANDS)]);
    throw new UsageError(`no command ${name}${near === undefined ? "" : `; did you mean ${near}?`}`);
  }
  let parsed: { values: Record<string, string | boolean | undefined>; positionals: string[] };
  try {
    const options = { ...command.options, url: text, help: flag };
    parsed = parseArgs({ args: rest, options, allowPositionals: true, strict: true }) as typeof parsed;
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
  if (parsed.values["help"]) {
    process.stdout.write(USAGE);
    return;
  }
  const url = String(parsed.values["url"] ?? process.env["EMUSCOPE_URL"] ?? "http://127.0.0.1:8080");
  const token = process.env["EMUSCOPE_TOKEN"] || undefined;
  await command.run({ client: () => new Client({ url, token }), ...parsed });
}

try {
  await main(process.argv.slice(2));
} catch (error) {
  if (error instanceof UsageError) {
    process.stderr.write(`emuscope: ${error.message}\n(emuscope --help shows usage)\n`);
    process.exitCode = 2;
  } else if (error instanceof ClientError) {
    process.stderr.write(`emuscope: ${error.code}: ${error.message}\n`);
    process.exitCode = 1;
  } else throw error;
}
