/* Basic types, limits, conversions between pointers and integers, byte order. */
#ifndef EMUSCOPE_GLIB_TYPES_H
#define EMUSCOPE_GLIB_TYPES_H

#include <errno.h>
#include <float.h>
#include <inttypes.h>
#include <limits.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#ifdef __cplusplus
#define G_BEGIN_DECLS extern "C" {
#define G_END_DECLS }
#else
#define G_BEGIN_DECLS
#define G_END_DECLS
#endif

typedef char gchar;
typedef short gshort;
typedef int gint;
typedef long glong;
typedef gint gboolean;
typedef unsigned char guchar;
typedef unsigned short gushort;
typedef unsigned int guint;
typedef unsigned long gulong;
typedef float gfloat;
typedef double gdouble;
typedef void *gpointer;
typedef const void *gconstpointer;
typedef int8_t gint8;
typedef uint8_t guint8;
typedef int16_t gint16;
typedef uint16_t guint16;
typedef int32_t gint32;
typedef uint32_t guint32;
typedef int64_t gint64;
typedef uint64_t guint64;
typedef size_t gsize;
typedef ptrdiff_t gssize;
typedef intptr_t gintptr;
typedef uintptr_t guintptr;
typedef gint64 goffset;
typedef guint32 gunichar;
typedef guint16 gunichar2;
typedef guint32 GQuark;
typedef gchar **GStrv;

typedef gint (*GCompareFunc)(gconstpointer a, gconstpointer b);
typedef gint (*GCompareDataFunc)(gconstpointer a, gconstpointer b, gpointer user_data);
typedef gboolean (*GEqualFunc)(gconstpointer a, gconstpointer b);
typedef guint (*GHashFunc)(gconstpointer key);
typedef void (*GDestroyNotify)(gpointer data);
typedef void (*GFreeFunc)(gpointer data);
typedef void (*GFunc)(gpointer data, gpointer user_data);
typedef void (*GHFunc)(gpointer key, gpointer value, gpointer user_data);
typedef gboolean (*GHRFunc)(gpointer key, gpointer value, gpointer user_data);
typedef gpointer (*GCopyFunc)(gconstpointer source, gpointer data);

#ifndef FALSE
#define FALSE (0)
#endif
#ifndef TRUE
#define TRUE (!FALSE)
#endif

#define G_MININT8 INT8_MIN
#define G_MAXINT8 INT8_MAX
#define G_MAXUINT8 UINT8_MAX
#define G_MININT16 INT16_MIN
#define G_MAXINT16 INT16_MAX
#define G_MAXUINT16 UINT16_MAX
#define G_MININT32 INT32_MIN
#define G_MAXINT32 INT32_MAX
#define G_MAXUINT32 UINT32_MAX
#define G_MININT64 INT64_MIN
#define G_MAXINT64 INT64_MAX
#define G_MAXUINT64 UINT64_MAX
#define G_MINSHORT SHRT_MIN
#define G_MAXSHORT SHRT_MAX
#define G_MAXUSHORT USHRT_MAX
#define G_MININT INT_MIN
#define G_MAXINT INT_MAX
#define G_MAXUINT UINT_MAX
#define G_MINLONG LONG_MIN
#define G_MAXLONG LONG_MAX
#define G_MAXULONG ULONG_MAX
#define G_MAXSIZE SIZE_MAX
#define G_MINSSIZE PTRDIFF_MIN
#define G_MAXSSIZE PTRDIFF_MAX
#define G_MINOFFSET G_MININT64
#define G_MAXOFFSET G_MAXINT64
#define G_MINFLOAT FLT_MIN
#define G_MAXFLOAT FLT_MAX
#define G_MINDOUBLE DBL_MIN
#define G_MAXDOUBLE DBL_MAX
#define G_PI 3.1415926535897932384626433832795028841971693993751
#define G_E 2.7182818284590452353602874713526624977572470937000

#define G_GINT16_FORMAT PRIi16
#define G_GUINT16_FORMAT PRIu16
#define G_GINT32_FORMAT PRIi32
#define G_GUINT32_FORMAT PRIu32
#define G_GINT64_FORMAT PRIi64
#define G_GUINT64_FORMAT PRIu64
#define G_GINT16_MODIFIER "h"
#define G_GINT32_MODIFIER ""
#if UINTPTR_MAX == UINT32_MAX
#define G_GINT64_MODIFIER "ll"
#else
#define G_GINT64_MODIFIER "l"
#endif
#define G_GSIZE_FORMAT "zu"
#define G_GSSIZE_FORMAT "zd"
#define G_GSIZE_MODIFIER "z"
#define G_GSSIZE_MODIFIER "z"
#define G_GINTPTR_FORMAT PRIiPTR
#define G_GUINTPTR_FORMAT PRIuPTR
#define G_GINT64_CONSTANT(value) INT64_C(value)
#define G_GUINT64_CONSTANT(value) UINT64_C(value)

#define GPOINTER_TO_INT(p) ((gint)(glong)(p))
#define GPOINTER_TO_UINT(p) ((guint)(gulong)(p))
#define GPOINTER_TO_SIZE(p) ((gsize)(p))
#define GINT_TO_POINTER(i) ((gpointer)(glong)(i))
#define GUINT_TO_POINTER(u) ((gpointer)(gulong)(u))
#define GSIZE_TO_POINTER(s) ((gpointer)(gsize)(s))

#define G_LITTLE_ENDIAN 1234
#define G_BIG_ENDIAN 4321
#define G_BYTE_ORDER G_LITTLE_ENDIAN
#define GUINT16_SWAP_LE_BE(value) ((guint16)__builtin_bswap16(value))
#define GUINT32_SWAP_LE_BE(value) ((guint32)__builtin_bswap32(value))
#define GUINT64_SWAP_LE_BE(value) ((guint64)__builtin_bswap64(value))
#define GINT16_TO_LE(value) ((gint16)(value))
#define GUINT16_TO_LE(value) ((guint16)(value))
#define GINT32_TO_LE(value) ((gint32)(value))
#define GUINT32_TO_LE(value) ((guint32)(value))
#define GINT64_TO_LE(value) ((gint64)(value))
#define GUINT64_TO_LE(value) ((guint64)(value))
#define GINT16_TO_BE(value) ((gint16)GUINT16_SWAP_LE_BE(value))
#define GUINT16_TO_BE(value) GUINT16_SWAP_LE_BE(value)
#define GINT32_TO_BE(value) ((gint32)GUINT32_SWAP_LE_BE(value))
#define GUINT32_TO_BE(value) GUINT32_SWAP_LE_BE(value)
#define GINT64_TO_BE(value) ((gint64)GUINT64_SWAP_LE_BE(value))
#define GUINT64_TO_BE(value) GUINT64_SWAP_LE_BE(value)
#define GINT16_FROM_LE(value) GINT16_TO_LE(value)
#define GUINT16_FROM_LE(value) GUINT16_TO_LE(value)
#define GINT32_FROM_LE(value) GINT32_TO_LE(value)
#define GUINT32_FROM_LE(value) GUINT32_TO_LE(value)
#define GINT64_FROM_LE(value) GINT64_TO_LE(value)
#define GUINT64_FROM_LE(value) GUINT64_TO_LE(value)
#define GINT16_FROM_BE(value) GINT16_TO_BE(value)
#define GUINT16_FROM_BE(value) GUINT16_TO_BE(value)
#define GINT32_FROM_BE(value) GINT32_TO_BE(value)
#define GUINT32_FROM_BE(value) GUINT32_TO_BE(value)
#define GINT64_FROM_BE(value) GINT64_TO_BE(value)
#define GUINT64_FROM_BE(value) GUINT64_TO_BE(value)
#define g_ntohl(value) GUINT32_FROM_BE(value)
#define g_ntohs(value) GUINT16_FROM_BE(value)
#define g_htonl(value) GUINT32_TO_BE(value)
#define g_htons(value) GUINT16_TO_BE(value)

#endif
