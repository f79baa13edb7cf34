// The process as users start it: output, exit codes, graceful end; and the command talking to it.
import assert from "node:assert/strict";
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import WebSocket from "ws";
import { counterSource, emptyPlugin } from "../server/plugin-modules.js";

const run = promisify(execFile);
const MAIN = fileURLToPath(new URL("../../src/main.js", import.meta.url));
const CLI = fileURLToPath(new URL("../../src/cli/main.js", import.meta.url));

/** The environment without settings of whoever runs the tests. */
function environment(more: Record<string, string> = {}): Record<string, string> {
  const own = Object.entries(process.env).filter(([name]) => !name.startsWith("EMUSCOPE_")) as [string, string][];
  return { ...Object.fromEntries(own), ...more };
}

interface Served {
  child: ChildProcess;
  url: string;
  output: string;
}

async function serve(
  t: { after(end: () => Promise<void>): void },
  args: string[] = [],
  env: Record<string, string> = {},
): Promise<Served> {
  const dataDir = await mkdtemp(join(tmpdir(), "emuscope-process-"));
  const child = spawn(process.execPath, [MAIN, "--port", "0", "--data-dir", dataDir, "--log-level", "warn", ...args], {
    env: environment(env),
    stdio: ["ignore", "pipe", "inherit"],
  });
  t.after(async () => {
    if (child.exitCode === null && child.signalCode === null) {
      child.kill("SIGKILL");
      await once(child, "exit");
    }
    await rm(dataDir, { recursive: true, force: true });
  });
  let output = "";
  for await (const chunk of child.stdout as NodeJS.ReadableStream) {
    output += String(chunk);
    const url = /serves on (http:\S+?)[,\n]/.exec(output)?.[1];
    if (url !== undefined && output.includes("\nTry:\n")) return { child, url, output };
  }
  throw new Error(`it ended: ${output}`);
}

async function ended(child: ChildProcess): Promise<number | null> {
  if (child.exitCode === null) await once(child, "exit");
  return child.exitCode;
}

/** Runs the command; exit code and output whatever the code. */
async function emuscope(
  args: string[],
  env: Record<string, string> = {},
): Promise<{ code: number; stdout: string; stderr: string }> {
  try {
    const { stdout, stderr } = await run(process.execPath, [CLI, ...args], { env: environment(env), timeout: 60_000 });
    return { code: 0, stdout, stderr };
  } catch (error) {
    const { code, stdout, stderr } = error as { code: number; stdout: string; stderr: string };
    return { code, stdout, stderr };
  }
}

/** One for the tests that look at what the command does. */
let demoServer: Served;
const ends: (() => Promise<void>)[] = [];
before(async () => {
  const env = { EMUSCOPE_JS_PLUGIN_TOKEN: "the-operator's" };
  demoServer = await serve({ after: (end) => void ends.push(end) }, [], env);
});
after(async () => {
  for (const end of ends) await end();
});

test("it starts with a running demo, shows what to try, and ends in good order", { timeout: 120_000 }, async (t) => {
  const { child, url, output } = await serve(t);
  assert.equal(output.match(/curl /g)?.length, 3);
  assert.match(output, /WebSocket/);
  const demo = (await (await fetch(`${url}/v1/sessions/demo`)).json()) as { state: string; board: string };
  assert.deepEqual([demo.state, demo.board], ["running", "remap"]);
  // a request and a stream under way are ended, not waited for
  const body = JSON.stringify({ text: "never", timeoutMs: 100_000 });
  const headers = { "content-type": "application/json" };
  const wait = fetch(`${url}/v1/sessions/demo/wait`, { method: "POST", headers, body }).catch(() => undefined);
  const trace = new WebSocket(`${url.replace("http", "ws")}/v1/sessions/demo/trace?slow=block`);
  await once(trace, "message");
  const closed = once(trace, "close");
  const begin = Date.now();
  child.kill("SIGTERM");
  assert.equal(await ended(child), 0);
  assert.ok(Date.now() - begin < 5000, "no grace period ran out");
  assert.equal((await closed)[0], 1012);
  await wait;
});

test("the command lists, calls, uploads, boots, types and traces", { timeout: 180_000 }, async (t) => {
  const env = { EMUSCOPE_URL: demoServer.url };
  const listed = await emuscope(["call", "session.list"], env);
  assert.equal(JSON.parse(listed.stdout).sessions[0].id, "demo");
  const trace = await emuscope(["trace", "demo", "--io-only", "--fields", "seq,device", "--stop-after", "3"], env);
  const lines = trace.stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
  assert.equal(lines[0].subscription.session, "demo");
  assert.deepEqual(
    lines.slice(1, 4).map((line) => line.seq),
    [0, 1, 2],
  );
  assert.equal(lines[4].end.written, 3);

  const file = join(await mkdtemp(join(tmpdir(), "emuscope-cli-")), "loop.bin");
  t.after(() => rm(join(file, ".."), { recursive: true, force: true }));
  await writeFile(file, Buffer.from([0x6f, 0, 0, 0])); // j .
  const put = await emuscope(["images", "put", file, "--kind", "raw"], env);
  assert.deepEqual(JSON.parse(put.stdout).names, ["loop.bin"]);
  const boot = await emuscope(["boot", "--kernel", file, "--ram", "1M", "--id", "loop", "--no-start"], env);
  assert.equal(JSON.parse(boot.stdout || "{}").id, "loop", boot.stderr);

  const unknown = await emuscope(["call", "session.get", "session=zz"], env);
  assert.equal(unknown.code, 1);
  assert.match(unknown.stderr, /EMU_SESSION_NOT_FOUND/);
  assert.equal((await emuscope(["trace", "demo", "--fields", "nope"], env)).code, 1);
  const misspelt = await emuscope(["call", "session.lst"], env);
  assert.equal(misspelt.code, 2);
  assert.match(misspelt.stderr, /did you mean session.list/);
  assert.equal((await emuscope(["bot"], env)).code, 2);
  assert.equal((await emuscope(["call", "session.list"], { EMUSCOPE_URL: "http://127.0.0.1:9" })).code, 1);
});

test("the command lists, uploads, attaches, watches and detaches plugins", { timeout: 180_000 }, async (t) => {
  const { url } = demoServer;
  const call = async (...args: string[]): Promise<string> => {
    const { code, stdout, stderr } = await emuscope([...args, "--url", url]);
    assert.equal(code, 0, `${args.join(" ")}: ${stderr}`);
    return stdout;
  };
  const directory = await mkdtemp(join(tmpdir(), "emuscope-cli-"));
  t.after(() => rm(directory, { recursive: true, force: true }));
  const file = join(directory, "empty.wasm");
  await writeFile(file, emptyPlugin());
  assert.equal(JSON.parse(await call("plugins", "put", file)).name, "empty.wasm");
  const script = join(directory, "counter.js");
  await writeFile(script, counterSource);
  assert.match((await emuscope(["plugins", "put", script, "--url", url])).stderr, /EMU_PLUGIN_FORBIDDEN/);
  const stored = await emuscope(["plugins", "put", script, "--url", url], { EMUSCOPE_TOKEN: "the-operator's" });
  assert.equal(JSON.parse(stored.stdout).kind, "javascript");
  const listed = await call("plugins", "list");
  assert.match(listed, /^hotpages +builtin +/m);
  assert.match(listed, /^empty\.wasm +wasm +\d+ bytes$/m);
  const slot = JSON.parse(
    await call("attach", "demo", "hotpages", "limit=2", "--io-only", "--direction", "write", "--hart", "0"),
  );
  assert.deepEqual(slot.filter, { io: true, direction: "write", hart: [0] });
  await call("attach", "demo", "empty.wasm", "--id", "mine");

  const watching = spawn(
    process.execPath,
    [CLI, "watch", "demo", "hotpages", "--interval", "20", "--text", "--url", url],
    { env: environment(), stdio: ["ignore", "pipe", "inherit"] },
  );
  let seen = "";
  for await (const chunk of watching.stdout) {
    seen += String(chunk);
    if (seen.split("Addr, RCPUs").length > 3) break;
  }
  watching.kill();
  assert.match(seen, /^Addr, RCPUs, Reads, WCPUs, Writes\n0x/);
  assert.match(await call("detach", "demo", "hotpages", "--text"), /^Addr, RCPUs/);
  assert.equal(JSON.parse(await call("detach", "demo", "mine")).state, "active");
  await call("plugins", "delete", "empty.wasm");
  const gone = await emuscope(["watch", "demo", "hotpages", "--url", url]);
  assert.equal(gone.code, 1);
  assert.match(gone.stderr, /EMU_SLOT_NOT_FOUND/);
});

test("it does not serve other machines without a token", async () => {
  const refused = await emuscope(["serve", "--host", "0.0.0.0"]);
  assert.equal(refused.code, 2);
  assert.match(refused.stderr, /Set EMUSCOPE_TOKEN/);
});

test("with a token it serves all interfaces, and asks for it", { timeout: 60_000 }, async (t) => {
  const { url, output } = await serve(t, ["--host", "0.0.0.0", "--demo", "off"], { EMUSCOPE_TOKEN: "s3cret-s3cret" });
  assert.ok(!output.includes("s3cret"));
  assert.equal((await fetch(`${url}/v1/sessions`)).status, 401);
  assert.equal((await fetch(`${url}/v1/health`)).status, 200);
  const listed = await emuscope(["call", "session.list", "--url", url], { EMUSCOPE_TOKEN: "s3cret-s3cret" });
  assert.deepEqual(JSON.parse(listed.stdout), { sessions: [] });
});

test("a taken port is told as such", { timeout: 60_000 }, async (t) => {
  const { url } = await serve(t, ["--demo", "off"]);
  const { code, stderr } = await emuscope([
    "serve",
    "--port",
    new URL(url).port,
    "--data-dir",
    join(tmpdir(), "emuscope-none"),
    "--log-level",
    "silent",
  ]);
  await rm(join(tmpdir(), "emuscope-none"), { recursive: true, force: true });
  assert.equal(code, 1);
  assert.match(stderr, /is taken/);
});

test("help lists flags and variables, of the server and of the command", async () => {
  const server = await run(process.execPath, [MAIN, "--help"], { env: environment() });
  assert.match(server.stdout, /--port PORT +EMUSCOPE_PORT/);
  assert.match(server.stdout, /--max-sessions N +EMUSCOPE_MAX_SESSIONS/);
  assert.match((await emuscope(["--help"])).stdout, /emuscope trace SESSION/);
  assert.match((await emuscope(["serve", "--help"])).stdout, /EMUSCOPE_TOKEN/);
  assert.match((await emuscope(["ops", "memory"])).stdout, /memory\.translate/);
});
