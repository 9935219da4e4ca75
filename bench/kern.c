/* Speed of the kernels on this machine: matrix products beside dnnl_sgemm at the
 * shapes of common training steps, element-wise passes, dispatch of the pool.
 * Every figure is a median of several runs. The comparison with dnnl_sgemm is there
 * when compiled with -DND_BENCH_DNNL and linked with -ldnnl -lgomp. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"
#include "kern/isa.h"
#include "kern/kern.h"
#include "kern/sparse.h"

#ifdef ND_BENCH_DNNL
#include <oneapi/dnnl/dnnl.h>
/* Of libgomp, which libdnnl brings along. */
void omp_set_num_threads(int threads);
#endif

enum { RUNS = 7, MOST_WORKS = 4 };

/* One thread's work is timed by its processor time, which other programs on the
 * machine disturb less; that of several by the clock. */
static double now(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Seconds of one call, over so many calls that they take some milliseconds. */
static double time_once(clockid_t clock, void (*work)(void *), void *user)
{
    double start = now(clock);
    work(user);
    double once = now(clock) - start;
    size_t repeat = once > 1e-7 ? (size_t)(0.005 / once) + 1 : 50000;
    start = now(clock);
    for (size_t i = 0; i < repeat; i++) {
        work(user);
    }
    return (now(clock) - start) / (double)repeat;
}

/* Median seconds of one call of each work; they take turns, so that what else the
 * machine does meets all alike. */
static void time_all(clockid_t clock, size_t count, void (*const work[])(void *), void *user,
                     double *seconds)
{
    double run[MOST_WORKS][RUNS];
    for (int r = 0; r < RUNS; r++) {
        for (size_t w = 0; w < count; w++) {
            run[w][r] = time_once(clock, work[w], user);
        }
    }
    for (size_t w = 0; w < count; w++) {
        qsort(run[w], RUNS, sizeof run[w][0], by_value);
        seconds[w] = run[w][RUNS / 2];
    }
}

static double time_of(clockid_t clock, void (*work)(void *), void *user)
{
    double seconds;
    time_all(clock, 1, &work, user, &seconds);
    return seconds;
}

static nd_real *random_block(size_t n)
{
    nd_real *block = nd_alloc_aligned(n, sizeof *block);
    nd_rng rng = {.seed = 1, .stream = 7};
    for (size_t i = 0; block && i < n; i++) {
        block[i] = (nd_real)(nd_rng_uniform(&rng, i) - 0.5);
    }
    return block;
}

typedef enum form { NN, TN, NT } form;

typedef struct product {
    nd_pool *pool;
    form form;
    size_t m, n, k;
    nd_real *a, *b, *c;
} product;

static void own_product(void *user)
{
    const product *p = user;
    switch (p->form) {
    case NN:
        nd_gemm_nn(p->pool, p->m, p->n, p->k, p->a, p->b, p->c, false);
        break;
    case TN:
        nd_gemm_tn(p->pool, p->m, p->n, p->k, p->a, p->b, p->c, false);
        break;
    case NT:
        nd_gemm_nt(p->pool, p->m, p->n, p->k, p->a, p->b, p->c, false);
        break;
    }
}

#ifdef ND_BENCH_DNNL
static void dnnl_product(void *user)
{
    const product *p = user;
    dnnl_dim_t m = (dnnl_dim_t)p->m, n = (dnnl_dim_t)p->n, k = (dnnl_dim_t)p->k;
    dnnl_sgemm(p->form == TN ? 'T' : 'N', p->form == NT ? 'T' : 'N', m, n, k, 1.0f, p->a,
               p->form == TN ? m : k, p->b, p->form == NT ? k : n, 0.0f, p->c, n);
}
#endif

static void (*const rivals[])(void *) = {
    own_product,
#ifdef ND_BENCH_DNNL
    dnnl_product,
#endif
};

/* One line: forward, gradient of the input, gradient of the weights. */
static void bench_shape(size_t batch, size_t in, size_t out, nd_pool *pool, int threads)
{
    const product three[] = {
        {.form = NN, .m = batch, .n = out, .k = in},
        {.form = NT, .m = batch, .n = in, .k = out},
        {.form = TN, .m = in, .n = out, .k = batch},
    };
    printf("%5zux%zux%zu on %d:", batch, in, out, threads);
    for (size_t i = 0; i < 3; i++) {
        product p = three[i];
        p.pool = pool;
        p.a = random_block(p.m * p.k);
        p.b = random_block(p.k * p.n);
        p.c = random_block(p.m * p.n);
        double flops = 2.0 * (double)p.m * (double)p.n * (double)p.k;
        clockid_t clock = threads > 1 ? CLOCK_MONOTONIC : CLOCK_THREAD_CPUTIME_ID;
        double seconds[2] = {0, 0};
#ifdef ND_BENCH_DNNL
        omp_set_num_threads(threads);
#endif
        time_all(clock, sizeof rivals / sizeof rivals[0], rivals, &p, seconds);
        printf("  %6.1f", flops / seconds[0] * 1e-9);
        if (seconds[1] > 0) {
            printf(" (dnnl %6.1f)", flops / seconds[1] * 1e-9);
        }
        nd_free(p.a);
        nd_free(p.b);
        nd_free(p.c);
    }
    printf("\n");
}

static void bench_products(nd_pool *alone, nd_pool *pool)
{
    static const size_t shape[][3] = {
        {1, 4, 16},      {1, 16, 3},      {16, 4, 16},      {16, 16, 3},       {8, 8, 8},
        {1, 784, 128},   {1, 128, 10},    {1, 784, 512},    {32, 30, 64},      {32, 64, 32},
        {32, 32, 1},     {32, 64, 64},    {256, 30, 64},    {256, 64, 32},     {256, 32, 1},
        {32, 784, 128},  {32, 128, 10},   {128, 784, 128},  {128, 128, 10},    {128, 512, 10},
        {128, 784, 512}, {128, 512, 512}, {512, 784, 2048}, {512, 2048, 2048}, {512, 2048, 10},
    };
    printf("\nMatrix products, GFLOP/s: forward, gradient of input, of weights\n");
    for (size_t i = 0; i < sizeof shape / sizeof shape[0]; i++) {
        bench_shape(shape[i][0], shape[i][1], shape[i][2], alone, 1);
        if (shape[i][0] * shape[i][1] * shape[i][2] > 1000000) {
            bench_shape(shape[i][0], shape[i][1], shape[i][2], pool, nd_pool_threads(pool));
        }
    }
}

typedef struct pass {
    const char *name;
    void (*run)(void *user);
    size_t bytes; /* read and written per element */
} pass;

enum { ELEMENTS = 32768 };

typedef struct arrays {
    nd_pool *pool;
    nd_real *x, *y, *z, *w;
    size_t n;
} arrays;

static void run_relu(void *user)
{
    const arrays *s = user;
    nd_k_act(s->pool, ND_ACT_RELU, 0, s->n, s->x, s->y);
}

static void run_sigmoid(void *user)
{
    const arrays *s = user;
    nd_k_act(s->pool, ND_ACT_SIGMOID, 0, s->n, s->x, s->y);
}

static void run_tanh(void *user)
{
    const arrays *s = user;
    nd_k_act(s->pool, ND_ACT_TANH, 0, s->n, s->x, s->y);
}

static void run_tanh_back(void *user)
{
    const arrays *s = user;
    nd_k_act_back(s->pool, ND_ACT_TANH, 0, s->n, s->x, s->y, s->z);
}

static void run_dropout(void *user)
{
    const arrays *s = user;
    nd_rng rng = {.seed = 1, .stream = 2, .step = 3};
    nd_k_dropout(s->pool, &rng, 0.5, s->n, s->x, s->y);
}

static void run_softmax10(void *user)
{
    const arrays *s = user;
    nd_k_softmax(s->pool, s->n / 10, 10, s->x, s->y);
}

static void run_sum_squares(void *user)
{
    const arrays *s = user;
    s->y[0] = (nd_real)nd_k_sum_squares(s->pool, s->n, s->x);
}

static void run_column_sums(void *user)
{
    const arrays *s = user;
    nd_k_column_sums(s->pool, 128, s->n / 128, s->x, s->y, false);
}

static const nd_update rule = {.lr = 1e-6,
                               .grad_scale = 1,
                               .momentum = 0.9,
                               .beta1 = 0.9,
                               .beta2 = 0.999,
                               .eps = 1e-8,
                               .correction1 = 0.5,
                               .correction2 = 0.5};

static void run_momentum(void *user)
{
    const arrays *s = user;
    nd_k_momentum(s->pool, &rule, s->n, s->x, s->y, s->z);
}

static void run_adam(void *user)
{
    const arrays *s = user;
    nd_k_adam(s->pool, &rule, s->n, s->x, s->y, s->z, s->w);
}

static void bench_passes(nd_pool *pool)
{
    static const pass list[] = {
        {"relu", run_relu, 2},
        {"sigmoid", run_sigmoid, 2},
        {"tanh", run_tanh, 2},
        {"tanh backward", run_tanh_back, 3},
        {"dropout", run_dropout, 2},
        {"softmax of 10", run_softmax10, 2},
        {"sum of squares", run_sum_squares, 1},
        {"column sums", run_column_sums, 1},
        {"momentum", run_momentum, 5},
        {"adam", run_adam, 7},
    };
    arrays s = {.n = ELEMENTS,
                .x = random_block(ELEMENTS),
                .y = random_block(ELEMENTS),
                .z = random_block(ELEMENTS),
                .w = random_block(ELEMENTS)};
    for (size_t i = 0; i < ELEMENTS; i++) {
        s.w[i] *= s.w[i];
    }
    printf("\nPasses over %d elements: ns per element and GB/s on 1 thread, then on %d\n", ELEMENTS,
           nd_pool_threads(pool));
    for (size_t i = 0; i < sizeof list / sizeof list[0]; i++) {
        double bytes = (double)(list[i].bytes * sizeof(nd_real) * ELEMENTS);
        s.pool = NULL;
        double one = time_of(CLOCK_THREAD_CPUTIME_ID, list[i].run, &s);
        s.pool = pool;
        double all = time_of(CLOCK_MONOTONIC, list[i].run, &s);
        printf("%-16s %7.3f %7.1f   %7.3f %7.1f\n", list[i].name, one / ELEMENTS * 1e9,
               bytes / one * 1e-9, all / ELEMENTS * 1e9, bytes / all * 1e-9);
    }
    nd_free(s.x);
    nd_free(s.y);
    nd_free(s.z);
    nd_free(s.w);
}

static void nothing(void *user, size_t i)
{
    (void)user;
    (void)i;
}

static void dispatch(void *user)
{
    nd_pool_run(user, 2, nothing, NULL);
}

static void bench_dispatch(nd_pool *pool)
{
    double hot = time_of(CLOCK_MONOTONIC, dispatch, pool), cold = 0;
    enum { COLD = 20 };
    for (int i = 0; i < COLD; i++) {
        usleep(20000);
        double start = now(CLOCK_MONOTONIC);
        dispatch(pool);
        cold += (now(CLOCK_MONOTONIC) - start) / COLD;
    }
    printf("\nDispatch of two empty tasks: %.2f us back to back, %.1f us after 20 ms idle\n",
           hot * 1e6, cold * 1e6);
}

/* A first layer whose inputs are mostly zeros, by the dense products and by the sparse. */
typedef struct inked {
    nd_small_dense dense;
    size_t rows;
    nd_real *x, *y, *gw;
} inked;

static void dense_forward(void *user)
{
    const inked *k = user;
    nd_gemm_nn(NULL, k->rows, k->dense.out, k->dense.in, k->x, k->dense.weight, k->y, false);
}

static void sparse_forward(void *user)
{
    const inked *k = user;
    nd_sparse_forward(NULL, &k->dense, 0, k->rows, k->x, k->y);
}

static void dense_gw(void *user)
{
    const inked *k = user;
    nd_gemm_tn(NULL, k->dense.in, k->dense.out, k->rows, k->x, k->y, k->gw, false);
}

static void sparse_gw(void *user)
{
    const inked *k = user;
    nd_sparse_gw(NULL, &k->dense, 0, NULL, k->rows, k->x, k->y, k->gw, false);
}

/* Zeros strewn at random, which is harder than the ink of an image. */
static void strew(nd_real *x, size_t n, double share)
{
    nd_rng rng = {.seed = 1, .stream = 9};
    for (size_t i = 0; i < n; i++) {
        double u = nd_rng_uniform(&rng, i);
        x[i] = u < share ? (nd_real)(0.1 + u) : 0;
    }
}

static void bench_sparse(void)
{
    enum { IN = 784, OUT = 128, MOST = 128 };
    static const double share[] = {0.02, 0.1, 0.2, 0.25, 0.3};
    static const size_t rows[] = {1, 2, 4, 8, 16, 32, 128};
    static void (*const work[])(void *) = {dense_forward, sparse_forward, dense_gw, sparse_gw};
    nd_real *weight = random_block(IN * OUT + ND_SMALL_SLACK);
    inked k = {.dense = {.in = IN, .out = OUT, .weight = weight},
               .x = random_block(MOST * IN + ND_SMALL_SLACK),
               .y = random_block(MOST * OUT + ND_SMALL_SLACK),
               .gw = random_block(IN * OUT)};
    printf("\n784x128 with inputs of 0, 1 thread: us of forward dense, sparse; gradient of weights "
           "dense, sparse\n");
    for (size_t r = 0; r < sizeof rows / sizeof rows[0]; r++) {
        for (size_t s = 0; s < sizeof share / sizeof share[0]; s++) {
            double seconds[MOST_WORKS];
            k.rows = rows[r];
            strew(k.x, k.rows * IN, share[s]);
            time_all(CLOCK_THREAD_CPUTIME_ID, MOST_WORKS, work, &k, seconds);
            printf("%4zu rows, %3.0f %% not 0  %8.1f %8.1f   %8.1f %8.1f   %s\n", k.rows,
                   100 * share[s], seconds[0] * 1e6, seconds[1] * 1e6, seconds[2] * 1e6,
                   seconds[3] * 1e6, nd_sparse_pays(k.rows, IN, OUT, k.x) ? "taken" : "not taken");
        }
    }
    nd_free(weight);
    nd_free(k.x);
    nd_free(k.y);
    nd_free(k.gw);
}

static void print_machine(nd_pool *pool)
{
    char line[256];
    FILE *info = fopen("/proc/cpuinfo", "r");
    while (info && fgets(line, sizeof line, info)) {
        if (strncmp(line, "model name", 10) == 0) {
            printf("%s", strchr(line, ':') ? strchr(line, ':') + 2 : line);
            break;
        }
    }
    if (info) {
        fclose(info);
    }
    printf("instruction set %s, %d threads, %zu-byte reals\n", nd_kern_isa(), nd_pool_threads(pool),
           sizeof(nd_real));
}

int main(void)
{
    nd_pool *pool = nd_pool_create(0), *alone = nd_pool_create(1);
    if (!pool || !alone) {
        return 2;
    }
    print_machine(pool);
    bench_dispatch(pool);
    bench_passes(pool);
    bench_sparse();
    bench_products(alone, pool);
    nd_pool_destroy(pool);
    nd_pool_destroy(alone);
    return 0;
}
