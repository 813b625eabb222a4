// writer: the role main of a link's writer process: ring to socket
#pragma once

#include "ipc/child.hpp"
#include "os/serial.hpp"

namespace hb::writers {

/// Fixed descriptors: those of ipc::Channel, and 6 = the connected sending socket. Write errors
/// go up as link_error records, the same error at most once a second. Returns the exit code.
int writer_main();

/// The same where fd 6 is a serial line of this speed.
int write_serial_line(ipc::Child& child, os::Baud baud);

}  // namespace hb::writers
