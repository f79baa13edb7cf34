/* Indirect calls by the callee's own type, which the host knows. */
#include "call.h"

/* Number of parameters, + 0x100 with a result, where all are 32-bit integers or pointers; -1 otherwise. */
__attribute__((import_module("emuscope"), import_name("emu_function_shape"))) int emuscope_function_shape(void (*)(void));

#define RETURNS 0x100

/* The last ones asked for: loops call one or two functions over and over. */
static void (*known[2])(void);
static int shapes[2];
static unsigned replaced;

static int shape_of(void (*function)(void))
{
    for (unsigned i = 0; i < 2; i++) {
        if (known[i] == function) {
            return shapes[i];
        }
    }
    replaced ^= 1;
    known[replaced] = function;
    return shapes[replaced] = emuscope_function_shape(function);
}

gint emuscope_ask(void (*function)(void), gpointer a, gpointer b, gpointer c)
{
    switch (shape_of(function)) {
    case 0:
        function();
        return 0;
    case 1:
        ((void (*)(gpointer))function)(a);
        return 0;
    case 2:
        ((void (*)(gpointer, gpointer))function)(a, b);
        return 0;
    case 3:
        ((void (*)(gpointer, gpointer, gpointer))function)(a, b, c);
        return 0;
    case RETURNS:
        return ((gint(*)(void))function)();
    case RETURNS + 1:
        return ((gint(*)(gpointer))function)(a);
    case RETURNS + 2:
        return ((gint(*)(gpointer, gpointer))function)(a, b);
    case RETURNS + 3:
        return ((gint(*)(gpointer, gpointer, gpointer))function)(a, b, c);
    default: /* traps, and the trap names the place */
        return ((gint(*)(gpointer, gpointer, gpointer))function)(a, b, c);
    }
}

void emuscope_call(void (*function)(void), gpointer a, gpointer b, gpointer c)
{
    (void)emuscope_ask(function, a, b, c);
}
