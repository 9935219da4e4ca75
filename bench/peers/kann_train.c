/* KANN's side of the comparison, built with its sources (github.com/attractivechaos/kann):
 *   kann_train LAYERS BATCH ROWS SECONDS      "30-64-32-1 32 8192 0.05"
 * prints rows per second of minibatches with its RMSprop, the only rule it has. The batches are bound where they lie, nothing is copied or shuffled. */
#include "peer.h"

#include <kann.h>

typedef struct work {
    const peer_job *job;
    kann_t *net;
    float *x, *y, *mean_square;
} work;

static void step(void *user, size_t i)
{
    work *w = user;
    const peer_job *job = w->job;
    float *x = w->x + i * job->batch * (size_t)job->width[0];
    float *y = w->y + i * job->batch * (size_t)job->width[job->layers - 1];
    kann_feed_bind(w->net, KANN_F_IN, 0, &x);
    kann_feed_bind(w->net, KANN_F_TRUTH, 0, &y);
    kann_cost(w->net, 0, 1);
    kann_RMSprop(kann_size_var(w->net), 0.001f, NULL, 0.9f, w->net->g, w->net->x, w->mean_square);
}

static kann_t *make_net(const peer_job *job)
{
    int out = job->width[job->layers - 1];
    kad_node_t *t = kann_layer_input(job->width[0]);
    for (size_t i = 1; i + 1 < job->layers; i++) {
        t = kad_relu(kann_layer_dense(t, job->width[i]));
    }
    return kann_new(kann_layer_cost(t, out, out > 1 ? KANN_C_CEM : KANN_C_CEB), 0);
}

int main(int argc, char **argv)
{
    peer_job job = {0};
    if (!peer_read(argc, argv, &job)) {
        return 2;
    }
    size_t in = (size_t)job.width[0], out = (size_t)job.width[job.layers - 1];
    work w = {.job = &job, .net = make_net(&job)};
    w.x = calloc(job.rows, in * sizeof(float));
    w.y = calloc(job.rows, out * sizeof(float));
    w.mean_square = calloc((size_t)kann_size_var(w.net), sizeof(float));
    double *row = calloc(in, sizeof *row);
    if (!w.x || !w.y || !w.mean_square || !row) {
        return 1;
    }
    for (size_t r = 0; r < job.rows; r++) {
        size_t class = peer_row(&job, row);
        for (size_t i = 0; i < in; i++) {
            w.x[r * in + i] = (float)row[i];
        }
        w.y[r * out + (out > 1 ? class : 0)] = out > 1 ? 1 : (float)class;
    }
    kann_switch(w.net, 1);
    kann_set_batch_size(w.net, (int)job.batch);
    printf("%.6g\n", peer_rate(&job, step, &w));
    free(row);
    free(w.x);
    free(w.y);
    free(w.mean_square);
    kann_delete(w.net);
    return 0;
}
