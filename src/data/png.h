/* Writing of PNG images (ISO/IEC 15948), 8 bits a channel. */
#ifndef ND_DATA_PNG_H
#define ND_DATA_PNG_H

#include <stdint.h>

#include "base/ctx.h"

/*   channels  1: gray, 3: red, green, blue
 *   pixel     in [rows][cols][channels]
 * ND_ERR_MEMORY, ND_ERR_IO (the sink refused), ND_ERR_ARGUMENT (a side of 0, or so large that
 * the file could not say it). */
nd_status nd_png_write(nd_ctx *ctx, const uint8_t *pixel, size_t rows, size_t cols, size_t channels,
                       const nd_sink *sink);

#endif
