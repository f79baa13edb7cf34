/* A jump back over calls is not to be had in WebAssembly: it ends the plugin with a report. What sets it up runs on. */
#ifndef EMUSCOPE_SETJMP_H
#define EMUSCOPE_SETJMP_H

#ifdef __cplusplus
extern "C" {
#endif

typedef int jmp_buf[1];
typedef jmp_buf sigjmp_buf;

_Noreturn void abort(void);

static inline int emuscope_setjmp(jmp_buf place)
{
    place[0] = 0;
    return 0;
}

_Noreturn static inline void longjmp(jmp_buf place, int value)
{
    (void)place;
    (void)value;
    abort();
}

#define setjmp(place) emuscope_setjmp(place)
#define sigsetjmp(place, mask) ((void)(mask), emuscope_setjmp(place))
#define siglongjmp longjmp

#ifdef __cplusplus
}
#endif

#endif
