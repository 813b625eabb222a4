# 210_pauses: processes that are stopped and go on: who was away gives way, and nobody else suffers
import signal
import time

from lab import VIP1
from testing import STALL, check, equal, note, test

# After a pause a node asks for 100 ms whether it was replaced, and then lets go.
GIVEN_UP = 0.2


def given_up(lab, n1, since, resource='a'):
    """Seconds from the end of a pause to the start of the stop script."""
    def stops():
        return [at for at, name, operation in n1.resource_log()
                if name == resource and operation == 'stop' and at >= since]
    lab.wait(stops, 10, f'n1 to stop {resource}')
    seconds = stops()[0] - since
    # The processes of the lab, and the scripts, may have to wait for a processor.
    check(seconds <= GIVEN_UP + STALL / 1000, f'given up after {seconds:.3f} s')
    note(f'given up {1000 * seconds:.0f} ms after the pause')


def pause_until_replaced(lab, host, partner, limit):
    """Stops all processes until the partner serves; returns when they run again."""
    check(host.kill('heartbeat', signal.SIGSTOP) > 0, 'processes of heartbeat')
    lab.wait(lambda: 'a' in partner.resources(), limit, f'{partner.name} to take over')
    lab.wait_settled(limit, **{partner.name: 'all'})
    since = time.time()
    host.kill('heartbeat', signal.SIGCONT)
    return since


@test(210, 'a master that hangs (SIGSTOP): its runner ends it, the next one goes on unnoticed',
      limit=60)
def hung_master(t):
    # It is ended after half a dead time; the other half is for a busy machine to start the next.
    with t.lab(deadtime=4000, warntime=3000, initdead=8000) as lab:
        n1, n2 = lab.hosts
        lab.start()
        lab.wait_placed(12, n1='a', n2='b')
        lab.wait_settled(12)
        probe = lab.client.probe(VIP1)
        lab.wait_answer(probe, n1)
        since = time.time()
        n1.kill('master control process', signal.SIGSTOP)
        lab.wait(lambda: n1.log_lines('this one goes on'), 10, 'another master')
        check(n1.log_lines('hung, and was ended'), 'the log says why')
        lab.wait(lambda: len(n1.processes()) == 8, 10, 'all processes, and only one master')
        lab.wait_settled(10)
        equal(lab.placement(), {'n1': ['a'], 'n2': ['b']}, 'placement')
        equal(n2.log_lines('is dead') + n2.log_lines('restart on node'), [], 'what n2 noticed')
        check(probe.longest_gap(since) < STALL, f'the service stayed: {probe.gaps()}')
        equal(probe.events('two owners'), [], 'two owners')


@test(211, 'W5: a node paused for longer than deadtime gives way within 200 ms; its peer stays',
      limit=60)
def paused_node(t):
    with t.lab(auto_failback='off') as lab:
        n1, n2 = lab.hosts
        lab.start()
        lab.wait_placed(10, n1='a', n2='b')
        lab.wait_settled(10)
        generation = n1.read('/var/lib/heartbeat/hb_generation')
        probe = lab.client.probe(VIP1)
        lab.wait_answer(probe, n1)
        calls = len(n2.resource_log())
        since = pause_until_replaced(lab, n1, n2, 6)
        given_up(lab, n1, since)
        lab.wait_placed(10, n1='', n2='ab')
        lab.wait_settled(10, n1='none', n2='all')
        lab.wait_answer(probe, n2, 5)
        equal(n1.log_lines('is dead'), [], 'verdicts of the node that was away')
        equal(n2.log_lines('restart on node'), [], 'restarts seen by n2')
        equal(n1.read('/var/lib/heartbeat/hb_generation'), generation, 'generation of n1')
        equal([(name, op) for _, name, op in n2.resource_log()[calls:] if op == 'stop'], [],
              'what n2 stopped')
        equal([n1.nodestatus('n2'), n2.nodestatus('n1')], ['active', 'active'], 'states')


@test(212, 'pauses shorter than deadtime: nobody is declared dead, nothing moves', limit=60)
def short_pauses(t):
    with t.lab(deadtime=4000, warntime=3000, initdead=8000) as lab:
        n1 = lab.hosts[0]
        lab.start()
        lab.wait_placed(12, n1='a', n2='b')
        lab.wait_settled(12)
        calls = len(n1.resource_log())
        for title in ('master control process', 'heartbeat'):
            n1.kill(title, signal.SIGSTOP)
            time.sleep(1.2)  # the pause itself, too short to be taken for a hang
            n1.kill(title, signal.SIGCONT)
            # Whoever was declared dead would have been so at the next beat.
            time.sleep(1)
        equal(lab.placement(), {'n1': ['a'], 'n2': ['b']}, 'placement')
        for host in lab.hosts:
            equal(host.log_lines('is dead'), [], f'deaths seen by {host.name}')
        equal(n1.resource_log()[calls:], [], 'scripts that ran on n1')


@test(213, 'mixed: paused for longer than deadtime: gives way, and 3.0.6 need not restart', limit=120)
def paused_beside_debian(t):
    with t.lab('ours', 'debian', auto_failback='off') as lab:
        n1, n2 = lab.hosts
        lab.start()
        lab.wait_placed(30, n1='a', n2='b')
        lab.wait_settled(30)
        probe = lab.client.probe(VIP1)
        lab.wait_answer(probe, n1)
        calls = len(n2.resource_log())
        since = pause_until_replaced(lab, n1, n2, 10)
        given_up(lab, n1, since)
        lab.wait(lambda: n1.log_lines('beginning anew'), 10, 'n1 to begin anew')
        lab.wait(lambda: n1.nodestatus('n2') == n2.nodestatus('n1') == 'active', 30,
                 'both to be active')
        lab.wait_settled(40, n1='none', n2='all')
        equal(lab.placement(), {'n1': [], 'n2': ['a', 'b']}, 'placement')
        equal(n2.log_lines('returning after partition'), [], 'partitions that 3.0.6 saw')
        equal([(name, op) for _, name, op in n2.resource_log()[calls:] if op == 'stop'], [],
              'what 3.0.6 stopped')
        lab.wait_answer(probe, n2, 5)
