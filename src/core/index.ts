// The core: everything that must be fast and 64-bit, compiled to dist/core.wasm by `npm run build:core`.

export * from "./fpu/index";
export * from "./trace/recorder";
