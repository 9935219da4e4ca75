/* A model as text for people or as one JSON object. */
#ifndef ND_REPORT_MODEL_TEXT_H
#define ND_REPORT_MODEL_TEXT_H

#include "model/model.h"

nd_status nd_report_model(const nd_model *model, int json, const nd_sink *sink);

#endif
