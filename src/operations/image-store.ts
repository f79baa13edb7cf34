// The store of images that machines are made of: what kind an upload is, and whether it is one.
import { open } from "node:fs/promises";
import { constants, gunzipSync } from "node:zlib";
import { detectKind, loadImage } from "../image/detect.js";
import { ImageError } from "../image/image.js";
import type { ImageKind } from "../machine/description.js";
import { ContentStore, type PutOptions as NamedPut, type StoredRecord, type StoreKind } from "./content-store.js";
import { EmuError } from "./errors.js";
import type { Limits } from "./limits.js";

export interface ImageRecord extends StoredRecord {
  kind: ImageKind;
  gzip: boolean;
}

export interface PutOptions extends NamedPut {
  /** Detected when absent. */
  kind?: ImageKind;
}

/** Bytes looked at to detect the kind. */
const HEAD_BYTES = 64 * 1024;
/** Images up to this size are parsed at upload, so that mistakes show early; larger ones when a machine is made of them. */
const PARSE_BYTES = {
  elf: 32 * 1024 * 1024,
  linux: 32 * 1024 * 1024,
  ihex: 4 * 1024 * 1024,
  srec: 4 * 1024 * 1024,
  raw: 0,
};

const IMAGES: StoreKind<ImageRecord, PutOptions> = {
  noun: "image",
  records: "images",
  limits: { size: "maxImageBytes", count: "maxImages", total: "maxStoreBytes" },
  errors: { notFound: "EMU_IMAGE_NOT_FOUND", inUse: "EMU_IMAGE_IN_USE", malformed: "EMU_IMAGE_MALFORMED" },
  use: {
    verb: "used by",
    hint: "delete the session first",
    pinned: "a session is being made of it",
    member: "sessions",
  },
  inspect: (path, size, options) => inspect(path, size, options.kind),
  again: (_present, { kind }) => (kind === undefined ? {} : { kind }),
};

export class ImageStore extends ContentStore<ImageRecord, PutOptions> {
  /** Opens or makes the store in `root`. Throws where the directory cannot be used. */
  static open(root: string, limits: Limits): Promise<ImageStore> {
    return new ImageStore(root, limits, IMAGES).load();
  }
}

/** Kind and compression of a file; images of moderate size with a structure are parsed. @throws EMU_IMAGE_MALFORMED */
async function inspect(
  path: string,
  size: number,
  given: ImageKind | undefined,
): Promise<{ kind: ImageKind; gzip: boolean }> {
  const file = await open(path, "r");
  try {
    let head: Uint8Array = new Uint8Array(Math.min(size, HEAD_BYTES));
    await file.read(head, 0, head.length, 0);
    const gzip = head[0] === 0x1f && head[1] === 0x8b;
    if (gzip) head = unzipHead(head);
    const kind = given ?? detectKind(head);
    if (!gzip && size <= PARSE_BYTES[kind]) {
      const bytes = new Uint8Array(size);
      await file.read(bytes, 0, size, 0);
      try {
        loadImage(bytes, { kind });
      } catch (error) {
        if (!(error instanceof ImageError)) throw error;
        const hint = given === undefined ? "; give kind=raw to store it as plain bytes" : "";
        throw new EmuError("EMU_IMAGE_MALFORMED", `not a valid ${kind} image: ${error.message}${hint}`, {
          kind,
          offset: error.offset,
          reason: error.reason,
        });
      }
    }
    return { kind, gzip };
  } finally {
    await file.close();
  }
}

/** Decompresses as much as the first bytes of a gzip file hold. */
function unzipHead(head: Uint8Array): Uint8Array {
  try {
    return gunzipSync(head, { finishFlush: constants.Z_SYNC_FLUSH, maxOutputLength: 128 * 1024 * 1024 });
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new EmuError("EMU_IMAGE_MALFORMED", `the gzip wrapper is damaged: ${reason}`, { offset: 0, reason });
  }
}
