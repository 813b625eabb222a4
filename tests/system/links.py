# links: the wires of a lab: a kernel bridge a link, or the relay where frames shall suffer
import subprocess

from hosts import HELPERS, bound


class Link:
    """One network that all hosts share. Its ports are pLINKxHOST in the lab's own namespace."""

    def __init__(self, lab, number, relayed):
        self.lab, self.number, self.relayed = lab, number, relayed
        self.bridge = f'link{number}'
        self.ports = {}   # host -> port
        self.relay = None
        self.severed = set()

    def plug(self, host, address):
        """The batch line that wires a host to this link."""
        port = f'p{self.number}x{host.number}'
        interface = f'eth{self.number}'
        self.ports[host] = port
        host.addresses[interface] = address
        return (f'link add {port} type veth peer name {interface} '
                f'address {self.mac(host)} netns {host.space.keeper.pid}')

    def mac(self, host):
        return f'02:00:00:00:{self.number:02x}:{host.number:02x}'

    def build(self):
        if self.relayed:
            self.relay = subprocess.Popen(
                bound(self.lab.space.enter([f'{HELPERS}/relay', str(self.lab.seed)]
                                           + list(self.ports.values()))),
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            if self.relay.stdout.readline() != 'up\n':
                raise RuntimeError('the relay does not start')
            return
        lines = [f'link set {port} master {self.bridge}' for port in self.ports.values()]
        # No learning pauses, no snooping: a plain, fast switch.
        self.lab.space.batch([f'link add {self.bridge} type bridge forward_delay 0 '
                              f'mcast_snooping 0', f'link set {self.bridge} up'] + lines)

    def close(self):
        if self.relay:
            self.relay.kill()
            self.relay.wait()

    def cut(self, host):
        """Nothing passes from or to the host; its interface notices nothing."""
        if self.relayed:
            self.policy(sender=host, loss=1)
            self.policy(receiver=host, loss=1)
        else:
            self.lab.space.batch([f'link set {self.ports[host]} nomaster'])

    def heal(self, host):
        """Undoes cut() and any policy of the host."""
        if self.relayed:
            self.policy(sender=host)
            self.policy(receiver=host)
        else:
            self.lab.space.batch([f'link set {self.ports[host]} master {self.bridge}'])

    def unplug(self, host):
        """Like cut(), but the interface loses its carrier."""
        self.lab.space.batch([f'link set {self.ports[host]} down'])

    def plug_in(self, host):
        self.lab.space.batch([f'link set {self.ports[host]} up'])

    def replug(self, host):
        """A new interface in place of one that the host has removed: down, without an address."""
        self.lab.space.batch([self.plug(host, host.addresses[f'eth{self.number}']),
                              f'link set {self.ports[host]} master {self.bridge}',
                              f'link set {self.ports[host]} up'])

    def policy(self, sender=None, receiver=None, loss=0, duplicate=0, reorder=0, delay_ms=0):
        """What happens to frames on their way; only for relayed links. loss=1 is a one-way cut."""
        ends = [self.ports[end] if end else '*' for end in (sender, receiver)]
        self._ask(f'policy {ends[0]} {ends[1]} {loss} {duplicate} {reorder} {delay_ms}')

    def harm_only_heartbeats(self):
        self._ask('scope heartbeat')

    def counts(self):
        return dict(zip(('passed', 'lost', 'doubled', 'delayed'),
                        map(int, self._ask('counts').split())))

    def _ask(self, command):
        assert self.relayed, f'link {self.number} has no relay; make the lab with relayed=True'
        self.relay.stdin.write(command + '\n')
        self.relay.stdin.flush()
        answer = self.relay.stdout.readline().strip()
        if not answer or answer.startswith('relay:'):
            raise RuntimeError(answer or 'the relay has died')
        return answer
