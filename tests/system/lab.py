# lab: two or three hosts, two links and a client on one machine, for tests with the real programs
"""A laboratory of network namespaces.

    with Lab(('ours', 'debian'), auto_failback='legacy', media=('ucast', 'bcast')) as lab:
        n1, n2 = lab.hosts
        lab.start()                               # boots, configures, starts heartbeat everywhere
        lab.wait(lambda: lab.holders(VIP1) == ['n1'], 15, 'n1 to hold its address')
        prober = lab.client.probe(VIP1)           # asks each millisecond from another machine
        n1.power_off()
        lab.wait(lambda: prober.owner() == 'n2', 5, 'n2 to answer')
        print(prober.gaps()[0]['ms'])

Host   `hosts.py`. Own network, mount, pid, uts and ipc namespaces; its root is an overlay of this
       machine's files, the program's install tree, and what the host itself wrote. `ours` is a copy
       of build/stage (make install DESTDIR=build/stage), `debian` is Debian's heartbeat 3.0.6,
       unpacked in build/peer and installed nowhere (`peer.py`). power_off() stops all at one blow,
       boot() brings /var and /etc back with a fresh /run. Nodes are n1, n2, n3.
Link   `links.py`. lab.links[0] carries eth0 (10.77.0.N/24, also the service network), links[1]
       eth1 (10.77.1.N/24). cut/heal (silent), unplug/plug_in (carrier goes), and with
       Lab(relayed=True) policy(): loss, duplication, reordering, one-way cuts, from lab.seed.
Client `probing.py`. 10.77.0.200: probe() reports gaps and owners of a service address to within a
       millisecond and sees two owners by ARP; send() throws datagrams; capture() records packets.
Config `configuration.py`. Keyword arguments of Lab are its Settings.

Everything ends with the process that made it, even by SIGKILL: the namespaces have no names and
every child dies with its parent. Several labs can run at once. Needs root and Linux 5.11.
"""
import os
import secrets
import shlex
import shutil
import sys
import tempfile

import configuration
import peer
import wire
from configuration import NETWORKS, VIP1, VIP2, VIP3, Settings  # noqa: F401 (for tests)
from hosts import TOP, Host, NetworkSpace
from links import Link
from probing import Capture, Client, wait_until

PREFIX = 'systole-lab.'
MEMORY = '/dev/shm' if os.access('/dev/shm', os.W_OK) else '/tmp'
STAGE = f'{TOP}/build/stage'


def sweep():
    """Removes what labs left behind whose process is gone."""
    for name in os.listdir(MEMORY):
        if name.startswith(PREFIX) and not os.path.exists(f'/proc/{name.split(".")[1]}'):
            shutil.rmtree(f'{MEMORY}/{name}', ignore_errors=True)


def leftovers(pids=()):
    """Folders and processes of labs whose process (one of `pids`) is gone: there must be none."""
    dead = tuple(f'{MEMORY}/{PREFIX}{pid}.' for pid in pids if not os.path.exists(f'/proc/{pid}'))
    found = [name for name in os.listdir(MEMORY) if f'{MEMORY}/{name}'.startswith(dead)]
    for process in os.listdir('/proc'):
        for source in ('mountinfo', 'environ') if dead and process.isdigit() else ():
            try:
                with open(f'/proc/{process}/{source}', 'rb') as file:
                    text = file.read().decode('utf-8', 'replace')
            except OSError:
                continue  # it ended meanwhile
            if any(folder in text for folder in dead):
                found.append(f'process {process} ({source})')
    return found


class Lab:
    """Hosts, links and client of one scenario; use as a context manager."""

    def __init__(self, implementations=('ours', 'ours'), relayed=False, seed=None, repeat='',
                 keep=False, **settings):
        sweep()
        self.folder = tempfile.mkdtemp(prefix=f'{PREFIX}{os.getpid()}.', dir=MEMORY)
        self.seed = int(seed) if seed is not None else secrets.randbits(31)
        self.keep = keep
        self.repeat = f'; repeat: {repeat}' if repeat else ''
        self.hosts, self.links, self._open = [], [], []
        self.client = None
        names = tuple(f'n{i + 1}' for i in range(len(implementations)))
        self.settings = Settings(nodes=names, **settings)
        try:
            self._build(names, implementations, relayed)
        except BaseException:
            self.close()
            raise

    def _build(self, names, implementations, relayed):
        os.environ['SYSTOLE_LAB'] = self.folder  # marks what must end with this lab
        self.space = NetworkSpace()
        self._roots = {}
        for number, (name, kind) in enumerate(zip(names, implementations), 1):
            self.hosts.append(Host(self, name, number, kind, self._root(kind)))
        client = Host.__new__(Host)  # only what a link needs: a name on the wire, no program
        client.name, client.number, client.addresses = 'client', 200, {}
        client.space = NetworkSpace()
        self.client = Client(self, client.space)
        lines = []
        for number in range(len(self.settings.media)):
            link = Link(self, number, relayed)
            self.links.append(link)
            for host in self.hosts + ([client] if number == 0 else []):
                lines.append(link.plug(host, f'{NETWORKS[number]}.{host.number}/24'))
            lines += [f'link set {port} up' for port in link.ports.values()]
        self.space.batch(lines)
        for link in self.links:
            link.build()
        client.space.batch(['link set lo up', f'address add {client.addresses["eth0"]} dev eth0',
                            'link set eth0 up'])

    def _root(self, kind):
        if kind == 'none':
            return None
        if kind not in self._roots:
            if kind == 'debian':
                self._roots[kind] = peer.fetch_debian()
            elif kind == 'ours':
                if not os.path.exists(f'{STAGE}/usr/libexec/heartbeat/heartbeat'):
                    raise RuntimeError('build/stage has no heartbeat; run: make install '
                                       'DESTDIR=build/stage')
                self._roots[kind] = STAGE
            else:
                raise ValueError(f'implementation {kind!r}: know ours, debian')
        return self._roots[kind]

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        try:
            if kind is not None:
                self.tell_state()
                if self.keep:
                    self.wait_for_enter()
        finally:
            self.close()

    def close(self):
        for thing in self._open + self.hosts + self.links:
            thing.close()
        if self.client:
            self.client.close()
        if getattr(self, 'space', None):
            self.space.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    # ---- for tests

    def start(self, *hosts):
        """Boots, configures and starts heartbeat on these hosts (default all)."""
        for host in hosts or self.hosts:
            if not host.powered:
                host.boot()
            self.settings.install(host)
        for host in hosts or self.hosts:
            host.start()

    def ports_of(self, host):
        return [link.ports[host] for link in self.links]

    def holders(self, address):
        """Names of the hosts that have the address on an interface."""
        return [host.name for host in self.hosts if address in host.service_addresses()]

    def running(self, resource):
        """Names of the hosts on which a test resource runs."""
        return [host.name for host in self.hosts if resource in host.resources()]

    def placement(self):
        """Which test resources run where, e.g. {'n1': ['a'], 'n2': ['b']}."""
        return {host.name: host.resources() for host in self.hosts if host.powered}

    def wait(self, condition, timeout, what):
        return wait_until(condition, timeout, what, repeat=self.repeat)

    def wait_placed(self, timeout, **placement):
        """Waits for resources and service addresses: wait_placed(5, n1='ab', n2='')."""
        want = {name: sorted(text) for name, text in placement.items()}
        address = {'a': VIP1, 'b': VIP2, 'c': VIP3}

        def placed():
            if self.placement() != want:
                return False
            return all(set(host.service_addresses())
                       == {address[r] for r in want[host.name] if r in address}
                       for host in self.hosts if host.powered)
        try:
            self.wait(placed, timeout, f'resources {placement}')
        except AssertionError as failure:
            addresses = {h.name: h.service_addresses() for h in self.hosts if h.powered}
            raise AssertionError(f'{failure}; there are {self.placement()}, {addresses}') from None

    def wait_settled(self, timeout, **wanted):
        """Waits for rscstatus of nodes: wait_settled(5, n1='all'); default: local everywhere."""
        wanted = wanted or {host.name: 'local' for host in self.hosts if host.powered}
        found = {}

        def settled():
            found.update((h.name, h.rscstatus()) for h in self.hosts if h.name in wanted)
            return found == wanted
        try:
            self.wait(settled, timeout, f'rscstatus {wanted}')
        except AssertionError as failure:
            raise AssertionError(f'{failure}; it is {found}') from None

    def wait_answer(self, prober, host, timeout=3):
        """Waits until a host is the one that answers at the service address."""
        self.wait(lambda: prober.owner() == host.name, timeout,
                  f'{host.name} to answer at {prober.address}')

    def capture(self, host, link=0):
        """Records the packets at a host's end of a link from now on."""
        port = self.links[link].ports[host]
        capture = Capture(self.space, port, self.folder, f'{host.name}-{link}-{len(self._open)}')
        self._open.append(capture)
        return capture

    def wait_for_enter(self):
        for host in self.hosts:
            if host.powered:
                print(f'{host.name}: {shlex.join(host.enter(["sh"]))}', file=sys.stderr)
        input('the lab stands; Enter ends it ')

    def tell_state(self):
        """The end of each log, for a failed test."""
        print(f'---- seed {self.seed}', file=sys.stderr)
        for host in self.hosts:
            state = 'on' if host.powered else 'off'
            print(f'---- {host.name} ({host.implementation}, power {state}) /var/log/ha-log:',
                  file=sys.stderr)
            print('\n'.join(host.log().splitlines()[-60:]), file=sys.stderr)
            if host.powered:
                print('\n'.join(f'{pid:6} {title}' for pid, title in host.processes().items()),
                      file=sys.stderr)
                print('\n'.join(f'{w:.3f} {n} {o}' for w, n, o in host.resource_log()[-20:]),
                      file=sys.stderr)


__all__ = ['Lab', 'VIP1', 'VIP2', 'VIP3', 'configuration', 'wire']
