/*
 * Exercises the GLib subset of sdk/c and prints what it sees, as a plugin when it is installed. Compiled natively against
 * a real GLib the same source gives glib-check.txt, which is what the WebAssembly build has to print:
 *   cc -std=gnu11 -D_GNU_SOURCE -DEMUSCOPE_NO_WIDE -Isdk/c/include test/sdk/glib-check.c -l:libglib-2.0.so.0 -o CHECK
 */
#include <glib.h>
#include <glib/gstdio.h>

#define TITLE(name) printf("== %s\n", name)

static gint by_number(gconstpointer a, gconstpointer b)
{
    return GPOINTER_TO_INT(a) - GPOINTER_TO_INT(b);
}

/* Like many plugins' comparisons: never says "equal", so the result shows who was compared with whom. */
static gint by_tens(gconstpointer a, gconstpointer b, gpointer d)
{
    (void)d;
    return GPOINTER_TO_INT(a) / 10 > GPOINTER_TO_INT(b) / 10 ? -1 : 1;
}

static gint by_pointee(gconstpointer a, gconstpointer b)
{
    return *(const gint *)a / 10 - *(const gint *)b / 10;
}

static gint by_pointee_unequal(gconstpointer a, gconstpointer b)
{
    return *(const gint *)a / 10 < *(const gint *)b / 10 ? 1 : -1;
}

static gint by_pointer_to_text(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const gchar *const *)a, *(const gchar *const *)b);
}

static void print_number(gpointer data, gpointer separator)
{
    printf("%d%s", GPOINTER_TO_INT(data), (const char *)separator);
}

static void print_list(const char *name, GList *list)
{
    printf("%s (%u): ", name, g_list_length(list));
    g_list_foreach(list, print_number, (gpointer) " ");
    printf("| back:");
    for (GList *link = g_list_last(list); link; link = g_list_previous(link)) {
        printf(" %d", GPOINTER_TO_INT(link->data));
    }
    printf("\n");
}

static void print_slist(const char *name, GSList *list)
{
    printf("%s (%u): ", name, g_slist_length(list));
    g_slist_foreach(list, print_number, (gpointer) " ");
    printf("\n");
}

static void print_vector(const char *name, gchar **vector)
{
    printf("%s (%u):", name, g_strv_length(vector));
    for (gchar **text = vector; *text; text++) {
        printf(" [%s]", *text);
    }
    printf("\n");
}

static guint32 step(guint32 *state)
{
    *state = *state * 1664525u + 1013904223u;
    return *state >> 8;
}

static void strings(void)
{
    TITLE("strings");
    print_vector("split", g_strsplit("a=b=c", "=", 2));
    print_vector("split all", g_strsplit("a,,b,", ",", -1));
    print_vector("split none", g_strsplit("", ",", -1));
    print_vector("split zero", g_strsplit("a, b, c", ", ", 0));
    print_vector("split one", g_strsplit("a,b", ",", 1));
    print_vector("split end", g_strsplit("track=", "=", 2));
    print_vector("split set", g_strsplit_set("a:b;c::d", ":;", -1));
    print_vector("split set 2", g_strsplit_set("a:b;c", ":;", 2));
    print_vector("split set none", g_strsplit_set("", ":;", -1));
    g_auto(GStrv) vector = g_strsplit("one two three", " ", -1);
    g_autofree gchar *joined = g_strjoinv("+", vector);
    g_autofree gchar *joined2 = g_strjoin("/", "x", "y", "", "z", NULL);
    g_autofree gchar *all = g_strconcat("ab", "", "cd", NULL);
    g_auto(GStrv) copied = g_strdupv(vector);
    printf("%s %s %s %d %d\n", joined, joined2, all, g_strv_contains((const gchar *const *)copied, "two"),
           g_strv_contains((const gchar *const *)copied, "tw"));
    printf("%d %d %d %d\n", g_strcmp0(NULL, NULL), g_strcmp0(NULL, "a") < 0, g_strcmp0("a", NULL) > 0,
           g_strcmp0("a", "a"));
    printf("%d %d %d %d\n", g_str_has_prefix("lui a0", "lu"), g_str_has_prefix("l", "lu"), g_str_has_suffix("a.wasm", ".wasm"),
           g_str_has_suffix("m", ".wasm"));
    char blank[] = "  \t both ends \n", chomp[] = "end  ", delimited[] = "a-b_c|d";
    printf("[%s] [%s] [%s]\n", g_strstrip(blank), g_strchomp(chomp), g_strdelimit(delimited, "-|", '.'));
    char reversed[] = "abcde", canon[] = "Ab-9z";
    printf("%s %s\n", g_strreverse(reversed), g_strcanon(canon, "abz9", '?'));
    printf("%s %s\n", g_strescape("tab\t\"q\" \\ \x01 \xc3\xa9", NULL), g_strcompress("a\\tb\\101\\\\\\q"));
    printf("%d %d %d\n", g_ascii_strcasecmp("HeLLo", "hEllO"), g_ascii_strncasecmp("abcX", "ABCy", 3),
           g_ascii_strcasecmp("a", "B") < 0);
    printf("%s %s\n", g_ascii_strup("mixed Case 1", -1), g_ascii_strdown("MIXED Case", 5));
    gchar *end;
    gint64 negative = g_ascii_strtoll("-123abc", &end, 10);
    printf("%" PRIu64 " %" PRId64 " %" PRIx64 " [%s]\n", g_ascii_strtoull("0xffffffff80000000", NULL, 0), negative,
           g_ascii_strtoull("80200000", NULL, 16), end);
    printf("%g %d %d\n", g_ascii_strtod("2.5e3x", NULL), g_ascii_xdigit_value('c'), g_ascii_digit_value('x'));
    for (int c = 0; c < 128; c++) {
        printf("%d", g_ascii_isspace(c) + 2 * g_ascii_isalnum(c) + 4 * g_ascii_ispunct(c));
    }
    printf("\n%s | %s | %s\n", g_strstr_len("find the needle", 12, "the"), g_strrstr("aXbXc", "X"),
           g_strrstr_len("aXbXc", 3, "X"));
    char to[8];
    gsize needed = g_strlcpy(to, "overlong text", sizeof to);
    printf("%zu [%s]", needed, to);
    strcpy(to, "ab");
    needed = g_strlcat(to, "cdefgh", sizeof to);
    printf(" %zu [%s]\n", needed, to);
    printf("%u %u %u\n", g_str_hash("hello"), g_str_hash(""), g_str_hash("\xc3\xa9tat"));
    g_autofree gchar *base = g_path_get_basename("/usr/lib/x.so"), *directory = g_path_get_dirname("/usr/lib/x.so");
    printf("%s %s %s %s %s\n", base, directory, g_path_get_basename("a/"), g_path_get_dirname("x"),
           g_build_filename("a/", "/b", "", "c/", NULL));
    printf("%s|%s|%d\n", g_strdup_printf("%5d|%-5s|%05x|%+.2f|%c|%%", 42, "ab", 0xbeefu, 3.14159, 'x'),
           g_strnfill(3, '*'), g_snprintf(to, sizeof to, "%s", "longer than that"));
    printf("%s\n", to);
}

static void formats(void)
{
    TITLE("formats");
    guint64 address = 0xffffffff80201234ull;
    printf("%" PRIx64 " %" PRIu64 " %" PRId64 " %016" PRIx64 "\n", address, address, (gint64)address, (guint64)0x1234);
    printf("%-14" PRIu64 "|%9.4lf%%|%-24s|%#x|%#o|%X\n", (guint64)77, 12.34567, "left", 255, 8, 0xabc);
    printf("%d %i %u %hhd %hd %hhx\n", -1, -2, 4000000000u, (signed char)-3, (short)-4, (unsigned char)0xfe);
    printf("%.3d|%8.3d|%-8.3d|%+d|% d|%08d|%.0d|\n", 7, 7, 7, 7, 7, -7, 0);
    printf("%*d|%-*d|%.*s|%s\n", 6, 1, 6, 2, 3, "abcdef", "(end)");
    printf("%e %g %G %.0f %10.3e %a\n", 12345.678, 0.0001, 1e20, 2.5, 1e-5, 1.0);
    printf("%c%c %5c|%-3c|\n", 'o', 'k', 'r', 'l');
    printf("%zu %zd %jd %td\n", (size_t)5, (ssize_t)-5, (intmax_t)1 << 40, (ptrdiff_t)-6);
    printf("%lu %ld %llx\n", 123ul, -123l, 0x123456789abcull);
#if UINTPTR_MAX == UINT32_MAX
    printf("%lx %ld %lu\n", address, (gint64)-5, (guint64)1 << 63); /* as a 64-bit host prints it */
#else
    printf("%lx %ld %lu\n", (unsigned long)address, -5l, 1ul << 63);
#endif
    guint64 scanned = 0;
    guint8 byte = 0;
    int number = 0, fields;
    char word[8];
#if UINTPTR_MAX == UINT32_MAX
    fields = sscanf("ffffffff80001000:17 0x2a word", "%lx:%d %hhx %7s", &scanned, &number, &byte, word);
#else
    fields = sscanf("ffffffff80001000:17 0x2a word", "%lx:%d %hhx %7s", (unsigned long *)&scanned, &number, &byte, word);
#endif
    printf("%d %" PRIx64 " %d %x %s %" PRIx64 "\n", fields, scanned, number, byte, word,
           (guint64)strtoul("ffffffff80000000", NULL, 16));
}

static void growing(void)
{
    TITLE("GString");
    g_autoptr(GString) s = g_string_new("start");
    g_string_append_printf(s, " %d%s", 7, "x");
    g_string_append(s, " end");
    g_string_append_c(s, '!');
    g_string_prepend(s, "<");
    g_string_insert(s, 1, "in ");
    g_string_erase(s, 0, 1);
    printf("%s %zu\n", s->str, s->len);
    g_string_truncate(s, 8);
    g_string_insert_c(s, 2, '_');
    g_string_overwrite(s, 7, "OVERWRITTEN");
    printf("%s\n", s->str);
    guint replaced = g_string_replace(s, "R", "[r]", 2);
    printf("%u %s\n", replaced, s->str);
    g_string_printf(s, "%s:%s", "a", "b");
    g_string_append_len(s, "x\0y", 3);
    printf("%zu %u\n", s->len, g_string_hash(s));
    g_string_assign(s, "Mixed");
    g_string_ascii_up(s);
    printf("%s %d\n", s->str, g_string_equal(s, g_string_new("MIXED")));
    GString *empty = g_string_new(NULL);
    printf("[%s] %zu", empty->str, empty->len);
    for (int i = 0; i < 1000; i++) {
        g_string_append_printf(empty, "%d,", i);
    }
    printf(" %zu\n", empty->len);
    gchar *text = g_string_free(empty, FALSE);
    printf("%.20s\n", text);
    g_free(text);
}

static void lists(void)
{
    GList *list = NULL;
    GSList *single = NULL;
    guint32 state = 1;

    TITLE("lists");
    for (int i = 0; i < 7; i++) {
        list = g_list_append(list, GINT_TO_POINTER(i * 3 % 7));
        single = g_slist_prepend(single, GINT_TO_POINTER(i * 3 % 7));
    }
    list = g_list_prepend(list, GINT_TO_POINTER(99));
    list = g_list_insert(list, GINT_TO_POINTER(50), 2);
    list = g_list_insert(list, GINT_TO_POINTER(51), 100);
    print_list("built", list);
    list = g_list_sort(list, by_number);
    print_list("sorted", list);
    list = g_list_insert_sorted(list, GINT_TO_POINTER(4), by_number);
    list = g_list_reverse(list);
    print_list("reversed", list);
    list = g_list_remove(list, GINT_TO_POINTER(4));
    list = g_list_remove_all(list, GINT_TO_POINTER(4));
    list = g_list_delete_link(list, g_list_find(list, GINT_TO_POINTER(99)));
    print_list("removed", list);
    printf("%d %d %d %d\n", g_list_index(list, GINT_TO_POINTER(50)), GPOINTER_TO_INT(g_list_nth_data(list, 2)),
           g_list_position(list, g_list_last(list)), g_list_index(list, GINT_TO_POINTER(1234)));
    print_list("concat", g_list_concat(g_list_copy(list), g_list_copy(list)));
    g_list_free(list);
    print_slist("single", single);
    single = g_slist_sort(single, by_number);
    single = g_slist_insert_sorted(single, GINT_TO_POINTER(3), by_number);
    single = g_slist_append(single, GINT_TO_POINTER(77));
    single = g_slist_insert(single, GINT_TO_POINTER(78), 1);
    single = g_slist_remove(single, GINT_TO_POINTER(0));
    print_slist("changed", single);
    single = g_slist_reverse(single);
    print_slist("reversed", single);
    printf("%d %d\n", GPOINTER_TO_INT(g_slist_nth_data(single, 3)), g_slist_index(single, GINT_TO_POINTER(77)));
    g_slist_free(single);
    for (int length = 0; length < 24; length++) {
        GList *random = NULL;
        GSList *random_single = NULL;
        for (int i = 0; i < length; i++) {
            int value = (int)(step(&state) % 40);
            random = g_list_prepend(random, GINT_TO_POINTER(value));
            random_single = g_slist_prepend(random_single, GINT_TO_POINTER(value));
        }
        print_list("tens", g_list_sort_with_data(random, by_tens, NULL));
        print_slist("tens", g_slist_sort_with_data(random_single, by_tens, NULL));
    }
}

static void queues(void)
{
    g_autoptr(GQueue) queue = g_queue_new();

    TITLE("GQueue");
    for (int i = 0; i < 5; i++) {
        g_queue_push_head(queue, GINT_TO_POINTER(i));
        g_queue_push_tail(queue, GINT_TO_POINTER(10 + i));
    }
    g_queue_push_nth(queue, GINT_TO_POINTER(100), 3);
    g_queue_insert_before(queue, g_queue_find(queue, GINT_TO_POINTER(12)), GINT_TO_POINTER(101));
    g_queue_insert_after(queue, g_queue_find(queue, GINT_TO_POINTER(14)), GINT_TO_POINTER(102));
    print_list("queue", queue->head);
    printf("%d ", GPOINTER_TO_INT(g_queue_pop_tail(queue)));
    printf("%d ", GPOINTER_TO_INT(g_queue_pop_head(queue)));
    printf("%d %u\n", GPOINTER_TO_INT(g_queue_peek_nth(queue, 4)), g_queue_get_length(queue));
    g_queue_remove(queue, GINT_TO_POINTER(101));
    g_queue_sort(queue, by_tens, NULL);
    g_queue_reverse(queue);
    print_list("sorted, reversed", queue->head);
    printf("%d %d\n", GPOINTER_TO_INT(g_queue_peek_head(queue)), GPOINTER_TO_INT(g_queue_peek_tail(queue)));
    g_queue_clear(queue);
    printf("%d %p\n", g_queue_is_empty(queue), g_queue_pop_tail(queue));
}

static void arrays(void)
{
    guint32 state = 7;

    TITLE("arrays");
    g_autoptr(GArray) array = g_array_new(TRUE, TRUE, sizeof(gint));
    for (gint i = 0; i < 10; i++) {
        gint value = (gint)(step(&state) % 100);
        g_array_append_val(array, value);
    }
    gint front = -1;
    g_array_prepend_val(array, front);
    g_array_insert_val(array, 4, front);
    g_array_remove_index(array, 2);
    g_array_remove_index_fast(array, 1);
    g_array_remove_range(array, 5, 2);
    g_array_set_size(array, array->len + 2);
    for (guint i = 0; i <= array->len; i++) { /* the terminator too */
        printf("%d ", g_array_index(array, gint, i));
    }
    printf("(%u of %u)\n", array->len, g_array_get_element_size(array));
    for (int length = 0; length < 24; length++) {
        g_autoptr(GArray) sorted = g_array_sized_new(FALSE, FALSE, sizeof(gint), 4);
        g_autoptr(GArray) unequal = g_array_new(FALSE, FALSE, sizeof(gint));
        for (gint i = 0; i < length; i++) {
            gint value = (gint)(step(&state) % 50);
            g_array_append_val(sorted, value);
            g_array_append_val(unequal, value);
        }
        g_array_sort(sorted, by_pointee);
        g_array_sort(unequal, by_pointee_unequal);
        for (gint i = 0; i < length; i++) {
            printf("%d/%d ", g_array_index(sorted, gint, i), g_array_index(unequal, gint, i));
        }
        guint match = 0;
        gint target = 25;
        gboolean found = g_array_binary_search(sorted, &target, by_pointee, &match);
        printf("%d@%u\n", found, found ? match : 0);
    }
    g_autoptr(GPtrArray) texts = g_ptr_array_new_with_free_func(g_free);
    const char *words[] = {"zeta", "alpha", "mu", "beta", "omega", "alpha"};
    for (guint i = 0; i < G_N_ELEMENTS(words); i++) {
        g_ptr_array_add(texts, g_strdup(words[i]));
    }
    g_ptr_array_insert(texts, 1, g_strdup("inserted"));
    g_ptr_array_remove_index(texts, 3);
    g_ptr_array_sort(texts, by_pointer_to_text);
    guint index = 0;
    gboolean there = g_ptr_array_find_with_equal_func(texts, "omega", g_str_equal, &index);
    printf("%d %u:", there, index);
    for (guint i = 0; i < texts->len; i++) {
        printf(" %s", (char *)g_ptr_array_index(texts, i));
    }
    g_ptr_array_remove_index_fast(texts, 0);
    g_ptr_array_set_size(texts, 4);
    printf(" | %s %u\n", (char *)texts->pdata[0], texts->len);
    g_autoptr(GByteArray) bytes = g_byte_array_new();
    g_byte_array_append(bytes, (const guint8 *)"hello", 5);
    g_byte_array_prepend(bytes, (const guint8 *)"<", 1);
    g_byte_array_remove_index(bytes, 2);
    g_byte_array_set_size(bytes, 5);
    printf("%.*s %u\n", (int)bytes->len, bytes->data, bytes->len);
}

static void print_pair(gpointer key, gpointer value, gpointer data)
{
    (void)data;
    printf("%d:%d ", GPOINTER_TO_INT(key), GPOINTER_TO_INT(value));
}

static gboolean is_odd(gpointer key, gpointer value, gpointer data)
{
    (void)value;
    (void)data;
    return GPOINTER_TO_INT(key) & 1;
}

static void print_keys(const char *name, GHashTable *table)
{
    GList *keys = g_hash_table_get_keys(table);
    printf("%s %u:", name, g_hash_table_size(table));
    for (GList *link = keys; link; link = link->next) {
        printf(" %d", GPOINTER_TO_INT(link->data));
    }
    printf("\n");
    g_list_free(keys);
}

static int freed;

static void count_free(gpointer data)
{
    freed++;
    g_free(data);
}

static void tables(void)
{
    guint32 state = 3;
    GHashTableIter iter;
    gpointer key, value;

    TITLE("GHashTable");
    g_autoptr(GHashTable) numbers = g_hash_table_new(NULL, NULL);
    for (int i = 0; i < 40; i++) {
        g_hash_table_insert(numbers, GINT_TO_POINTER(step(&state) % 1000), GINT_TO_POINTER(i));
    }
    g_hash_table_foreach(numbers, print_pair, NULL);
    printf("\n");
    print_keys("keys", numbers);
    printf("removed %u\n", g_hash_table_foreach_remove(numbers, is_odd, NULL));
    print_keys("even", numbers);
    g_hash_table_iter_init(&iter, numbers);
    while (g_hash_table_iter_next(&iter, &key, &value)) {
        if (GPOINTER_TO_INT(key) % 3 == 0) {
            g_hash_table_iter_remove(&iter);
        }
    }
    print_keys("no threes", numbers);
    for (int i = 0; i < 3000; i++) {
        int number = (int)(step(&state) % 5000);
        if (i % 3 == 2) {
            g_hash_table_remove(numbers, GINT_TO_POINTER(number));
        } else {
            g_hash_table_insert(numbers, GINT_TO_POINTER(number), GINT_TO_POINTER(i));
        }
        if (i % 500 == 499) {
            print_keys("mixed", numbers);
        }
    }
    for (int i = 0; i < 5000; i++) {
        g_hash_table_remove(numbers, GINT_TO_POINTER(i));
        if (i % 600 == 0) {
            print_keys("shrinking", numbers);
        }
    }
    g_autoptr(GHashTable) addresses = g_hash_table_new(g_int64_hash, g_int64_equal);
    for (int i = 0; i < 100; i++) {
        guint64 *address = g_new(guint64, 1);
        *address = 0xffffffff80000000ull + (guint64)(step(&state) % 512) * 4;
        g_hash_table_add(addresses, address);
    }
    GList *all = g_hash_table_get_values(addresses);
    for (GList *link = all; link; link = link->next) {
        printf("%" PRIx64 " ", *(guint64 *)link->data);
    }
    printf("\n");
    g_list_free(all);
    GHashTable *texts = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, count_free);
    for (int i = 0; i < 30; i++) {
        g_hash_table_insert(texts, g_strdup_printf("key %d", i % 20), g_strdup_printf("value %d", i));
    }
    g_hash_table_replace(texts, g_strdup("key 3"), g_strdup("replaced"));
    printf("freed %d, ", freed);
    gboolean known = g_hash_table_lookup_extended(texts, "key 4", &key, &value);
    printf("%s %d %d %s\n", (char *)g_hash_table_lookup(texts, "key 3"), g_hash_table_contains(texts, "key 20"), known,
           (char *)value);
    g_hash_table_iter_init(&iter, texts);
    while (g_hash_table_iter_next(&iter, &key, &value)) {
        printf("%s=%s ", (char *)key, (char *)value);
    }
    g_hash_table_remove(texts, "key 5");
    g_hash_table_destroy(texts);
    printf("freed %d\n", freed);
    gint i = 12345;
    gint64 l = -2;
    gdouble d = 1.5;
    printf("%u %u %u %u\n", g_int_hash(&i), g_int64_hash(&l), g_double_hash(&d), g_direct_hash(GINT_TO_POINTER(77)));
}

static gboolean print_node(gpointer key, gpointer value, gpointer data)
{
    print_pair(key, value, data);
    return GPOINTER_TO_INT(key) > 900;
}

static void trees(void)
{
    guint32 state = 9;
    g_autoptr(GTree) tree = g_tree_new(by_number);

    TITLE("GTree");
    for (int i = 0; i < 60; i++) {
        g_tree_insert(tree, GINT_TO_POINTER(step(&state) % 1000), GINT_TO_POINTER(i));
    }
    g_tree_foreach(tree, print_node, NULL);
    printf("%d\n", g_tree_nnodes(tree));
    for (int i = 0; i < 800; i++) {
        g_tree_remove(tree, GINT_TO_POINTER(i));
    }
    g_tree_foreach(tree, print_node, NULL);
    printf("%d %p\n", g_tree_nnodes(tree), g_tree_lookup(tree, GINT_TO_POINTER(5)));
}

static void random_numbers(void)
{
    g_autoptr(GRand) rand = g_rand_new_with_seed(42);

    TITLE("GRand");
    for (int i = 0; i < 5; i++) {
        printf("%u ", g_rand_int(rand));
        printf("%d ", g_rand_int_range(rand, 0, 8));
        printf("%d ", g_rand_int_range(rand, -1000, 1000));
        printf("%.15f ", g_rand_double(rand));
        printf("%d\n", g_rand_boolean(rand));
    }
    for (int i = 0; i < 1000; i++) {
        g_rand_int(rand);
    }
    printf("%d\n", g_rand_int_range(rand, G_MININT32, G_MAXINT32));
}

static void patterns(void)
{
    static const char *const names[] = {"x1", "mstatus", "satp", "mepc", "", "a*b", "f\xc3\xa9"};
    static const char *const globs[] = {"*", "m*", "*p*", "x?", "?", "mstatus", "s*p", "", "*a*", "f?", "**c", "m?*"};

    TITLE("patterns");
    for (guint i = 0; i < G_N_ELEMENTS(globs); i++) {
        g_autoptr(GPatternSpec) spec = g_pattern_spec_new(globs[i]);
        for (guint j = 0; j < G_N_ELEMENTS(names); j++) {
            printf("%d%d ", g_pattern_match_simple(globs[i], names[j]), g_pattern_match_string(spec, names[j]));
        }
        printf("%s\n", globs[i]);
    }
}

static void errors_and_files(void)
{
    GError *error = NULL;
    GQuark domain = g_quark_from_static_string("check");
    gchar *contents;
    gsize length;

    TITLE("errors and files");
    g_set_error(&error, domain, 3, "failed with %d", 17);
    g_prefix_error(&error, "%s: ", "prefix");
    printf("%s %d %d %s\n", error->message, error->code, g_error_matches(error, domain, 3), g_quark_to_string(error->domain));
    g_clear_error(&error);
    printf("%d %d\n", error == NULL, g_intern_string("abc") == g_intern_string("abc"));
    printf("%d\n", g_file_set_contents("glib-check.tmp", "one\ntwo\n", -1, &error));
    gboolean read = g_file_get_contents("glib-check.tmp", &contents, &length, &error);
    printf("%d %zu\n", read, length);
    printf("%s%d", contents, g_file_test("glib-check.tmp", G_FILE_TEST_IS_REGULAR));
    g_unlink("glib-check.tmp");
    printf("%d\n", g_file_get_contents("glib-check.tmp", &contents, &length, &error));
    printf("%d\n", error && g_error_matches(error, G_FILE_ERROR, G_FILE_ERROR_NOENT));
}

/* Functions under other types than their own, as plugins use them. */
static int calls;

static int count_call(gpointer data)
{
    calls += GPOINTER_TO_INT(data);
    return 1;
}

static void casts(void)
{
    GList *list = NULL;

    TITLE("casts");
    for (int i = 1; i <= 3; i++) {
        list = g_list_append(list, GINT_TO_POINTER(i));
    }
    g_list_foreach(list, (GFunc)count_call, NULL);
    g_list_free_full(list, (GDestroyNotify)count_call);
    list = g_list_append(g_list_append(NULL, "b"), "a");
    list = g_list_sort_with_data(list, (GCompareDataFunc)strcmp, NULL);
    GSList *allocated = g_slist_prepend(NULL, g_strdup("x"));
    g_slist_foreach(allocated, (GFunc)g_free, NULL);
    GHashTable *table = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, (GDestroyNotify)count_call);
    g_hash_table_insert(table, "k", GINT_TO_POINTER(10));
    g_hash_table_destroy(table);
    printf("%d %s\n", calls, (char *)list->data);
    gchar *owned = g_strdup("owned"), *stolen = g_steal_pointer(&owned);
    printf("%p %s", owned, stolen);
    g_clear_pointer(&stolen, g_free);
    printf(" %p\n", stolen);
    printf("%d %d %d %d\n", GPOINTER_TO_INT(GINT_TO_POINTER(-5)), MAX(3, 4), CLAMP(9, 1, 5), ABS(-6));
    printf("%x %" PRIx64 " %x\n", GUINT32_FROM_BE(0x11223344u), GUINT64_SWAP_LE_BE(0x0102030405060708ull),
           GUINT16_TO_LE(0x1234));
}

static void numbers_and_bits(void)
{
    static const char *const texts[] = {"12", "", "-5", "+5", "0x10", "ff", "99999999999999999999", " 1", "7x", "200"};
    GAsyncQueue *queue = g_async_queue_new_full(g_free);

    TITLE("numbers and bits");
    for (guint i = 0; i < G_N_ELEMENTS(texts); i++) {
        for (guint base = 10; base <= 16; base += 6) {
            g_autoptr(GError) error = NULL, other = NULL;
            guint64 number = 1;
            gint64 with_sign = 1;
            gboolean valid = g_ascii_string_to_unsigned(texts[i], base, 1, 100, &number, &error);
            gboolean valid_signed = g_ascii_string_to_signed(texts[i], base, -10, 100, &with_sign, &other);
            printf("%d %" PRIu64 " %s | %d %" PRId64 " %s\n", valid, number, error ? error->message : "", valid_signed,
                   with_sign, other ? other->message : "");
        }
    }
    printf("%u %u %d %d %d %d\n", g_bit_storage(0), g_bit_storage(255), g_bit_nth_lsf(0x50, -1), g_bit_nth_lsf(0x50, 4),
           g_bit_nth_msf(0x50, -1), g_bit_nth_msf(0x50, 6));
    g_async_queue_push(queue, g_strdup("first"));
    g_async_queue_push(queue, g_strdup("second"));
    printf("%d ", g_async_queue_length(queue));
    printf("%s", (char *)g_async_queue_pop(queue));
    g_async_queue_unref(queue);
    queue = g_async_queue_new();
    printf(" %p\n", g_async_queue_try_pop(queue));
}

static void check(void)
{
    strings();
    formats();
    growing();
    lists();
    queues();
    arrays();
    tables();
    trees();
    random_numbers();
    patterns();
    errors_and_files();
    casts();
    numbers_and_bits();
}

#ifdef __wasm__
#include <qemu-plugin.h>

QEMU_PLUGIN_EXPORT int qemu_plugin_version = QEMU_PLUGIN_VERSION;

QEMU_PLUGIN_EXPORT int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t *info, int argc, char **argv)
{
    check();
    return 0;
}
#else
int main(void)
{
    check();
    return 0;
}
#endif
