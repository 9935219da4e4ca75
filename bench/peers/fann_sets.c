/* FANN's side of the comparison on its own data sets:
 *   fann_sets TRAIN TEST SECONDS SEEDS HIDDEN..   HIDDEN is "16" or "20-10"
 * trains a network of each hidden shape with each of FANN's algorithms for so many seconds
 * of processor time, SEEDS times, and prints a line for each: mean and deviation of the
 * misclassified test rows in per cent and of the mean squared error, outputs taken as
 * 0..1. Sigmoid units, the rest as FANN sets it. */
#include <floatfann.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { MOST_LAYERS = 8, ALGORITHMS = 5 };

static const struct {
    enum fann_train_enum code;
    const char *name;
} algorithm[ALGORITHMS] = {
    {FANN_TRAIN_INCREMENTAL, "incremental"},
    {FANN_TRAIN_BATCH, "batch"},
    {FANN_TRAIN_RPROP, "rprop"},
    {FANN_TRAIN_QUICKPROP, "quickprop"},
    {FANN_TRAIN_SARPROP, "sarprop"},
};

/* Mean and deviation as numbers come. */
typedef struct figure {
    double n, sum, squares;
} figure;

static void add(figure *f, double x)
{
    f->n++;
    f->sum += x;
    f->squares += x * x;
}

static double mean(const figure *f)
{
    return f->sum / f->n;
}

static double deviation(const figure *f)
{
    double rest = f->n > 1 ? (f->squares - f->sum * f->sum / f->n) / (f->n - 1) : 0;
    return rest > 0 ? sqrt(rest) : 0;
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static unsigned parse_layers(const char *hidden, unsigned in, unsigned out, unsigned *width)
{
    unsigned count = 0;
    char text[64];
    width[count++] = in;
    snprintf(text, sizeof text, "%s", hidden);
    for (char *word = strtok(text, "-"); word && count < MOST_LAYERS - 1;
         word = strtok(NULL, "-")) {
        width[count++] = (unsigned)strtoul(word, NULL, 10);
    }
    width[count++] = out;
    return count;
}

static unsigned largest(const fann_type *y, unsigned n)
{
    unsigned best = 0;
    for (unsigned j = 1; j < n; j++) {
        best = y[j] > y[best] ? j : best;
    }
    return best;
}

/* One output is a class by its half, several by the largest. */
static int is_wrong(const fann_type *y, const fann_type *t, unsigned n)
{
    return n == 1 ? (y[0] > 0.5f) != (t[0] > 0.5f) : largest(y, n) != largest(t, n);
}

static void measure(struct fann *net, struct fann_train_data *test, figure *errors, figure *squares)
{
    unsigned rows = fann_length_train_data(test), n = fann_num_output_train_data(test), wrong = 0;
    double sum = 0;
    for (unsigned r = 0; r < rows; r++) {
        const fann_type *y = fann_run(net, test->input[r]);
        wrong += (unsigned)is_wrong(y, test->output[r], n);
        for (unsigned j = 0; j < n; j++) {
            double error = (double)y[j] - (double)test->output[r][j];
            sum += error * error;
        }
    }
    add(errors, 100.0 * wrong / rows);
    add(squares, 100 * sum / ((double)rows * n));
}

static int train_once(const unsigned *width, unsigned layers, int which, unsigned seed,
                      double seconds, struct fann_train_data *train, struct fann_train_data *test,
                      figure *errors, figure *squares)
{
    struct fann *net = fann_create_standard_array(layers, width);
    if (!net) {
        return 1;
    }
    srand(seed); /* making a net takes a seed of its own */
    fann_randomize_weights(net, -0.1f, 0.1f);
    fann_set_activation_function_hidden(net, FANN_SIGMOID);
    fann_set_activation_function_output(net, FANN_SIGMOID);
    fann_set_training_algorithm(net, algorithm[which].code);
    double end = now() + seconds;
    while (now() < end) {
        fann_train_epoch(net, train);
    }
    measure(net, test, errors, squares);
    fann_destroy(net);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc < 6) {
        fputs("fann_sets TRAIN TEST SECONDS SEEDS HIDDEN..\n", stderr);
        return 2;
    }
    struct fann_train_data *train = fann_read_train_from_file(argv[1]);
    struct fann_train_data *test = fann_read_train_from_file(argv[2]);
    if (!train || !test) {
        return 1;
    }
    double seconds = strtod(argv[3], NULL);
    unsigned seeds = (unsigned)strtoul(argv[4], NULL, 10);
    for (int a = 5; a < argc; a++) {
        unsigned width[MOST_LAYERS];
        unsigned layers = parse_layers(argv[a], fann_num_input_train_data(train),
                                       fann_num_output_train_data(train), width);
        for (int which = 0; which < ALGORITHMS; which++) {
            figure errors = {0}, squares = {0};
            for (unsigned seed = 1; seed <= seeds; seed++) {
                if (train_once(width, layers, which, seed, seconds, train, test, &errors,
                               &squares)) {
                    return 1;
                }
            }
            printf("%-6s %-12s error_percent %.4g +- %.2g  squared_percent %.4g +- %.2g\n", argv[a],
                   algorithm[which].name, mean(&errors), deviation(&errors), mean(&squares),
                   deviation(&squares));
        }
    }
    fann_destroy_train(train);
    fann_destroy_train(test);
    return 0;
}
