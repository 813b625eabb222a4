# serial_lines: a null-modem cable between two hosts of a lab: a terminal line in each, and a relay
import errno
import fcntl
import os
import select
import struct
import termios
import threading
import tty

TIOCSPTLCK = 0x40045431
TIOCGPTN = 0x80045430


class End:
    """A device of one host. The relay holds the master side of its pseudo terminal."""

    def __init__(self, host, device):
        self.host, self.device = host, device
        self.master = self.slave = -1
        self.plug_in()

    def plug_in(self):
        flags = os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK
        self.master = os.open(self.host.path('/dev/pts/ptmx'), flags)
        fcntl.ioctl(self.master, TIOCSPTLCK, struct.pack('i', 0))
        number = struct.unpack('I', fcntl.ioctl(self.master, TIOCGPTN, b'\0' * 4))[0]
        # Held open, and raw, so that nothing is echoed before heartbeat has opened it.
        self.slave = os.open(self.host.path(f'/dev/pts/{number}'), flags)
        tty.setraw(self.slave)
        link = self.host.path(self.device)
        if os.path.lexists(link):
            os.unlink(link)
        os.symlink(f'pts/{number}', link)

    def pull(self):
        """The device is gone, as a USB adapter that somebody pulls out."""
        os.unlink(self.host.path(self.device))
        os.close(self.slave)
        os.close(self.master)
        self.master = self.slave = -1

    def close(self):
        for descriptor in (self.slave, self.master):
            if descriptor >= 0:
                os.close(descriptor)
        self.master = self.slave = -1


class Cable:
    """Joins a device of one (booted) host with one of another; a thread carries the bytes."""

    def __init__(self, first, second, device='/dev/ttyLAB0', other_device=None):
        self.ends = [End(first, device), End(second, other_device or device)]
        self.whole = True
        self.carried = [b'', b'']  # what each end has sent
        self._lock = threading.Lock()
        self._stop = False
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self):
        while not self._stop:
            with self._lock:
                masters = [end.master for end in self.ends if end.master >= 0]
            try:
                ready = select.select(masters, [], [], 0.02)[0]
            except OSError:
                continue  # one was pulled just now
            with self._lock:
                for index, end in enumerate(self.ends):
                    if end.master in ready:
                        self._carry(index)

    def _carry(self, index):
        try:
            part = os.read(self.ends[index].master, 4096)
        except OSError as error:
            if error.errno not in (errno.EAGAIN, errno.EIO):
                raise
            return
        self.carried[index] += part
        if self.whole:
            self._write(1 - index, part)

    def _write(self, index, part):
        if self.ends[index].master < 0:
            return
        try:
            os.write(self.ends[index].master, part)
        except BlockingIOError:
            pass  # nobody reads there: the bytes are lost, as on any line

    def cut(self, _host=None):
        self.whole = False

    def heal(self, _host=None):
        self.whole = True

    def disturb(self, index, noise):
        """Bytes that nobody sent arrive at an end."""
        with self._lock:
            self._write(index, noise)

    def pull(self, index):
        with self._lock:
            self.ends[index].pull()

    def plug_in(self, index):
        with self._lock:
            self.ends[index].plug_in()

    def settings(self, index):
        """termios of an end as heartbeat has set it."""
        return termios.tcgetattr(self.ends[index].slave)

    def close(self):
        self._stop = True
        self._thread.join()
        for end in self.ends:
            end.close()
