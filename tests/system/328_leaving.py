# 328_leaving: the way of growing-out.md to take the daemons away from under running services
import time

from configuration import VIP1, VIP2
from hosts import TOP
from testing import STALL, check, equal, note, test

# The command of docs/growing-out.md: all at once, so that none of them sees another one die.
LEAVE = 'pkill -STOP -x heartbeat; pkill -KILL -x heartbeat'


@test(328, 'growing out: in maintenance the daemons can go and the services stay', limit=60)
def leave(context):
    with open(f'{TOP}/docs/growing-out.md') as document:
        check(LEAVE in document.read(), 'growing-out.md has the command that is tested here')
    with context.lab('ours', 'ours') as lab:
        n1, n2 = lab.hosts
        lab.start()
        lab.wait_placed(15, n1='a', n2='b')
        probers = [lab.client.probe(VIP1), lab.client.probe(VIP2)]
        lab.wait_answer(probers[0], n1)
        lab.wait_answer(probers[1], n2)
        n1.run('cl_status', 'maintenance', 'on', check=True)
        lab.wait(lambda: n2.run('cl_status', 'maintenance').stdout.strip() == 'on', 5,
                 'n2 to know of the maintenance')
        for host in lab.hosts:
            host.shell(LEAVE)
            lab.wait(lambda host=host: not host.processes(), 5, f'{host.name} without a daemon')
            time.sleep(2 * lab.settings.deadtime / 1000)  # time enough for the other to act on it
        equal(lab.placement(), {'n1': ['a'], 'n2': ['b']}, 'services without daemons')
        gap = max(prober.longest_gap() for prober in probers)
        note(f'longest gap {gap:.0f} ms')
        check(gap < STALL, f'a gap of {gap} ms')
        equal([o for host in lab.hosts for _, _, o in host.resource_log() if o == 'stop'], [],
              'stops')
        # The way back: heartbeat takes up what runs where it ran.
        lab.start()
        lab.wait_settled(20, n1='local', n2='local')
        equal(lab.placement(), {'n1': ['a'], 'n2': ['b']}, 'services after the way back')
        check(max(prober.longest_gap() for prober in probers) < STALL, 'a gap on the way back')
