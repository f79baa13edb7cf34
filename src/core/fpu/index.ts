// Floating point of chapters F and D: what the engine calls. Bits in, bits out, flags into FFLAGS; `rm` is the resolved
// rounding mode 0 to 4. Singles are unboxed: the caller boxes and unboxes. native.md says what a JIT may inline.

export {
  f64_add, f64_class, f64_div, f64_eq, f64_fma, f64_le, f64_lt, f64_max, f64_min, f64_mul, f64_sqrt, f64_sub,
} from "./f64";
export {
  f32_add, f32_class, f32_div, f32_eq, f32_fma, f32_le, f32_lt, f32_max, f32_min, f32_mul, f32_sqrt, f32_sub, unbox,
} from "./f32";
export {
  f32_to_f64, f32_to_i32, f32_to_i64, f32_to_u32, f32_to_u64, f64_to_f32, f64_to_i32, f64_to_i64, f64_to_u32,
  f64_to_u64, i32_to_f32, i32_to_f64, i64_to_f32, i64_to_f64, u32_to_f32, u32_to_f64, u64_to_f32, u64_to_f64,
} from "./convert";
