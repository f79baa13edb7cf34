import assert from "node:assert/strict";
import { test } from "node:test";
import { LIMIT_NAMES } from "../../src/operations/limits.js";
import { type Config, ConfigError, readConfig, settingsHelp } from "../../src/server/config.js";

function config(args: string[], env: Record<string, string> = {}): Config {
  const parsed = readConfig(args, env);
  assert.ok("config" in parsed);
  return parsed.config;
}

test("the token for JavaScript plugins comes from the environment only, and is another one", () => {
  const parsed = readConfig([], { EMUSCOPE_JS_PLUGIN_TOKEN: "code" });
  assert.ok("config" in parsed);
  assert.equal(parsed.config.jsPluginToken, "code");
  const plain = readConfig([], {});
  assert.ok("config" in plain);
  assert.equal(plain.config.jsPluginToken, undefined, "off unless set");
  for (const [args, env] of [
    [[], { EMUSCOPE_TOKEN: "same", EMUSCOPE_JS_PLUGIN_TOKEN: "same" }],
    [[], { EMUSCOPE_JS_PLUGIN_TOKEN: "two words" }],
    [["--js-plugin-token", "code"], {}],
  ] as [string[], Record<string, string>][])
    assert.throws(() => readConfig(args, env), ConfigError);
});

test("defaults serve on loopback without a token", () => {
  const { host, port, token, demo } = config([]);
  assert.deepEqual({ host, port, token, demo }, { host: "127.0.0.1", port: 8080, token: undefined, demo: true });
});

test("flags win over the environment, the environment over defaults", () => {
  assert.equal(config([], { EMUSCOPE_PORT: "9000" }).port, 9000);
  assert.equal(config(["--port", "9001"], { EMUSCOPE_PORT: "9000" }).port, 9001);
  assert.equal(config([], { EMUSCOPE_PORT: "" }).port, 8080);
  assert.equal(config(["--max-sessions", "3"], { EMUSCOPE_MAX_SESSIONS: "4" }).limits.maxSessions, 3);
  assert.equal(config([], { EMUSCOPE_MAX_RAM: "1G" }).limits.maxRam, 2 ** 30);
});

test("any address but loopback needs a token", () => {
  assert.throws(() => config(["--host", "0.0.0.0"]), /EMUSCOPE_TOKEN/);
  assert.throws(() => config(["--host", "::"]), /EMUSCOPE_TOKEN/);
  assert.throws(() => config(["--host", "0.0.0.0"], { EMUSCOPE_TOKEN: "" }), /EMUSCOPE_TOKEN/);
  assert.equal(config(["--host", "0.0.0.0"], { EMUSCOPE_TOKEN: "abc" }).token, "abc");
  assert.equal(config(["--host", "127.0.0.2"]).host, "127.0.0.2");
});

test("what cannot be used is refused with what to do", () => {
  const cases: [string[], Record<string, string>, RegExp][] = [
    [["--prot", "1"], {}, /--prot/],
    [["--port", "x"], {}, /from 0 to 65535/],
    [["--port", "70000"], {}, /from 0 to 65535/],
    [["--max-sessions", "0"], {}, /maxSessions/],
    [["--max-ram", "9Q"], {}, /K, M or G/],
    [["--demo", "maybe"], {}, /on or off/],
    [["--log-level", "loud"], {}, /one of/],
    [["--token", "x"], {}, /--token/],
    [[], { EMUSCOPE_PROT: "1" }, /unknown environment variable EMUSCOPE_PROT/],
  ];
  for (const [args, env, message] of cases) {
    assert.throws(
      () => readConfig(args, env),
      (error) => error instanceof ConfigError && message.test(error.message),
      args.join(" "),
    );
  }
});

test("help lists every setting and limit by flag and variable", () => {
  const help = settingsHelp();
  for (const name of LIMIT_NAMES) {
    const kebab = name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
    assert.ok(help.includes(`--${kebab} `), kebab);
    assert.ok(help.includes(`EMUSCOPE_${kebab.replaceAll("-", "_").toUpperCase()}`), name);
  }
  for (const word of ["--host", "EMUSCOPE_TOKEN", "--data-dir", "--allow-origin"]) assert.ok(help.includes(word));
  assert.deepEqual(readConfig(["--help"], { EMUSCOPE_PORT: "bad" }), { help: true });
});
