//! Which device registers the guest writes, and how often: the worked example of the SDK, the same in each language.
//!
//! Only writes to devices call the plugin; accesses to memory cost nothing. The hwaddr is there by value: the device and
//! the offset in its region, as they were when the access was made. Results are JSON, on exit there is text as well.

mod emuscope;

use emuscope::*;
use std::cell::RefCell;
use std::collections::BTreeMap;

thread_local! {
    /// Writes by device and offset. A plugin has one thread.
    static REGISTERS: RefCell<BTreeMap<(u32, u64), u64>> = RefCell::default();
}

extern "C" fn on_write(_hart: u32, _info: u32, _vaddr: u64, _userdata: u32) {
    let place = unsafe { (emu_hwaddr_device(), emu_hwaddr_offset()) };
    REGISTERS.with(|registers| *registers.borrow_mut().entry(place).or_insert(0) += 1);
}

extern "C" fn on_block(_id: u64, tb: Handle) {
    for index in 0..unsafe { tb_n_insns(tb) } {
        unsafe {
            let insn = tb_get_insn(tb, index);
            if emu_insn_memory(insn) != 0 {
                register_vcpu_mem_cb(insn, on_write, NO_REGISTERS, WRITES | DEVICES, 0);
            }
        }
    }
}

/// Each register with its device's name.
fn list(format: fn(String, u64, u64) -> String) -> Vec<String> {
    let line = |(&(device, offset), &writes): (&(u32, u64), &u64)| format(device_name(device), offset, writes);
    REGISTERS.with(|registers| registers.borrow().iter().map(line).collect())
}

extern "C" fn on_results(_userdata: u32) {
    let registers = list(|device, offset, writes| {
        format!(r#"{{"device":"{device}","offset":"{offset:#x}","writes":{writes}}}"#)
    });
    set_result(&format!(r#"{{"registers":[{}]}}"#, registers.join(",")));
}

extern "C" fn on_exit(_id: u64, _userdata: u32) {
    print(&list(|device, offset, writes| format!("{device}+{offset:#x}: {writes} writes\n")).concat());
}

#[no_mangle]
pub extern "C" fn qemu_plugin_install(id: u64, _info: u32, _argc: u32, _argv: u32) -> i32 {
    unsafe {
        register_vcpu_tb_trans_cb(id, on_block, 0);
        emu_register_results_cb(id, on_results, 0);
        register_atexit_cb(id, on_exit, 0);
    }
    0
}
