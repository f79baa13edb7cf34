/*
 * Trees of keys in order: treaps, whose shape depends on a fixed sequence of random numbers, so that the same insertions
 * give the same tree.
 */
#include "call.h"

struct node {
    struct node *left, *right;
    gpointer key, value;
    guint32 priority; /* that of a node's children is not above its own */
};

struct _GTree {
    struct node *root;
    guint count;
    guint references;
    guint32 random;
    GCompareDataFunc compare;
    gpointer user_data;
    GDestroyNotify destroy_key;
    GDestroyNotify destroy_value;
};

GTree *g_tree_new_full(GCompareDataFunc compare, gpointer user_data, GDestroyNotify destroy_key,
                       GDestroyNotify destroy_value)
{
    GTree *tree = g_new0(GTree, 1);

    tree->references = 1;
    tree->random = 2463534242u;
    tree->compare = compare;
    tree->user_data = user_data;
    tree->destroy_key = destroy_key;
    tree->destroy_value = destroy_value;
    return tree;
}

GTree *g_tree_new_with_data(GCompareDataFunc compare, gpointer user_data)
{
    return g_tree_new_full(compare, user_data, NULL, NULL);
}

GTree *g_tree_new(GCompareFunc compare)
{
    return g_tree_new_full((GCompareDataFunc)compare, NULL, NULL, NULL);
}

GTree *g_tree_ref(GTree *tree)
{
    tree->references++;
    return tree;
}

static void destroy_pair(GTree *tree, gpointer key, gpointer value)
{
    if (tree->destroy_key) {
        CALL1(tree->destroy_key, key);
    }
    if (tree->destroy_value) {
        CALL1(tree->destroy_value, value);
    }
}

static void free_nodes(GTree *tree, struct node *node)
{
    if (node) {
        free_nodes(tree, node->left);
        destroy_pair(tree, node->key, node->value);
        free_nodes(tree, node->right);
        g_free(node);
    }
}

void g_tree_unref(GTree *tree)
{
    if (--tree->references == 0) {
        free_nodes(tree, tree->root);
        g_free(tree);
    }
}

void g_tree_destroy(GTree *tree)
{
    free_nodes(tree, tree->root);
    tree->root = NULL;
    tree->count = 0;
    g_tree_unref(tree);
}

static gint order(GTree *tree, gconstpointer key, const struct node *node)
{
    return ASK3(tree->compare, key, node->key, tree->user_data);
}

/* Nodes before and from the key on become two trees. */
static void split(GTree *tree, struct node *node, gconstpointer key, struct node **before, struct node **after)
{
    if (!node) {
        *before = *after = NULL;
    } else if (order(tree, key, node) > 0) {
        *before = node;
        split(tree, node->right, key, &node->right, after);
    } else {
        *after = node;
        split(tree, node->left, key, before, &node->left);
    }
}

static struct node *join(struct node *before, struct node *after)
{
    if (!before || !after) {
        return before ? before : after;
    }
    if (before->priority > after->priority) {
        before->right = join(before->right, after);
        return before;
    }
    after->left = join(before, after->left);
    return after;
}

/* Where the pointer to the key's node stands, or to none. */
static struct node **find(GTree *tree, gconstpointer key)
{
    struct node **at = &tree->root;

    while (*at) {
        gint way = order(tree, key, *at);
        if (way == 0) {
            break;
        }
        at = way < 0 ? &(*at)->left : &(*at)->right;
    }
    return at;
}

static void put(GTree *tree, gpointer key, gpointer value, gboolean keep_new_key)
{
    struct node *old = *find(tree, key), *node, **at = &tree->root;

    if (old) {
        gpointer old_key = old->key, old_value = old->value;
        old->value = value;
        if (keep_new_key) {
            old->key = key;
        }
        destroy_pair(tree, keep_new_key ? old_key : key, old_value);
        return;
    }
    node = g_new0(struct node, 1);
    tree->random ^= tree->random << 13;
    tree->random ^= tree->random >> 17;
    tree->random ^= tree->random << 5;
    *node = (struct node){.key = key, .value = value, .priority = tree->random};
    while (*at && (*at)->priority >= node->priority) {
        at = order(tree, key, *at) < 0 ? &(*at)->left : &(*at)->right;
    }
    split(tree, *at, key, &node->left, &node->right);
    *at = node;
    tree->count++;
}

void g_tree_insert(GTree *tree, gpointer key, gpointer value)
{
    put(tree, key, value, FALSE);
}

void g_tree_replace(GTree *tree, gpointer key, gpointer value)
{
    put(tree, key, value, TRUE);
}

static gboolean take_out(GTree *tree, gconstpointer key, gboolean destroy)
{
    struct node **at = find(tree, key), *node = *at;

    if (!node) {
        return FALSE;
    }
    *at = join(node->left, node->right);
    tree->count--;
    if (destroy) {
        destroy_pair(tree, node->key, node->value);
    }
    g_free(node);
    return TRUE;
}

gboolean g_tree_remove(GTree *tree, gconstpointer key)
{
    return take_out(tree, key, TRUE);
}

gboolean g_tree_steal(GTree *tree, gconstpointer key)
{
    return take_out(tree, key, FALSE);
}

gboolean g_tree_lookup_extended(GTree *tree, gconstpointer key, gpointer *original_key, gpointer *value)
{
    struct node *node = *find(tree, key);

    if (!node) {
        return FALSE;
    }
    if (original_key) {
        *original_key = node->key;
    }
    if (value) {
        *value = node->value;
    }
    return TRUE;
}

gpointer g_tree_lookup(GTree *tree, gconstpointer key)
{
    gpointer value = NULL;
    g_tree_lookup_extended(tree, key, NULL, &value);
    return value;
}

gpointer g_tree_search(GTree *tree, GCompareFunc search, gconstpointer user_data)
{
    struct node *node = tree->root;

    while (node) {
        gint way = ASK2(search, node->key, user_data);
        if (way == 0) {
            return node->value;
        }
        node = way < 0 ? node->left : node->right;
    }
    return NULL;
}

static gboolean walk(struct node *node, GTraverseFunc function, gpointer user_data)
{
    return node && (walk(node->left, function, user_data) || ASK3(function, node->key, node->value, user_data) ||
                    walk(node->right, function, user_data));
}

void g_tree_foreach(GTree *tree, GTraverseFunc function, gpointer user_data)
{
    walk(tree->root, function, user_data);
}

gint g_tree_nnodes(GTree *tree)
{
    return (gint)tree->count;
}

static gint height(const struct node *node)
{
    return node ? 1 + MAX(height(node->left), height(node->right)) : 0;
}

gint g_tree_height(GTree *tree)
{
    return height(tree->root);
}
