# 100_mixed: one of our nodes with one of Debian's 3.0.6 as its partner, either way round
import json
import re
import time

import peer
from lab import TOP, VIP1, VIP2
from testing import STALL, check, equal, note, test

NICE = ('on', 'off')


def start(lab):
    lab.start()
    lab.wait_placed(25, n1='a', n2='b')
    if lab.settings.auto_failback in NICE:
        lab.wait_settled(15)


def well(lab, probe):
    """What must never be seen in a mixed pair."""
    for host in lab.hosts:
        for bad in ('replay attack', 'authentication failed', 'Both machines own',
                    'hist queue is filling', 'lost a lot of packets', 'in flux', 'corrupted'):
            lines = host.log_lines(bad)
            equal(lines, [], f'"{bad}" in the log of {host.name} ({host.implementation})')
    equal(probe.events('two owners'), [], f'moments with two owners of {probe.address}')


def life(t, ours, media, auto_failback, msgfmt):
    """Cold start, death of either and return, standby both ways, graceful stop of either."""
    kinds = ('ours', 'debian') if ours == 'n1' else ('debian', 'ours')
    nice = auto_failback in NICE
    # With netstring 3.0.6 often loses what is written to its own FIFO: mach_down's notice (it stays
    # in transition, cannot be stopped, gives nothing back) and hb_standby. So does a Debian pair.
    shaky = nice and msgfmt == 'netstring'
    with t.lab(*kinds, media=media, auto_failback=auto_failback, msgfmt=msgfmt) as lab:
        n1, n2 = lab.hosts

        def settled(**wanted):
            wanted = wanted or {'n1': 'local', 'n2': 'local'}
            kept = {h.name: wanted[h.name] for h in lab.hosts
                    if h.name in wanted and (h.implementation == 'ours' or not shaky)}
            if nice and kept:
                lab.wait_settled(15, **kept)

        def home():
            lab.wait_placed(25, n1='a', n2='b')
            settled()
            lab.wait_answer(probe, n1)

        began = time.monotonic()
        start(lab)
        note(f'cold start {time.monotonic() - began:.1f} s')
        probe = lab.client.probe(VIP1)
        home()
        equal([n1.nodestatus('n2'), n2.nodestatus('n1')], ['active', 'active'], 'states')
        for victim, survivor in ((n1, n2), (n2, n1)):
            cut = victim.power_off()
            lab.wait_placed(6, **{survivor.name: 'ab'})
            lab.wait_answer(probe, survivor)
            settled(**{survivor.name: 'all'})
            gap = probe.longest_gap(cut - 0.1)
            back = time.time()
            lab.start(victim)
            home()
            note(f'death of {victim.name} ({victim.implementation}): gap {gap:.0f} ms; return: '
                 f'gap {probe.longest_gap(back):.0f} ms')
        if nice and not shaky:
            standby(lab, probe)
        for leaver, stayer in ((n1, n2), (n2, n1)):
            if shaky:
                break
            began = time.time()
            leaver.stop()
            lab.wait_placed(5, **{leaver.name: '', stayer.name: 'ab'})
            lab.wait_answer(probe, stayer)
            note(f'graceful stop of {leaver.name} ({leaver.implementation}): gap '
                 f'{probe.longest_gap(began):.0f} ms')
            lab.start(leaver)
            home()
        well(lab, probe)


def standby(lab, probe):
    n1, n2 = lab.hosts
    home, away = {'n1': 'a', 'n2': 'b'}, {'n1': 'local', 'n2': 'local'}
    for act, what, placed, states in (
            (n1.standby, 'all', {'n1': '', 'n2': 'ab'}, {'n1': 'none', 'n2': 'all'}),
            (n2.standby, 'foreign', home, away),
            (n2.standby, 'local', {'n1': 'ab', 'n2': ''}, {'n1': 'all', 'n2': 'none'}),
            (n2.takeover, 'local', home, away),
            (n1.takeover, 'all', {'n1': 'ab', 'n2': ''}, {'n1': 'all', 'n2': 'none'}),
            (n1.standby, 'foreign', home, away)):
        began = time.time()
        act(what)
        lab.wait_placed(10, **placed)
        lab.wait_settled(12, **states)
        lab.wait_answer(probe, n1 if 'a' in placed['n1'] else n2)
        host = act.__self__
        note(f'{host.name} ({host.implementation}) {act.__name__} {what}: '
             f'gap {probe.longest_gap(began):.0f} ms')


MATRIX = (
    (100, 'n1', ('ucast', 'bcast'), 'on', 'classic'),
    (101, 'n2', ('bcast', 'mcast'), 'on', 'classic'),
    (102, 'n1', ('mcast', 'ucast'), 'on', 'netstring'),
    (103, 'n2', ('ucast', 'bcast'), 'on', 'netstring'),
    (104, 'n1', ('bcast', 'mcast'), 'legacy', 'classic'),
    (105, 'n2', ('mcast', 'ucast'), 'legacy', 'classic'),
    (106, 'n1', ('ucast', 'bcast'), 'legacy', 'netstring'),
    (107, 'n2', ('bcast', 'mcast'), 'legacy', 'netstring'),
)
for row in MATRIX:
    test(row[0], f'mixed, ours is {row[1]}: {"+".join(row[2])}, auto_failback {row[3]}, {row[4]}',
         limit=150)(lambda t, row=row: life(t, *row[1:]))


@test(110, 'mixed, auto_failback off: a returning node gets nothing, standby brings it home',
      limit=150)
def off(t):
    for kinds in (('ours', 'debian'), ('debian', 'ours')):
        with t.lab(*kinds, auto_failback='off') as lab:
            n1, n2 = lab.hosts
            start(lab)
            n1.power_off()
            lab.wait_placed(6, n2='ab')
            probe = lab.client.probe(VIP1)
            lab.wait_answer(probe, n2)
            lab.start(n1)
            lab.wait_settled(25, n1='none', n2='all')
            time.sleep(2)
            equal(lab.placement(), {'n1': [], 'n2': ['a', 'b']}, 'placement')
            n2.standby('foreign')
            lab.wait_placed(10, n1='a', n2='b')
            lab.wait_settled(15)
            well(lab, probe)


@test(111, 'mixed: 20 % loss, duplication and reordering; both ask for and get lost packets',
      limit=120)
def loss(t):
    for kinds in (('ours', 'debian'), ('debian', 'ours')):
        with t.lab(*kinds, relayed=True) as lab:
            n1, n2 = lab.hosts
            n1.boot()
            packets = lab.capture(n1)
            start(lab)
            probe = lab.client.probe(VIP1)
            lab.wait_answer(probe, n1)
            for link in lab.links:
                link.harm_only_heartbeats()
                link.policy(loss=0.2, duplicate=0.2, reorder=0.3, delay_ms=60)
            began = time.monotonic()
            n1.standby('all')
            lab.wait_placed(20, n1='', n2='ab')
            lab.wait_settled(20, n1='none', n2='all')
            n2.standby('foreign')
            lab.wait_placed(20, n1='a', n2='b')
            lab.wait_settled(20)

            def both_asked():
                return all(packets.packets(t='NS_rexmit', src=name) for name in ('n1', 'n2'))
            lab.wait(both_asked, 30, 'both nodes to ask for a retransmission')
            while time.monotonic() - began < 12:
                equal([n1.nodestatus('n2'), n2.nodestatus('n1')], ['active', 'active'], 'states')
                time.sleep(0.2)
            for host in lab.hosts:
                equal(host.log_lines('is dead'), [], f'deaths seen by {host.name}')
                equal(host.log_lines('restart on node'), [], f'restarts seen by {host.name}')
                check(host.log_lines('No pkts missing'), f'{host.name} got lost packets again')
            equal(probe.events('two owners'), [], 'two owners')


@test(112, 'mixed: acknowledgements keep both histories short (400 messages each)', limit=90)
def acknowledged(t):
    for kinds in (('ours', 'debian'), ('debian', 'ours')):
        with t.lab(*kinds, keepalive=30, deadtime=1000) as lab:
            n1, _ = lab.hosts
            n1.boot()
            packets = lab.capture(n1)
            start(lab)
            probe = lab.client.probe(VIP1)

            def sent(name):
                return max((int(p['seq'], 16) for p in packets.packets(src=name) if 'seq' in p),
                           default=0)
            lab.wait(lambda: sent('n1') > 400 and sent('n2') > 400, 40, '400 messages of each')
            for name, other in (('n1', 'n2'), ('n2', 'n1')):
                acks = [int(p['ackseq'], 16) for p in packets.packets(t='NS_ackmsg', src=name)
                        if p.get('dest') == other]
                check(acks and max(acks) > sent(other) - 60, f'{name} acknowledges: {acks[-3:]}')
            well(lab, probe)


@test(113, 'mixed: both links cut and healed; each group has one owner again', limit=120)
def partition(t):
    for kinds in (('ours', 'debian'), ('debian', 'ours')):
        with t.lab(*kinds) as lab:
            n1, n2 = lab.hosts
            start(lab)
            for link in lab.links:
                link.cut(n2)
            lab.wait_placed(8, n1='ab', n2='ab')
            for link in lab.links:
                link.heal(n2)
            lab.wait_placed(40, n1='a', n2='b')
            lab.wait_settled(15)


@test(114, 'mixed: crc and md5 keys, different msgfmt on the two sides', limit=90)
def keys(t):
    for kinds, key in ((('ours', 'debian'), '1 md5 a-key'), (('debian', 'ours'), '7 crc')):
        with t.lab(*kinds, authentication=key) as lab:
            n1, n2 = lab.hosts
            n1.boot()
            n2.boot()
            lab.settings.install(n1)
            lab.settings.msgfmt = 'netstring'
            lab.settings.install(n2)
            n1.start()
            n2.start()
            lab.wait_placed(25, n1='a', n2='b')
            lab.wait_settled(15)
            n1.standby('all')
            lab.wait_placed(10, n1='', n2='ab')


@test(116, 'mixed: a node returns while its partner is still taking over', limit=120)
def return_during_takeover(t):
    for kinds in (('ours', 'debian'), ('debian', 'ours')):
        with t.lab(*kinds) as lab:
            n1, n2 = lab.hosts
            start(lab)
            n2.write('/etc/tres/a.start', 'sleep 2\n')
            n1.power_off()
            lab.wait(lambda: n2.log_lines('Tres a start'), 8, 'n2 to begin the takeover')
            lab.start(n1)
            lab.wait_placed(25, n1='a', n2='b')
            # 3.0.6 books "all" for ever when its partner starts in the middle of its takeover.
            ours = [host.name for host in lab.hosts if host.implementation == 'ours']
            lab.wait_settled(20, **{ours[0]: 'local'})


@test(115, 'mixed: a reload with a changed ha.cf restarts in place and moves nothing', limit=120)
def restart(t):
    for kinds in (('ours', 'debian'), ('debian', 'ours')):
        with t.lab(*kinds, deadtime=8000, initdead=8000) as lab:
            n1, n2 = lab.hosts
            start(lab)
            probe = lab.client.probe(VIP1)
            lab.wait_answer(probe, n1)
            since = time.time()
            for host, other in ((n1, 'n2'), (n2, 'n1')):
                lab.settings.warntime += 1000
                lab.settings.install(host)
                host.run('/etc/init.d/heartbeat', 'reload', check=True)
                lab.wait(lambda: host.cl_status('hbparameter', '-p', 'warntime').stdout.strip()
                         == f'{lab.settings.warntime}ms', 15,
                         f'{host.name} ({host.implementation}) to use the changed ha.cf')
                lab.wait_settled(20)
                equal(host.nodestatus(other), 'active', f'status of {other}')
            equal(lab.placement(), {'n1': ['a'], 'n2': ['b']}, 'placement')
            check(probe.longest_gap(since) < STALL, f'the service stayed: {probe.gaps()}')


@test(202, 'mixed: kill -9 of our master; the next one goes on, 3.0.6 declares nobody dead', limit=120)
def killed_master(t):
    for kinds in (('ours', 'debian'), ('debian', 'ours')):
        with t.lab(*kinds, deadtime=8000, initdead=8000) as lab:
            start(lab)
            probes = [lab.client.probe(VIP1), lab.client.probe(VIP2)]
            for probe, host in zip(probes, lab.hosts):
                lab.wait_answer(probe, host)
            since = time.time()
            ours = lab.hosts[kinds.index('ours')]
            ours.kill('master control process')
            lab.wait(lambda: ours.log_lines('this one goes on'), 15, 'a new master')
            lab.wait_settled(20)
            equal(lab.placement(), {'n1': ['a'], 'n2': ['b']}, 'placement')
            for probe in probes:
                check(probe.longest_gap(since) < STALL, f'the service stayed: {probe.gaps()}')
                equal(probe.events('two owners'), [], 'two owners')
            for host in lab.hosts:
                equal(host.log_lines('is dead'), [], f'deaths seen by {host.name}')
                equal(host.log_lines('restart on node'), [], f'restarts seen by {host.name}')


# ---- Debian's own cl_status against our daemon

DEBIAN = '/opt/debian'
PING = 'ping 10.77.0.2\n'  # first in the file, as in the transcript, although it is n2 itself
# Left out: what needs API clients on both nodes.
SKIPPED = ('clientstatus',)
VOLATILE = re.compile(r'^\w{3} \d\d [\d:]{8} \S+ (\S+): \[\d+\]: ', re.MULTILINE)
RELEASE = re.compile(r'\(node: [^)]*\)')  # the source's revision
# In the transcript n1's own packets do not come back on eth0; ours counts a link it sends on as up.
OWN_LINK = re.compile(r'(n1\tactive\t.*\n(?:\tthis.*\n)?\teth1\tup\n\teth0\t)\w+')


def compared(code, output, errors):
    output = RELEASE.sub('(node: X)', output)
    return code, OWN_LINK.sub(r'\1*', output), VOLATILE.sub(r'\1: ', errors)


@test(120, "Debian's cl_status on our node answers as the transcript does", limit=60)
def debians_cl_status(t):
    with t.lab('ours', 'debian', media=('ucast', 'bcast'), keepalive=1000, deadtime=6000,
               warntime=3000, initdead=10000) as lab:
        n1, n2 = lab.hosts
        n1.boot()
        n2.boot()
        lab.settings.install(n1)
        lab.settings.install(n2)
        seconds = lab.settings.ha_cf().replace('000ms', '')  # written as in the transcript
        n1.write('/etc/ha.d/ha.cf', PING + seconds)
        n1.start()
        n2.start()
        lab.wait_placed(25, n1='a', n2='b')
        lab.wait_settled(25)
        n1.plant_tree(f'{peer.CACHE}/root', DEBIAN)
        n1.run('chmod', '755', f'{DEBIAN}/usr/bin/cl_status')  # setgid: no library path
        library = f'LD_LIBRARY_PATH={DEBIAN}/usr/lib:{DEBIAN}/usr/lib/x86_64-linux-gnu'
        with open(f'{TOP}/tests/transcripts/cl_status-all-up.jsonl', encoding='utf-8') as file:
            lines = [json.loads(line) for line in file]
        alike, differences = 0, []
        for line in lines:
            arguments = line['argv'][1:]
            if (line['argv'][0] != 'cl_status' or line.get('as') or line['node'] != 'n1'
                    or any(word in SKIPPED and 'hbparameter' not in arguments
                           for word in arguments)
                    or arguments[:2] == ['hblinkstatus', 'n1'] or 'n1' in arguments[2:3]):
                continue
            wanted = compared(line['exit'], line['stdout'], line['stderr'])
            for name, answer in (
                    ("Debian's", n1.run('env', library, f'{DEBIAN}/usr/bin/cl_status', *arguments)),
                    ('our', n1.cl_status(*arguments))):
                found = compared(answer.returncode, answer.stdout, answer.stderr)
                alike += found == wanted
                if found != wanted:
                    differences.append(f'{name} cl_status {" ".join(arguments)}:\n  found  '
                                       f'{found}\n  wanted {wanted}')
        check(not differences, '\n'.join(differences))
        check(alike > 140, f'{alike} answers compared')
        note(f'{alike} answers of both programs are those of the transcript')
