#include "job/cached.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/ctx.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/num.h"
#include "base/text.h"
#include "job/cache_build.h"
#include "job/read.h"
#include "model/model_json.h"

/* Least memory that a training may be given, and times the size of a CSV file (packed,
 * plain) that its rows take as they are read, as columns and prepared. */
enum { LEAST_MEMORY = 64 << 20, PLAIN_FACTOR = 3, PACKED_FACTOR = 12 };

/* ---- Whether, where and how much ---- */

static nd_status fail_memory_option(const nd_config *config, const char *text)
{
    return nd_fail(config->ctx, ND_ERR_OPTION,
                   "memory: \"%s\" is not a size of 64M or more; write 512M, 4G, or auto", text);
}

/* Bytes from "512M"; "auto" is three quarters of the machine's memory. */
nd_status nd_memory_allowed(const nd_config *config, size_t *memory)
{
    static const char units[] = "KMGT";
    const char *text = nd_opt_text(&config->set, "memory");
    if (nd_opt_auto(&config->set, "memory")) {
        *memory = (size_t)sysconf(_SC_PHYS_PAGES) / 4 * 3 * (size_t)sysconf(_SC_PAGESIZE);
        return ND_OK;
    }
    size_t n = strlen(text);
    double value;
    const char *unit = n > 0 ? strchr(units, text[n - 1] & ~0x20) : NULL;
    double factor = 1;
    for (const char *u = units; unit != NULL && u <= unit; u++) {
        factor *= 1024;
    }
    if (n == 0 || nd_num_parse(text, n - (unit != NULL), &value) != ND_NUM_OK ||
        !(value * factor >= LEAST_MEMORY && value * factor < 1e18)) {
        return fail_memory_option(config, text);
    }
    *memory = (size_t)(value * factor);
    return ND_OK;
}

/* Rows of a file that would not fit, as far as its size tells. */
static bool too_large(const char *path, size_t memory)
{
    struct stat info;
    unsigned char head[2] = {0};
    /* Opening a pipe by name and closing it again would lose what is in it. */
    if (stat(path, &info) != 0 || !S_ISREG(info.st_mode)) {
        return false;
    }
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return false;
    }
    bool known = fstat(fd, &info) == 0 && S_ISREG(info.st_mode);
    bool packed = known && pread(fd, head, 2, 0) == 2 && head[0] == 0x1f && head[1] == 0x8b;
    close(fd);
    double factor = packed ? PACKED_FACTOR : PLAIN_FACTOR;
    return known && (double)info.st_size * factor > (double)memory;
}

nd_status nd_memory_exceeded(nd_ctx *ctx, const nd_config *config, const char *path, size_t memory,
                             bool *yes)
{
    nd_content content;
    *yes = false;
    if (!too_large(path, memory)) {
        return ND_OK;
    }
    ND_TRY(nd_content_find(ctx, config, path, &content));
    *yes = content == ND_CONTENT_CSV;
    return ND_OK;
}

/* "FOLDER/data.csv.cache" for a folder, the name itself otherwise. */
static char *cache_name(const char *data, const char *given, bool beside)
{
    struct stat info;
    nd_text text = {0};
    const char *slash = strrchr(data, '/');
    if (beside) {
        nd_text_printf(&text, "%s.cache", data);
    } else if (stat(given, &info) == 0 && S_ISDIR(info.st_mode)) {
        const char *between = given[strlen(given) - 1] == '/' ? "" : "/";
        nd_text_printf(&text, "%s%s%s.cache", given, between, slash != NULL ? slash + 1 : data);
    } else {
        nd_text_puts(&text, given);
    }
    if (text.failed) {
        nd_text_free(&text);
    }
    return text.data;
}

/* *name stays NULL if the rows are to be held in memory. */
static nd_status choose(nd_ctx *ctx, const nd_config *config, const char *path, size_t memory,
                        char **name)
{
    const char *given = nd_opt_text(&config->set, "cache");
    bool beside = nd_opt_auto(&config->set, "cache");
    nd_content content;
    *name = NULL;
    bool series = nd_opt_int(&config->set, "window") > 0;
    if (series && !beside && strcmp(given, "none") != 0) {
        return nd_fail(ctx, ND_ERR_OPTION, "cache: windows are cut from rows in memory");
    }
    if (series || strcmp(given, "none") == 0 || (beside && !too_large(path, memory))) {
        return ND_OK;
    }
    if (!beside && !nd_file_regular(path) && nd_file_exists(path)) {
        return nd_fail(ctx, ND_ERR_OPTION, "cache: %s is no file that can be read twice", path);
    }
    if (strcmp(path, "-") == 0) {
        return nd_fail(ctx, ND_ERR_OPTION, "cache: standard input cannot be read twice");
    }
    ND_TRY(nd_content_find(ctx, config, path, &content));
    if (content != ND_CONTENT_CSV) {
        return beside ? ND_OK
                      : nd_fail(ctx, ND_ERR_OPTION, "cache: %s; a row cache takes CSV",
                                content == ND_CONTENT_IMAGES ? "images are held as bytes"
                                                             : "patterns are held in memory");
    }
    *name = cache_name(path, given, beside);
    return *name != NULL ? ND_OK : nd_fail_memory(ctx);
}

/* ---- What a cache belongs to ---- */

/* Name, size, time and samples of a file, as text to be hashed. */
static nd_status add_file(nd_ctx *ctx, const char *path, nd_text *text)
{
    enum { SAMPLES = 64, SAMPLE = 4096 };
    struct stat info;
    char sample[SAMPLE], room[ND_ERRNO_TEXT];
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &info) != 0) {
        int error = errno;
        if (fd >= 0) {
            close(fd);
        }
        return nd_fail(ctx, ND_ERR_IO, "cannot open %s: %s", path, nd_errno_text(error, room));
    }
    nd_text_printf(text, "file %lld %lld.%09ld\n", (long long)info.st_size,
                   (long long)info.st_mtim.tv_sec, info.st_mtim.tv_nsec);
    for (int i = 0; i < SAMPLES; i++) {
        off_t place = info.st_size / SAMPLES * i;
        ssize_t got = pread(fd, sample, sizeof sample, place);
        nd_text_printf(text, "%016llx\n",
                       (unsigned long long)nd_hash(sample, got > 0 ? (size_t)got : 0));
    }
    close(fd);
    return ND_OK;
}

/* Files that valid and test name are sources as well. */
static nd_status hash_source(nd_ctx *ctx, const nd_config *config, const char *path, uint64_t *hash)
{
    static const char *const part[] = {"valid", "test"};
    nd_text text = {0};
    nd_status status = add_file(ctx, path, &text);
    for (size_t i = 0; i < 2 && status == ND_OK; i++) {
        const char *value = nd_opt_text(&config->set, part[i]);
        double share;
        if (value[0] != '\0' && nd_num_parse(value, strlen(value), &share) != ND_NUM_OK) {
            status = add_file(ctx, value, &text);
        }
    }
    if (status == ND_OK && text.failed) {
        status = nd_fail_memory(ctx);
    }
    *hash = status == ND_OK ? nd_hash(text.data, text.size) : 0;
    nd_text_free(&text);
    return status;
}

/* Every option that decides over the prepared rows or their parts. */
static nd_status hash_settings(const nd_config *config, uint64_t *hash)
{
    static const char *const key[] = {
        "target",   "task",   "valid",       "test",      "ignore",    "keep",      "number",
        "category", "header", "quote",       "delimiter", "decimal",   "thousands", "missing",
        "scaling",  "clip",   "max_one_hot", "buckets",   "min_count", "weight",    "class_weights",
        "seed",     "image",  "embedding",   "allow"};
    nd_text text = {0};
    for (size_t i = 0; i < sizeof key / sizeof key[0]; i++) {
        nd_text_printf(&text, "%s=%s\n", key[i], nd_opt_text(&config->set, key[i]));
    }
    const char *loss = nd_opt_text(&config->set, "loss");
    nd_text_printf(&text, "by_mean=%d\nshares=%d\n", strcmp(loss, "poisson") == 0,
                   strcmp(loss, "kl_divergence") == 0);
    nd_status status = text.failed ? nd_fail_memory(config->ctx) : ND_OK;
    *hash = status == ND_OK ? nd_hash(text.data, text.size) : 0;
    nd_text_free(&text);
    return status;
}

/* ---- Opening ---- */

static nd_status read_prep(nd_ctx *ctx, const char *path, const nd_cache *cache, nd_prep **prep)
{
    size_t size;
    const char *note = nd_cache_note(cache, &size);
    const nd_cache_head *head = nd_cache_get_head(cache);
    char *text = nd_strndup(note, size);
    nd_budget budget = 64 * size;
    if (text == NULL) {
        return nd_fail_memory(ctx);
    }
    nd_status status = nd_prep_read_json(ctx, path, text, &budget, prep);
    nd_free(text);
    bool fits = status == ND_OK && (*prep)->features == head->features &&
                (head->label_width == nd_prep_label_width(*prep) ||
                 head->label_width == nd_prep_label_width(*prep) + 1);
    if (status == ND_OK && !fits) {
        nd_prep_destroy(*prep);
        *prep = NULL;
        return nd_fail(ctx, ND_ERR_FORMAT, "%s: the rows are not those of its preparation", path);
    }
    return status;
}

static nd_status name_columns(const nd_prep *prep, nd_table *table)
{
    for (size_t i = 0; i < prep->columns + prep->targets; i++) {
        const char *name =
            i < prep->columns ? prep->column[i].name : prep->target[i - prep->columns].name;
        nd_column column = {.name = nd_strdup(name)};
        ND_TRY(nd_table_add(table, &column));
    }
    return ND_OK;
}

/* Take what a cache holds; *cached is empty unless all of it is sound. */
static nd_status take(nd_ctx *ctx, const nd_config *config, const char *path, const char *name,
                      bool verify, nd_cached *cached)
{
    ND_TRY(nd_cache_open(ctx, name, &cached->cache));
    const nd_cache_head *head = nd_cache_get_head(cached->cache);
    size_t count[ND_CACHE_PARTS] = {head->rows[0], head->rows[1], head->rows[2]};
    nd_status status = verify ? nd_cache_verify(cached->cache) : ND_OK;
    if (status == ND_OK) {
        status = read_prep(ctx, name, cached->cache, &cached->prep);
    }
    if (status == ND_OK) {
        status = nd_parts_counted(ctx, config, path, count, &cached->table, &cached->parts);
    }
    if (status == ND_OK) {
        status = name_columns(cached->prep, cached->table);
    }
    if (status != ND_OK) {
        nd_cached_end(cached);
        return status;
    }
    return ND_OK;
}

/* True if the file at name was made from these data with these settings. */
static bool belongs(nd_ctx *ctx, const char *name, uint64_t source, uint64_t settings)
{
    nd_cache *cache;
    if (nd_cache_open(ctx, name, &cache) != ND_OK) {
        nd_log(ctx, 1, "%s; it is made anew", nd_ctx_message(ctx));
        return false;
    }
    const nd_cache_head *head = nd_cache_get_head(cache);
    bool same_data = head->source == source, same = same_data && head->settings == settings;
    if (!same) {
        nd_log(ctx, 2, "row cache %s was made from other %s: it is made anew", name,
               same_data ? "settings" : "data");
    }
    nd_cache_close(cache);
    return same;
}

static void log_cache(nd_ctx *ctx, const char *what, const char *name, const nd_cached *cached)
{
    nd_log(ctx, 2, "%s row cache %s: %zu rows, %.1f MB", what, name,
           (size_t)(cached->parts.train.count + cached->parts.valid.count +
                    cached->parts.test.count),
           (double)nd_cache_bytes(cached->cache) / 1e6);
}

static nd_status open_or_build(nd_ctx *ctx, const nd_config *config, const char *path,
                               const char *name, nd_cached *cached)
{
    uint64_t source, settings;
    ND_TRY(hash_source(ctx, config, path, &source));
    ND_TRY(hash_settings(config, &settings));
    bool there = nd_file_exists(name);
    if (there && !nd_cache_detect(name)) {
        return nd_fail(ctx, ND_ERR_EXISTS,
                       "cache: %s exists and is no row cache; give another name", name);
    }
    if (there && belongs(ctx, name, source, settings)) {
        nd_status status = take(ctx, config, path, name, true, cached);
        if (status == ND_OK) {
            log_cache(ctx, "reading", name, cached);
        }
        if (status != ND_ERR_FORMAT) {
            return status;
        }
        nd_log(ctx, 1, "%s; it is made anew", nd_ctx_message(ctx));
    }
    nd_log(ctx, 2, "making row cache %s", name);
    ND_TRY(nd_cache_build(ctx, config, path, name, source, settings, cached->memory));
    ND_TRY(take(ctx, config, path, name, false, cached));
    log_cache(ctx, "made", name, cached);
    return ND_OK;
}

/* A cache would hold each row twice. */
static nd_status check_mirror(const nd_config *config)
{
    const char *name = nd_opt_text(&config->set, "cache");
    return strcmp(name, "auto") == 0 || strcmp(name, "none") == 0
               ? ND_OK
               : nd_fail(config->ctx, ND_ERR_OPTION,
                         "cache: task autoencoder trains from rows in memory");
}

nd_status nd_cached_choose(nd_ctx *ctx, const nd_config *config, const char *path,
                           nd_cached *cached)
{
    *cached = (nd_cached){0};
    ND_TRY(nd_memory_allowed(config, &cached->memory));
    if (strcmp(nd_opt_text(&config->set, "task"), "autoencoder") == 0) {
        return check_mirror(config);
    }
    return choose(ctx, config, path, cached->memory, &cached->name);
}

nd_status nd_cached_begin(nd_ctx *ctx, const nd_config *config, const char *path, nd_cached *cached)
{
    char *name = cached->name;
    cached->name = NULL;
    nd_status status = open_or_build(ctx, config, path, name, cached);
    nd_free(name);
    return status;
}

/* ---- Using ---- */

nd_status nd_cached_source(const nd_cached *cached, int first, int last, nd_source **source)
{
    return nd_source_from_cache(cached->cache, first, last, cached->memory / 8 * 3, source);
}

nd_status nd_cached_check_batch(const nd_cached *cached, size_t batch_rows)
{
    const nd_cache_head *head = nd_cache_get_head(cached->cache);
    double rows = (double)head->rows[ND_CACHE_TRAIN];
    rows = batch_rows > 0 && (double)batch_rows < rows ? (double)batch_rows : rows;
    double row = (double)(head->features + head->label_width) * sizeof(nd_real);
    if (2 * rows * row <= (double)cached->memory / 4) {
        return ND_OK;
    }
    return nd_fail(cached->table->ctx, ND_ERR_OPTION,
                   "batch_size: a batch of %.0f rows does not fit memory beside the rows it "
                   "comes from",
                   rows);
}

void nd_cached_end(nd_cached *cached)
{
    nd_parts_free(&cached->parts);
    nd_table_destroy(cached->table);
    nd_prep_destroy(cached->prep);
    nd_cache_close(cached->cache);
    nd_free(cached->name);
    *cached = (nd_cached){.memory = cached->memory};
}
