// The embedded demo: its guest in the image store, session `demo`, and what to try with it.
import { createReadStream } from "node:fs";
import { access } from "node:fs/promises";
import type { FastifyBaseLogger } from "fastify";
import type { Service } from "../operations/service.js";
import { DEMO_IMAGE } from "../operations/sessions.js";
import { OPERATION_BY_NAME } from "../operations/table.js";
import { invoke } from "./invoke.js";

const DEMO_FILE = new URL("../../../guest/demo/demo.elf", import.meta.url);

/** Stores the demo guest. False where the package has none. */
export async function storeDemoImage(service: Service, log: FastifyBaseLogger): Promise<boolean> {
  try {
    await access(DEMO_FILE);
  } catch {
    log.warn({ file: DEMO_FILE.pathname }, "no demo guest: build it with make -C guest");
    return false;
  }
  await service.images.put(createReadStream(DEMO_FILE), { name: DEMO_IMAGE, kind: "elf" });
  return true;
}

/** Makes and starts session `demo`. False, and a warning, where it cannot be had: the service is of use without it. */
export async function startDemo(service: Service, log: FastifyBaseLogger): Promise<boolean> {
  const create = OPERATION_BY_NAME.get("session.create");
  if (!create) return false;
  try {
    const { signal } = new AbortController();
    const context = { service, signal, accept: "application/json", mayRunCode: false };
    const params = { id: "demo", board: "remap", ram: "64M", start: true };
    await invoke(create, context, params);
    return true;
  } catch (error) {
    log.warn({ err: error }, "session demo could not be started");
    return false;
  }
}

/** What the terminal shows after start. */
export function welcome(url: string, demo: boolean, token: boolean): string {
  const elsewhere = url.endsWith(":8080") ? "" : ` --url ${url}`;
  const auth = token ? ' -H "Authorization: Bearer $EMUSCOPE_TOKEN"' : "";
  const curl = `curl -s${auth}`;
  const lines = [`Emuscope serves on ${url}${demo ? ", session demo is running" : ""}`, "", "Try:"];
  if (demo) {
    lines.push(
      `  ${curl} ${url}/v1/sessions/demo`,
      `  ${curl} ${url}/v1/sessions/demo/console/output -H 'Accept: text/plain'`,
      `  ${curl} ${url}/v1/sessions/demo/memory/flat`,
      `  node dist/src/cli/main.js trace demo --io-only --stop-after 20${elsewhere}   # over a WebSocket: accesses to devices, live`,
    );
  } else {
    lines.push(
      `  ${curl} ${url}/v1`,
      `  ${curl} -T kernel.elf '${url}/v1/images?name=kernel.elf'`,
      `  ${curl} ${url}/v1/sessions -H 'Content-Type: application/json' -d '{"kernel":"kernel.elf","start":true}'`,
    );
  }
  return `${lines.join("\n")}\n`;
}
