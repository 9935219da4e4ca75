#include <string.h>

#include "base/mem.h"
#include "data/csv_internal.h"

static bool push_cell(nd_csv_grid *grid, const nd_csv_cell *cell)
{
    if (!nd_grow((void **)&grid->cell, &grid->cell_room, grid->cells, sizeof *grid->cell)) {
        return false;
    }
    grid->cell[grid->cells++] = *cell;
    return true;
}

/* Close the row at hand: start[rows] is where the next one begins. */
static bool push_row(nd_csv_grid *grid)
{
    if (!nd_grow((void **)&grid->start, &grid->start_room, grid->rows + 1, sizeof *grid->start)) {
        return false;
    }
    grid->start[++grid->rows] = grid->cells;
    return true;
}

typedef enum row_end { ROW_DONE, ROW_PARTIAL, ROW_NO_MEMORY } row_end;

static row_end take_row(nd_csv_grid *grid, const nd_csv_dialect *dialect, const char **p,
                        const char *end, bool whole)
{
    bool more = true;
    const char *at = *p;
    while (more) {
        nd_csv_cell cell;
        nd_csv_fault_kind fault = ND_CSV_FINE;
        at = nd_csv_cell_read(dialect, at, end, &cell, &fault);
        if (!at) {
            return ROW_PARTIAL;
        }
        if (!push_cell(grid, &cell)) {
            return ROW_NO_MEMORY;
        }
        more = nd_csv_next_cell(dialect, &at, end);
    }
    if (!whole && at == end && at[-1] != '\n') {
        return ROW_PARTIAL;
    }
    *p = at;
    return ROW_DONE;
}

bool nd_csv_grid_fill(nd_csv_grid *grid, const nd_csv_dialect *dialect, const char *text,
                      size_t size, bool whole, size_t max_rows)
{
    const char *p = text, *end = text + size;
    grid->rows = 0;
    grid->cells = 0;
    grid->after = text;
    if (!nd_grow((void **)&grid->start, &grid->start_room, 0, sizeof *grid->start)) {
        return false;
    }
    grid->start[0] = 0;
    while (p < end && grid->rows < max_rows) {
        const char *next = nd_csv_blank_line(dialect, p, end);
        if (next) {
            p = next;
            continue;
        }
        row_end row = take_row(grid, dialect, &p, end, whole);
        if (row == ROW_NO_MEMORY || (row == ROW_DONE && !push_row(grid))) {
            return false;
        }
        if (row == ROW_PARTIAL) {
            grid->cells = grid->start[grid->rows];
            break;
        }
        grid->after = p;
    }
    return true;
}

size_t nd_csv_grid_width(const nd_csv_grid *grid, size_t row)
{
    return grid->start[row + 1] - grid->start[row];
}

void nd_csv_grid_free(nd_csv_grid *grid)
{
    nd_free(grid->cell);
    nd_free(grid->start);
    memset(grid, 0, sizeof *grid);
}
