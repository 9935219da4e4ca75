/* Model files made to harm: each is refused with a reason, and costs little. The
 * checksums are left out here, since whoever makes such a file can make those. */
#include "unit/model/fixture.h"

#include <sys/resource.h>
#include <sys/wait.h>

static nd_ctx *ctx;
static char *sound; /* a sound file */
static size_t sound_size;
static char *header; /* its header as text */
static char *data;
static size_t data_size;

/* The text with every (all) or the first appearance of from changed; malloc'ed. */
static char *changed(const char *text, const char *from, const char *to, bool all)
{
    size_t count = 0;
    for (const char *at = text; (at = strstr(at, from)) != NULL; at += strlen(from)) {
        count++;
    }
    if (count == 0) {
        fail_msg("\"%s\" is not in the header", from);
    }
    char *out = room_for(strlen(text) + count * strlen(to) + 1), *to_at = out;
    const char *rest = text;
    for (const char *at; (at = strstr(rest, from)) != NULL; rest = at + strlen(from)) {
        to_at += sprintf(to_at, "%.*s%s", (int)(at - rest), rest, to);
        if (!all) {
            rest = at + strlen(from);
            break;
        }
    }
    strcpy(to_at, rest);
    return out;
}

/* A file of a header and data, parsed in a block of its exact size. */
static nd_status parse(const char *text, const char *values, size_t values_size)
{
    nd_model *model = NULL;
    size_t n = (strlen(text) + 7) / 8 * 8, size = 8 + n + values_size;
    char *file = room_for(size);
    memset(file, ' ', 8 + n);
    for (int i = 0; i < 8; i++) {
        file[i] = (char)(n >> 8 * i);
    }
    memcpy(file + 8, text, strlen(text));
    memcpy(file + 8 + n, values, values_size);
    nd_status status = nd_model_parse(ctx, "m", file, size, false, &model);
    nd_model_destroy(model);
    free(file);
    return status;
}

static void assert_refused(nd_status status, const char *message)
{
    if (status != ND_ERR_FORMAT || strstr(nd_ctx_message(ctx), message) == NULL) {
        fail_msg("expected '%s', got status %d: %s", message, (int)status, nd_ctx_message(ctx));
    }
}

/* The sound file with one change in its header is refused with this message. */
static void refused(const char *from, const char *to, const char *message)
{
    char *text = changed(header, from, to, false);
    assert_refused(parse(text, data, data_size), message);
    free(text);
}

static void the_sound_file_is_taken(void **state)
{
    (void)state;
    assert_ok(ctx, parse(header, data, data_size));
}

static void a_header_longer_than_the_file_is_refused(void **state)
{
    (void)state;
    static const unsigned char lengths[][8] = {
        {0, 0, 0, 0, 0, 0, 0, 0x80},
        {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff},
        {0xf8, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff},
        {0x00, 0xe1, 0xf5, 0x05, 0, 0, 0, 0},
    };
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        nd_model *model;
        memcpy(sound, lengths[i], 8);
        assert_refused(nd_model_parse(ctx, "m", sound, sound_size, false, &model),
                       "larger than the file");
    }
}

static void a_shape_whose_product_overflows_is_refused(void **state)
{
    (void)state;
    refused("\"shape\":[12,4]", "\"shape\":[4294967296,4294967296]", "does not fit its range");
    refused("\"shape\":[12,4]", "\"shape\":[9007199254740992,512]", "does not fit its range");
    refused("\"shape\":[12,4]", "\"shape\":[0,4]", "does not fit its range");
}

static void a_count_beyond_the_file_is_refused(void **state)
{
    (void)state;
    refused("\"shape\":[12,4]", "\"shape\":[1,1,1,1,1,1,1,1,1]", "too many dimensions");
    refused("\"data_offsets\":[0,", "\"data_offsets\":[9007199254740984,", "outside the file");
    refused("\"data_offsets\":[0,", "\"data_offsets\":[-8,", "whole number");
    refused("\"data_offsets\":[0,", "\"data_offsets\":[0.5,", "whole number");
    refused("\"data_offsets\":[0,", "\"data_offsets\":[1e400,", "expected a number");
    refused("\"data_offsets\":[0,", "\"data_offsets\":[0,0,", "not two numbers");
    refused("\\\"units\\\":\\\"4\\\"", "\\\"units\\\":\\\"16777216\\\"", "has not the shape");
    refused("\\\"n_in\\\":12", "\\\"n_in\\\":2000000000", "does not take what");
    refused("\\\"n_in\\\":12", "\\\"n_in\\\":1e18", "whole number");
    refused("\\\"buckets\\\":4", "\\\"buckets\\\":9007199254740992", "do not fit its kind");
}

static void ranges_that_overlap_or_leave_holes_are_refused(void **state)
{
    (void)state;
    char *last = strrchr(header, '}'), *text = room_for(strlen(header) + 200);
    sprintf(text, "%.*s,\"more\":{\"dtype\":\"U8\",\"shape\":[8],\"data_offsets\":[0,8]}}",
            (int)(last - header), header);
    assert_refused(parse(text, data, data_size), "overlap");
    sprintf(text, "%.*s,\"more\":{\"dtype\":\"U8\",\"shape\":[8],\"data_offsets\":[%zu,%zu]}}",
            (int)(last - header), header, data_size + 8, data_size + 16);
    char *longer = calloc(1, data_size + 16);
    memcpy(longer, data, data_size);
    assert_refused(parse(text, longer, data_size + 16), "bytes between tensors");
    assert_refused(parse(header, longer, data_size + 16), "bytes after the last tensor");
    sprintf(text, "%.*s,\"more\":{\"dtype\":\"U8\",\"shape\":[16],\"data_offsets\":[%zu,%zu]}}",
            (int)(last - header), header, data_size, data_size + 16);
    assert_refused(parse(text, longer, data_size + 16), "no layer of the description has");
    assert_refused(parse(header, data, data_size - 4), "outside the file");
    free(longer);
    free(text);
}

static void duplicate_keys_are_refused(void **state)
{
    (void)state;
    refused("\"layers.0.weight\":", "\"layers.0.bias\":", "a key appears twice");
    refused("\"record\":", "\"format\":", "a key appears twice");
    refused("\"dtype\":\"F", "\"dtype\":\"F32\",\"dtype\":\"F", "a key appears twice");
    refused("\\\"loss\\\":", "\\\"n_in\\\":12,\\\"loss\\\":", "a key appears twice");
    refused("\\\"task\\\":", "\\\"header\\\":true,\\\"task\\\":", "a key appears twice");
    refused("\\\"fill\\\":", "\\\"scale\\\":1,\\\"fill\\\":", "a key appears twice");
    refused("{\"__metadata__\":", "{\"__metadata__\":{\"a\":\"b\"},\"__metadata__\":",
            "a key appears twice");
}

static void values_that_are_not_finite_are_refused(void **state)
{
    (void)state;
    static const nd_real bad[] = {(nd_real)NAN, (nd_real)INFINITY, -(nd_real)INFINITY};
    for (size_t i = 0; i < 3; i++) {
        char *values = room_for(data_size);
        memcpy(values, data, data_size);
        memcpy(values + 5 * sizeof(nd_real), &bad[i], sizeof(nd_real));
        assert_refused(parse(header, values, data_size), "layers.0.weight: element 5 is");
        free(values);
    }
    refused("\\\"scale\\\":0.1", "\\\"scale\\\":\\\"inf\\\"", "cannot be used");
    refused("\\\"scale\\\":0.1", "\\\"scale\\\":0", "cannot be used");
    refused("\\\"fill\\\":5e-324", "\\\"fill\\\":\\\"nan\\\"", "cannot be used");
    refused("\\\"low\\\":-10,", "\\\"low\\\":\\\"nan\\\",", "not in order");
    refused("\\\"low\\\":-10,", "\\\"low\\\":11,", "not in order");
    refused("[-0.1,0.1,", "[0.2,0.1,", "not in order");
}

static void layers_that_read_what_comes_later_are_refused(void **state)
{
    (void)state;
    refused("\\\"from\\\":[0]", "\\\"from\\\":[3]", "does not come before it");
    refused("\\\"from\\\":[0]", "\\\"from\\\":[1]", "does not come before it");
    refused("\\\"from\\\":[0]", "\\\"from\\\":[-2]", "does not come before it");
    refused("\\\"from\\\":[0]", "\\\"from\\\":[0.5]", "whole number");
    refused("\\\"from\\\":[0]", "\\\"from\\\":[]", "without input");
    refused("\\\"from\\\":[0]", "\\\"from\\\":[0,0]", "inputs");
    refused("\\\"from\\\":[0]", "\\\"from\\\":[0,0,0,0,0,0,0,0,0]", "too many inputs");
}

static void unknown_things_are_named(void **state)
{
    (void)state;
    refused("\\\"type\\\":\\\"relu", "\\\"type\\\":\\\"swoosh", "\"swoosh\"");
    refused("\\\"loss\\\":\\\"cross", "\\\"loss\\\":\\\"happy", "loss that this version");
    refused("\\\"kind\\\":\\\"hashed", "\\\"kind\\\":\\\"mashed", "does not know");
    refused("\\\"units\\\":", "\\\"unite\\\":", "unite");
    refused("\"format_version\":\"1\"", "\"format_version\":\"2\"", "format version 2");
    refused("\"format\":\"nadir\"", "\"format\":\"pt\"", "not a model of nadir");
    refused("\"format\":", "\"formal\":", "no metadata \"format\"");
    refused("\"layers.0.bias\":", "\"layers.0.bios\":", "no tensor layers.0.bias");
    refused("\"layers.0.bias\":", "\"layers.\\u0030.bias\":", "escape in the name");
    refused("\"dtype\":\"F", "\"dtype\":\"Q", "unknown dtype");
    refused("\\\"header\\\":", "\\\"headed\\\":", "unknown key");
}

static void texts_cannot_add_attributes_or_leave_their_place(void **state)
{
    (void)state;
    refused("\\\"units\\\":\\\"4\\\"", "\\\"units\\\":\\\"4,bias=false\\\"", "not one word");
    refused("\\\"units\\\":\\\"4\\\"", "\\\"name\\\":\\\"x\\\"", "name of an attribute");
    refused("\\\"name\\\":\\\"dense1\\\"", "\\\"name\\\":\\\"../../etc/passwd\\\"", "name");
    refused("\\\"name\\\":\\\"dense1\\\"", "\\\"name\\\":\\\"relu1\\\"", "taken");
    refused("\"layers.0.bias\":", "\"/etc/passwd\":", "no tensor layers.0.bias");
    refused("\\\"name\\\":\\\"length\\\"", "\\\"name\\\":\\\"a\\\\u0000b\\\"", "NUL");
}

static void preparations_that_do_not_add_up_are_refused(void **state)
{
    (void)state;
    refused("\\\"features\\\":12", "\\\"features\\\":11", "not the sum");
    refused("\\\"first\\\":4", "\\\"first\\\":5", "do not follow each other");
    refused("\\\"first\\\":4,\\\"features\\\":3", "\\\"first\\\":4,\\\"features\\\":5",
            "do not fit its kind");
    refused("\\\"red\\\"", "\\\"bl\xc3\xbc\\\"", "a word appears twice");
    refused("\\\"maybe\\\"", "\\\"yes\\\"", "a word appears twice");
    refused(",\\\"maybe\\\"", "", "class_count");
    refused("\\\"task\\\":\\\"multiclass", "\\\"task\\\":\\\"binary", "does not fit the task");
    refused("\\\"task\\\":\\\"multiclass", "\\\"task\\\":\\\"regression", "fit the task");
    refused("\\\"position\\\":6", "\\\"position\\\":7", "outside the table");
    refused("\\\"reason\\\":\\\"identifier\\\"", "\\\"buckets\\\":4", "do not fit its kind");
}

static void damaged_json_is_refused_with_its_place(void **state)
{
    (void)state;
    refused("{\"__metadata__\"", "[\"__metadata__\"", "byte 8: expected an object");
    refused("\\\"n_in\\\":12", "\\\"n_in\\\":012", "expected a number");
    refused("\\\"n_in\\\":12", "\\\"n_in\\\":12 12", "byte");
    refused("\\\"epochs\\\":12", "\\\"epochs\\\":1.", "training record");
    refused("{\\\"seed\\\":1,", "{\\\"seed\\\":1,,", "training record");
    refused("{\\\"seed\\\":1,", "{\\\"seed\\\":tru,", "training record");
    refused("\"record\":\"{", "\"record\":\"[{", "training record");
    refused("bl\xc3\xbc", "bl\xc3", "UTF-8");
    refused("bl\xc3\xbc", "bl\\\\ud800", "bad escape");
    refused("bl\xc3\xbc", "bl\x01", "control byte");
}

static void numbers_that_cannot_be_counts_are_refused(void **state)
{
    (void)state;
    refused("\\\"n_in\\\":12", "\\\"n_in\\\":0", "number of inputs out of range");
    refused("\\\"n_in\\\":12", "\\\"n_in\\\":4294967296", "number of inputs out of range");
    refused("\\\"n_in\\\":12", "\\\"n_in\\\":-1", "whole number from 0");
    refused("\\\"n_in\\\":12", "\\\"n_in\\\":\\\"many\\\"", "expected a number");
    refused("\\\"n_in\\\":12", "\\\"n_in\\\":-", "expected a number");
    refused("\\\"n_in\\\":12", "\\\"n_in\\\":12e", "expected a number");
    refused("\\\"n_in\\\":12,", "", "n_in must come before the layers");
    refused("\\\"n_in\\\":12,\\\"loss\\\":\\\"cross_entropy\\\",", "\\\"n_in\\\":12,",
            "n_in, loss or layers are missing");
    refused("\\\"loss\\\":\\\"cross_entropy\\\"", "\\\"loss\\\":7", "expected a string");
    refused("\\\"position\\\":6,\\\"center\\\":0.1",
            "\\\"position\\\":6,\\\"center\\\":\\\"nan\\\"",
            "center or scale of a target cannot be used");
    refused("\\\"scale\\\":2", "\\\"scale\\\":2,\\\"mean\\\":\\\"inf\\\"",
            "the mean of a target cannot be used");
    refused("\\\"scale\\\":2", "\\\"scale\\\":-2", "scale of a target is not above 0");
}

static void images_that_are_no_rows_and_columns_are_refused(void **state)
{
    (void)state;
    refused("\\\"fill\\\":5e-324", "\\\"fill\\\":5e-324,\\\"image\\\":[3]",
            "an image is not rows and columns");
    refused("\\\"fill\\\":5e-324", "\\\"fill\\\":5e-324,\\\"image\\\":[3,3,3]",
            "an image is not rows and columns");
    refused("\\\"fill\\\":5e-324", "\\\"fill\\\":5e-324,\\\"image\\\":3", "expected an array");
    refused("\\\"fill\\\":5e-324", "\\\"fill\\\":5e-324,\\\"image\\\":[1,1]",
            "the fields of a column do not fit its kind");
}

static void tasks_with_other_targets_are_refused(void **state)
{
    (void)state;
    refused("\\\"task\\\":\\\"multiclass\\\"", "\\\"task\\\":\\\"auto\\\"", "fit the task");
    refused("\\\"task\\\":\\\"multiclass\\\"", "\\\"task\\\":\\\"autoencoder\\\"", "fit the task");
}

static void a_dtype_without_values_of_numbers_is_refused(void **state)
{
    (void)state;
    bool single = sizeof(nd_real) == sizeof(float);
    refused(single ? "\"dtype\":\"F32\"" : "\"dtype\":\"F64\"",
            single ? "\"dtype\":\"I32\"" : "\"dtype\":\"I64\"", "F32 or F64 is needed");
}

/* A surrogate pair, which JSON needs for what UTF-8 writes in four bytes. */
static void escapes_beyond_16_bits_are_read(void **state)
{
    (void)state;
    char *text = changed(header, "bl\xc3\xbc", "\\\\ud83d\\\\ude00\\\\u00fc\\\\u20ac\\\\n", false);
    size_t n = (strlen(text) + 7) / 8 * 8, size = 8 + n + data_size, bytes = 0;
    char *file = room_for(size);
    memset(file, ' ', 8 + n);
    for (int i = 0; i < 8; i++) {
        file[i] = (char)(n >> 8 * i);
    }
    memcpy(file + 8, text, strlen(text));
    memcpy(file + 8 + n, data, data_size);
    nd_model *model = NULL;
    assert_ok(ctx, nd_model_parse(ctx, "m", file, size, false, &model));
    assert_string_equal(nd_dict_word(model->prep->column[4].words, 2, &bytes),
                        "\xf0\x9f\x98\x80\xc3\xbc\xe2\x82\xac\n");
    nd_model_destroy(model);
    free(file);
    free(text);
    refused("bl\xc3\xbc", "\\\\ud83d\\\\u0041", "bad escape");
    refused("bl\xc3\xbc", "\\\\ude00", "bad escape");
    refused("bl\xc3\xbc", "\\\\u00g0", "bad escape");
    refused("bl\xc3\xbc", "\\\\u00", "bad escape");
    refused("bl\xc3\xbc", "\\\\x", "bad escape");
}

static void metadata_that_is_too_much_or_no_text_is_refused(void **state)
{
    (void)state;
    char *more = room_for(4000), *at = more;
    at += sprintf(at, "\"format\":");
    for (int i = 0; i < 100; i++) {
        at += sprintf(at, "\"x\",\"k%d\":", i);
    }
    refused("\"format\":", more, "too many metadata entries");
    free(more);
    refused("\"record\":\"{", "\"record\":\"\\u0000{", "metadata \"record\": NUL in a text");
}

static void nesting_without_end_is_refused(void **state)
{
    (void)state;
    size_t n = 200000;
    char *deep = room_for(n + 1);
    memset(deep, '[', n);
    deep[n] = '\0';
    refused("\\\"seed\\\":1", deep, "expected a string");
    char *text = room_for(n + 16);
    sprintf(text, "\\\"seed\\\":%s", deep);
    refused("\\\"seed\\\":1", text, "nested too deeply");
    assert_refused(parse(deep, data, data_size), "expected an object");
    sprintf(text, "{\"a\":%s", deep);
    assert_refused(parse(text, data, data_size), "nested too deeply");
    free(text);
    free(deep);
}

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { CAN_LIMIT = 0 };
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
enum { CAN_LIMIT = 0 };
#else
enum { CAN_LIMIT = 1 };
#endif
#else
enum { CAN_LIMIT = 1 };
#endif

static size_t address_space(void)
{
    unsigned long pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    if (file != NULL) {
        assert_int_equal(fscanf(file, "%lu", &pages), 1);
        fclose(file);
    }
    return pages * (size_t)sysconf(_SC_PAGESIZE);
}

/* Status of parsing in a child that may take so many bytes more. */
static int parse_in(size_t more, const char *file, size_t size)
{
    pid_t child = fork();
    if (child == 0) {
        nd_model *model;
        size_t room = address_space() + more;
        struct rlimit limit = {room, room};
        setrlimit(RLIMIT_AS, &limit);
        _exit(nd_model_parse(ctx, "m", file, size, false, &model));
    }
    int status = -1;
    waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* The same with twice the file and 1 MB. */
static int parse_within(const char *file, size_t size)
{
    return parse_in(2 * size + (1 << 20), file, size);
}

static char *file_of(const char *text, const char *values, size_t values_size, size_t *size)
{
    size_t n = (strlen(text) + 7) / 8 * 8;
    char *file = room_for(*size = 8 + n + values_size);
    memset(file, ' ', 8 + n);
    for (int i = 0; i < 8; i++) {
        file[i] = (char)(n >> 8 * i);
    }
    memcpy(file + 8, text, strlen(text));
    memcpy(file + 8 + n, values, values_size);
    return file;
}

/* The header with one piece of it repeated until it has a million bytes. */
static char *swollen(const char *after, const char *piece, const char *last)
{
    size_t count = 1000000 / strlen(piece), room = count * (strlen(piece) + 12) + 1000;
    char *more = room_for(room), *at = more;
    at += sprintf(at, "%s", after);
    for (size_t i = 0; i < count; i++) {
        at += sprintf(at, piece, (unsigned)i);
    }
    sprintf(at, "%s", last);
    char *text = changed(header, after, more, false);
    free(more);
    return text;
}

/* Parts that the file could not pay for, in this process as in others. */
static void more_parts_than_the_file_explains_are_refused(void **state)
{
    (void)state;
    char *text = swollen("\\\"layers\\\":[",
                         "{\\\"type\\\":\\\"relu\\\",\\\"name\\\":\\\"r%x\\\",\\\"from\\\":[-1],"
                         "\\\"attributes\\\":{}},",
                         "");
    assert_refused(parse(text, data, data_size), "more parts than a file of this size");
    free(text);
    text = swollen("\\\"words\\\":[", "\\\"%x\\\",", "");
    assert_refused(parse(text, data, data_size), "more parts than a file of this size");
    free(text);
    text = swollen("\\\"columns\\\":[", "{},", "");
    assert_refused(parse(text, data, data_size), "more parts than a file of this size");
    free(text);
}

static void a_hostile_header_costs_less_than_twice_the_file(void **state)
{
    (void)state;
    /* The first is odd but sound: a record may hold anything. */
    static const char *const swell[][3] = {
        {"\"record\":\"{", "\\\"%x\\\":[[],[]],", ""},
        {"\\\"words\\\":[", "\\\"%x\\\",", ""},
        {"\\\"classes\\\":[", "\\\"%x\\\",", ""},
        {"\\\"columns\\\":[", "{},", ""},
        {"\\\"columns\\\":[",
         "{\\\"name\\\":\\\"%x\\\",\\\"kind\\\":\\\"dropped\\\",\\\"first\\\":0,\\\"features\\\":0,"
         "\\\"reason\\\":\\\"\\\"},",
         ""},
        {"\\\"targets\\\":[", "{\\\"name\\\":\\\"%x\\\"},", ""},
        {"\\\"knots\\\":[", "-1,", ""},
        {"\\\"layers\\\":[",
         "{\\\"type\\\":\\\"relu\\\",\\\"name\\\":\\\"r%x\\\",\\\"from\\\":[-1],"
         "\\\"attributes\\\":{}},",
         ""},
        {"{\"__metadata__\":", "{\"a\":\"b\"},\"%x\":", ""},
        {"\"layers.0.weight\":", "{\"dtype\":\"I8\",\"shape\":[],\"data_offsets\":[0,1]},\"%x\":",
         ""},
    };
    if (!CAN_LIMIT) {
        print_message("skipped: a sanitizer's address space cannot be limited\n");
        skip();
    }
    for (size_t i = 0; i < sizeof swell / sizeof swell[0]; i++) {
        size_t size;
        char *text = swollen(swell[i][0], swell[i][1], swell[i][2]);
        char *file = file_of(text, data, data_size, &size);
        int status = parse_within(file, size);
        if (status != (i == 0 ? ND_OK : ND_ERR_FORMAT)) {
            fail_msg("case %zu (%s): status %d", i, swell[i][1], status);
        }
        free(file);
        free(text);
    }
}

static void a_large_model_loads_within_twice_its_file(void **state)
{
    (void)state;
    static const char *const line[] = {"dense units=1000", "relu", "dense units=1000", "relu",
                                       "dense units=3",    NULL};
    size_t size;
    nd_model *model;
    if (!CAN_LIMIT) {
        print_message("skipped: a sanitizer's address space cannot be limited\n");
        skip();
    }
    assert_ok(ctx, nd_model_create(ctx, make_net(ctx, 12, "cross_entropy", line),
                                   make_prep(ctx, ND_TASK_MULTICLASS), nd_strdup("{}"), &model));
    char *file = model_bytes(model, &size);
    nd_model_destroy(model);
    assert_true(size > 4000000);
    assert_int_equal(parse_within(file, size), ND_OK);
    free(file);
}

/* Small members take more beside their numbers than the numbers do. */
static void many_small_members_load_within_18_times_their_file(void **state)
{
    (void)state;
    static const nd_task tasks[] = {ND_TASK_BINARY, ND_TASK_MULTICLASS};
    if (!CAN_LIMIT) {
        print_message("skipped: a sanitizer's address space cannot be limited\n");
        skip();
    }
    for (size_t i = 0; i < 2; i++) {
        for (size_t members = 50; members <= ND_MEMBERS_MAX; members *= 2) {
            size_t size;
            nd_model *model = make_ensemble(ctx, tasks[i], members);
            char *file = model_bytes(model, &size);
            nd_model_destroy(model);
            int status = parse_in(18 * size + (5 << 20), file, size);
            if (status != ND_OK) {
                fail_msg("%zu members, %zu bytes: status %d", members, size, status);
            }
            free(file);
        }
    }
}

static int setup(void **state)
{
    (void)state;
    if (nd_ctx_create(&ctx, 1) != ND_OK) {
        return -1;
    }
    nd_model *model = make_model(ctx, ND_TASK_MULTICLASS);
    sound = model_bytes(model, &sound_size);
    nd_model_destroy(model);
    size_t n = (unsigned char)sound[0] + 256u * (unsigned char)sound[1];
    header = calloc(1, n + 1);
    memcpy(header, sound + 8, n);
    data = sound + 8 + n;
    data_size = sound_size - 8 - n;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    free(sound);
    free(header);
    nd_ctx_destroy(ctx);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_sound_file_is_taken),
        cmocka_unit_test(a_header_longer_than_the_file_is_refused),
        cmocka_unit_test(a_shape_whose_product_overflows_is_refused),
        cmocka_unit_test(a_count_beyond_the_file_is_refused),
        cmocka_unit_test(ranges_that_overlap_or_leave_holes_are_refused),
        cmocka_unit_test(duplicate_keys_are_refused),
        cmocka_unit_test(values_that_are_not_finite_are_refused),
        cmocka_unit_test(layers_that_read_what_comes_later_are_refused),
        cmocka_unit_test(unknown_things_are_named),
        cmocka_unit_test(texts_cannot_add_attributes_or_leave_their_place),
        cmocka_unit_test(preparations_that_do_not_add_up_are_refused),
        cmocka_unit_test(damaged_json_is_refused_with_its_place),
        cmocka_unit_test(numbers_that_cannot_be_counts_are_refused),
        cmocka_unit_test(images_that_are_no_rows_and_columns_are_refused),
        cmocka_unit_test(tasks_with_other_targets_are_refused),
        cmocka_unit_test(a_dtype_without_values_of_numbers_is_refused),
        cmocka_unit_test(escapes_beyond_16_bits_are_read),
        cmocka_unit_test(metadata_that_is_too_much_or_no_text_is_refused),
        cmocka_unit_test(more_parts_than_the_file_explains_are_refused),
        cmocka_unit_test(nesting_without_end_is_refused),
        cmocka_unit_test(a_hostile_header_costs_less_than_twice_the_file),
        cmocka_unit_test(a_large_model_loads_within_twice_its_file),
        cmocka_unit_test(many_small_members_load_within_18_times_their_file),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
