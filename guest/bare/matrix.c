/* Products of matrices of doubles, plain and by blocks, and Gaussian elimination. */
#include "../lib/guest.h"

#define ITERATIONS 36
#define CHECK 0x8887ee3f2ff25e39u /* after ITERATIONS */
volatile uint64_t iterations __attribute__((section(".data"))) = ITERATIONS;

#define N 96
static double a[N][N], b[N][N], c[N][N];

static void multiply(void)
{
    for (int i = 0; i < N; i++)
        for (int j = 0; j < N; j++) {
            double sum = 0;
            for (int k = 0; k < N; k++)
                sum += a[i][k] * b[k][j];
            c[i][j] = sum;
        }
}

static void multiply_blocks(void)
{
    memset(c, 0, sizeof c);
    for (int kk = 0; kk < N; kk += 16)
        for (int i = 0; i < N; i++)
            for (int k = kk; k < kk + 16; k++) {
                double factor = a[i][k];
                for (int j = 0; j < N; j++)
                    c[i][j] = __builtin_fma(factor, b[k][j], c[i][j]);
            }
}

/* Makes c upper triangular and returns the product of the pivots, scaled so that it stays small. */
static double eliminate(void)
{
    double product = 1;
    for (int p = 0; p < N; p++) {
        double pivot = c[p][p];
        product *= pivot / (1 + __builtin_fabs(pivot));
        for (int i = p + 1; i < N; i++) {
            double factor = c[i][p] / pivot;
            for (int j = p; j < N; j++)
                c[i][j] -= factor * c[p][j];
        }
    }
    return product;
}

static uint64_t bits_of(double value)
{
    union {
        double value;
        uint64_t bits;
    } cast = {.value = value};
    return cast.bits;
}

void main(void)
{
    uint64_t random = 3, sum = 0;
    for (int i = 0; i < N; i++)
        for (int j = 0; j < N; j++) {
            a[i][j] = (double)(int64_t)(next_random(&random) % 2001 - 1000) / 1000 + (i == j) * 40;
            b[i][j] = (double)(int64_t)(next_random(&random) % 2001 - 1000) / 1000 + (i == j) * 40;
        }
    begin("matrix");
    for (uint64_t i = 0; i < iterations; i++) {
        multiply();
        sum = sum * 31 + bits_of(c[(i * 7) % N][(i * 5) % N]);
        multiply_blocks();
        sum = sum * 31 + bits_of(c[(i * 3) % N][(i * 11) % N]);
        sum = sum * 31 + bits_of(eliminate());
        a[i % N][(i * 13) % N] += 0.125;
    }
    report("matrix", sum, iterations == ITERATIONS ? CHECK : 0);
}
