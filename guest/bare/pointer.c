/* Pointer chasing: a list through half a MiB in random order, and searches in a binary tree. */
#include "../lib/guest.h"

#define ITERATIONS 270
#define CHECK 0x0043ae0827f4f0c5u /* after ITERATIONS */
volatile uint64_t iterations __attribute__((section(".data"))) = ITERATIONS;

#define NODES 16384
struct node {
    struct node *next;
    uint64_t value;
    struct node *left, *right;
};
static struct node nodes[NODES];
static uint32_t order[NODES];

void main(void)
{
    uint64_t random = 7, sum = 0;
    for (uint32_t i = 0; i < NODES; i++)
        order[i] = i;
    for (uint32_t i = NODES - 1; i > 0; i--) {
        uint32_t j = (uint32_t)(next_random(&random) % (i + 1));
        uint32_t swap = order[i];
        order[i] = order[j];
        order[j] = swap;
    }
    for (uint32_t i = 0; i < NODES; i++) {
        nodes[order[i]].next = &nodes[order[(i + 1) % NODES]];
        nodes[order[i]].value = next_random(&random);
    }
    struct node *root = &nodes[order[0]];
    for (uint32_t i = 1; i < NODES; i++) {
        struct node *node = &nodes[order[i]];
        struct node **place = &root;
        while (*place)
            place = node->value < (*place)->value ? &(*place)->left : &(*place)->right;
        *place = node;
    }
    begin("pointer");
    for (uint64_t i = 0; i < iterations; i++) {
        struct node *node = root;
        for (uint32_t step = 0; step < 4 * NODES; step++) {
            sum += node->value;
            node = node->next;
        }
        for (uint32_t search = 0; search < NODES; search++) {
            uint64_t wanted = next_random(&random);
            for (node = root; node; node = wanted < node->value ? node->left : node->right)
                sum++;
        }
    }
    report("pointer", sum, iterations == ITERATIONS ? CHECK : 0);
}
