// The one table of what the service can do. Adding an operation is adding an entry to one of these lists.
import { consoleOperations } from "./consoles.js";
import { engineOperations } from "./engine.js";
import { imageOperations } from "./images.js";
import { codeOperations, deviceOperations, tlbOperations } from "./inspection.js";
import { memoryOperations } from "./memory.js";
import type { Operation } from "./operation.js";
import { pluginOperations } from "./plugins.js";
import { registerOperations } from "./registers.js";
import { serviceOperations } from "./service-operations.js";
import { sessionOperations } from "./sessions.js";
import { slotOperations } from "./slots.js";
import { subscriptionOperations } from "./subscriptions.js";

export const OPERATIONS: readonly Operation[] = [
  ...serviceOperations,
  ...imageOperations,
  ...sessionOperations,
  ...registerOperations,
  ...memoryOperations,
  ...engineOperations,
  ...tlbOperations,
  ...deviceOperations,
  ...codeOperations,
  ...consoleOperations,
  ...subscriptionOperations,
  ...pluginOperations,
  ...slotOperations,
];

export const OPERATION_BY_NAME: ReadonlyMap<string, Operation> = new Map(OPERATIONS.map((op) => [op.name, op]));
