/*
 * Calls of functions that a plugin gave under a type that need not be their own: `(GFunc)g_free`, `(GDestroyNotify)fclose`.
 * Natively the surplus argument is ignored; WebAssembly checks types at each indirect call, so the function is called with
 * as many arguments as it takes.
 */
#ifndef EMUSCOPE_CALL_H
#define EMUSCOPE_CALL_H

#include <glib.h>

void emuscope_call(void (*function)(void), gpointer a, gpointer b, gpointer c);
gint emuscope_ask(void (*function)(void), gpointer a, gpointer b, gpointer c);

#define CALL1(function, a) emuscope_call((void (*)(void))(function), (gpointer)(a), NULL, NULL)
#define CALL2(function, a, b) emuscope_call((void (*)(void))(function), (gpointer)(a), (gpointer)(b), NULL)
#define CALL3(function, a, b, c) emuscope_call((void (*)(void))(function), (gpointer)(a), (gpointer)(b), (gpointer)(c))
/* For comparisons and predicates. */
#define ASK2(function, a, b) emuscope_ask((void (*)(void))(function), (gpointer)(a), (gpointer)(b), NULL)
#define ASK3(function, a, b, c) emuscope_ask((void (*)(void))(function), (gpointer)(a), (gpointer)(b), (gpointer)(c))

#endif
