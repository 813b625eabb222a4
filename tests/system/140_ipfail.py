# 140_ipfail: the better-connected node gets the resources: two ipfails of ours, and with 3.0.6's
import time

import peer
from testing import check, equal, note, test

GATE = '10.77.0.201'  # the lab's client machine answers there
IPFAIL = '/usr/libexec/heartbeat/ipfail'
DEBIAN = '/opt/debian'  # where a node of ours finds Debian's programs
HOME = {'n1': ['a'], 'n2': ['b']}


def lines(command=IPFAIL):
    return (f'ping {GATE}', 'deadping 1500ms', f'respawn hacluster {command}')


def blind(host, yes=True):
    """Only this host's own way to the ping node is gone: a broken port of the switch, say."""
    host.run('ip', 'route', 'add' if yes else 'del', 'blackhole', f'{GATE}/32', check=True)


def start(lab):
    for host in lab.hosts:
        host.boot()
    lab.client.space.batch([f'address add {GATE}/32 dev eth0'])
    lab.start()
    lab.wait(lambda: lab.placement() == HOME, 25, 'each node to hold its own group')
    lab.wait_settled(25)
    signed_on(lab)


def signed_on(lab):
    for host in lab.hosts:
        lab.wait(lambda: host.cl_status('clientstatus', host.name, 'ipfail').stdout == 'online\n',
                 10, f'ipfail to be signed on at {host.name}')


def states(lab):
    return [host.nodestatus(GATE) for host in lab.hosts]


def moved(lab, limit=50, **placement):
    began = time.monotonic()
    wanted = {name: list(groups) for name, groups in placement.items()}
    lab.wait(lambda: lab.placement() == wanted, limit, f'resources at {wanted}')
    lab.wait_settled(15, **{name: {0: 'none', 1: 'local', 2: 'all'}[len(groups)]
                            for name, groups in placement.items()})
    return time.monotonic() - began


def blindness(lab, auto_failback='on'):
    """Either node loses its way to the ping node and finds it again."""
    n1, n2 = lab.hosts
    packets = lab.capture(n1)
    victims = ((n1, n2), (n2, n1)) if auto_failback == 'on' else ((n1, n2),)
    for victim, other in victims:
        blind(victim)
        seconds = moved(lab, **{victim.name: '', other.name: 'ab'})
        note(f'{victim.name} ({victim.implementation}) blind: all at {other.name} '
             f'({other.implementation}) after {seconds:.1f} s')
        blind(victim, False)
        if auto_failback == 'on':
            note(f'{victim.name} sees again: its own back after {moved(lab, n1="a", n2="b"):.1f} s')
            continue
        lab.wait(lambda: states(lab) == ['ping', 'ping'], 10, 'both to see it again')
        lab.wait(lambda: packets.packets(t='abort_giveup', src=other.name), 10, 'the tie to be told')
        time.sleep(2)  # longer than any delay of a move
        equal(lab.placement(), {victim.name: [], other.name: ['a', 'b']}, 'auto_failback off')
        other.standby('foreign')
        moved(lab, n1='a', n2='b')
    said = {kind: {p['src'] for p in packets.packets(t=kind)}
            for kind in ('num_ping_nodes', 'you_are_dead', 'abort_giveup')}
    for kind, sources in said.items():
        wanted = {pair[kind != 'num_ping_nodes'].name for pair in victims}
        check(wanted <= sources, f'{kind} is said by {wanted}: {sources}')
    for packet in packets.packets(t='num_ping_nodes'):
        equal((packet['from_id'], packet['to_id']), ('ipfail', 'ipfail'), 'sender and receiver')


def tie(lab):
    """Both lose the ping node, or both find it: nothing moves."""
    began = time.time()
    lab.client.space.batch([f'address del {GATE}/32 dev eth0'])
    lab.wait(lambda: states(lab) == ['dead', 'dead'], 10, 'the ping node to be dead for both')
    time.sleep(2)  # longer than the delay of a move
    equal(lab.placement(), HOME, 'after both lost it')
    lab.client.space.batch([f'address add {GATE}/32 dev eth0'])
    lab.wait(lambda: states(lab) == ['ping', 'ping'], 10, 'the ping node to be back for both')
    time.sleep(2)
    equal(lab.placement(), HOME, 'after both found it')
    for host in lab.hosts:
        # 3.0.6 "gives up" foreign resources at a tie although it holds none: it runs their stop.
        touched = [entry for entry in host.resource_log() if entry[0] > began and (
            entry[2] == 'start' or entry[2] == 'stop' and entry[1] in HOME[host.name])]
        equal(touched, [], f'resources started or stopped on {host.name} without need')


@test(140, 'ipfail, two of ours: all to the better-connected node, home again; ties do nothing',
      limit=150)
def two_of_ours(t):
    with t.lab('ours', 'ours', initdead=15000, extra=lines()) as lab:
        n1, n2 = lab.hosts
        start(lab)
        for host in lab.hosts:
            users = host.shell(f"ps -eo user:20=,args= | grep '[^ ]* *{IPFAIL}$'").stdout
            equal(users.split()[0], 'hacluster', 'who runs ipfail')
        # New ones work as the old ones did: of a killed ipfail, and under another daemon.
        equal(n1.shell('pkill -KILL -x ipfail').returncode, 0, 'ipfail was killed')
        old = n2.shell('pgrep -x ipfail').stdout
        n2.kill('master control process')
        lab.wait(lambda: n2.shell('pgrep -x ipfail').stdout not in ('', old), 20,
                 'ipfail to be started again under a new daemon')
        signed_on(lab)
        lab.wait(lambda: states(lab) == ['ping', 'ping'], 10, 'the ping node to answer both')
        equal(lab.placement(), HOME, 'all the while')
        lab.wait_settled(15)
        blindness(lab)
        tie(lab)
        began = time.monotonic()
        n1.stop()
        check(time.monotonic() - began < 20, 'ipfail does not delay the stop')
        equal(n1.shell('pgrep -x ipfail').stdout, '', 'it ends with the daemon')


def mixed(t, kinds, auto_failback):
    with t.lab(*kinds, auto_failback=auto_failback, initdead=15000, extra=lines()) as lab:
        start(lab)
        blindness(lab, auto_failback)
        if kinds[0] == 'debian':
            tie(lab)


for number, kinds, failback in ((141, ('ours', 'debian'), 'on'), (142, ('debian', 'ours'), 'on'),
                                (143, ('ours', 'debian'), 'off')):
    test(number, f'ipfail, {kinds[0]} and {kinds[1]}, auto_failback {failback}', limit=150)(
        lambda t, kinds=kinds, failback=failback: mixed(t, kinds, failback))


@test(144, "Debian's ipfail on our daemon, ours on the other node: all to the better one, home",
      limit=120)
def debians_ipfail(t):
    library = f'{DEBIAN}/usr/lib:{DEBIAN}/usr/lib/x86_64-linux-gnu'
    with t.lab('ours', 'ours', initdead=15000, extra=lines('/etc/ha.d/ipfail')) as lab:
        n1, n2 = lab.hosts
        for host in lab.hosts:
            host.boot()
        n1.plant_tree(f'{peer.CACHE}/root', DEBIAN)
        n1.write('/etc/ha.d/ipfail', '#!/bin/sh\n'
                 f'exec env LD_LIBRARY_PATH={library} {DEBIAN}{IPFAIL}\n', 0o755)
        n2.write('/etc/ha.d/ipfail', f'#!/bin/sh\nexec {IPFAIL}\n', 0o755)
        for host in lab.hosts:
            host.power_off()
        start(lab)
        check(n1.shell(f'ls -l /proc/*/exe | grep {DEBIAN}{IPFAIL}').returncode == 0,
              "n1 runs Debian's ipfail")
        blindness(lab)


@test(145, 'ipfail without use: auto_failback legacy ends it once, with the cure; wrong arguments',
      limit=60)
def useless(t):
    with t.lab('ours', 'ours', auto_failback='legacy', extra=lines()) as lab:
        n1, _ = lab.hosts
        for host in lab.hosts:
            host.boot()
        lab.client.space.batch([f'address add {GATE}/32 dev eth0'])
        lab.start()
        lab.wait(lambda: n1.log_lines('auto_failback legacy cannot be used with ipfail'), 25,
                 'ipfail to say why it ends')
        time.sleep(3)  # longer than the pause before a restart
        equal(len(n1.log_lines('cannot be used with ipfail')), 1, 'times that it was started')
        equal(n1.shell('pgrep -x ipfail').stdout, '', 'processes left')
        equal(n1.run(IPFAIL, '-x').returncode, 100, 'exit with an argument')
        n1.stop()
        equal(n1.run('setpriv', '--reuid', 'hacluster', '--regid', 'haclient', '--clear-groups',
                     IPFAIL, timeout=15).returncode, 1, 'exit without a daemon')
