//! The part of Emuscope's interface that the example uses; src/probe/wasm/imports.ts has all of it. A function is added
//! by one line: pointers and sizes are i32 there, as they are on wasm32 here.

pub type Handle = u32;
pub type AccessCallback = extern "C" fn(hart: u32, info: u32, vaddr: u64, userdata: u32);

#[link(wasm_import_module = "emuscope")]
extern "C" {
    pub fn register_vcpu_tb_trans_cb(id: u64, cb: extern "C" fn(u64, Handle), userdata: u32);
    pub fn register_atexit_cb(id: u64, cb: extern "C" fn(u64, u32), userdata: u32);
    pub fn emu_register_results_cb(id: u64, cb: extern "C" fn(u32), userdata: u32);
    pub fn tb_n_insns(tb: Handle) -> u32;
    pub fn tb_get_insn(tb: Handle, index: u32) -> Handle;
    pub fn emu_insn_memory(insn: Handle) -> u32;
    pub fn register_vcpu_mem_cb(insn: Handle, cb: AccessCallback, flags: u32, rw: u32, userdata: u32);
    pub fn emu_hwaddr_device() -> u32;
    pub fn emu_hwaddr_offset() -> u64;
    fn emu_device_name(device: u32, buffer: *mut u8, length: usize) -> i32;
    fn emu_result(json: *const u8, length: usize);
    fn outs(text: *const u8, length: usize);
}

pub const NO_REGISTERS: u32 = 0;
pub const WRITES: u32 = 2;
/// With a direction: only accesses to devices.
pub const DEVICES: u32 = 16;

pub fn device_name(device: u32) -> String {
    let mut name = [0; 64];
    let length = unsafe { emu_device_name(device, name.as_mut_ptr(), name.len()) };
    String::from_utf8_lossy(&name[..length.clamp(0, 63) as usize]).into_owned()
}

pub fn set_result(json: &str) {
    unsafe { emu_result(json.as_ptr(), json.len()) }
}

pub fn print(text: &str) {
    unsafe { outs(text.as_ptr(), text.len()) }
}

/// Where the host puts arguments.
#[no_mangle]
pub extern "C" fn emu_alloc(bytes: usize) -> *mut u8 {
    Vec::leak(vec![0; bytes]).as_mut_ptr()
}

/// The version of QEMU's interface whose meanings apply.
#[no_mangle]
pub extern "C" fn emuscope_plugin_version() -> i32 {
    7
}
