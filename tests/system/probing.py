# probing: the client of a lab: asks a service address all the time, captures packets, sends junk
import json
import os
import subprocess
import tempfile
import time

import wire
from hosts import HELPERS, bound, execute


class Prober:
    """Runs build/…/lab/prober in the client's namespace; its events are dictionaries.

    gap: at (wall clock of the last answer before), ms, before, after (host names, '' = none yet)
    owner: at, host = another host answers from now on;  mac: at, mac;  two owners: at, macs
    """

    def __init__(self, space, address, interval_us=1000):
        self.address = address
        self._output = tempfile.TemporaryFile('w+')
        self._process = subprocess.Popen(
            bound(space.enter([f'{HELPERS}/prober', address, str(interval_us), 'eth0'])),
            stdin=subprocess.PIPE, stdout=self._output, text=True)

    def events(self, kind=None):
        """What was reported so far."""
        text = os.pread(self._output.fileno(), 1 << 24, 0).decode()
        found = [json.loads(line) for line in text.splitlines(True) if line.endswith('\n')]
        return [event for event in found if kind is None or event['event'] == kind]

    def gaps(self, longer_than=0.0):
        return [gap for gap in self.events('gap') if gap['ms'] > longer_than]

    def double_owned(self):
        """Seconds from the first to the last moment at which two hosts answered; 0 if never."""
        times = [event['at'] for event in self.events('two owners')]
        return times[-1] - times[0] if times else 0.0

    def longest_gap(self, since=0.0):
        """Milliseconds of the longest gap that began after a wall-clock time; 0 if none."""
        return max((gap['ms'] for gap in self.gaps() if gap['at'] >= since), default=0.0)

    def owner(self):
        """Name of the host that answered last."""
        owners = self.events('owner')
        return owners[-1]['host'] if owners else ''

    def stop(self):
        """Ends it; returns the `end` event: asked, answered, gaps, refused."""
        if self._process.poll() is None:
            self._process.stdin.close()
            self._process.wait(timeout=5)
        ends = self.events('end')
        return ends[-1] if ends else {}

    def close(self):
        self._process.kill()
        self._process.wait()
        self._process.stdin.close()
        self._output.close()


class Capture:
    """tcpdump at a host's end of a link."""

    def __init__(self, space, port, folder, name):
        self.path = f'{folder}/{name}.pcap'
        self._process = subprocess.Popen(
            bound(space.enter(['tcpdump', '-i', port, '--immediate-mode', '-U', '-n', '-Z', 'root',
                               '-s', '65535', '-w', self.path, 'udp', 'port', '694'])),
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        for line in self._process.stderr:  # its first words come once it listens
            if 'listening on' in line:
                return
        raise RuntimeError(f'tcpdump does not start on {port}')

    def packets(self, **wanted):
        """Packets so far whose fields have these values, e.g. t='status', src='n1'."""
        found = wire.read_capture(self.path) if os.path.exists(self.path) else []
        return [p for p in found if all(p.get(k) == v for k, v in wanted.items())]

    def close(self):
        self._process.terminate()
        self._process.wait()
        self._process.stderr.close()


class Client:
    """A host of the service network without heartbeat."""

    def __init__(self, lab, space):
        self.lab, self.space = lab, space
        self.probers = []

    def probe(self, address, interval_us=1000):
        prober = Prober(self.space, address, interval_us)
        self.probers.append(prober)
        return prober

    def send(self, address, datagrams, port=694, pause=0.0):
        """Sends UDP datagrams from the client's own address."""
        program = ('import socket,sys,time\n'
                   's=socket.socket(socket.AF_INET,socket.SOCK_DGRAM)\n'
                   's.setsockopt(socket.SOL_SOCKET,socket.SO_BROADCAST,1)\n'
                   'for line in sys.stdin:\n'
                   f'    s.sendto(bytes.fromhex(line),({address!r},{port}))\n'
                   f'    time.sleep({pause})\n')
        execute(self.space.enter(['python3', '-c', program]), check=True, timeout=60,
                text=''.join(data.hex() + '\n' for data in datagrams))

    def close(self):
        for prober in self.probers:
            prober.close()
        self.space.close()


def wait_until(condition, timeout, what, poll=0.02, repeat=''):
    """Waits for a condition to become true; returns its value. `what` completes "waited for"."""
    limit = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > limit:
            raise AssertionError(f'waited {timeout:g} s in vain for {what}{repeat}')
        time.sleep(poll)
