/*
 * The part of GLib that instruments of an emulator use, for plugins compiled to WebAssembly: names and meanings follow
 * GLib's documentation, the order in which hash tables are walked and lists sorted is GLib's too, so that a plugin
 * prints the same lines here. There is one thread: locks are no-ops.
 *
 * The headers also compile against a native GLib of the same interface (test/sdk compares both).
 */
#ifndef EMUSCOPE_GLIB_H
#define EMUSCOPE_GLIB_H

#include "glib/gtypes.h"
#include "glib/gmacros.h"
#include "glib/gmem.h"
#include "glib/gmessages.h"
#include "glib/gstrfuncs.h"
#include "glib/gutf8.h"
#include "glib/gstring.h"
#include "glib/glist.h"
#include "glib/gqueue.h"
#include "glib/garray.h"
#include "glib/ghash.h"
#include "glib/gtree.h"
#include "glib/gerror.h"
#include "glib/gfile.h"
#include "glib/gthread.h"
#include "glib/gtime.h"
#include "glib/grand.h"
#include "glib/gpattern.h"
#include "glib/gautocleanup.h"

#endif
