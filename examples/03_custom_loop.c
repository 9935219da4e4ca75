/* A training loop by hand: describe a network, then forward, backward and update
 * step by step.
 *
 *   cc 03_custom_loop.c $(pkg-config --cflags --libs nadir) -lm -o loop
 *   ./loop
 *
 * The task is the two spirals (Lang & Witbrock 1988): 97 points on each of two
 * intertwined spirals, to be told apart; no straight line can do it. */
#include <math.h>
#include <nadir.h>
#include <stdio.h>

enum { POINTS = 97, ROWS = 2 * POINTS, EPOCHS = 1500 };

static nd_real x[ROWS][2]; /* where each point is */
static nd_real y[ROWS][1]; /* which spiral it is on: 0 or 1 */

static void make_spirals(void)
{
    for (int i = 0; i < POINTS; i++) {
        double angle = i * 3.14159265358979 / 16, radius = 6.5 * (104 - i) / 104;
        for (int spiral = 0; spiral < 2; spiral++) {
            double sign = spiral == 0 ? 1 : -1;
            int row = 2 * i + spiral;
            /* Inputs of about unit size are learned fastest, hence the division. */
            x[row][0] = (nd_real)(sign * radius * sin(angle) / 4);
            x[row][1] = (nd_real)(sign * radius * cos(angle) / 4);
            y[row][0] = (nd_real)spiral;
        }
    }
}

/* Two hidden layers of 32 units, and one output: the logit of "spiral 1". */
static nd_status describe(nd_ctx *ctx, nd_desc **desc)
{
    static const char *const layer[][2] = {
        {"dense", "units=32"}, {"tanh", ""},         {"dense", "units=32"},
        {"tanh", ""},          {"dense", "units=1"},
    };
    nd_status status = nd_desc_create(ctx, 2, desc);
    for (size_t i = 0; status == ND_OK && i < sizeof layer / sizeof layer[0]; i++) {
        status = nd_desc_add(*desc, layer[i][0], layer[i][1]);
    }
    return status;
}

/* One pass over the data is one step here: the batch is all rows. */
static nd_status train(nd_net *net, nd_optimizer *optimizer)
{
    for (int epoch = 1; epoch <= EPOCHS; epoch++) {
        double loss;
        /* Forward and backward: fills nd_net_gradients(net). */
        nd_status status = nd_net_gradient(net, &x[0][0], &y[0][0], ROWS, &loss);
        if (status != ND_OK) {
            return status;
        }
        /* This is the place to look at the gradient, or to change it. */
        if (epoch % 300 == 0) {
            double square = 0;
            for (size_t i = 0; i < nd_net_size(net); i++) {
                square += (double)nd_net_gradients(net)[i] * (double)nd_net_gradients(net)[i];
            }
            printf("epoch %4d: loss %.5f, length of the gradient %.5f\n", epoch, loss,
                   sqrt(square));
        }
        /* The update rule takes the gradient to the parameters. */
        status = nd_optimizer_step(optimizer);
        if (status != ND_OK) {
            return status;
        }
    }
    return ND_OK;
}

static nd_status test(nd_net *net)
{
    static nd_real p[ROWS][1];
    int right = 0;
    nd_status status = nd_net_forward(net, &x[0][0], ROWS, &p[0][0]);
    for (int i = 0; i < ROWS; i++) {
        right += (p[i][0] > (nd_real)0.5) == (y[i][0] > (nd_real)0.5);
    }
    if (status == ND_OK) {
        printf("right on %d of %d points\n", right, ROWS);
    }
    return status;
}

int main(void)
{
    nd_ctx *ctx;
    nd_desc *desc = NULL;
    nd_net *net = NULL;
    nd_optimizer *optimizer = NULL;
    make_spirals();
    nd_status status = nd_ctx_create(&ctx, 1);
    if (status != ND_OK) {
        fprintf(stderr, "%s\n", nd_status_text(status));
        return 1;
    }
    status = describe(ctx, &desc);
    if (status == ND_OK) {
        /* All memory is planned here, for batches of up to ROWS rows; the seed
         * makes the initial weights, and so the whole run, repeatable. */
        status = nd_net_create(ctx, desc, "binary_cross_entropy", ROWS, 1, &net);
    }
    if (status == ND_OK) {
        status = nd_optimizer_create(net, "adam", "lr=0.01", &optimizer);
    }
    if (status == ND_OK) {
        status = train(net, optimizer);
    }
    if (status == ND_OK) {
        status = test(net);
    }
    if (status != ND_OK) {
        fprintf(stderr, "%s: %s\n", nd_status_text(status), nd_ctx_message(ctx));
    }
    nd_optimizer_destroy(optimizer);
    nd_net_destroy(net);
    nd_desc_destroy(desc);
    nd_ctx_destroy(ctx);
    return status == ND_OK ? 0 : 1;
}
