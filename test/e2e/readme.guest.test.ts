// The README's commands as they stand there: three curls and WebSocket clients boot Debian, type into its shell and get
// its memory accesses. The server is the process that users start.
import assert from "node:assert/strict";
import { type ChildProcessWithoutNullStreams, execFile, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { debianGuest, skipWithoutGuests } from "../machine/guests.js";

const run = promisify(execFile);
const ROOT = fileURLToPath(new URL("../../../", import.meta.url));
const skip = skipWithoutGuests || (spawnSync("curl", ["--version"]).status !== 0 && "no curl");

/** The environment without settings of whoever runs the tests. */
const environment = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("EMUSCOPE_")));

/** Code blocks of one language behind a heading. */
function blocks(text: string, heading: string, language: string): string[] {
  const [, section] = text.split(`\n## ${heading}\n`);
  assert.ok(section !== undefined, heading);
  const own = section.split("\n## ")[0] as string;
  return [...own.matchAll(new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\`$`, "gm"))].map(
    (match) => match[1] as string,
  );
}

/** A child whose output is kept. */
class Child {
  readonly process: ChildProcessWithoutNullStreams;
  output = "";
  #changed: (() => void)[] = [];

  constructor(t: TestContext, command: string, args: string[]) {
    this.process = spawn(command, args, { cwd: ROOT, env: environment });
    const add = (chunk: Buffer): void => {
      this.output += chunk.toString("latin1");
      for (const callback of this.#changed.splice(0)) callback();
    };
    this.process.stdout.on("data", add);
    this.process.stderr.on("data", add);
    this.process.on("exit", () => add(Buffer.from("\n(ended)")));
    t.after(async () => {
      if (this.process.exitCode !== null || this.process.signalCode !== null) return;
      this.process.kill("SIGKILL");
      await once(this.process, "exit");
    });
  }

  /** What came behind offset `from`, once it matches. */
  async until(pattern: RegExp, from = 0): Promise<string> {
    while (!pattern.test(this.output.slice(from))) {
      assert.ok(!this.output.endsWith("(ended)"), this.output.slice(-2000));
      await new Promise<void>((resolve) => this.#changed.push(resolve));
    }
    return this.output.slice(from);
  }
}

test("the README boots Debian, types into its shell and gets its accesses", { skip, timeout: 300_000 }, async (t) => {
  const dataDir = await mkdtemp(join(tmpdir(), "emuscope-readme-"));
  t.after(() => rm(dataDir, { recursive: true, force: true }));
  const server = new Child(t, "node", [
    "dist/src/main.js",
    "--port",
    "0",
    "--data-dir",
    dataDir,
    "--log-level",
    "warn",
  ]);
  const started = await server.until(/\nTry:\n/);
  const url = /serves on (http:\S+?)[,\n]/.exec(started)?.[1] as string;
  const readme = (await readFile(join(ROOT, "README.md"), "utf8")).replaceAll(
    "127.0.0.1:8080",
    url.slice("http://".length),
  );

  const [commands] = blocks(readme, "Boot Debian", "sh") as [string];
  assert.equal(commands.match(/^curl /gm)?.length, 3);
  const script = commands.replace("../shared/guests/debian-riscv64", debianGuest as string);
  const answers = await run("bash", ["-euo", "pipefail", "-c", script], { cwd: ROOT, env: environment });
  assert.match(answers.stdout, /"id":"debian","state":"running"/);

  const cli = (...args: string[]): Child => new Child(t, "node", ["dist/src/cli/main.js", ...args, "--url", url]);
  const console = cli("console", "debian");
  await console.until(/BOOT-OK[\s\S]*# /);
  const typed = console.output.length;
  console.process.stdin.write("uname -a\n");
  await console.until(/Linux \(none\) 6\.12.* riscv64 GNU\/Linux/, typed);

  const trace = cli("trace", "debian", "--device", "uart0", "--direction", "write", "--stop-after", "2");
  await trace.until(/"subscription"/);
  console.process.stdin.write("echo\n");
  const lines = (await trace.until(/"end"/)).trim().split("\n");
  const record = JSON.parse(lines[1] as string) as Record<string, unknown>;
  for (const field of [
    "vaddr",
    "paddr",
    "region",
    "device",
    "offset",
    "size",
    "direction",
    "value",
    "pc",
    "hart",
    "privilege",
    "icount",
  ])
    assert.ok(field in record, field);
  assert.equal(record["device"], "uart0");

  const [client] = blocks(readme, "Boot Debian", "js") as [string];
  const file = join(ROOT, "dist", `readme-${process.pid}.mjs`);
  await writeFile(file, client);
  t.after(() => rm(file, { force: true }));
  const counting = new Child(t, "node", [file]);
  console.process.stdin.write("sha256sum /bin/busybox\n");
  await counting.until(/^1000000$/m);

  console.process.stdin.write("poweroff -f\n");
  const halted = await run("curl", [
    "-sS",
    "-H",
    "Content-Type: application/json",
    "-d",
    '{"state":["halted"],"timeoutMs":60000}',
    `${url}/v1/sessions/debian/wait`,
  ]);
  assert.equal((JSON.parse(halted.stdout) as { matched: boolean }).matched, true);

  server.process.kill("SIGTERM");
  assert.deepEqual(await once(server.process, "exit"), [0, null]);
});

test("what npm start prints is in the README", { timeout: 60_000 }, async (t) => {
  const dataDir = await mkdtemp(join(tmpdir(), "emuscope-readme-"));
  t.after(() => rm(dataDir, { recursive: true, force: true }));
  const server = new Child(t, "node", [
    "dist/src/main.js",
    "--port",
    "0",
    "--data-dir",
    dataDir,
    "--log-level",
    "warn",
  ]);
  await server.until(/live\n/);
  const url = /serves on (http:\S+?)[,\n]/.exec(server.output)?.[1] as string;
  const shown = server.output.replaceAll(` --url ${url}`, "").replaceAll(url, "http://127.0.0.1:8080");
  const readme = await readFile(join(ROOT, "README.md"), "utf8");
  for (const line of shown.trim().split("\n")) assert.ok(readme.includes(line), line);
});
