/* Names for stdio's functions. */
#ifndef EMUSCOPE_GLIB_STDIO_H
#define EMUSCOPE_GLIB_STDIO_H

#include <glib.h>

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define g_fopen(name, mode) fopen((name), (mode))
#define g_remove(name) remove(name)
#define g_unlink(name) unlink(name)
#define g_rename(from, to) rename((from), (to))
#define g_mkdir(name, mode) mkdir((name), (mode))
#define g_access(name, mode) access((name), (mode))
#define g_fprintf fprintf
#define g_vfprintf vfprintf

#endif
