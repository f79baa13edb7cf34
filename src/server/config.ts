// Settings of the process: flags before environment before defaults, all listed by --help from one table.
import { parseArgs } from "node:util";
import { LIMIT_NAMES, LIMITS, type Limits, makeLimits } from "../operations/limits.js";
import { isLoopback } from "./auth.js";

export interface Config {
  host: string;
  port: number;
  token: string | undefined;
  /** Token for JavaScript plugins, which are off without one. */
  jsPluginToken: string | undefined;
  dataDir: string;
  logLevel: string;
  demo: boolean;
  allowedHosts: string[];
  allowedOrigins: string[];
  limits: Limits;
}

/** A setting that cannot be used; the message says what to do. */
export class ConfigError extends Error {}

interface Setting {
  flag: string;
  env: string;
  value: string;
  fallback: string;
  help: string;
  /** Not to be given on a command line, where other users of the machine can see it. */
  envOnly?: boolean;
}

const SETTINGS: readonly Setting[] = [
  {
    flag: "host",
    env: "EMUSCOPE_HOST",
    value: "ADDRESS",
    fallback: "127.0.0.1",
    help: "address to serve on; any but loopback needs a token",
  },
  { flag: "port", env: "EMUSCOPE_PORT", value: "PORT", fallback: "8080", help: "port to serve on; 0 takes a free one" },
  {
    flag: "token",
    env: "EMUSCOPE_TOKEN",
    value: "",
    fallback: "",
    help: "bearer token that callers must send",
    envOnly: true,
  },
  {
    flag: "js-plugin-token",
    env: "EMUSCOPE_JS_PLUGIN_TOKEN",
    value: "",
    fallback: "",
    help: "bearer token that may also upload and attach JavaScript plugins: code with the rights of the service. Unset: nobody may",
    envOnly: true,
  },
  {
    flag: "data-dir",
    env: "EMUSCOPE_DATA_DIR",
    value: "DIR",
    fallback: "data",
    help: "where uploaded images are kept",
  },
  {
    flag: "log-level",
    env: "EMUSCOPE_LOG_LEVEL",
    value: "LEVEL",
    fallback: "info",
    help: "trace, debug, info, warn, error, fatal or silent; JSON lines on stderr",
  },
  {
    flag: "demo",
    env: "EMUSCOPE_DEMO",
    value: "on|off",
    fallback: "on",
    help: "make and start session `demo` with the embedded guest",
  },
  {
    flag: "allow-host",
    env: "EMUSCOPE_ALLOW_HOST",
    value: "NAMES",
    fallback: "",
    help: "more names the service may be called by (Host header), comma-separated",
  },
  {
    flag: "allow-origin",
    env: "EMUSCOPE_ALLOW_ORIGIN",
    value: "ORIGINS",
    fallback: "",
    help: "web origins whose pages may call, comma-separated",
  },
];

const LEVELS = ["trace", "debug", "info", "warn", "error", "fatal", "silent"];

const limitFlag = (name: string) => name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
const limitEnv = (name: string) => `EMUSCOPE_${name.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()}`;

/** What --help prints about settings. */
export function settingsHelp(): string {
  const row = (flag: string, env: string, text: string) => `  ${flag.padEnd(30)} ${env.padEnd(34)} ${text}`;
  const lines = ["Settings (flag, environment variable, meaning):"];
  for (const { flag, env, value, fallback, help, envOnly } of SETTINGS) {
    lines.push(
      row(envOnly ? "(environment only)" : `--${flag} ${value}`, env, fallback === "" ? help : `${help} [${fallback}]`),
    );
  }
  lines.push(
    row("--help", "", "this text"),
    row("--version", "", "the version"),
    "",
    "Limits (shown by operation service.limits; bytes may end in K, M or G):",
  );
  for (const name of LIMIT_NAMES) {
    const { value, unit, description } = LIMITS[name];
    lines.push(
      row(
        `--${limitFlag(name)} N`,
        limitEnv(name),
        `${description} [${unit === "bytes" ? showBytes(value) : value}${unit === "ms" ? " ms" : ""}]`,
      ),
    );
  }
  return lines.join("\n");
}

function showBytes(value: number): string {
  for (const [suffix, scale] of [
    ["G", 2 ** 30],
    ["M", 2 ** 20],
    ["K", 2 ** 10],
  ] as const) {
    if (value % scale === 0) return `${value / scale}${suffix}`;
  }
  return String(value);
}

export type Parsed = { help: true } | { version: true } | { config: Config };

/** @throws ConfigError */
export function readConfig(args: readonly string[], env: Readonly<Record<string, string | undefined>>): Parsed {
  const options: Record<string, { type: "string" | "boolean" }> = {
    help: { type: "boolean" },
    version: { type: "boolean" },
  };
  for (const { flag, envOnly } of SETTINGS) if (!envOnly) options[flag] = { type: "string" };
  for (const name of LIMIT_NAMES) options[limitFlag(name)] = { type: "string" };
  let flags: Record<string, string | boolean | undefined>;
  try {
    flags = parseArgs({ args: [...args], options, strict: true, allowPositionals: false }).values as typeof flags;
  } catch (error) {
    throw new ConfigError(`${(error as Error).message}\nemuscope --help lists every flag`);
  }
  if (flags["help"]) return { help: true };
  if (flags["version"]) return { version: true };
  refuseUnknown(env);

  const get = (flag: string): string => {
    const setting = SETTINGS.find((candidate) => candidate.flag === flag) as Setting;
    return String(flags[flag] ?? nonEmpty(env[setting.env]) ?? setting.fallback);
  };
  const overrides: Partial<Limits> = {};
  for (const name of LIMIT_NAMES) {
    const given = flags[limitFlag(name)] ?? nonEmpty(env[limitEnv(name)]);
    if (given !== undefined) overrides[name] = parseCount(String(given), `--${limitFlag(name)} (${limitEnv(name)})`);
  }
  let limits: Limits;
  try {
    limits = makeLimits(overrides);
  } catch (error) {
    throw new ConfigError((error as Error).message);
  }
  const port = Number(get("port"));
  if (!/^\d+$/.test(get("port")) || port > 65_535)
    throw new ConfigError(`--port: expected a number from 0 to 65535, got ${get("port")}`);
  const demo = get("demo");
  if (demo !== "on" && demo !== "off") throw new ConfigError(`--demo: expected on or off, got ${demo}`);
  const logLevel = get("log-level");
  if (!LEVELS.includes(logLevel))
    throw new ConfigError(`--log-level: expected one of ${LEVELS.join(", ")}, got ${logLevel}`);
  const config: Config = {
    host: get("host"),
    port,
    token: nonEmpty(env["EMUSCOPE_TOKEN"]),
    jsPluginToken: nonEmpty(env["EMUSCOPE_JS_PLUGIN_TOKEN"]),
    dataDir: get("data-dir"),
    logLevel,
    demo: demo === "on",
    allowedHosts: list(get("allow-host")),
    allowedOrigins: list(get("allow-origin")).map((origin) => origin.toLowerCase().replace(/\/$/, "")),
    limits,
  };
  if (config.token === undefined && !isLoopback(config.host)) {
    throw new ConfigError(
      `${config.host} can be reached from other machines, and there is no token.\nSet EMUSCOPE_TOKEN to a long random string (for example \`openssl rand -hex 32\`), or serve on 127.0.0.1.`,
    );
  }
  for (const [name, token] of [
    ["EMUSCOPE_TOKEN", config.token],
    ["EMUSCOPE_JS_PLUGIN_TOKEN", config.jsPluginToken],
  ] as const) {
    if (token !== undefined && /\s/.test(token)) throw new ConfigError(`${name}: expected no spaces in it`);
  }
  if (config.jsPluginToken !== undefined && config.jsPluginToken === config.token)
    throw new ConfigError("EMUSCOPE_JS_PLUGIN_TOKEN: expected another token than EMUSCOPE_TOKEN");
  return { config };
}

/** A misspelt variable would be a setting that silently does nothing. */
function refuseUnknown(env: Readonly<Record<string, string | undefined>>): void {
  // EMUSCOPE_URL is the command line's, the others belong to tests and benchmarks
  const others = [
    "EMUSCOPE_URL",
    "EMUSCOPE_GUESTS",
    "EMUSCOPE_SEED",
    "EMUSCOPE_PROGRAMS",
    "EMUSCOPE_QEMU",
    "EMUSCOPE_SOAK_SECONDS",
  ];
  const known = new Set([...SETTINGS.map((setting) => setting.env), ...LIMIT_NAMES.map(limitEnv), ...others]);
  const unknown = Object.keys(env).filter((name) => name.startsWith("EMUSCOPE_") && !known.has(name));
  if (unknown.length > 0)
    throw new ConfigError(`unknown environment variable ${unknown.join(", ")}\nemuscope --help lists every setting`);
}

function parseCount(text: string, where: string): number {
  const [, digits, suffix] = /^(\d{1,15})([KMG]?)$/.exec(text) ?? [];
  if (digits === undefined) throw new ConfigError(`${where}: expected a number, or one with K, M or G, got ${text}`);
  return Number(digits) * { "": 1, K: 2 ** 10, M: 2 ** 20, G: 2 ** 30 }[suffix as "" | "K" | "M" | "G"];
}

function nonEmpty(text: string | undefined): string | undefined {
  return text === undefined || text === "" ? undefined : text;
}

function list(text: string): string[] {
  return text
    .split(",")
    .map((item) => item.trim())
    .filter((item) => item !== "");
}
