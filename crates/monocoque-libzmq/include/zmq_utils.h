/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Kept for programs that include it: all of it is in zmq.h. */
#include "zmq.h"
