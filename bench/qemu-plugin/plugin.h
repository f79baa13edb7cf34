/*
 * What the plugins of `npm run bench -- plugins` share. Each counts something and says what at exit, in one line of
 * `key=value` that is the same for the same guest whatever emulator it runs on. Left out are the board's boot ROM, and the
 * accesses of the test finisher, in which an emulator ends.
 */
#ifndef EMUSCOPE_BENCH_PLUGIN_H
#define EMUSCOPE_BENCH_PLUGIN_H

#ifdef __wasm__
#include <qemu-plugin.h>
#else
#include "qemu-plugin-api.h"
#endif

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

QEMU_PLUGIN_EXPORT int qemu_plugin_version = QEMU_PLUGIN_VERSION;
QEMU_PLUGIN_EXPORT int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t *info, int argc, char **argv);

#define ROM_FIRST 0x1000
#define ROM_LAST 0x1fff
#define FINISHER_PAGE 0x100

static inline bool in_rom(const struct qemu_plugin_tb *tb)
{
    uint64_t vaddr = qemu_plugin_tb_vaddr(tb);
    return vaddr >= ROM_FIRST && vaddr <= ROM_LAST;
}

/* printf for the emulator's log. */
__attribute__((format(printf, 1, 2))) static void say(const char *format, ...)
{
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    qemu_plugin_outs(text);
}

#endif
