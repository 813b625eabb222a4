# 010_pair: a pair of our nodes: cold start, power-off, return, graceful stop, standby, cut links
import time

from lab import VIP1, VIP2
from testing import STALL, check, equal, note, test

SETTLED = {'n1': 'local', 'n2': 'local'}


def start_pair(t, lab):
    """A settled pair, each node with its own group."""
    lab.start()
    lab.wait_placed(t.pace(8, 25), n1='a', n2='b')
    if lab.settings.auto_failback != 'legacy':
        lab.wait_settled(t.pace(8, 15))


def no_double(*probes):
    for probe in probes:
        equal(probe.events('two owners'), [], f'moments with two owners of {probe.address}')


@test(10, 'cold start: each node takes its own group, without the wait of 10 s', limit=60)
def cold_start(t):
    with t.lab() as lab:
        n1, n2 = lab.hosts
        n1.boot()
        n2.boot()
        probes = [lab.client.probe(VIP1), lab.client.probe(VIP2)]
        began = time.monotonic()
        start_pair(t, lab)
        took = time.monotonic() - began
        lab.wait(lambda: probes[0].owner() == 'n1' and probes[1].owner() == 'n2', 3,
                 'the owners to answer')
        note(f'cold start took {took:.1f} s')
        no_double(*probes)
        for host in lab.hosts:
            equal([host.nodestatus('n1'), host.nodestatus('n2')], ['active', 'active'],
                  f'status of both nodes on {host.name}')
            check(host.read('/run/heartbeat.pid').strip().isdigit(), 'the pid file holds a number')


@test(11, 'power-off of n1, auto_failback on: takeover in time; return: failback', limit=90)
def power_off_first(t):
    with t.lab() as lab:
        lab.hosts[0].boot()
        start_pair(t, lab)
        power_off_and_return(t, lab, *lab.hosts, VIP1)


@test(12, 'power-off of n2, auto_failback on: takeover in time; return: failback', limit=90)
def power_off_second(t):
    with t.lab() as lab:
        start_pair(t, lab)
        n1, n2 = lab.hosts
        power_off_and_return(t, lab, n2, n1, VIP2)


def power_off_and_return(t, lab, victim, survivor, address):
    probe = lab.client.probe(address)
    lab.wait_answer(probe, victim)
    time.sleep(0.3)
    cut = victim.power_off()
    lab.wait_answer(probe, survivor, t.pace(3, 5))
    gap = probe.longest_gap(cut - 0.1)
    note(f'gap after the power-off: {gap:.0f} ms at deadtime {lab.settings.deadtime} ms')
    check(gap >= lab.settings.deadtime - lab.settings.keepalive - 50,
          f'a gap of {gap:.0f} ms is shorter than deadtime allows: who judged too early?')
    check(gap <= lab.settings.deadtime + t.pace(STALL, 2500), f'a gap of {gap:.0f} ms is too long')
    lab.wait_placed(5, **{survivor.name: 'ab'})
    equal(survivor.nodestatus(victim.name), 'dead', 'status of the victim')
    lab.wait_settled(t.pace(5, 15), **{survivor.name: 'all'})

    back = time.time()
    lab.start(victim)
    lab.wait_placed(t.pace(8, 25), n1='a', n2='b')
    lab.wait_answer(probe, victim)
    lab.wait_settled(t.pace(5, 15))
    gap = probe.longest_gap(back)
    note(f'gap of the failback: {gap:.0f} ms')
    check(gap <= t.pace(STALL, 2500), f'a failback gap of {gap:.0f} ms is too long')
    no_double(probe)


@test(13, 'auto_failback off: a returning node gets nothing back by itself', limit=90)
def no_failback(t):
    with t.lab(auto_failback='off') as lab:
        n1, n2 = lab.hosts
        start_pair(t, lab)
        n1.power_off()
        lab.wait_placed(t.pace(3, 6), n2='ab')
        probe = lab.client.probe(VIP1)
        lab.wait_answer(probe, n2)
        lab.start(n1)
        lab.wait_settled(t.pace(8, 25), n1='none', n2='all')
        quiet_until = time.monotonic() + 3 * lab.settings.deadtime / 1000
        while time.monotonic() < quiet_until:
            equal(lab.placement(), {'n1': [], 'n2': ['a', 'b']}, 'placement after the return')
        equal(probe.gaps(20), [], 'gaps of a service that did not move')
        n2.standby('foreign')
        lab.wait_placed(t.pace(5, 10), n1='a', n2='b')
        lab.wait_settled(t.pace(5, 10))
        no_double(probe)


@test(14, 'auto_failback legacy, and absent: cold start, power-off, return by ip-request', limit=90)
def legacy(t):
    for mode in ('legacy', ''):
        with t.lab(auto_failback=mode) as lab:
            n1, n2 = lab.hosts
            n1.boot()
            packets = lab.capture(n1)
            lab.start()
            lab.wait_placed(t.pace(6, 9), n1='a', n2='b')
            probe = lab.client.probe(VIP1)
            lab.wait_answer(probe, n1)
            n1.power_off()
            lab.wait_placed(t.pace(3, 6), n2='ab')
            lab.start(n1)
            lab.wait_placed(t.pace(8, 15), n1='a', n2='b')
            lab.wait_answer(probe, n1)
            check([p for p in packets.packets(t='ip-request', src='n1')
                   if p['ipaddr'] == 'Tres::a'], 'n1 asked for its group by ip-request')
            no_double(probe)


@test(15, 'graceful stop: the other node takes over at once, long before deadtime', limit=90)
def graceful_stop(t):
    with t.lab(deadtime=10000, initdead=10000) as lab:
        n1, n2 = lab.hosts
        start_pair(t, lab)
        probe = lab.client.probe(VIP1)
        lab.wait_answer(probe, n1)
        began = time.time()
        n1.stop()
        took = time.time() - began
        lab.wait_placed(t.pace(3, 5), n1='', n2='ab')
        lab.wait_answer(probe, n2)
        gap = probe.longest_gap(began)
        note(f'stop took {took:.1f} s, the gap was {gap:.0f} ms')
        check(gap < t.pace(500, 4000), f'gap of {gap:.0f} ms')
        equal(n1.processes(), {}, 'processes of the stopped node')
        no_double(probe)
        stopped = sorted({name for _, name, op in n1.resource_log() if op == 'stop'})
        # 3.0.6 also stops what it does not hold; ours leaves the other node's groups alone.
        equal(stopped, t.pace(['a'], ['a', 'b']), 'resources that were stopped')


@test(16, 'hb_standby all, local, foreign and hb_takeover move what they name', limit=120)
def standby(t):
    with t.lab() as lab:
        n1, n2 = lab.hosts
        start_pair(t, lab)
        probe = lab.client.probe(VIP1)
        lab.wait_answer(probe, n1)
        steps = ((n1.standby, 'local', {'n1': '', 'n2': 'ab'}, {'n1': 'none', 'n2': 'all'}),
                 (n2.standby, 'foreign', {'n1': 'a', 'n2': 'b'}, SETTLED),
                 (n2.standby, 'all', {'n1': 'ab', 'n2': ''}, {'n1': 'all', 'n2': 'none'}),
                 (n2.takeover, 'local', {'n1': 'a', 'n2': 'b'}, SETTLED),
                 (n2.takeover, 'all', {'n1': '', 'n2': 'ab'}, {'n1': 'none', 'n2': 'all'}))
        for act, what, placed, states in steps:
            began = time.time()
            act(what)
            lab.wait_placed(t.pace(4, 10), **placed)
            lab.wait_settled(t.pace(4, 12), **states)
            lab.wait_answer(probe, n1 if 'a' in placed['n1'] else n2)
            note(f'{act.__name__} {what}: gap {probe.longest_gap(began):.0f} ms')
        no_double(probe)


@test(17, 'one link cut, in both ways and in one: nothing moves, the link is told', limit=60)
def one_link_cut(t):
    with t.lab(relayed=True) as lab:
        n1, n2 = lab.hosts
        start_pair(t, lab)
        probe = lab.client.probe(VIP1)
        lab.wait_answer(probe, n1)
        before = time.time()
        link = lab.links[1]
        link.cut(n2)
        lab.wait(lambda: n1.cl_status('hblinkstatus', 'n2', 'eth1').stdout.strip() == 'dead', 5,
                 'n1 to see the dead link')
        lab.wait(lambda: n2.cl_status('hblinkstatus', 'n1', 'eth1').stdout.strip() == 'dead', 5,
                 'n2 to see the dead link')
        equal(n1.cl_status('hblinkstatus', 'n2', 'eth0').stdout.strip(), 'up', 'the other link')
        check(n1.log_lines('Link n2:eth1 dead.'), 'the log of n1 tells of the dead link')
        link.heal(n2)
        for host, other in ((n1, 'n2'), (n2, 'n1')):
            lab.wait(lambda: host.cl_status('hblinkstatus', other, 'eth1').stdout.strip() == 'up',
                     5, f'{host.name} to see the healed link')
        link.policy(sender=n1, loss=1)
        lab.wait(lambda: n2.cl_status('hblinkstatus', 'n1', 'eth1').stdout.strip() == 'dead', 5,
                 'n2 to miss n1 on the link that is cut in one way')
        equal(n1.cl_status('hblinkstatus', 'n2', 'eth1').stdout.strip(), 'up', 'the other way')
        link.heal(n1)
        equal(lab.placement(), {'n1': ['a'], 'n2': ['b']}, 'placement')
        equal([n1.nodestatus('n2'), n2.nodestatus('n1')], ['active', 'active'], 'states')
        # The relay has work while links are judged; a stray millisecond is not a moved service.
        check(probe.longest_gap(before) < STALL, f'the service stayed: {probe.gaps()}')
        equal([event['host'] for event in probe.events('owner')], ['n1'], 'who answered')


@test(18, 'both links cut and healed: each side serves alone, then each group has one owner',
      limit=90)
def partition(t):
    with t.lab() as lab:
        n1, n2 = lab.hosts
        start_pair(t, lab)
        for link in lab.links:
            link.cut(n2)
        lab.wait_placed(t.pace(4, 8), n1='ab', n2='ab')
        equal([n1.nodestatus('n2'), n2.nodestatus('n1')], ['dead', 'dead'], 'states')
        probe = lab.client.probe(VIP1)
        lab.wait_answer(probe, n1)
        for link in lab.links:
            link.heal(n2)
        healed = time.monotonic()

        def once():
            return (len(lab.holders(VIP1)) < 2 and len(lab.holders(VIP2)) < 2
                    and len(lab.running('a')) < 2 and len(lab.running('b')) < 2)
        lab.wait(once, t.pace(4, 10), 'no group to be held twice')
        note(f'held twice for {time.monotonic() - healed:.1f} s after the healing')
        lab.wait_placed(t.pace(20, 40), n1='a', n2='b')
        lab.wait_settled(t.pace(10, 15))
        seen = probe.double_owned()
        note(f'two owners answered for {seen:.1f} s')
        check(seen < t.pace(4, 10), f'two owners answered for {seen:.1f} s')


@test(19, '20 % loss with duplication and reordering: no false death, standby still works',
      limit=120)
def loss(t):
    with t.lab(relayed=True) as lab:
        n1, n2 = lab.hosts
        start_pair(t, lab)
        probe = lab.client.probe(VIP1)
        lab.wait_answer(probe, n1)
        for link in lab.links:
            link.harm_only_heartbeats()
            link.policy(loss=0.2, duplicate=0.2, reorder=0.3, delay_ms=60)
        began = time.monotonic()
        n1.standby('all')
        lab.wait_placed(t.pace(8, 15), n1='', n2='ab')
        lab.wait_settled(t.pace(8, 15), n1='none', n2='all')
        n2.standby('foreign')
        lab.wait_placed(t.pace(8, 15), n1='a', n2='b')
        lab.wait_settled(t.pace(8, 15))
        while time.monotonic() - began < 15:
            equal([n1.nodestatus('n2'), n2.nodestatus('n1')], ['active', 'active'], 'states')
            time.sleep(0.2)
        for host in lab.hosts:
            equal(host.log_lines('is dead'), [], f'deaths seen by {host.name}')
            check(host.log_lines('lost packet(s)'), f'{host.name} noticed lost packets')
            check(host.log_lines('No pkts missing'), f'{host.name} got them again')
        for link in lab.links:
            counts = link.counts()
            check(counts['lost'] > 10 and counts['doubled'] > 5, f'the relay works: {counts}')
        no_double(probe)


@test(30, 'reload with a changed ha.cf, in both failback modes: nothing moves, no beat is lost',
      limit=120)
def reload_in_place(t):
    for mode in ('on', 'legacy'):
        with t.lab(auto_failback=mode, deadtime=3000, initdead=4000) as lab:
            n1, n2 = lab.hosts
            start_pair(t, lab)
            probe = lab.client.probe(VIP1)
            lab.wait_answer(probe, n1)
            since = time.time()
            for host in (n1, n2, n1):
                lab.settings.warntime += 100
                lab.settings.install(host)
                host.run('/etc/init.d/heartbeat', 'reload', check=True)
                wanted = f'{lab.settings.warntime}ms'
                lab.wait(lambda: host.cl_status('hbparameter', '-p', 'warntime').stdout.strip()
                         == wanted, t.pace(8, 20), f'{host.name} to use the changed ha.cf')
                if mode == 'on':
                    lab.wait_settled(t.pace(5, 20))
            equal(lab.placement(), {'n1': ['a'], 'n2': ['b']}, 'placement')
            equal([event['host'] for event in probe.events('owner')], ['n1'], 'who answered')
            check(probe.longest_gap(since) < STALL, f'the service stayed: {probe.gaps()}')
            for host in lab.hosts:
                # No start, stop or takeover beside those of the cold start.
                equal([op for _, _, op in host.resource_log() if op == 'stop'], [],
                      f'groups stopped on {host.name}')
                for trouble in ('is dead', 'Late heartbeat', 'Taking over', 'both own'):
                    equal(host.log_lines(trouble), [], f'log of {host.name}')
