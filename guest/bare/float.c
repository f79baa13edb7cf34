/* Floating point without big arrays: bodies that attract each other, the Mandelbrot set, single-precision filters. */
#include "../lib/guest.h"

#define ITERATIONS 324
#define CHECK 0x371159b3ec56dbdau /* after ITERATIONS */
volatile uint64_t iterations __attribute__((section(".data"))) = ITERATIONS;

#define BODIES 5
struct body {
    double x[3], v[3], mass;
};
static struct body bodies[BODIES];

static double root(double value)
{
    double result;
    __asm__("fsqrt.d %0, %1" : "=f"(result) : "f"(value));
    return result;
}

static void step_bodies(double dt)
{
    for (int i = 0; i < BODIES; i++)
        for (int j = i + 1; j < BODIES; j++) {
            double d[3], square = 0.01;
            for (int k = 0; k < 3; k++) {
                d[k] = bodies[i].x[k] - bodies[j].x[k];
                square += d[k] * d[k];
            }
            double factor = dt / (square * root(square));
            for (int k = 0; k < 3; k++) {
                bodies[i].v[k] -= d[k] * bodies[j].mass * factor;
                bodies[j].v[k] += d[k] * bodies[i].mass * factor;
            }
        }
    for (int i = 0; i < BODIES; i++)
        for (int k = 0; k < 3; k++)
            bodies[i].x[k] += dt * bodies[i].v[k];
}

static uint32_t mandelbrot(double left, double top, double size)
{
    uint32_t inside = 0;
    for (int row = 0; row < 48; row++)
        for (int column = 0; column < 48; column++) {
            double cr = left + size * column / 48, ci = top + size * row / 48, zr = 0, zi = 0;
            int n = 0;
            for (; n < 100 && zr * zr + zi * zi <= 4.0; n++) {
                double next = zr * zr - zi * zi + cr;
                zi = 2 * zr * zi + ci;
                zr = next;
            }
            inside += (uint32_t)n;
        }
    return inside;
}

/* A second-order filter over noise in single precision, with conversions on the way in and out. */
static int32_t filter(uint64_t seed)
{
    float y1 = 0, y2 = 0;
    int32_t sum = 0;
    for (int i = 0; i < 4000; i++) {
        float x = (float)(int32_t)(next_random(&seed) & 0xffff) / 32768.0f - 1.0f;
        float y = 0.02f * x + 1.6f * y1 - 0.64f * y2;
        y2 = y1;
        y1 = y;
        sum += (int32_t)(y * 1000.0f);
        if (y > 0.5f || y < -0.5f)
            sum ^= i;
    }
    return sum;
}

void main(void)
{
    uint64_t sum = 0;
    uint64_t random = 11;
    for (int i = 0; i < BODIES; i++) {
        bodies[i].mass = 1.0 + i;
        for (int k = 0; k < 3; k++) {
            bodies[i].x[k] = (double)(next_random(&random) % 1000) / 100;
            bodies[i].v[k] = (double)(next_random(&random) % 1000) / 10000;
        }
    }
    begin("float");
    for (uint64_t i = 0; i < iterations; i++) {
        for (int step = 0; step < 1500; step++)
            step_bodies(0.001);
        union {
            double value;
            uint64_t bits;
        } x = {.value = bodies[i % BODIES].x[0]};
        sum = sum * 31 + x.bits;
        sum = sum * 31 + mandelbrot(-2.0 + (double)i / 8, -1.25, 2.5);
        sum = sum * 31 + (uint64_t)filter(sum);
    }
    report("float", sum, iterations == ITERATIONS ? CHECK : 0);
}
