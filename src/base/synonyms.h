/* Names that settings have in other programs. */
#ifndef ND_BASE_SYNONYMS_H
#define ND_BASE_SYNONYMS_H

/* What a setting of another program is called here, such as "lr" for "learning_rate" or
 * "learning-rate"; NULL if that is not known. A static string. */
const char *nd_synonym(const char *name);

#endif
