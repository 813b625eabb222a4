# 260_fencing: a dead node is reset before its groups are taken: with cluster-glue, agents, by hand
import time

import peer
from power import PowerSwitch
from testing import check, equal, note, test

PLUGIN = 'stonith_host * external/lab n1 n2'
AGENT = 'fence_agent * fence_lab secret=a=b'
GRACE = 'fence_delay n2 60'  # if both would reset each other, n2 is the one that survives


def started(lab, switch=None, *hosts):
    lab.start(*hosts)
    lab.wait_placed(40, n1='a', n2='b')
    lab.wait_settled(20)
    if switch:
        equal(switch.events, [], 'resets before anybody died')


def first_start(host, name, since):
    """When a host began to start a resource after a moment."""
    return next((at for at, each, operation in host.resource_log()
                 if (each, operation) == (name, 'start') and at > since), None)


def cut(lab, host):
    for link in lab.links:
        link.cut(host)


def heal(lab, host):
    for link in lab.links:
        link.heal(host)


def shown(host):
    return host.run('cl_status', 'resources').stdout


@test(260, 'stonith_host in a partition: the other side is off before its group is taken', limit=90)
def fence_first(t):
    with t.lab(extra=(PLUGIN, GRACE)) as lab:
        n1, n2 = lab.hosts
        switch = PowerSwitch(lab)
        started(lab, switch)
        capture = lab.capture(n2)
        began = time.time()
        cut(lab, n1)
        switch.until(lambda: n2.resources() == ['a', 'b'], 20, 'n2 to take over')
        off, = switch.times('off')
        taken = first_start(n2, 'a', began)
        check(off < taken, f'n1 went off at {off:.3f}, n2 started a at {taken:.3f}')
        equal([event[2:] for event in switch.events], [('n2', 'reset', 'n1')] * 2, 'events')
        for text in ('Resetting node n1 with [', 'node n1 now reset.',
                     'Resources being acquired from n1.'):
            equal(len(n2.log_lines(text)), 1, text)
        check(not n2.log_lines('No STONITH device configured'), 'n2 told that there is no device')
        said = [(p['node'], p['result']) for p in capture.packets(t='stonith', src='n2')]
        equal(said, [('n1', 'OK')], 'results that n2 announced')
        note(f'taken {taken - began:.2f} s after the cut, {taken - off:.2f} s after the reset')
        heal(lab, n1)
        lab.start(n1)
        lab.wait_placed(30, n1='a', n2='b')
        n1.stop()
        lab.wait_placed(15, n1='', n2='ab')
        equal(len(switch.times('asked')), 1, 'resets, one of them of a node that left in peace')


@test(261, 'a device that fails: nothing is taken, it is shown, tried again, also by the next master',
      limit=90)
def retried(t):
    with t.lab(extra=(PLUGIN,)) as lab:
        n1, n2 = lab.hosts
        switch = PowerSwitch(lab, 'fails')
        started(lab, switch)
        n1.power_off()
        switch.until(lambda: n2.log_lines('STONITH of n1 failed.  Retrying...'), 15, 'a failure')
        check(n2.log_lines('Host n1 not reset!'), 'n2 says what failed')
        check(n2.log_lines('the switch says no to reset of n1'), 'the words of the device are lost')
        lab.wait(lambda: 'n1 is dead and to be fenced' in shown(n2), 5, 'cl_status to tell it')
        check('tries failed (external/lab: exit code 5' in shown(n2), shown(n2))
        switch.mode = 'hangs'
        switch.until(switch.pending, 15, 'the next attempt')
        first, second = switch.times('asked')
        check(4.5 < second - first < 12, f'tried again after {second - first:.1f} s')
        equal(n2.resources(), ['b'], 'on n2')
        equal(n2.kill('master control process'), 1, 'masters killed')
        switch.until(lambda: len(switch.times('asked')) == 3, 15, 'the next master to try it')
        lab.wait(lambda: len(switch.pending()) == 1, 10, 'the attempt of the last one to be ended')
        equal(n2.resources(), ['b'], 'on n2')
        switch.mode = 'works'
        switch.until(lambda: n2.resources() == ['a', 'b'], 30, 'n2 to take over')
        check(first_start(n2, 'a', first) > switch.times('off')[0], 'taken before the reset')


@test(262, 'fence_agent: devices in their order, one that hangs is ended, a broken one is told at start',
      limit=90)
def several_devices(t):
    extra = ('fence_agent n1 fence_dummy type=fail', 'fence_agent n1 fence_lab secret=wrong', AGENT,
             'fence_timeout 3')
    with t.lab(extra=extra) as lab:
        n1, n2 = lab.hosts
        switch = PowerSwitch(lab, 'hangs')
        for host in lab.hosts:
            host.plant_tree(peer.fetch_fence_agents(), '/')
        n1._plant('etc/power.broken', '')
        started(lab, switch)
        lab.wait(lambda: n1.log_lines('STONITH device fence_lab not operational!'), 10, 'a warning')
        check(n1.log_lines('no route to the switch'), 'the words of the device are lost')
        check(not n2.log_lines('STONITH device fence_dummy not operational!'), 'a wrong warning')
        began = n1.power_off()
        lab.wait(lambda: n2.log_lines('Resetting node n1 with [fence_lab]'), 20, 'the second device')
        switch.until(switch.pending, 20, 'the third device')
        equal(switch.events[0][2:], ('n2', 'reboot', 'n1'), 'what the third device asks for')
        check(n2.log_lines('wrong secret: wrong'), 'the parameters are not those of ha.cf')
        switch.until(lambda: not switch.pending(), 20, 'the one that hangs to be ended')
        lab.wait(lambda: n2.log_lines('STONITH of n1 failed.  Retrying...'), 5, 'the failure')
        check(first_start(n2, 'a', began) is None, 'n2 took a without a reset')
        n2.run('cl_status', 'fenced', 'n1', check=True)
        lab.wait_placed(15, n2='ab')


@test(263, 'mixed: ours resets a 3.0.6, and a 3.0.6 resets ours, with the same line; nobody else',
      limit=120)
def beside_old(t):
    with t.lab('ours', 'debian', extra=('stonith_host * external/lab n1 n2',)) as lab:
        n1, n2 = lab.hosts
        switch = PowerSwitch(lab)
        capture = lab.capture(n1)
        started(lab, switch)
        for victim, survivor in ((n2, n1), (n1, n2)):
            told = len(survivor.log_lines(f'node {victim.name} now reset.'))
            began = victim.power_off()
            switch.until(lambda: survivor.resources() == ['a', 'b'], 30, 'the takeover')
            equal(len(survivor.log_lines(f'node {victim.name} now reset.')), told + 1, 'resets')
            check(switch.times('off')[-1] < first_start(survivor, 'a' if victim is n1 else 'b', began),
                  'taken before the reset')
            # A 3.0.6 gives nothing to a node that returns before its takeover has ended.
            lab.wait_settled(20, **{survivor.name: 'all'})
            lab.start(victim)
            lab.wait_placed(40, n1='a', n2='b')
            lab.wait_settled(20)
        equal([event[2:] for event in switch.events if event[1] == 'off'],
              [('n1', 'reset', 'n2'), ('n2', 'reset', 'n1')], 'resets')
        said = [[(name, value) for name, _, value in p.fields if name in ('t', 'node', 'result')]
                for p in capture.packets(t='stonith', src='n1')]
        equal(said, [[('t', b'stonith'), ('node', b'n2'), ('result', b'OK')]], 'our announcement')


@test(227, 'W8: a node that returned is not reset any more', limit=90)
def returned(t):
    with t.lab(extra=(PLUGIN, GRACE)) as lab:
        n1, n2 = lab.hosts
        switch = PowerSwitch(lab, 'hangs')
        started(lab, switch)
        # While the device is at work: it is ended.
        cut(lab, n1)
        switch.until(switch.pending, 15, 'n2 to begin')
        heal(lab, n1)
        lab.wait(lambda: n2.log_lines('node n1 is here again'), 10, 'n1 to be heard again')
        switch.until(lambda: not switch.pending(), 10, 'the device to be ended')
        # Between two attempts: there is no other one.
        lab.wait_settled(20)
        switch.mode = 'fails'
        cut(lab, n1)
        switch.until(lambda: n2.log_lines('STONITH of n1 failed.  Retrying...'), 15, 'a failure')
        heal(lab, n1)
        lab.wait(lambda: len(n2.log_lines('node n1 is here again')) == 2, 10, 'n1 to be heard again')
        asked = len(switch.times('asked'))
        switch.mode = 'works'
        until = time.monotonic() + 7  # longer than the pause before the next attempt
        switch.until(lambda: time.monotonic() > until, 10, 'the time to pass')
        equal(len(switch.times('asked')), asked, 'attempts')
        check(n1.powered, 'n1 was switched off')
        lab.wait_placed(10, n1='a', n2='b')
        lab.wait_settled(20)
        for host in lab.hosts:
            equal([op for _, name, op in host.resource_log() if op == 'stop'], [], 'stops')


@test(228, 'W2: what would not stop on a node that died is taken after its reset, or by hand',
      limit=90)
def unknown_stop(t):
    with t.lab(extra=(AGENT,)) as lab:
        n1, n2 = lab.hosts
        switch = PowerSwitch(lab, 'fails')
        for host in lab.hosts:
            host._plant('etc/ha.d/haresources.options', 'default stop_timeout 1s\n')
        n1._plant('etc/tres/a.stop', 'hang\n')
        started(lab, switch)
        refused = n2.run('cl_status', 'fenced', 'n1')
        equal(refused.returncode, 1, '`fenced` of a node that lives')
        check('alive' in refused.stderr, refused.stderr)
        n1.run('/usr/share/heartbeat/hb_standby', 'local')
        lab.wait(lambda: n1.log_lines('stays booked here'), 20, 'the stop to fail')
        began = n1.power_off()
        switch.until(lambda: n2.log_lines('STONITH of n1 failed.  Retrying...'), 15, 'a failure')
        check(not n2.log_lines('Dead node n1 gave up resources'), 'n2 took n1 for empty-handed')
        check(first_start(n2, 'a', began) is None, 'n2 took a without a reset')
        switch.mode = 'works'
        switch.until(lambda: n2.resources() == ['a', 'b'], 15, 'n2 to take over')
        check(first_start(n2, 'a', began) > switch.times('off')[0], 'taken before the reset')
