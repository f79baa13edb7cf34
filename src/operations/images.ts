// Images: uploaded bytes that machines are made of.
import Type from "../schema/type.js";
import type { ImageRecord } from "./image-store.js";
import { operation } from "./operation.js";
import { Image, ImageKind, strict } from "./schemas.js";
import type { Service } from "./service.js";
import { UploadDigest, UploadName, uploaded } from "./uploads.js";

const reference = Type.String({
  minLength: 1,
  maxLength: 256,
  description: "digest, prefix of it (8 digits or more), or name",
});

function view(service: Service, image: ImageRecord) {
  const sessions = service.sessions.list().filter((session) => session.meta.images.includes(image.digest));
  return { ...image, sessions: sessions.map((session) => session.id) };
}

export const imageOperations = [
  operation({
    name: "image.put",
    summary: "Store an image",
    description:
      "The bytes are kept under their sha256; storing the same bytes again changes nothing but names. A name points to one image and moves when it is given to another. Over REST the body is the image itself, streamed; over JSON-RPC it is base64 and bounded by maxBody.",
    params: Type.Object(
      {
        name: Type.Optional(UploadName),
        kind: Type.Optional(ImageKind),
        digest: Type.Optional(UploadDigest),
        data: Type.String({ description: "the image, base64" }),
      },
      strict,
    ),
    result: Type.Object(
      { ...Image.properties, added: Type.Boolean({ description: "false when it was stored before" }) },
      strict,
    ),
    errors: ["EMU_BODY_TOO_LARGE", "EMU_IMAGE_MALFORMED", "EMU_IMAGE_DIGEST_MISMATCH", "EMU_CAPACITY"],
    rest: {
      method: "PUT",
      path: "/v1/images",
      alsoPost: true,
      status: 201,
      location: (image) => `/v1/images/${image["digest"]}`,
    },
    raw: { param: "data", types: ["application/octet-stream"], description: "the image" },
    safe: false,
    async handler({ service }, params, body) {
      const { source, options } = uploaded(params, body);
      const { image, created } = await service.images.put(source, options);
      return { ...view(service, image), added: created };
    },
  }),

  operation({
    name: "image.list",
    summary: "All stored images, oldest first",
    params: Type.Object({}, strict),
    result: Type.Object({ images: Type.Array(Image) }, strict),
    errors: [],
    rest: { method: "GET", path: "/v1/images" },
    safe: true,
    handler({ service }) {
      return { images: service.images.list().map((image) => view(service, image)) };
    },
  }),

  operation({
    name: "image.get",
    summary: "One image",
    params: Type.Object({ image: reference }, strict),
    result: Image,
    errors: ["EMU_IMAGE_NOT_FOUND"],
    rest: { method: "GET", path: "/v1/images/{image}" },
    safe: true,
    handler({ service }, { image }) {
      return view(service, service.images.find(image));
    },
  }),

  operation({
    name: "image.delete",
    summary: "Forget an image; refused while a session uses it",
    params: Type.Object({ image: reference }, strict),
    result: Type.Object({ deleted: Type.String({ description: "digest" }) }, strict),
    errors: ["EMU_IMAGE_NOT_FOUND", "EMU_IMAGE_IN_USE"],
    rest: { method: "DELETE", path: "/v1/images/{image}" },
    safe: false,
    async handler({ service }, { image }) {
      const record = service.images.find(image);
      await service.images.delete(record, () => view(service, record).sessions);
      return { deleted: record.digest };
    },
  }),
];
