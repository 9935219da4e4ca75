#include "net/chain.h"

#include <string.h>

#include "base/ctx.h"
#include "base/mem.h"
#include "kern/sparse.h"

/* Weights up to which small kernels are ahead with one row: these are read once, and
 * cutting the work of a row costs more than it saves. */
enum { ROW_WEIGHTS = 262144 };

/* A chunk has at least so many rows, and so many multiply-adds, some 1.5
 * microseconds: several times what handing it to another thread costs. */
enum { CHUNK_ROWS = 16, CHUNK_WORK = 75000 };

/* Rows that go through all layers together: what they leave behind stays in the
 * first cache, or close to it. */
enum { PART_ROWS = 48 };

/* A chunk of a batch, and what happens to it. */
typedef struct chain_job {
    const nd_chain *chain;
    const nd_loss *loss;
    const nd_real *x, *y;
    nd_real *glogits;
    size_t rows, chunk, label_width;
    double share; /* of a row in the mean */
    bool weighted;
    bool own_blocks; /* chunks behind the first have a gradient block each; without, a chunk
                      * of one part is added to the first as it comes: the same bits */
    double *value;   /* [ND_CHAIN_CHUNKS], the chunks' losses */
} chain_job;

static bool is_link(const nd_plan_step *step, long before)
{
    return strcmp(step->layer->class->name, "dense") == 0 && step->layer->input[0] == before;
}

/* Links of a plan, 0 if it is no chain of dense layers. */
static size_t count_links(const nd_plan *plan)
{
    size_t count = 0;
    for (size_t i = 0; i < plan->count; i++) {
        const nd_plan_step *step = &plan->step[i];
        bool dense = is_link(step, (long)i - 1);
        if (!dense && !(step->skip && step->layer->input[0] == (long)i - 1)) {
            return 0;
        }
        count += dense ? 1 : 0;
    }
    return count;
}

static size_t count_weights(const nd_plan *plan)
{
    size_t count = 0;
    for (size_t i = 0; i < plan->count; i++) {
        const nd_layer_shape *shape = &plan->step[i].layer->shape;
        count += shape->params ? shape->param[0].rows * shape->param[0].cols : 0;
    }
    return count;
}

static void fill_link(const nd_plan_step *step, const nd_chain_link *before, nd_chain_link *link)
{
    const nd_layer_io *io = &step->io;
    link->step = step;
    link->io = io;
    link->dense = (nd_small_dense){.in = io->shape->in[0],
                                   .out = io->shape->out,
                                   .weight = io->param[0],
                                   .bias = io->shape->params > 1 ? io->param[1] : NULL,
                                   .act = io->act,
                                   .slope = io->slope,
                                   .x_act = before ? before->dense.act : ND_ACT_NONE,
                                   .x_slope = before ? before->dense.slope : 0};
}

static nd_status fill(nd_ctx *ctx, const nd_plan *plan, size_t max_rows, nd_chain *chain)
{
    size_t chunks = chain->trains ? nd_chain_chunks(chain, max_rows) : 1;
    chain->isa = nd_small_kernels();
    chain->link = nd_alloc(chain->count, sizeof *chain->link);
    chain->turned =
        nd_alloc_aligned(chain->trains ? chain->weights + ND_SMALL_SLACK : 1, sizeof(nd_real));
    chain->blocks = chunks - 1;
    chain->grad = nd_alloc_aligned(chain->blocks * chain->size, sizeof(nd_real));
    if (!chain->link || !chain->turned || !chain->grad) {
        return nd_fail_memory(ctx);
    }
    nd_chain_link *link = chain->link;
    nd_real *turned = chain->turned;
    for (size_t i = 0; i < plan->count; i++) {
        if (!plan->step[i].skip) {
            fill_link(&plan->step[i], link > chain->link ? link - 1 : NULL, link);
            link->dense.turned = turned;
            turned += chain->trains ? link->dense.in * link->dense.out : 0;
            link++;
        }
    }
    return ND_OK;
}

nd_status nd_chain_create(nd_ctx *ctx, const nd_plan *plan, const nd_blocks *blocks,
                          size_t max_rows, nd_chain **chain)
{
    size_t count = count_links(plan), weights = count_weights(plan);
    *chain = NULL;
    if (count == 0 || weights > ROW_WEIGHTS) {
        return ND_OK;
    }
    nd_chain *made = nd_alloc(1, sizeof *made);
    if (!made) {
        return nd_fail_memory(ctx);
    }
    made->count = count;
    made->size = blocks->size;
    made->weights = weights;
    made->trains = weights <= ND_CHAIN_WEIGHTS;
    nd_status status = fill(ctx, plan, max_rows, made);
    if (status != ND_OK) {
        nd_chain_destroy(made);
        return status;
    }
    *chain = made;
    return ND_OK;
}

void nd_chain_destroy(nd_chain *chain)
{
    if (chain) {
        nd_free(chain->link);
        nd_free(chain->turned);
        nd_free(chain->grad);
        nd_free(chain);
    }
}

void nd_chain_forget(nd_chain *chain)
{
    if (chain) {
        memset(chain->grad, 0, chain->blocks * chain->size * sizeof *chain->grad);
    }
}

bool nd_chain_takes(const nd_chain *chain, size_t rows, bool training)
{
    return chain && (chain->trains || (rows == 1 && !training));
}

static size_t chunks_for(size_t weights, size_t rows)
{
    if (rows < 2 * CHUNK_ROWS) {
        return 1;
    }
    double work = 3.0 * (double)rows * (double)weights;
    size_t chunks = rows / CHUNK_ROWS;
    chunks = chunks < ND_CHAIN_CHUNKS ? chunks : ND_CHAIN_CHUNKS;
    while (chunks > 1 && work / (double)chunks < CHUNK_WORK) {
        chunks--;
    }
    return chunks > 1 ? chunks : 1;
}

size_t nd_chain_chunks(const nd_chain *chain, size_t rows)
{
    return chunks_for(chain->weights, rows);
}

int nd_desc_threads(const nd_desc *desc, size_t rows, int threads)
{
    size_t weights = 0;
    for (size_t i = 0; i < desc->count; i++) {
        const nd_desc_layer *layer = desc->layer[i];
        bool dense = strcmp(layer->class->name, "dense") == 0;
        if (!dense && !nd_act_from_result(layer->class->act)) {
            return threads;
        }
        weights += dense ? layer->shape.param[0].rows * layer->shape.param[0].cols : 0;
    }
    size_t chunks = chunks_for(weights, rows);
    return weights <= ND_CHAIN_WEIGHTS && chunks < (size_t)threads ? (int)chunks : threads;
}

static size_t rows_of_chunk(const chain_job *j, size_t i)
{
    size_t at = i * j->chunk;
    return at >= j->rows ? 0 : j->rows - at < j->chunk ? j->rows - at : j->chunk;
}

static size_t chunk_rows(size_t rows, size_t chunks)
{
    return (rows + chunks - 1) / chunks;
}

static const nd_real *input_of(const chain_job *j, const nd_chain_link *link, size_t first)
{
    return (link == j->chain->link ? j->x : link->io->x[0]) + first * link->dense.in;
}

/* Whether the first link skips zeros in these rows. */
static bool is_sparse(const chain_job *j, size_t first, size_t rows)
{
    const nd_small_dense *d = &j->chain->link[0].dense;
    return nd_sparse_pays(rows, d->in, d->out, j->x + first * d->in);
}

static void forward_part(const chain_job *j, size_t first, size_t rows, bool sparse)
{
    const nd_chain *chain = j->chain;
    const nd_small_dense *d = &chain->link[0].dense;
    if (sparse) {
        nd_sparse_forward(NULL, d, rows, j->x + first * d->in,
                          chain->link[0].io->y + first * d->out);
    }
    for (size_t i = sparse; i < chain->count; i++) {
        const nd_chain_link *link = &chain->link[i];
        nd_small_forward(chain->isa, &link->dense, rows, input_of(j, link, first),
                         link->io->y + first * link->dense.out);
    }
}

/* Gradients go delta elements behind the net's own block. */
static nd_real *moved(const chain_job *j, nd_real *grad, size_t chunk)
{
    if (chunk == 0 || !j->own_blocks) {
        return grad;
    }
    const nd_chain *chain = j->chain;
    size_t at = (size_t)(grad - chain->link[0].io->grad[0]);
    return chain->grad + (chunk - 1) * chain->size + at;
}

static void weight_gradient(const chain_job *j, const nd_chain_link *link, size_t chunk,
                            size_t first, size_t rows, bool sparse)
{
    const nd_chain *chain = j->chain;
    const nd_small_dense *d = &link->dense;
    bool add = first > (j->own_blocks ? chunk * j->chunk : 0);
    const nd_real *x = input_of(j, link, first), *gz = link->io->gy + first * d->out;
    nd_real *gw = moved(j, link->io->grad[0], chunk);
    nd_real *gb = d->bias ? moved(j, link->io->grad[1], chunk) : NULL;
    if (!sparse) {
        nd_small_gw(chain->isa, d, rows, x, gz, gw, gb, add);
        return;
    }
    nd_sparse_gw(NULL, d, rows, x, gz, gw, add);
    if (gb) { /* no inputs: the bias alone */
        nd_small_gw(chain->isa, &(nd_small_dense){.out = d->out}, rows, x, gz, gw, gb, add);
    }
}

static void backward_part(const chain_job *j, size_t chunk, size_t first, size_t rows, bool sparse)
{
    const nd_chain *chain = j->chain;
    for (size_t i = chain->count; i-- > 0 && chain->link[i].step->backward;) {
        const nd_chain_link *link = &chain->link[i];
        const nd_small_dense *d = &link->dense;
        const nd_real *x = input_of(j, link, first), *gz = link->io->gy + first * d->out;
        if (!link->io->frozen) {
            weight_gradient(j, link, chunk, first, rows, sparse && i == 0);
        }
        if (link->io->gx[0]) {
            nd_small_gx(chain->isa, d, rows, x, gz, link->io->gx[0] + first * d->in);
        }
    }
}

static size_t part_of(size_t rows, size_t at)
{
    return rows - at < PART_ROWS ? rows - at : PART_ROWS;
}

static void forward_task(void *user, size_t i)
{
    const chain_job *j = user;
    size_t rows = rows_of_chunk(j, i);
    for (size_t at = 0; at < rows; at += PART_ROWS) {
        size_t first = i * j->chunk + at, count = part_of(rows, at);
        forward_part(j, first, count, is_sparse(j, first, count));
    }
}

/* Loss and its gradient with respect to the last layer's sums. */
static double loss_of_part(const chain_job *j, size_t first, size_t rows)
{
    const nd_chain_link *last = &j->chain->link[j->chain->count - 1];
    size_t n = last->dense.out;
    const nd_real *z = last->io->y + first * n;
    const nd_real *y = j->y + first * j->label_width;
    nd_real *gz = j->glogits + first * n;
    double value = j->weighted
                       ? nd_loss_weighted_value(j->loss, NULL, rows, n, z, y, j->share, gz)
                       : j->loss->class->value(j->loss, NULL, rows, n, z, y, (nd_real)j->share, gz);
    if (last->dense.act != ND_ACT_NONE) {
        nd_k_act_back(NULL, last->dense.act, last->dense.slope, rows * n, z, gz, gz);
    }
    return value;
}

static void gradient_task(void *user, size_t i)
{
    chain_job *j = user;
    size_t rows = rows_of_chunk(j, i);
    j->value[i] = 0;
    for (size_t at = 0; at < rows; at += PART_ROWS) {
        size_t first = i * j->chunk + at, count = part_of(rows, at);
        bool sparse = is_sparse(j, first, count);
        forward_part(j, first, count, sparse);
        j->value[i] += loss_of_part(j, first, count);
        backward_part(j, i, first, count, sparse);
    }
}

void nd_chain_forward(const nd_chain *chain, nd_pool *pool, const nd_real *x, size_t rows)
{
    chain_job j = {.chain = chain, .x = x, .rows = rows};
    j.chunk = chunk_rows(rows, nd_chain_chunks(chain, rows));
    nd_pool_run(pool, (rows + j.chunk - 1) / j.chunk, forward_task, &j);
}

static void turn_weights(const nd_chain *chain, size_t rows)
{
    for (size_t i = 0; rows >= ND_SMALL_TURN_ROWS && i < chain->count; i++) {
        if (chain->link[i].io->gx[0]) {
            nd_small_turn(chain->isa, &chain->link[i].dense);
        }
    }
}

/* All chunks side by side, each with a gradient of its own, added in order. */
static double gradient_of_chunks(chain_job *j, nd_pool *pool, size_t chunks)
{
    const nd_chain *chain = j->chain;
    nd_real *grad = chain->link[0].io->grad[0];
    double total = 0;
    nd_pool_run(pool, chunks, gradient_task, j);
    for (size_t i = 0; i < chunks; i++) {
        if (i > 0) {
            nd_k_add(NULL, chain->size, grad, chain->grad + (i - 1) * chain->size, grad);
        }
        total += j->value[i];
    }
    return total;
}

double nd_chain_gradient(const nd_chain *chain, const nd_loss *loss, nd_pool *pool,
                         const nd_real *x, const nd_real *y, size_t rows, bool weighted,
                         double weight, nd_real *glogits)
{
    size_t outputs = chain->link[chain->count - 1].dense.out;
    double value[ND_CHAIN_CHUNKS], total = 0;
    size_t cuts = nd_chain_chunks(chain, rows);
    size_t chunk = cuts > 1 ? chunk_rows(rows, cuts) : rows;
    size_t chunks = cuts > 1 ? (rows + chunk - 1) / chunk : 1;
    chain_job j = {.chain = chain,
                   .loss = loss,
                   .x = x,
                   .y = y,
                   .glogits = glogits,
                   .rows = rows,
                   .chunk = chunk,
                   .label_width = loss->class->label_width(outputs) + weighted,
                   .share = weight > 0 ? 1 / weight : 0,
                   .weighted = weighted,
                   .own_blocks = chunks > 1 && (nd_pool_threads(pool) > 1 || chunk > PART_ROWS),
                   .value = value};
    turn_weights(chain, rows);
    if (j.own_blocks) {
        return gradient_of_chunks(&j, pool, chunks);
    }
    for (size_t i = 0; i < chunks; i++) {
        gradient_task(&j, i);
        total += value[i];
    }
    return total;
}
