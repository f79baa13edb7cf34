// The boards there are. Adding one: a file beside this one, and a line here.
import type { MachineDescription } from "../description.js";
import type { Board } from "./board.js";
import { remap } from "./remap.js";
import { virt } from "./virt.js";

const BOARDS: Record<MachineDescription["board"], Board> = { virt, remap };

export const boardNamed = (name: MachineDescription["board"]): Board => BOARDS[name];
