/* Columns of raw values, as a reader found them. */
#ifndef ND_DATA_TABLE_H
#define ND_DATA_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/ctx.h"
#include "base/dict.h"

typedef enum nd_dtype {
    ND_DT_F64,  /* numbers, NaN = missing */
    ND_DT_REAL, /* nd_real, borrowed from a caller's array, NaN = missing */
    ND_DT_U8,   /* pixels 0..255 */
    ND_DT_WORD  /* uint32_t numbers of words in dict, ND_DICT_NONE = missing */
} nd_dtype;

typedef struct nd_column {
    char *name; /* unique in the table; "1", "2", ... without a header */
    nd_dtype dtype;
    const void *data; /* element j of row r is at index r*stride + j */
    size_t stride;
    size_t width;                  /* 1, or the pixels of an image */
    size_t image_rows, image_cols; /* 0 unless an image */
    nd_dict *dict;                 /* ND_DT_WORD only; owned by the table */
    size_t missing;                /* missing cells */
    size_t stored;                 /* rows, if data lies in an nd_store; 0: in memory */
} nd_column;

struct nd_table {
    nd_ctx *ctx;
    char *path; /* for messages; "<array>" if none */
    size_t rows, columns, column_room;
    nd_column *column;
    bool header;            /* column names came from the file */
    size_t targets;         /* trailing columns that are targets by construction (the y of
                           nd_table_from_arrays, the labels of IDX); 0: not known */
    size_t part[3];         /* rows to train, validate and test on, one behind the other, as the
                           file says; all 0: it does not */
    bool patterns;          /* of FANN's or PROBEN1's format */
    struct nd_store *store; /* that holds the columns, not owned; NULL: memory */
    uint32_t *origin;       /* [rows] rows of the file that were kept, owned; NULL: all */
    void **owned;           /* blocks freed with the table (nd_free) */
    size_t owned_count, owned_room;
};

/* Empty table without columns. */
nd_status nd_table_create(nd_ctx *ctx, const char *path, nd_table **table);

/* Append a column; takes over name, and dict if given. data is owned only after
 * nd_table_own. On failure name and dict are freed. */
nd_status nd_table_add(nd_table *table, const nd_column *column);

/* Make the table free a block when it is destroyed; frees it at once on failure. */
nd_status nd_table_own(nd_table *table, void *block);

/* Keep rows[count], ascending, of a table in memory that owns its columns; they move up, and
 * nd_table_row tells where they were. On failure the table is as it was. */
nd_status nd_table_keep(nd_table *table, const uint32_t *rows, size_t count);

/* Number of a row in its file, from 1, for people. */
size_t nd_table_row(const nd_table *table, size_t row);

/* Column by name, or by 1-based number when no name matches; -1 if none. */
int nd_table_find(const nd_table *table, const char *name);

/* Number at (row, element j) of a number column, NaN if missing. */
double nd_column_number(const nd_column *column, size_t row, size_t j);

/* Bytes of an element. */
size_t nd_column_element(const nd_column *column);

/* Word number at row of an ND_DT_WORD column. */
uint32_t nd_column_word(const nd_column *column, size_t row);

/* Give back the memory of rows from..to-1 of a stored column, whose pages come back
 * from the store's file when they are looked at again. Other columns are left alone. */
void nd_column_forget(const nd_column *column, size_t from, size_t to);

/* The same for all of a table. */
void nd_table_forget(const nd_table *table);

#endif
