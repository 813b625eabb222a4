// hb_api_cxx: the public C header as our own C++ sees it, without cluster-glue's headers
#pragma once

#define HB_API_STANDALONE 1
#include "clients/libhbclient/hb_api.h"
