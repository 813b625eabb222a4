# configuration: writes ha.cf, haresources, authkeys and the test resource of a scenario
import dataclasses
import ipaddress

VIP1, VIP2, VIP3 = '10.77.0.100', '10.77.0.101', '10.77.0.102'
NETWORKS = tuple(f'10.77.{link}' for link in range(6))
NETWORKS6 = tuple(f'fd77:{link}' for link in range(6))

# Logs each call; state is a file in /run, so that it ends with the host's power.
# A file /etc/tres/NAME.OPERATION tells a call to go wrong: `fail`, `hang`, `sleep SECONDS`.
RESOURCE_SCRIPT = '''#!/bin/sh
# Tres: a resource of the lab; usage: Tres NAME start|stop|status
name=$1 operation=$2 state=/run/tres.$1
echo "$(date +%s.%N) $name $operation" >> /var/log/tres
if [ -e "/etc/tres/$name.$operation" ]; then
    read -r order seconds < "/etc/tres/$name.$operation"
    case $order in
        fail) exit 1 ;;
        hang) exec sleep 1000000 ;;
        sleep) sleep "$seconds" ;;
    esac
fi
case $operation in
    start) : > "$state" ;;
    stop) rm -f "$state" ;;
    status) [ -e "$state" ] && echo running || echo stopped ;;
    *) exit 2 ;;
esac
'''


def add_ipv6(host, interfaces=None):
    """Gives a booted host the addresses that a ucast6 line of Settings names."""
    for interface in interfaces or host.addresses:
        link = int(interface.removeprefix('eth'))
        address = f'{ipaddress.ip_address(f"{NETWORKS6[link]}::{host.number}")}/64'
        host.addresses6.add(address)
        host.run('ip', 'address', 'add', address, 'dev', interface, 'nodad', check=True)


@dataclasses.dataclass
class Settings:
    """The configuration of one cluster. Times are milliseconds."""
    nodes: tuple = ('n1', 'n2')
    media: tuple = ('bcast', 'bcast')  # one a link: see _medium
    auto_failback: str = 'on'          # on, off, legacy, or '' for no such line
    msgfmt: str = 'classic'
    keepalive: int = 200
    deadtime: int = 1000
    warntime: int = 600
    initdead: int = 4000
    authentication: str = '1 sha1 a-secret-of-the-lab'
    groups: tuple = (('n1', f'Tres::a IPaddr2::{VIP1}/24/eth0'),
                     ('n2', f'Tres::b IPaddr2::{VIP2}/24/eth0'))
    extra: tuple = ()                  # further lines of ha.cf

    def ha_cf(self):
        lines = ['logfile /var/log/ha-log', 'debugfile /var/log/ha-debug',
                 f'keepalive {self.keepalive}ms', f'warntime {self.warntime}ms',
                 f'deadtime {self.deadtime}ms', f'initdead {self.initdead}ms',
                 f'msgfmt {self.msgfmt}']
        for link, medium in enumerate(self.media):
            lines += self._medium(link, medium)
        if self.auto_failback:
            lines.append(f'auto_failback {self.auto_failback}')
        lines += [f'node {name}' for name in self.nodes]
        return '\n'.join(lines + list(self.extra)) + '\n'

    def _medium(self, link, medium):
        if medium == 'bcast':
            return [f'bcast eth{link}']
        if medium == 'mcast':
            return [f'mcast eth{link} 239.77.0.{link + 1} 694 1 0']
        if medium == 'ucast':  # naming one's own address is harmless, so all nodes share the file
            return [f'ucast eth{link} {NETWORKS[link]}.{number + 1}'
                    for number in range(len(self.nodes))]
        if medium == 'ucast6':  # see add_ipv6()
            return [f'ucast6 eth{link} {NETWORKS6[link]}::{number + 1}'
                    for number in range(len(self.nodes))]
        if medium == 'mcast6':
            return [f'mcast6 eth{link} ff05::77:{link + 1} 694 1 0']
        if medium == 'serial':  # see serial.py
            return ['baud 115200', f'serial /dev/ttyLAB{link}']
        if medium == 'none':
            return []
        raise ValueError(f'medium {medium!r}: know bcast, ucast, mcast, ucast6, mcast6, serial')

    def haresources(self):
        return ''.join(f'{node} {resources}\n' for node, resources in self.groups)

    def authkeys(self):
        return f'auth {self.authentication.split()[0]}\n{self.authentication}\n'

    def install(self, host):
        host.write('/etc/ha.d/ha.cf', self.ha_cf())
        host.write('/etc/ha.d/haresources', self.haresources())
        host.write('/etc/ha.d/authkeys', self.authkeys(), 0o600)
        host.write('/etc/ha.d/resource.d/Tres', RESOURCE_SCRIPT, 0o755)
