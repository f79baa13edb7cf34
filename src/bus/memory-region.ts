// One node of the memory tree. Only the bus makes and changes these; everybody else reads.
import type { AccessRules, IoHandlers, Region, RegionKind } from "./region.js";

/** A region in its container. */
export interface Child {
  readonly region: MemoryRegion;
  /** Address in the container. */
  offset: number;
  /** Higher covers lower; among equals the one added last. */
  priority: number;
  /** Rises with each addition, to break ties. */
  readonly order: number;
}

export class MemoryRegion implements Region {
  readonly id: number;
  readonly name: string;
  readonly kind: RegionKind;
  readonly size: number;
  readonly device: number;
  /** A disabled region and all below it answer nothing, through aliases as well. */
  enabled = true;
  /** Where it is mapped; a region has one place, aliases give it more. */
  parent: MemoryRegion | undefined = undefined;
  /** Best first: by priority, then by order of addition. */
  readonly children: Child[] = [];
  /** Host address of the first byte (ram, rom). */
  readonly host: number;
  readonly handlers: IoHandlers | undefined;
  readonly rules: AccessRules;
  /** What an alias shows, from which offset on. */
  target: MemoryRegion | undefined = undefined;
  targetOffset = 0;

  constructor(fields: {
    id: number;
    name: string;
    kind: RegionKind;
    size: number;
    device: number;
    host?: number;
    handlers?: IoHandlers;
    rules?: AccessRules;
  }) {
    this.id = fields.id;
    this.name = fields.name;
    this.kind = fields.kind;
    this.size = fields.size;
    this.device = fields.device;
    this.host = fields.host ?? 0;
    this.handlers = fields.handlers;
    this.rules = fields.rules ?? DEFAULT_RULES;
  }
}

/** Any aligned access of 1 to 4 bytes, as most devices take it. */
export const DEFAULT_RULES: AccessRules = {
  valid: { min: 1, max: 4, unaligned: false },
  impl: { min: 1, max: 4, unaligned: false },
  endianness: "little",
};

/** Sizes in bytes of the accesses an io region takes and hands to its handlers; unaligned ones unless told. */
export function accessRules(
  valid: Partial<AccessRules["valid"]>,
  impl: Partial<AccessRules["impl"]> = {},
  endianness: AccessRules["endianness"] = "little",
): AccessRules {
  return {
    valid: { ...DEFAULT_RULES.valid, ...valid },
    impl: { ...DEFAULT_RULES.impl, ...impl },
    endianness,
  };
}
