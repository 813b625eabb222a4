// reader: the role main of a link's reader process: socket to ring
#pragma once

#include "ipc/child.hpp"

namespace hb::readers {

/// Fixed descriptors: those of ipc::Channel, and 6 = the receiving socket. Datagrams pass with
/// their kernel receive stamps, after a prefilter by length and frame mark; nothing is parsed.
/// Returns the process's exit code.
int reader_main();

/// The same where fd 6 is a serial line, from which messages are cut (wire-protocol §1.3).
int read_serial_line(ipc::Child& child);

/// The same for the control FIFO, fd 6: cuts messages from start mark to end mark (client-api
/// §5.1).
int fifo_main();

}  // namespace hb::readers
