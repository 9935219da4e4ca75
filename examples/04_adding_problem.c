/* A recurrent network on the adding problem (Hochreiter & Schmidhuber 1997, experiment 4):
 * a sequence of pairs, a number in 0..1 and a mark; two marks are 1, and the sum of the two
 * marked numbers is asked for at the end. Who says 1 every time has a mean squared error of
 * 1/6 = 0.167; to do better, the first number must be remembered over many steps.
 *
 *   cc 04_adding_problem.c $(pkg-config --cflags --libs nadir) -o adding
 *   ./adding                  a GRU on sequences of 20
 *   ./adding lstm 100 20000   an LSTM on sequences of 100, for at most 20000 steps */
#include <nadir.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

enum { ROWS = 64, TEST_ROWS = 512, LENGTH_MOST = 1000 };

static nd_real x[TEST_ROWS][LENGTH_MOST * 2]; /* [time][number, mark], row after row */
static nd_real y[TEST_ROWS], answer[TEST_ROWS];

/* SplitMix64 (Steele, Lea & Flood 2014): a number in 0..1. */
static double uniform(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return (double)((z ^ (z >> 31)) >> 11) / 9007199254740992.0;
}

/* A mark in each half of the sequence. */
static void draw(uint64_t *state, size_t rows, size_t length)
{
    nd_real *to = &x[0][0];
    for (size_t r = 0; r < rows; r++, to += length * 2) {
        for (size_t t = 0; t < length; t++) {
            to[2 * t] = (nd_real)uniform(state);
            to[2 * t + 1] = 0;
        }
        size_t half = length / 2;
        size_t first = (size_t)(uniform(state) * (double)half);
        size_t second = half + (size_t)(uniform(state) * (double)(length - half));
        to[2 * first + 1] = to[2 * second + 1] = 1;
        y[r] = to[2 * first] + to[2 * second];
    }
}

static nd_status test(nd_net *net, size_t length, double *error)
{
    uint64_t state = 1;
    draw(&state, TEST_ROWS, length);
    nd_status status = nd_net_forward(net, &x[0][0], TEST_ROWS, answer);
    *error = 0;
    for (size_t r = 0; r < TEST_ROWS; r++) {
        double e = (double)(answer[r] - y[r]);
        *error += e * e / TEST_ROWS;
    }
    return status;
}

/* New sequences in every step; done when the error is under 0.005 on others. */
static nd_status train(nd_net *net, nd_optimizer *optimizer, size_t length, long steps)
{
    uint64_t state = 2;
    double loss, error = 1;
    for (long step = 1; step <= steps && error > 0.005; step++) {
        draw(&state, ROWS, length);
        nd_status status = nd_net_train(net, optimizer, &x[0][0], y, ROWS, &loss);
        if (status == ND_OK && step % 250 == 0) {
            status = test(net, length, &error);
            printf("step %ld: mean squared error %.4f\n", step, error);
        }
        if (status != ND_OK) {
            return status;
        }
    }
    printf("%s\n", error <= 0.005 ? "solved" : "not solved");
    return ND_OK;
}

/* length * 2 inputs are taken as steps of two; the state after the last one goes on. */
static nd_status describe(nd_ctx *ctx, const char *layer, size_t length, nd_desc **desc)
{
    nd_status status = nd_desc_create(ctx, length * 2, desc);
    if (status == ND_OK) {
        status = nd_desc_add(*desc, layer, "units=32, features=2");
    }
    return status == ND_OK ? nd_desc_add(*desc, "dense", "units=1") : status;
}

int main(int argc, char **argv)
{
    const char *layer = argc > 1 ? argv[1] : "gru";
    size_t length = argc > 2 ? strtoul(argv[2], NULL, 10) : 20;
    long steps = argc > 3 ? strtol(argv[3], NULL, 10) : 2000;
    nd_ctx *ctx;
    nd_desc *desc = NULL;
    nd_net *net = NULL;
    nd_optimizer *optimizer = NULL;
    if (length < 2 || length > LENGTH_MOST) {
        fprintf(stderr, "sequences have 2 to %d steps\n", LENGTH_MOST);
        return 1;
    }
    nd_status status = nd_ctx_create(&ctx, 0);
    if (status != ND_OK) {
        fprintf(stderr, "%s\n", nd_status_text(status));
        return 1;
    }
    status = describe(ctx, layer, length, &desc);
    if (status == ND_OK) {
        status = nd_net_create(ctx, desc, "mse", TEST_ROWS, 1, &net);
    }
    if (status == ND_OK) {
        status = nd_optimizer_create(net, "adam", "lr=0.005, clip_norm=1", &optimizer);
    }
    if (status == ND_OK) {
        status = train(net, optimizer, length, steps);
    }
    if (status != ND_OK) {
        fprintf(stderr, "%s\n", nd_ctx_message(ctx));
    }
    nd_optimizer_destroy(optimizer);
    nd_net_destroy(net);
    nd_desc_destroy(desc);
    nd_ctx_destroy(ctx);
    return status == ND_OK ? 0 : 1;
}
