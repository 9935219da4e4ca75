#include "data/png.h"

#include <string.h>
#include <zlib.h>

#include "base/mem.h"

/* Fixed parts of the format: length and type before a chunk's data, checksum behind it;
 * bytes of the first chunk; filter type in front of each line, 0 for none. */
enum { HEAD = 8, TAIL = 4, HEADER_BYTES = 13, GRAY = 0, COLOUR = 2, UNFILTERED = 0 };

static void put_u32(unsigned char *to, uint32_t value)
{
    for (int i = 0; i < 4; i++) {
        to[i] = (unsigned char)(value >> (24 - 8 * i));
    }
}

static nd_status put(nd_ctx *ctx, const nd_sink *sink, const unsigned char *bytes, size_t n)
{
    if (!sink->write) {
        return nd_fail(ctx, ND_ERR_ARGUMENT, "the sink has no write");
    }
    return sink->write(sink->user, (const char *)bytes, n) == 0
               ? ND_OK
               : nd_fail(ctx, ND_ERR_IO, "the image could not be written");
}

/* data[n] has HEAD bytes of room before it and TAIL behind. */
static nd_status put_chunk(nd_ctx *ctx, const nd_sink *sink, const char *type, unsigned char *data,
                           size_t n)
{
    put_u32(data - HEAD, (uint32_t)n);
    memcpy(data - 4, type, 4);
    put_u32(data + n, (uint32_t)crc32(0, data - 4, (uInt)(n + 4)));
    return put(ctx, sink, data - HEAD, HEAD + n + TAIL);
}

static nd_status put_header(nd_ctx *ctx, size_t rows, size_t cols, size_t channels,
                            const nd_sink *sink)
{
    static const unsigned char signature[] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};
    unsigned char room[HEAD + HEADER_BYTES + TAIL] = {0}, *data = room + HEAD;
    put_u32(data, (uint32_t)cols);
    put_u32(data + 4, (uint32_t)rows);
    data[8] = 8;
    data[9] = channels == 3 ? COLOUR : GRAY;
    ND_TRY(put(ctx, sink, signature, sizeof signature));
    return put_chunk(ctx, sink, "IHDR", data, HEADER_BYTES);
}

/* Lines with their filter type, compressed. */
static nd_status put_pixels(nd_ctx *ctx, const uint8_t *pixel, size_t rows, size_t line,
                            const nd_sink *sink)
{
    uLong plain = (uLong)(rows * (line + 1)), packed = compressBound(plain);
    unsigned char *lines = nd_alloc(plain, 1), *room = nd_alloc(HEAD + packed + TAIL, 1);
    nd_status status = nd_fail_memory(ctx);
    if (lines && room) {
        for (size_t i = 0; i < rows; i++) {
            lines[i * (line + 1)] = UNFILTERED;
            memcpy(lines + i * (line + 1) + 1, pixel + i * line, line);
        }
        if (compress2(room + HEAD, &packed, lines, plain, Z_BEST_COMPRESSION) == Z_OK) {
            status = put_chunk(ctx, sink, "IDAT", room + HEAD, packed);
        }
    }
    nd_free(room);
    nd_free(lines);
    return status;
}

nd_status nd_png_write(nd_ctx *ctx, const uint8_t *pixel, size_t rows, size_t cols, size_t channels,
                       const nd_sink *sink)
{
    const size_t most = 1 << 14;
    unsigned char end[HEAD + TAIL];
    if (rows == 0 || cols == 0 || rows > most || cols > most || (channels != 1 && channels != 3)) {
        return nd_fail(ctx, ND_ERR_ARGUMENT,
                       "an image of %zux%zu pixels cannot be written (1 to %zu)", rows, cols, most);
    }
    ND_TRY(put_header(ctx, rows, cols, channels, sink));
    ND_TRY(put_pixels(ctx, pixel, rows, cols * channels, sink));
    return put_chunk(ctx, sink, "IEND", end + HEAD, 0);
}
