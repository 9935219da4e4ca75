/* Genann's side of the comparison, built with its sources (github.com/codeplea/genann):
 *   genann_train LAYERS BATCH ROWS SECONDS      "4-16-3 1 150 0.05"
 * prints rows per second. Genann has one row at a time, plain gradient descent, sigmoids
 * (from its table), doubles, and hidden layers of one width. */
#include "peer.h"

#include <genann.h>

typedef struct work {
    const peer_job *job;
    genann *net;
    double *x, *y;
} work;

static void step(void *user, size_t i)
{
    work *w = user;
    genann_train(w->net, w->x + i * (size_t)w->job->width[0],
                 w->y + i * (size_t)w->job->width[w->job->layers - 1], 0.1);
}

int main(int argc, char **argv)
{
    peer_job job = {0};
    if (!peer_read(argc, argv, &job) || job.batch != 1) {
        return 2;
    }
    size_t in = (size_t)job.width[0], out = (size_t)job.width[job.layers - 1];
    work w = {.job = &job,
              .net = genann_init(job.width[0], (int)job.layers - 2, job.width[1], (int)out),
              .x = calloc(job.rows, in * sizeof(double)),
              .y = calloc(job.rows, out * sizeof(double))};
    if (!w.net || !w.x || !w.y) {
        return 1;
    }
    for (size_t r = 0; r < job.rows; r++) {
        size_t class = peer_row(&job, w.x + r * in);
        w.y[r * out + (out > 1 ? class : 0)] = out > 1 ? 1 : (double)class;
    }
    printf("%.6g\n", peer_rate(&job, step, &w));
    free(w.x);
    free(w.y);
    genann_free(w.net);
    return 0;
}
