# 005_debian_pair: two nodes of Debian's heartbeat 3.0.6 behave as its successor's peers must expect
import time

from lab import VIP1
from testing import check, equal, note, test


@test(5, 'Debian pair, auto_failback on: cold start, wire facts, power off, return, standby',
      limit=90)
def nice_pair(t):
    with t.lab('debian', 'debian') as lab:
        n1, n2 = lab.hosts
        n1.boot()
        packets = lab.capture(n1)
        start = time.monotonic()
        lab.start()
        lab.wait_placed(25, n1='a', n2='b')
        note(f'cold start took {time.monotonic() - start:.1f} s')
        check(time.monotonic() - start > 10, 'a cold start has a fixed wait of 10 s')
        wire_facts(packets.packets())
        questions(lab, n1)

        probe = lab.client.probe(VIP1)
        lab.wait_answer(probe, n1)
        n1.power_off()
        lab.wait(lambda: probe.owner() == 'n2', 5, 'n2 to take over')
        note(f'gap after a power-off: {probe.longest_gap():.0f} ms at deadtime 1000 ms')
        equal(n2.nodestatus('n1'), 'dead', 'status of n1')
        returned = time.time()
        lab.start(n1)
        lab.wait_placed(20, n1='a', n2='b')
        lab.wait_answer(probe, n1)
        note(f'gap of the failback: {probe.longest_gap(returned):.0f} ms')

        lab.wait_settled(15)
        n1.standby('all')
        lab.wait_placed(10, n1='', n2='ab')
        lab.wait(lambda: n2.rscstatus() == 'all', 10, 'n2 to hold all')
        equal(probe.events('two owners'), [], 'two owners')
        exchange = [p['info'] for p in packets.packets(t='ask_resources', rsc_hold='all')]
        check(exchange and exchange[0] == 'me', f'the standby exchange begins with me: {exchange}')
        check({'other', 'done'} <= set(exchange), f'and goes on with other and done: {exchange}')


def wire_facts(packets):
    kinds = [p.get('t') for p in packets if p.get('src') == 'n1']
    for kind in ('status', 'reqnodes', 'repnodes', 'starting', 'resource', 'NS_ackmsg'):
        check(kind in kinds, f'n1 sends {kind}')
    for packet in packets:
        check(packet.raw.startswith(b'###\n'), 'classic or not, UDP packets are netstrings')
        check(packet.signed_by('sha1', 'a-secret-of-the-lab'), 'the trailer is HMAC-SHA1')
        check('auth' in packet, 'classic adds an inner auth')
    numbers = [int(p['seq'], 16) for p in packets if p.get('src') == 'n1' and 'seq' in p]
    equal(sorted(set(numbers)), list(range(1, max(numbers) + 1)), 'numbers of n1')


def questions(lab, host):
    lab.wait(lambda: host.rscstatus() == 'local', 15, 'n1 to be settled')
    for command, answer in (('hbstatus', 'Heartbeat is running on this machine.'),
                            ('nodestatus n2', 'active'), ('nodetype n2', 'normal'),
                            ('hblinkstatus n2 eth1', 'up'), ('hbparameter -p deadtime', '1000ms'),
                            ('hbparameter -p auto_failback', 'on')):
        equal(host.cl_status(*command.split()).stdout.strip(), answer, f'cl_status {command}')
    equal(sorted(host.cl_status('listnodes').stdout.split()), ['n1', 'n2'], 'listnodes')
    equal(sorted(host.cl_status('listhblinks', 'n2').stdout.split()), ['eth0', 'eth1'],
          'listhblinks')


@test(6, 'Debian pair, legacy: cold start without the wait, ip-request on return', limit=60)
def legacy_pair(t):
    with t.lab('debian', 'debian', auto_failback='legacy', msgfmt='netstring',
               media=('ucast', 'mcast')) as lab:
        n1, n2 = lab.hosts
        n1.boot()
        packets = lab.capture(n1)
        start = time.monotonic()
        lab.start()
        lab.wait_placed(9, n1='a', n2='b')
        note(f'cold start took {time.monotonic() - start:.1f} s')
        n1.power_off()
        lab.wait_placed(6, n2='ab')
        lab.start(n1)
        lab.wait_placed(15, n1='a', n2='b')
        requests = packets.packets(t='ip-request', src='n1')
        check(requests, 'n1 asks for its group')
        equal(requests[-1]['ipaddr'], 'Tres::a', 'key of the group')
        check(packets.packets(t='ip-request-resp', src='n2'), 'n2 answers')
        check(not [p for p in packets.packets() if 'auth' in p], 'netstring has no inner auth')
