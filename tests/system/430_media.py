# 430_media: each medium between two of ours and beside Debian's 3.0.6: it carries, dies, comes back
import time

import configuration
import serial_lines
from testing import check, equal, test


def link_states(lab, link):
    """What each node says of its link to the other one."""
    pairs = zip(lab.hosts, reversed(lab.hosts))
    return [host.cl_status('hblinkstatus', other.name, link).stdout.strip()
            for host, other in pairs]


def became(lab, link, state, limit=12):
    found = []

    def all_alike():
        found[:] = link_states(lab, link)
        return set(found) == {state}
    try:
        lab.wait(all_alike, limit, f'{link} to be {state} for all')
    except AssertionError as failure:
        raise AssertionError(f'{failure}; found {found}') from None


def names_of_links(lab, node):
    return [host.cl_status('listhblinks', node).stdout.split() for host in lab.hosts]


def no_death(lab):
    for host, other in zip(lab.hosts, reversed(lab.hosts)):
        equal(host.nodestatus(other.name), 'active', f'{other.name} as {host.name} sees it')
        equal(host.log_lines(f'node {other.name}: is dead'), [], f'deaths in the log of {host.name}')


def carry_and_come_back(lab, wires=None):
    """Every link carries; each is cut, is dead for both, and comes back; the nodes live on.
    `wires`: what to cut by the link's name, default: the lab's links."""
    wires = wires or {f'eth{link.number}': link for link in lab.links}
    links = wires.keys()
    for host, other in zip(lab.hosts, reversed(lab.hosts)):
        lab.wait(lambda: host.nodestatus(other.name) == 'active', 20, f'{other.name} to be active')
    for link in links:
        became(lab, link, 'up')
    for node in ('n1', 'n2'):
        first, second = names_of_links(lab, node)
        equal(first, second, f'the links of {node} as the two nodes list them')
        equal(sorted(first), sorted(links), f'the links of {node}')
    for link, wire in wires.items():
        wire.cut(lab.hosts[0])
        became(lab, link, 'dead')
        for other in links - {link}:
            equal(link_states(lab, other), ['up', 'up'], f'{other} while {link} is cut')
        wire.heal(lab.hosts[0])
        became(lab, link, 'up')
        for host, other in zip(lab.hosts, reversed(lab.hosts)):
            for line in (f'Link {other.name}:{link} up.', f'Link {other.name}:{link} dead.'):
                check(host.log_lines(line), f'"{line}" in the log of {host.name}')
    no_death(lab)


def boot(lab):
    for host in lab.hosts:
        host.boot()
        configuration.add_ipv6(host)


@test(430, 'ucast6 and mcast6 beside 3.0.6', limit=60)
def ipv6_mixed(t):
    with t.lab('ours', 'debian', media=('ucast6', 'mcast6'), groups=()) as lab:
        boot(lab)
        lab.start()
        carry_and_come_back(lab)


@test(431, 'ucast6 to link-local addresses and mcast6 on two interfaces with one group', limit=60)
def ipv6_ours(t):
    lines = tuple(f'ucast6 eth0 fe80::{number}' for number in (1, 2)) + tuple(
        f'mcast6 eth{link} ff02::77 694 1 0' for link in (1, 2))
    with t.lab(media=('none',) * 3, groups=(), extra=lines) as lab:
        for host in lab.hosts:
            host.boot()
            for link in range(3):
                host.run('ip', 'address', 'add', f'fe80::{host.number}/64', 'dev', f'eth{link}',
                         'nodad', check=True)
        lab.start()
        carry_and_come_back(lab)


CHANGING = {'eth1': 'ucast', 'eth2': 'bcast', 'eth3': 'mcast', 'eth4': 'ucast6', 'eth5': 'mcast6'}


def configure(lab, host, links=CHANGING):
    """The host's addresses on interfaces that have none yet."""
    for link in links:
        host.run('ip', 'address', 'add', host.addresses[link], 'broadcast', '+', 'dev', link,
                 check=True)
        host.run('ip', 'link', 'set', link, 'up', check=True)
    configuration.add_ipv6(host, links)


def each_became(lab, state, links=CHANGING):
    for link in links:
        became(lab, link, state)


@test(432, 'interfaces that lose their address, get another name, vanish and come late', limit=90)
def changing_interfaces(t):
    with t.lab(media=('bcast',) + tuple(CHANGING.values()), groups=()) as lab:
        n1, _ = lab.hosts
        boot(lab)
        bare = ('eth2', 'eth4')  # these have their address only later
        for link in bare:
            n1.run('ip', 'address', 'flush', 'dev', link, check=True)
        lab.start()
        each_became(lab, 'up', CHANGING.keys() - bare)
        equal(link_states(lab, 'eth2'), ['dead', 'dead'], 'eth2, which has no address')
        check(n1.log_lines('eth2: no broadcast address of interface eth2'), 'what is missing')
        configure(lab, n1, bare)
        each_became(lab, 'up')

        readers = {pid: title for pid, title in n1.processes().items() if 'read: ' in title}
        for link in CHANGING:  # a service address is no reason to open anything anew
            n1.run('ip', 'address', 'add', '10.99.0.1/32', 'dev', link, check=True)
            n1.run('ip', 'address', 'del', '10.99.0.1/32', 'dev', link, check=True)
        time.sleep(0.5)  # several times as long as changes may settle
        equal({pid: title for pid, title in n1.processes().items() if 'read: ' in title}, readers,
              'the readers after a service address came and went')

        for link in ('eth2', 'eth3'):
            n1.run('ip', 'address', 'del', n1.addresses[link], 'dev', link, check=True)
        became(lab, 'eth2', 'dead')
        for link in ('eth2', 'eth3'):
            network = n1.addresses[link].rsplit('.', 1)[0]
            n1.run('ip', 'address', 'add', f'{network}.51/24', 'broadcast', '+', 'dev', link,
                   check=True)
        became(lab, 'eth2', 'up')
        became(lab, 'eth3', 'up')

        for link in CHANGING:
            n1.run('ip', 'link', 'set', link, 'down', check=True)
            n1.run('ip', 'link', 'set', link, 'name', f'{link}old', check=True)
        each_became(lab, 'dead')
        for link in CHANGING:
            n1.run('ip', 'link', 'set', f'{link}old', 'name', link, check=True)
            n1.run('ip', 'address', 'flush', 'dev', link, check=True)
        configure(lab, n1)
        each_became(lab, 'up')

        for link in CHANGING:
            n1.run('ip', 'link', 'delete', link, check=True)
        each_became(lab, 'dead')
        titles = n1.processes().values()
        equal([title for title in titles if 'eth2' in title], [], 'processes of a link that is gone')
        equal(n1.kill('master control process'), 1, 'masters')  # the next one finds them missing
        lab.wait(lambda: 'heartbeat: master control process' in n1.processes().values(), 5,
                 'the next master')
        refused = n1.run('/usr/libexec/heartbeat/heartbeat', '--check')
        equal((refused.returncode, refused.stdout.count('no such interface; this host has')),
              (2, 7), 'what a start would say now')
        for number in range(1, 1 + len(CHANGING)):
            lab.links[number].replug(n1)
        configure(lab, n1)
        each_became(lab, 'up')
        equal(sorted(title for title in n1.processes().values() if 'read: ' in title),
              sorted(readers.values()), 'the readers at the end')
        check(len(n1.log().splitlines()) < 300, 'a log that is no flood')
        no_death(lab)


LINE = '/dev/ttyLAB1'
LOCK = '/var/lock/LCK..ttyLAB1'
NOISE = (b'\0', b'\n\n\n', b'>>>\nt=status\nst=act', b'<<<\n<<<\n', b'>>>\n>>>\n>>>\n',
         b'>>>\nno field\n<<<\n', b'>>>\n(9)t=x\nauth=1 0\n<<<\n', bytes(range(256)) * 8,
         b'>>>\nt=status\nst=active\nsrc=n2\nseq=9\nts=1\nauth=1 ' + b'0' * 40 + b'\n<<<\n',
         b'>>>\nt=' + b'x' * 100_000 + b'\n<<<\n', b'line noise ')


def start_with_cable(lab):
    for host in lab.hosts:
        host.boot()
    cable = serial_lines.Cable(*lab.hosts, LINE)
    lab.start()
    return cable


@test(433, 'serial beside 3.0.6, with noise on the line', limit=60)
def serial_mixed(t):
    with t.lab('ours', 'debian', media=('bcast', 'serial'), groups=()) as lab:
        cable = start_with_cable(lab)
        carry_and_come_back(lab, {'eth0': lab.links[0], LINE: cable})
        for noise in NOISE:
            cable.disturb(0, noise)
            equal(link_states(lab, LINE)[0], 'up', f'the line after {noise[:20]}')
        lab.links[0].cut(lab.hosts[0])  # the line alone keeps both alive
        became(lab, 'eth0', 'dead')
        time.sleep(2)  # two dead times
        equal(link_states(lab, LINE), ['up', 'up'], 'the line after all that noise')
        no_death(lab)
        line = cable.carried[0][-1000:].decode()
        check('\nauth=1 ' in line and '###' not in line, f'text with auth on the line: {line}')
        cable.close()


@test(434, 'serial: locked by another program, pulled out and put back, at both message formats',
      limit=60)
def serial_ours(t):
    with t.lab(media=('bcast', 'serial'), groups=(), msgfmt='netstring') as lab:
        n1, n2 = lab.hosts
        for host in lab.hosts:
            host.boot()
        cable = serial_lines.Cable(n1, n2, LINE)
        n1.write(LOCK, f'{1:10}\n')  # a process that lives
        n2.write(LOCK, '     99999\n')  # and one that does not
        lab.start()
        lab.wait(lambda: n1.nodestatus('n2') == 'active', 10, 'n2 to be active')
        check(n1.log_lines(f'process 1 uses {LINE}'), 'who has the line')
        equal(link_states(lab, LINE), ['dead', 'dead'], 'a line that somebody else has')
        n1.run('rm', LOCK, check=True)
        became(lab, LINE, 'up')
        for host in lab.hosts:
            masters = [pid for pid, title in host.processes().items() if 'master' in title]
            equal(host.read(LOCK), f'{masters[0]:10}\n', f'the lock of {host.name}')
        for half in ('read', 'write'):
            equal(n1.kill(f'{half}: serial {LINE}'), 1, f'processes that {half}')
        became(lab, LINE, 'up')

        cable.pull(0)
        became(lab, LINE, 'dead')
        check(n1.log_lines(f'serial {LINE}: '), 'what is wrong with the line')
        lab.wait(lambda: not any(LINE in title for title in n1.processes().values()), 5,
                 'the processes of the line to end')
        cable.plug_in(0)
        became(lab, LINE, 'up')
        lab.links[0].cut(n1)
        became(lab, 'eth0', 'dead')
        time.sleep(2)  # two dead times
        no_death(lab)
        n1.stop()
        equal(n1.read(LOCK), '', 'the lock after a stop')
        cable.close()
