// Starts the server: settings, service, HTTP application, demo session, and a graceful end. A script: importing it runs
// it with the arguments of the process (`emuscope serve` does).
import closeWithGrace from "close-with-grace";
import { pino } from "pino";
import { buildApp } from "./server/app.js";
import { type Config, ConfigError, readConfig, settingsHelp } from "./server/config.js";
import { startDemo, storeDemoImage, welcome } from "./server/demo.js";
import { createService, hostLimits } from "./server/service.js";
import { VERSION } from "./server/version.js";
import { createSessionManager } from "./session/host.js";

/** Grace for requests and sessions under way when a signal asks to stop, ms. */
const GRACE_MS = 8000;

const SERVE_HELP = `Serves emulated machines over HTTP, JSON-RPC and WebSocket.

Usage: node dist/src/main.js [flags]      or: emuscope serve [flags]

${settingsHelp()}
`;

/** Runs the server until a signal. Exit codes: 0 after a signal, 1 when it cannot serve, 2 for bad settings. */
async function serve(args: readonly string[]): Promise<void> {
  let config: Config;
  try {
    const parsed = readConfig(args, process.env);
    if ("help" in parsed) {
      process.stdout.write(SERVE_HELP);
      return;
    }
    if ("version" in parsed) {
      process.stdout.write(`${VERSION}\n`);
      return;
    }
    config = parsed.config;
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    process.stderr.write(`emuscope: ${error.message}\n`);
    process.exitCode = 2;
    return;
  }

  const log = pino({ level: config.logLevel }, pino.destination({ fd: 2, sync: false }));
  const sessions = createSessionManager({ limits: hostLimits(config.limits), log });
  const { host, port, token, jsPluginToken, allowedHosts, allowedOrigins } = config;
  const jsPlugins = jsPluginToken !== undefined;
  const service = await createService({ dataDir: config.dataDir, limits: config.limits, sessions, jsPlugins });
  const access = { token, codeToken: jsPluginToken, host, allowedHosts, allowedOrigins };
  const app = await buildApp({ service, access, logger: log });

  closeWithGrace(
    { delay: GRACE_MS, logger: { error: (message: unknown) => log.error({ message: String(message) }, "shutdown") } },
    async ({ signal, err }) => {
      if (err) log.fatal({ err }, "stopping after a bug");
      else log.info({ signal }, "shutting down");
      service.closing = true;
      await app.close();
      await sessions.close();
      log.flush();
    },
  );

  try {
    await app.listen({ host, port });
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const why = code === "EADDRINUSE" ? `port ${port} of ${host} is taken; choose another with --port` : message;
    process.stderr.write(`emuscope: cannot serve: ${why}\n`);
    process.exitCode = 1;
    await sessions.close();
    process.exit();
  }
  const stored = await storeDemoImage(service, log);
  const demo = config.demo && stored && (await startDemo(service, log));
  const address = app.server.address();
  const realPort = typeof address === "object" && address !== null ? address.port : port;
  const shown = host === "0.0.0.0" || host === "::" ? "localhost" : host.includes(":") ? `[${host}]` : host;
  process.stdout.write(welcome(`http://${shown}:${realPort}`, demo, token !== undefined));
}

await serve(process.argv.slice(2));
