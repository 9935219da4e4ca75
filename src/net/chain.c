#include "net/chain.h"

#include <string.h>

#include "base/ctx.h"
#include "base/mem.h"
#include "kern/sparse.h"

/* Weights up to which small kernels are ahead with one row: these are read once, and
 * cutting the work of a row costs more than it saves. */
enum { ROW_WEIGHTS = 262144 };

/* A chunk has at least so many multiply-adds, some 1.5 microseconds: several times what
 * handing it to another thread costs; and so many rows: with fewer, weights and gradients
 * that move from core to core cost more than the other core brings. */
enum { CHUNK_ROWS = 32, CHUNK_WORK = 75000 };

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
    nd_loss_kernel kernel; /* OTHER: the loss is called */
    size_t elements;       /* of a row, over which the kernel's loss takes the mean */
    double share;          /* of a row in the mean, and of an element of the kernel's loss */
    nd_real kernel_share;
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

static void fill_link(const nd_plan_step *step, const nd_blocks *blocks,
                      const nd_small_link *before, nd_small_link *link)
{
    const nd_layer_io *io = &step->io;
    bool biased = io->shape->params > 1;
    link->x = io->x[0];
    link->y = io->y;
    link->gy = io->gy;
    link->gx = io->gx[0];
    link->weight_at = (size_t)(io->grad[0] - blocks->grad);
    link->bias_at = biased ? (size_t)(io->grad[1] - blocks->grad) : 0;
    link->dense = (nd_small_dense){.in = io->shape->in[0],
                                   .out = io->shape->out,
                                   .weight = io->param[0],
                                   .bias = biased ? io->param[1] : NULL,
                                   .act = io->act,
                                   .slope = io->slope,
                                   .x_act = before ? before->dense.act : ND_ACT_NONE,
                                   .x_slope = before ? before->dense.slope : 0};
}

static nd_status fill(nd_ctx *ctx, const nd_plan *plan, const nd_blocks *blocks, size_t max_rows,
                      nd_chain *chain)
{
    size_t chunks = chain->trains ? nd_chain_chunks(chain, max_rows) : 1;
    chain->isa = nd_small_kernels();
    chain->whole = blocks->grad;
    chain->link = nd_alloc(chain->count, sizeof *chain->link);
    chain->turned =
        nd_alloc_aligned(chain->trains ? chain->weights + ND_SMALL_SLACK : 1, sizeof(nd_real));
    chain->partial = nd_alloc_aligned((chunks - 1) * chain->size, sizeof(nd_real));
    if (!chain->link || !chain->turned || !chain->partial) {
        return nd_fail_memory(ctx);
    }
    nd_small_link *link = chain->link;
    nd_real *turned = chain->turned;
    for (size_t i = 0; i < plan->count; i++) {
        if (!plan->step[i].skip) {
            fill_link(&plan->step[i], blocks, link > chain->link ? link - 1 : NULL, link);
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
    nd_status status = fill(ctx, plan, blocks, max_rows, made);
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
        nd_free(chain->partial);
        nd_free(chain);
    }
}

void nd_chain_reach(nd_chain *chain, const nd_plan *plan)
{
    nd_small_link *link = chain->link;
    for (size_t i = 0; i < plan->count; i++) {
        if (!plan->step[i].skip) {
            link++->gx = plan->step[i].io.gx[0];
        }
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

static size_t larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

/* The most tasks that any pass over a layer, or over the parameters, is cut into. */
static size_t most_tasks(const nd_desc *desc, size_t rows)
{
    size_t most = 1, parameters = 0;
    for (size_t i = 0; i < desc->count; i++) {
        const nd_layer_shape *shape = &desc->layer[i]->shape;
        size_t in = shape->in[0], out = shape->out;
        most = larger(most, nd_k_tasks(rows * out));
        for (size_t k = 0; k < shape->params; k++) {
            parameters += shape->param[k].rows * shape->param[k].cols;
        }
        if (desc->layer[i]->class->takes_act) {
            size_t forward = nd_gemm_tasks(rows, out, in), back = nd_gemm_tasks(in, out, rows);
            most = larger(most, larger(forward, back));
        }
        if (desc->layer[i]->class->sequence) { /* the products of the inputs of all steps */
            const nd_tensor_spec *spec = &shape->param[0];
            most = larger(most, nd_gemm_tasks(rows * shape->times, spec->cols, spec->rows));
        }
    }
    return larger(most, nd_k_tasks(parameters));
}

/* Weights of a chain; 0 if the layers are none, or too large for one. */
static size_t chain_weights(const nd_desc *desc)
{
    size_t weights = 0;
    for (size_t i = 0; i < desc->count; i++) {
        const nd_desc_layer *layer = desc->layer[i];
        bool dense = strcmp(layer->class->name, "dense") == 0;
        if (!dense && !nd_act_from_result(layer->class->act)) {
            return 0;
        }
        weights += dense ? layer->shape.param[0].rows * layer->shape.param[0].cols : 0;
    }
    return weights <= ND_CHAIN_WEIGHTS ? weights : 0;
}

double nd_desc_work(const nd_desc *desc, size_t rows)
{
    double work = 0;
    for (size_t i = 0; i < desc->count; i++) {
        const nd_layer_shape *shape = &desc->layer[i]->shape;
        double times = desc->layer[i]->input[0] < 0 ? 2 : 3;
        if (desc->layer[i]->class->takes_act) {
            work += times * (double)shape->in[0] * (double)shape->out;
        }
        for (size_t k = 0; desc->layer[i]->class->sequence && k < shape->params; k++) {
            const nd_tensor_spec *spec = &shape->param[k];
            double weights = spec->fan_in ? (double)spec->rows * (double)spec->cols : 0;
            work += times * weights * (double)shape->times;
        }
    }
    return work * (double)rows;
}

int nd_desc_threads(const nd_desc *desc, size_t rows, int threads)
{
    size_t weights = chain_weights(desc);
    size_t tasks = weights > 0 ? chunks_for(weights, rows) : most_tasks(desc, rows);
    return tasks < (size_t)threads ? (int)tasks : threads;
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

static const nd_real *input_of(const chain_job *j, const nd_small_link *link, size_t first)
{
    return (link == j->chain->link ? j->x : link->x) + first * link->dense.in;
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
        nd_sparse_forward(NULL, d, 0, rows, j->x + first * d->in,
                          chain->link[0].y + first * d->out);
    }
    for (size_t i = sparse; i < chain->count; i++) {
        const nd_small_link *link = &chain->link[i];
        nd_small_forward(chain->isa, &link->dense, rows, input_of(j, link, first),
                         link->y + first * link->dense.out);
    }
}

/* The gradient block that a chunk fills. */
static nd_real *block_of(const chain_job *j, size_t chunk)
{
    const nd_chain *chain = j->chain;
    return chunk == 0 || !j->own_blocks ? chain->whole : chain->partial + (chunk - 1) * chain->size;
}

/* Whether a part adds to what its block holds. */
static bool is_added(const chain_job *j, size_t chunk, size_t first)
{
    return first > (j->own_blocks ? chunk * j->chunk : 0);
}

static void weight_gradient(const chain_job *j, const nd_small_link *link, size_t chunk,
                            size_t first, size_t rows, bool sparse)
{
    const nd_chain *chain = j->chain;
    const nd_small_dense *d = &link->dense;
    bool add = is_added(j, chunk, first);
    const nd_real *x = input_of(j, link, first), *gz = link->gy + first * d->out;
    nd_real *gw = block_of(j, chunk) + link->weight_at;
    nd_real *gb = d->bias ? block_of(j, chunk) + link->bias_at : NULL;
    if (!sparse) {
        nd_small_gw(chain->isa, d, rows, x, gz, gw, gb, add);
        return;
    }
    nd_sparse_gw(NULL, d, 0, NULL, rows, x, gz, gw, add);
    if (gb) { /* no inputs: the bias alone */
        nd_small_gw(chain->isa, &(nd_small_dense){.out = d->out}, rows, x, gz, gw, gb, add);
    }
}

static void backward_part(const chain_job *j, size_t chunk, size_t first, size_t rows, bool sparse)
{
    const nd_chain *chain = j->chain;
    for (size_t i = chain->count; i-- > 0;) {
        const nd_small_link *link = &chain->link[i];
        const nd_small_dense *d = &link->dense;
        const nd_real *x = input_of(j, link, first), *gz = link->gy + first * d->out;
        weight_gradient(j, link, chunk, first, rows, sparse && i == 0);
        if (link->gx) {
            nd_small_gx(chain->isa, d, rows, x, gz, link->gx + first * d->in);
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
    const nd_small_link *last = &j->chain->link[j->chain->count - 1];
    size_t n = last->dense.out;
    const nd_real *z = last->y + first * n;
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

/* A part in one call of a kernel; the sum of its losses. */
static double fused_part(const chain_job *j, size_t chunk, size_t first, size_t rows)
{
    const nd_chain *chain = j->chain;
    nd_small_pass pass = {.link = chain->link,
                          .links = chain->count,
                          .first = first,
                          .rows = rows,
                          .x = j->x + first * chain->link[0].dense.in,
                          .target = j->y + first * j->label_width,
                          .loss = j->kernel,
                          .share = j->kernel_share,
                          .grad = block_of(j, chunk),
                          .add = is_added(j, chunk, first)};
    double value = nd_small_chain(chain->isa, &pass);
    return j->elements > 1 ? value / (double)j->elements : value;
}

static double part(const chain_job *j, size_t chunk, size_t first, size_t rows)
{
    bool sparse = is_sparse(j, first, rows);
    if (j->kernel != ND_LOSS_OTHER && !sparse) {
        return fused_part(j, chunk, first, rows);
    }
    forward_part(j, first, rows, sparse);
    double value = loss_of_part(j, first, rows);
    backward_part(j, chunk, first, rows, sparse);
    return value;
}

static void gradient_task(void *user, size_t i)
{
    chain_job *j = user;
    size_t rows = rows_of_chunk(j, i);
    j->value[i] = 0;
    for (size_t at = 0; at < rows; at += PART_ROWS) {
        j->value[i] += part(j, i, i * j->chunk + at, part_of(rows, at));
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
        if (chain->link[i].gx) {
            nd_small_turn(chain->isa, &chain->link[i].dense);
        }
    }
}

/* All chunks side by side, each with a gradient of its own, added in order. */
static double gradient_of_chunks(chain_job *j, nd_pool *pool, size_t chunks)
{
    const nd_chain *chain = j->chain;
    double total = 0;
    nd_pool_run(pool, chunks, gradient_task, j);
    for (size_t i = 0; i < chunks; i++) {
        if (i > 0) {
            nd_k_add(NULL, chain->size, chain->whole, chain->partial + (i - 1) * chain->size,
                     chain->whole);
        }
        total += j->value[i];
    }
    return total;
}

static nd_loss_kernel kernel_of(const nd_loss *loss)
{
    for (size_t i = 0; i < loss->class->option_count; i++) {
        if (loss->setting[i] != 0) {
            return ND_LOSS_OTHER;
        }
    }
    return loss->class->kernel;
}

double nd_chain_gradient(const nd_chain *chain, const nd_loss *loss, nd_pool *pool,
                         const nd_real *x, const nd_real *y, size_t rows, bool weighted,
                         double weight, nd_real *glogits)
{
    size_t outputs = chain->link[chain->count - 1].dense.out;
    nd_loss_kernel kernel = weighted ? ND_LOSS_OTHER : kernel_of(loss);
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
                   .kernel = kernel,
                   .elements = kernel == ND_LOSS_SOFTMAX ? 1 : outputs,
                   .share = weight > 0 ? 1 / weight : 0,
                   .weighted = weighted,
                   .own_blocks = chunks > 1 && (nd_pool_threads(pool) > 1 || chunk > PART_ROWS),
                   .value = value};
    j.kernel_share = (nd_real)j.share;
    if (j.elements > 1) {
        j.kernel_share /= (nd_real)j.elements;
    }
    turn_weights(chain, rows);
    if (chunks == 1 && rows <= PART_ROWS) {
        return part(&j, 0, 0, rows);
    }
    if (j.own_blocks) {
        return gradient_of_chunks(&j, pool, chunks);
    }
    for (size_t i = 0; i < chunks; i++) {
        gradient_task(&j, i);
        total += value[i];
    }
    return total;
}
