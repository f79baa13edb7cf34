// What uploads of images and of plugins have in common: the parameters that name what is stored, and where its bytes come from.
import Type from "../schema/type.js";
import { invalid } from "./errors.js";
import type { RawBody } from "./operation.js";
import { toBytes } from "./wire.js";

export const UploadName = Type.String({
  pattern: "^[A-Za-z0-9][A-Za-z0-9._+-]{0,127}$",
  description: "name to find it by",
  "x-expected": "a name of letters, digits and . _ + - (at most 128, not beginning with a sign)",
});
export const UploadDigest = Type.String({
  pattern: "^[0-9a-f]{64}$",
  description: "sha256 the bytes must have",
  "x-expected": "64 lower-case hex digits",
});

interface Given<K> {
  name?: string;
  kind?: K;
  digest?: string;
  data: string;
}

/** Bytes and options for a store. @throws EMU_INVALID_PARAMS for a name that would be taken for a digest */
export function uploaded<K>({ name, kind, digest, data }: Given<K>, body: RawBody | undefined) {
  if (name !== undefined && /^[0-9a-f]{8,64}$/.test(name))
    throw invalid("name", "a name that cannot be taken for a digest", "add a letter after f or an extension");
  const options = {
    ...(name === undefined ? {} : { name }),
    ...(kind === undefined ? {} : { kind }),
    ...(digest === undefined ? {} : { digest }),
  };
  return { source: body ? body.stream : once(toBytes(data, "base64", "data")), options };
}

async function* once(bytes: Uint8Array): AsyncIterable<Uint8Array> {
  yield bytes;
}
