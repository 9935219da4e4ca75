/* Pieces of the CSV reader. A text walks: dialect (detected on a sample) ->
 * cuts at row starts -> chunks parsed in parallel -> column types -> table. */
#ifndef ND_DATA_CSV_INTERNAL_H
#define ND_DATA_CSV_INTERNAL_H

#include "data/csv.h"

/* Bytes of text per parallel chunk at least, chunks at most, and bytes of text
 * that detection looks at. */
#define ND_CSV_CHUNK ((size_t)256 << 10)
#define ND_CSV_CHUNKS 64
#define ND_CSV_SAMPLE ((size_t)64 << 10)

/* ---- Words that mean missing ---------------------------------------------- */

typedef struct nd_csv_missing {
    char *text; /* a copy of the list, which word points into */
    const char **word;
    size_t *size;
    size_t count;
    bool starts[256]; /* first bytes of the words, both cases */
    bool comma;       /* numbers have a decimal comma, and no point */
    char thousands;   /* mark between their thousands, or 0 */
    double *number;   /* those words that are finite numbers, such as -999 */
    size_t number_count;
} nd_csv_missing;

/* list as in nd_csv_params.missing. */
nd_status nd_csv_missing_init(nd_ctx *ctx, const char *list, nd_csv_missing *missing);
void nd_csv_missing_free(nd_csv_missing *missing);

typedef enum nd_csv_class {
    ND_CSV_MISSING,
    ND_CSV_NUMBER,
    ND_CSV_INFINITE, /* inf */
    ND_CSV_OVERFLOW, /* 1e400 */
    ND_CSV_TEXT
} nd_csv_class;

/* What a cell's text is, by these words and these marks in numbers; outer blanks do not count.
 * Missing words are matched without regard to case. */
nd_csv_class nd_csv_classify(const nd_csv_missing *missing, const char *text, size_t n,
                             double *value);

/* True of numbers written with commas: "1,5", "1,234.5". */
bool nd_csv_comma_number(const char *text, size_t n);

/* The mark of thousands with which a text that is no number would be one; 0: none. */
char nd_csv_thousands_mark(const nd_csv_missing *missing, const char *text, size_t n);

/* ---- Dialect and cells ----------------------------------------------------- */

/* Classes of bytes in an unquoted cell. */
enum { ND_CSV_STOP = 1, ND_CSV_HIGH = 2, ND_CSV_BAD = 4 };

typedef struct nd_csv_dialect {
    char delimiter;
    char quote; /* 0: no quoting */
    bool runs;  /* delimiter ' ': any run of blanks and tabs */
    bool header;
    size_t max_field;
    unsigned char of[256]; /* ND_CSV_STOP for delimiter and line feed,
                                 ND_CSV_HIGH above 0x7f, ND_CSV_BAD for NUL and CR */
} nd_csv_dialect;

/* Set delimiter and quote with what follows from them. */
void nd_csv_dialect_set(nd_csv_dialect *dialect, char delimiter, char quote);

typedef enum nd_csv_fault_kind {
    ND_CSV_FINE,
    ND_CSV_FAULT_RAGGED,
    ND_CSV_FAULT_UNCLOSED,
    ND_CSV_FAULT_AFTER_QUOTE,
    ND_CSV_FAULT_NUL,
    ND_CSV_FAULT_RETURN,
    ND_CSV_FAULT_UTF8,
    ND_CSV_FAULT_LONG,
    ND_CSV_FAULT_VALUE, /* a strict number column: text, inf or 1e400 */
    ND_CSV_FAULT_MEMORY
} nd_csv_fault_kind;

typedef struct nd_csv_cell {
    const char *text; /* between the quotes; unquoted: without outer blanks */
    size_t size;
    bool quoted;
    bool doubled;  /* holds doubled quotes */
    unsigned seen; /* classes of its bytes; unquoted cells only */
} nd_csv_cell;

/* Read the cell at p. Returns where it stopped: at a delimiter, a line feed or
 * end (a CR before line feed or end is passed over); NULL after a fault. */
const char *nd_csv_cell_read(const nd_csv_dialect *dialect, const char *p, const char *end,
                             nd_csv_cell *cell, nd_csv_fault_kind *fault);

/* NUL, stray CR or invalid UTF-8 in a cell that was read; ND_CSV_FINE if none. */
nd_csv_fault_kind nd_csv_cell_check(const nd_csv_cell *cell);

/* Step over what follows a cell: true and *p at the next cell of the row, or
 * false and *p behind the line end. */
bool nd_csv_next_cell(const nd_csv_dialect *dialect, const char **p, const char *end);

/* If the line at p is blank: where the next begins; else NULL. */
const char *nd_csv_blank_line(const nd_csv_dialect *dialect, const char *p, const char *end);

/* Text of a quoted cell with each doubled quote made one; out has cell->size bytes. */
size_t nd_csv_unquote(const nd_csv_cell *cell, char quote, char *out);

/* ---- Detection ------------------------------------------------------------- */

/* The first rows of a text as cells. Zero-initialize. */
typedef struct nd_csv_grid {
    nd_csv_cell *cell;
    size_t cells, cell_room;
    size_t *start; /* [rows + 1] index of each row's first cell */
    size_t rows, start_room;
    const char *after; /* behind the last row taken */
} nd_csv_grid;

/* Rows of text until max_rows, a fault, or the end; a last row without line end
 * counts only if whole is true. False without memory. */
bool nd_csv_grid_fill(nd_csv_grid *grid, const nd_csv_dialect *dialect, const char *text,
                      size_t size, bool whole, size_t max_rows);
size_t nd_csv_grid_width(const nd_csv_grid *grid, size_t row);
void nd_csv_grid_free(nd_csv_grid *grid);

/* Bytes of the sample of a text of which have bytes are there: 0 if more must be
 * read first. ended: nothing follows the have bytes. */
size_t nd_csv_sample_size(const char *text, size_t have, bool ended);

/* Delimiter, quote and header of a sample, as far as params leaves them open. */
nd_status nd_csv_detect(nd_ctx *ctx, const char *sample, size_t size, bool whole,
                        const nd_csv_params *params, const nd_csv_missing *missing,
                        nd_csv_dialect *dialect);

/* ---- One file --------------------------------------------------------------- */

typedef struct nd_csv_file {
    nd_ctx *ctx;
    const char *path;
    const nd_csv_params *params;
    nd_csv_missing missing;
    nd_csv_dialect dialect;
    size_t columns;
    char **name;            /* [columns] */
    const char *text, *end; /* text at hand; a stream's buffer */
    bool ended;             /* nothing follows end */
    const char *body;       /* where the data rows begin in text */
    size_t lines_before;    /* line feeds before text */
    size_t rows_before;     /* data rows before body */
} nd_csv_file;

/* Check params, skip a byte order mark, detect the dialect on text, take the
 * column names and find the body. On failure call nd_csv_file_close as well. */
nd_status nd_csv_file_begin(nd_csv_file *file, size_t sample);
void nd_csv_file_close(nd_csv_file *file);

/* Column by name, or by 1-based number when no name matches; SIZE_MAX if none. */
size_t nd_csv_file_find(const nd_csv_file *file, const char *name);

/* ---- Cuts ------------------------------------------------------------------- */

/* The first row start at or after target, given a row start p <= target. */
const char *nd_csv_row_start(const nd_csv_dialect *dialect, const char *p, const char *target,
                             const char *end);

/* Behind the last row of [p, end) that is complete, p being a row start; p if none. */
const char *nd_csv_complete(const nd_csv_dialect *dialect, const char *p, const char *end);

size_t nd_csv_count_lines(const char *p, const char *end);

/* ---- Chunks ------------------------------------------------------------------ */

/* What to make of a column; 0 skips it. */
enum { ND_CSV_AS_NUMBER = 1, ND_CSV_AS_WORD = 2 };

/* Text where numbers were expected, as one chunk saw it. */
typedef struct nd_csv_tally {
    size_t missing;
    size_t texts;           /* cells that are neither number nor missing */
    const char *first_text; /* start of the first such cell */
    size_t first_text_row;
    const char *first_bad; /* first inf or 1e400 */
    size_t first_bad_row;
} nd_csv_tally;

typedef struct nd_csv_fault {
    nd_csv_fault_kind kind;
    const char *at; /* the cell, or the row if ragged */
    size_t column;  /* RAGGED: cells found */
} nd_csv_fault;

typedef struct nd_csv_chunk {
    const char *begin, *end;
    size_t slot;         /* place of its first row in the output */
    size_t room;         /* rows that fit there */
    size_t rows;         /* rows found */
    const char *stop;    /* behind the last row taken */
    nd_csv_tally *tally; /* [columns] */
    nd_dict **dict;      /* [columns] NULL unless ND_CSV_AS_WORD */
    nd_csv_fault fault;  /* in row number rows */
    char *scratch;
    size_t scratch_room;
} nd_csv_chunk;

/* What all chunks of a text share. */
typedef struct nd_csv_job {
    const nd_csv_file *file;
    const unsigned char *as; /* [columns] */
    double **number;         /* [columns] output, NULL unless ND_CSV_AS_NUMBER */
    uint32_t **word;         /* [columns] output, NULL unless ND_CSV_AS_WORD */
    bool strict;             /* text in a number column is a fault */
} nd_csv_job;

/* Allocate and free what hangs on a chunk. */
bool nd_csv_chunk_init(const nd_csv_job *job, nd_csv_chunk *chunk);
void nd_csv_chunk_free(const nd_csv_job *job, nd_csv_chunk *chunk);

/* Parse the rows of a chunk, at most room. */
void nd_csv_chunk_parse(const nd_csv_job *job, nd_csv_chunk *chunk);

/* Replace the word numbers of a column, local to each chunk, by numbers in order
 * of first appearance in the file. The dictionary goes to *dict. */
nd_status nd_csv_merge_words(const nd_csv_job *job, nd_csv_chunk *chunks, size_t count,
                             size_t column, nd_dict **dict);

/* Start of the cell at (row, column) of a chunk that parsed without fault. */
const char *nd_csv_chunk_cell(const nd_csv_file *file, const nd_csv_chunk *chunk, size_t row,
                              size_t column);

/* ---- Messages ----------------------------------------------------------------- */

/* A place in a file: row counts from 0 at the first data row. */
typedef struct nd_csv_place {
    size_t row, column;
    const char *at;
} nd_csv_place;

/* Message of a fault in a row; the status that goes with it. */
nd_status nd_csv_fail_fault(const nd_csv_file *file, const nd_csv_fault *fault, size_t row);

/* Message of a cell that a number column cannot hold.
 *   share   numbers among the present cells, NaN if not known
 *   forced  the column was declared to hold numbers */
nd_status nd_csv_fail_value(const nd_csv_file *file, const nd_csv_place *place, double share,
                            bool forced);

/* ---- Whole and streamed text, sizes open to tests ------------------------------ */

/* chunk, buffer: bytes; 0 chooses as nd_csv_parse and nd_csv_open do. */
nd_status nd_csv_parse_chunked(nd_ctx *ctx, const char *path, const char *text, size_t size,
                               const nd_csv_params *params, size_t chunk, nd_table **table);
nd_status nd_csv_open_sized(nd_ctx *ctx, const char *path, const nd_csv_params *params,
                            const nd_csv_want *want, size_t want_count, size_t buffer,
                            nd_csv_stream **stream);

#endif
