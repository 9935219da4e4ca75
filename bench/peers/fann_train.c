/* FANN's side of the comparison:
 *   fann_train LAYERS BATCH ROWS SECONDS      "4-16-3 16 150 0.05"
 * prints rows per second of incremental training with momentum for batch 1, else of
 * batch training (plain gradient descent, the only one that FANN has) on BATCH rows;
 * FANN has no minibatches, no relu and no softmax, so its sigmoid stands in. */
#include <floatfann.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { MOST_LAYERS = 8, REPEATS = 3 };

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static unsigned parse_layers(char *text, unsigned *width)
{
    unsigned count = 0;
    for (char *word = strtok(text, "-"); word && count < MOST_LAYERS; word = strtok(NULL, "-")) {
        width[count++] = (unsigned)strtoul(word, NULL, 10);
    }
    return count;
}

static struct fann_train_data *make_data(unsigned rows, unsigned in, unsigned out)
{
    struct fann_train_data *data = fann_create_train(rows, in, out);
    srand(1);
    for (unsigned r = 0; data && r < rows; r++) {
        unsigned best = 0;
        for (unsigned j = 0; j < in; j++) {
            data->input[r][j] = (float)(2.0 * rand() / RAND_MAX - 1);
            best = j < out && data->input[r][j] > data->input[r][best] ? j : best;
        }
        for (unsigned j = 0; j < out; j++) {
            data->output[r][j] = j == best;
        }
    }
    return data;
}

static double time_epochs(struct fann *net, struct fann_train_data *data, unsigned epochs)
{
    double start = now();
    for (unsigned i = 0; i < epochs; i++) {
        fann_train_epoch(net, data);
    }
    return now() - start;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median_rate(struct fann *net, struct fann_train_data *data, double seconds)
{
    double rate[REPEATS];
    unsigned epochs = 1;
    while (time_epochs(net, data, epochs) < seconds) {
        epochs *= 2;
    }
    for (int i = 0; i < REPEATS; i++) {
        double took = time_epochs(net, data, epochs);
        rate[i] = (double)epochs * fann_length_train_data(data) / took;
    }
    qsort(rate, REPEATS, sizeof rate[0], by_value);
    return rate[REPEATS / 2];
}

int main(int argc, char **argv)
{
    if (argc != 5) {
        fputs("fann_train LAYERS BATCH ROWS SECONDS\n", stderr);
        return 2;
    }
    unsigned width[MOST_LAYERS], layers = parse_layers(argv[1], width);
    unsigned batch = (unsigned)strtoul(argv[2], NULL, 10);
    unsigned rows = batch > 1 ? batch : (unsigned)strtoul(argv[3], NULL, 10);
    struct fann *net = layers > 1 ? fann_create_standard_array(layers, width) : NULL;
    struct fann_train_data *data = net ? make_data(rows, width[0], width[layers - 1]) : NULL;
    if (!data) {
        return 1;
    }
    fann_set_activation_function_hidden(net, FANN_SIGMOID);
    fann_set_activation_function_output(net, FANN_SIGMOID);
    fann_set_training_algorithm(net, batch > 1 ? FANN_TRAIN_BATCH : FANN_TRAIN_INCREMENTAL);
    fann_set_learning_momentum(net, 0.9f);
    printf("%.6g\n", median_rate(net, data, strtod(argv[4], NULL)));
    fann_destroy_train(data);
    fann_destroy(net);
    return 0;
}
