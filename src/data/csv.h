/* CSV (RFC 4180 and its dialects): whole file into a table, or piece by piece. */
#ifndef ND_DATA_CSV_H
#define ND_DATA_CSV_H

#include "base/file.h"
#include "data/store.h"
#include "data/table.h"

/* Value of nd_csv_params.quote for files without quoting. */
#define ND_CSV_NO_QUOTE '\x01'

typedef enum nd_header { ND_HEADER_AUTO, ND_HEADER_YES, ND_HEADER_NO } nd_header;

typedef struct nd_csv_params {
    char delimiter; /* 0: detect among , ; tab | and runs of blanks (' ') */
    char decimal;   /* ',' for numbers such as 1,5 (then not the delimiter); else '.' */
    char thousands; /* mark in numbers such as 1.234,5; a blank stands for those that do not
                       break a line as well (U+00A0, U+202F); 0: none */
    char quote;     /* 0: detect " or '; ND_CSV_NO_QUOTE: none */
    nd_header header;
    const char *missing;       /* words that mean missing, separated by commas (a word
                               in double quotes can hold some), beside
                               the empty cell, in any case; NULL:
                               ?,NA,N/A,#N/A,nan,null,None */
    const char *const *number; /* columns that must be numbers (names or numbers) */
    size_t number_count;
    const char *const *category; /* columns that must be categories */
    size_t category_count;
    bool names_are_hints; /* names in number and category that the file lacks are no error */
    size_t max_field;     /* longest cell accepted, bytes; 0: 16 MiB */
    nd_store *store;      /* where nd_csv_read puts the columns, giving memory back as it
                             goes; it must outlive the table. NULL: in memory */
    size_t piece;         /* with a store: bytes of text that a thread parses at once; 0:
                             256 KiB */
} nd_csv_params;

/* Read a whole file (".gz" by content, "-" standard input), parsed in parallel
 * on the context's pool. A column where every present cell is a number becomes
 * ND_DT_F64. A column with any other text becomes ND_DT_WORD, unless at least
 * 95% of its present cells (and at least 3) are numbers: then the text is taken for an
 * error in the data and reported (ND_ERR_DATA: file, row, column, value, and
 * the option that would accept it). Blanks around unquoted cells are removed.
 * Words are numbered by first appearance. Blank lines are skipped, except in a
 * file of one column, where each is a missing cell. A quote opens a cell only at
 * its start; elsewhere it is a character like others.
 * ND_ERR_FORMAT for what is not CSV: ragged row, quote never closed, NUL byte,
 * invalid UTF-8, field too long, duplicate header, no rows. A number beyond
 * double (1e400) and inf are ND_ERR_DATA. Rows in messages count from 1 at the
 * first data row, beside the line in the file. */
nd_status nd_csv_read(nd_ctx *ctx, const char *path, const nd_csv_params *params, nd_table **table);

/* The same from memory; path is for messages only. For tests and fuzzing too. */
nd_status nd_csv_parse(nd_ctx *ctx, const char *path, const char *text, size_t size,
                       const nd_csv_params *params, nd_table **table);

/* A column that a stream must deliver. */
typedef struct nd_csv_want {
    const char *name;
    nd_dtype dtype;   /* ND_DT_F64 or ND_DT_WORD */
    bool optional;    /* absent in the file is fine: then the pieces lack it */
    size_t place, of; /* column number (from 1) in a file that has no header and exactly
                         this many columns; 0: none */
} nd_csv_want;

typedef struct nd_csv_stream nd_csv_stream;

/* Open a file for reading piece by piece. Columns are matched by name in any
 * order; a file without header by position: by place where the number of columns is
 * that of the want; else column "3" is the third, and when
 * the wanted names are not numbers and the file has exactly want_count columns
 * that are not optional, by order. Columns not wanted are skipped without being
 * looked at. ND_ERR_DATA names every wanted column that is missing. The texts
 * of want and params must outlive the stream. */
nd_status nd_csv_open(nd_ctx *ctx, const char *path, const nd_csv_params *params,
                      const nd_csv_want *want, size_t want_count, nd_csv_stream **stream);

/* The next up to max_rows rows as a table with the wanted columns in the wanted
 * order; *table is NULL at the end. Same errors as nd_csv_read, except that text
 * in a number column is always an error. Memory is bounded by max_rows and the
 * longest row, not by the file. */
nd_status nd_csv_next(nd_csv_stream *stream, size_t max_rows, nd_table **table);
void nd_csv_close(nd_csv_stream *stream);

#endif
