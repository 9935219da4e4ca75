/* The JSON form of a table's description. */
#ifndef ND_REPORT_TABLE_JSON_H
#define ND_REPORT_TABLE_JSON_H

#include "base/text.h"
#include "report/table_facts.h"

/* Append one JSON object and a newline; out->failed without memory. */
void nd_table_facts_json(nd_text *out, const nd_table_facts *facts);

#endif
