# 270_service_path: addresses that others remove or have, interfaces that die, the pair stays whole
import time

from hosts import execute
from lab import VIP1, VIP2
from testing import check, equal, note, test

VIP6 = 'fd77::64'
MASKED = f'{VIP1}/24'


def settled(lab, limit=10):
    lab.wait_placed(limit, n1='a', n2='b')
    lab.wait_settled(limit)


def no_two_owners(lab, probe):
    equal(probe.events('two owners'), [], 'two owners')
    for host in lab.hosts:
        equal(host.log_lines('still answers'), [], f'false alarms of {host.name}')


def cut_heartbeats(lab):
    """No heartbeat passes any more, all else does: the service network is alive."""
    for link in lab.links:
        link.harm_only_heartbeats()
        link.policy(loss=1)


@test(270, 'an address that somebody removes, IPv4 and IPv6, is back within a second, and the log '
           'says what the kernel knows of who did it', limit=60)
def removed_address(t):
    groups = (('n1', f'Tres::a IPaddr2::{VIP1}/24/eth0 IPv6addr::{VIP6}/64/eth0'), ('n2', 'Tres::b'))
    with t.lab(groups=groups) as lab:
        n1 = lab.hosts[0]
        for number, host in enumerate(lab.hosts, 1):
            host.boot()
            host.run('ip', '-6', 'address', 'add', f'fd77::{number}/64', 'dev', 'eth0', 'nodad',
                     check=True)
        lab.start()

        def held():
            return {VIP1, VIP6} <= set(n1.service_addresses())
        lab.wait(held, 10, 'both addresses on n1')
        lab.wait(lambda: n1.rscstatus() == 'local', 10, 'n1 to be settled')
        slowest = 0
        for address in (MASKED, f'{VIP6}/64'):
            since = time.monotonic()
            n1.run('ip', 'address', 'del', address, 'dev', 'eth0', check=True)
            lab.wait(held, 5, f'{address} to be back')
            slowest = max(slowest, time.monotonic() - since)
            lab.wait(lambda: n1.rscstatus() == 'local', 10, 'n1 to be settled again')
        lines = n1.log_lines('was removed by somebody else')
        four = [line for line in lines if VIP1 in line]
        check(any('process' in line for line in four), f'the process that did it, in {lines}')
        check(any(VIP6 in line and 'does not tell by whom' in line for line in lines),
              f'what cannot be known is said, in {lines}')
        note(f'back after {slowest * 1000:.0f} ms at most')


@test(271, 'the cable of the service network is pulled: the group moves, comes home when the cable '
           'can be trusted, and does not go to and fro when it flaps', limit=120)
def pulled_cable(t):
    with t.lab() as lab:
        n1, n2 = lab.hosts
        lab.start()
        settled(lab)
        probe = lab.client.probe(VIP1)
        lab.wait_answer(probe, n1)
        since = time.time()
        lab.links[0].unplug(n1)
        lab.wait_answer(probe, n2, 10)
        lab.wait_placed(5, n1='', n2='ab')
        gap = probe.longest_gap(since - 0.1)
        lab.links[0].plug_in(n1)
        back = time.monotonic()
        lab.wait_placed(30, n1='a', n2='b')
        trusted = time.monotonic() - back
        check(trusted > 8, f'an interface is not trusted after {trusted:.1f} s')
        lab.wait_answer(probe, n1, 5)
        # Now it is known to flap: gone at once, and for twice as long.
        lab.links[0].unplug(n1)
        lab.wait_placed(10, n1='', n2='ab')
        starts = n1.read('/var/log/tres').count('a start')
        for _ in range(4):
            lab.links[0].plug_in(n1)
            time.sleep(1.5)
            lab.links[0].unplug(n1)
            time.sleep(0.7)
        equal(n1.read('/var/log/tres').count('a start'), starts, 'starts on a flapping node')
        lab.wait_placed(5, n1='', n2='ab')
        equal(n2.log_lines('is dead'), [], 'deaths seen by n2')
        no_two_owners(lab, probe)
        check(n1.log_lines('interface eth0 has no carrier'), 'the log says what is wrong')
        note(f'gap {gap:.0f} ms; home after {trusted:.1f} s of carrier')


@test(272, 'the service interface is set down, then deleted: the group moves each time', limit=90)
def interface_gone(t):
    with t.lab(auto_failback='off') as lab:
        n1, n2 = lab.hosts
        lab.start()
        settled(lab)
        probe = lab.client.probe(VIP1)
        lab.wait_answer(probe, n1)
        n1.run('ip', 'link', 'set', 'eth0', 'down', check=True)
        lab.wait_placed(10, n1='', n2='ab')
        lab.wait_answer(probe, n2, 5)
        equal(n2.log_lines('is dead'), [], 'deaths seen by n2')
        # The other way round, with the last good interface: nobody could do better, all stays.
        lab.links[0].unplug(n2)
        lab.wait(lambda: n2.log_lines('does not work on this node'), 10, 'n2 to see its loss')
        time.sleep(1.5)
        lab.wait_placed(1, n1='', n2='ab')
        lab.links[0].plug_in(n2)
        lab.wait_answer(probe, n2, 10)
        no_two_owners(lab, probe)
    with t.lab(auto_failback='off') as lab:
        n1, n2 = lab.hosts
        lab.start()
        settled(lab)
        n1.run('ip', 'link', 'del', 'eth0', check=True)
        lab.wait(lambda: lab.running('a') == ['n2'] and VIP1 in n2.service_addresses(), 15,
                 'n2 to have the group of n1')
        equal(n2.log_lines('is dead'), [], 'deaths seen by n2')


@test(273, 'service_link_failover off, and auto_failback legacy: nothing moves, the log says so',
      limit=90)
def stays(t):
    for settings, text in (({'extra': ('service_link_failover off',)}, 'failover off: it stays'),
                           ({'auto_failback': 'legacy'}, 'does not work on this node')):
        with t.lab(**settings) as lab:
            n1 = lab.hosts[0]
            lab.start()
            lab.wait_placed(15, n1='a', n2='b')
            lab.links[0].unplug(n1)
            lab.wait(lambda n1=n1, text=text: n1.log_lines(text), 10, f'"{text}" in the log')
            time.sleep(2)
            lab.wait_placed(1, n1='a', n2='b')


@test(274, 'the cable of our node is pulled, the peer is a 3.0.6: a plain standby gives it our '
           'groups', limit=90)
def old_peer(t):
    with t.lab('ours', 'debian') as lab:
        n1, n2 = lab.hosts
        lab.start()
        lab.wait_placed(30, n1='a', n2='b')
        lab.wait_settled(30)
        lab.links[0].unplug(n1)
        lab.wait_placed(20, n1='', n2='ab')
        equal(n2.log_lines('is dead'), [], 'deaths seen by n2')
        lab.links[0].plug_in(n1)


@test(275, 'no heartbeat passes, the service network is alive: with address_conflict hold nothing '
           'is owned twice, and a real death is still taken over', limit=120)
def hold(t):
    with t.lab(relayed=True, extra=('address_conflict hold',), auto_failback='off') as lab:
        n1, n2 = lab.hosts
        lab.start()
        settled(lab)
        probe = lab.client.probe(VIP1)
        lab.wait_answer(probe, n1)
        cut_heartbeats(lab)
        for host in lab.hosts:
            lab.wait(lambda host=host: host.log_lines('(address_conflict hold)'), 15,
                     f'the alarm of {host.name}')
        time.sleep(2)
        equal(lab.placement(), {'n1': ['a'], 'n2': ['b']}, 'placement')
        equal(probe.events('two owners'), [], 'two owners')
        n1.power_off()
        lab.wait(lambda: lab.running('a') == ['n2'], 15, 'n2 to take over from a node that is gone')
        lab.wait_answer(probe, n2, 5)
        check(n2.log_lines('does not answer any more'), 'the log says why it waited')


@test(276, 'address_conflict take, the default: taken at once, with an alarm; after a heal one '
           'owner is left', limit=120)
def take(t):
    with t.lab(relayed=True) as lab:
        n1, n2 = lab.hosts
        lab.start()
        settled(lab)
        cut_heartbeats(lab)
        lab.wait(lambda: n2.log_lines('(address_conflict take)'), 15, 'the alarm of n2')
        lab.wait(lambda: VIP1 in n2.service_addresses(), 10, 'n2 to have the address')
        for link in lab.links:
            link.policy()
        settled(lab, 40)


@test(277, 'a stranger has the address of the dead node: alarm with its hardware address', limit=60)
def stranger(t):
    with t.lab() as lab:
        n1, n2 = lab.hosts
        lab.start()
        settled(lab)
        lab.client.space.batch([f'address add {VIP1}/32 dev eth0'])
        n1.power_off()
        lab.wait(lambda: n2.log_lines('still answers'), 10, 'the alarm of n2')
        mac = lab.links[0].mac(type('client', (), {'number': 200}))
        check(mac in n2.log_lines('still answers')[0], f'{mac} in the alarm')
        lab.wait_placed(10, n2='ab')


@test(278, 'planned moves, shutdowns and deaths make no false alarm, and the question costs a '
           'takeover no time', limit=90)
def no_false_alarm(t):
    with t.lab() as lab:
        n1, n2 = lab.hosts
        lab.start()
        settled(lab)
        probe = lab.client.probe(VIP1)
        lab.wait_answer(probe, n1)
        n1.standby('all')
        lab.wait_placed(10, n1='', n2='ab')
        n1.takeover('local')
        settled(lab)
        lab.wait_answer(probe, n1)
        n1.stop()
        lab.wait_placed(10, n1='', n2='ab')
        n1.start()
        settled(lab, 20)
        lab.wait_answer(probe, n1, 5)
        when = n1.power_off()
        lab.wait_answer(probe, n2, 10)
        gap = probe.longest_gap(when - 0.1)
        dead = lab.settings.deadtime
        check(gap < dead + 1500, f'the service was away for {gap} ms at deadtime {dead} ms')
        no_two_owners(lab, probe)
        note(f'gap {gap:.0f} ms at deadtime {dead} ms')


ARP_COUNT = ['timeout', '6', 'tcpdump', '-i', 'eth0', '-n', '-l', f'arp and src host {VIP2}']


@test(279, 'held addresses are announced again and again; IPv6 duplicates are noticed', limit=60)
def announced(t):
    groups = (('n1', f'IPv6addr::{VIP6}/64/eth0 Tres::a'), ('n2', f'Tres::b IPaddr2::{VIP2}/24/eth0'))
    with t.lab(groups=groups, extra=('announce_interval 1',)) as lab:
        n1, n2 = lab.hosts
        for number, host in enumerate(lab.hosts, 1):
            host.boot()
            host.run('ip', '-6', 'address', 'add', f'fd77::{number}/64', 'dev', 'eth0', 'nodad',
                     check=True)
        lab.start()
        lab.wait(lambda: lab.placement() == {'n1': ['a'], 'n2': ['b']}, 15, 'both groups')
        lab.wait_settled(15)
        time.sleep(3)  # the repetitions after the start are over
        seen = execute(lab.client.space.enter(ARP_COUNT), timeout=20).stdout
        rounds = seen.count(f'Request who-has {VIP2}')
        check(3 <= rounds <= 8, f'{rounds} announcements in 6 s: {seen}')
        # Another machine gets the IPv6 address; then somebody restarts ours, with detection.
        lab.client.space.batch([f'address add {VIP6}/64 dev eth0 nodad'])
        n1.shell(f'ip -6 address del {VIP6}/64 dev eth0; ip -6 address add {VIP6}/64 dev eth0')
        lab.wait(lambda: n1.log_lines('duplicate address detection failed'), 15,
                 'the duplicate to be noticed')


@test(286, 'mixed: no heartbeat passes, a 3.0.6 node still serves: with address_conflict hold ours '
           'takes nothing, and what the dead 3.0.6 had is taken', limit=120)
def hold_mixed(t):
    with t.lab('debian', 'ours', relayed=True, auto_failback='off') as lab:
        n1, n2 = lab.hosts
        for host in lab.hosts:
            host.boot()
            lab.settings.install(host)
        n2.write('/etc/ha.d/ha.cf', n2.read('/etc/ha.d/ha.cf') + 'address_conflict hold\n')
        for host in lab.hosts:
            host.start()
        lab.wait_placed(40, n1='a', n2='b')
        lab.wait_settled(40)
        for link in lab.links:  # from n1 to n2 only: 3.0.6 itself would take what is ours
            link.harm_only_heartbeats()
            link.policy(sender=n1, loss=1)
        lab.wait(lambda: n2.log_lines('(address_conflict hold)'), 15, 'the alarm of n2')
        time.sleep(2)
        equal(lab.placement(), {'n1': ['a'], 'n2': ['b']}, 'placement')
        n1.power_off()
        lab.wait(lambda: lab.running('a') == ['n2'], 15, 'n2 to take over from a node that is gone')


@test(287, 'an interface that goes down takes IPv6 addresses with it: the group moves, and comes '
           'home although its start failed meanwhile', limit=90)
def sixth_version_down(t):
    with t.lab(groups=(('n1', f'Tres::a IPv6addr::{VIP6}/64/eth0'), ('n2', 'Tres::b'))) as lab:
        n1 = lab.hosts[0]
        for number, host in enumerate(lab.hosts, 1):
            host.boot()
            host.run('ip', '-6', 'address', 'add', f'fd77::{number}/64', 'dev', 'eth0', 'nodad',
                     check=True)
        lab.start()
        lab.wait(lambda: lab.placement() == {'n1': ['a'], 'n2': ['b']}, 15, 'both groups')
        lab.wait_settled(15)
        n1.run('ip', 'link', 'set', 'eth0', 'down', check=True)
        lab.wait(lambda: lab.placement() == {'n1': [], 'n2': ['a', 'b']}, 15, 'n2 to have both')
        n1.run('ip', 'link', 'set', 'eth0', 'up', check=True)
        lab.wait(lambda: lab.placement() == {'n1': ['a'], 'n2': ['b']}, 30, 'both to be at home')
        lab.wait(lambda: VIP6 in n1.service_addresses(), 5, 'the address to be there')
