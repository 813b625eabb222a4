# 290_hostile_network: keys that change, strangers, floods, and machines that are not who they say
import subprocess
import time

import wire
from hosts import bound
from lab import NETWORKS
from testing import check, equal, note, test

OLD, NEW = '1 sha1 a-secret-of-the-lab', '2 sha256 a-longer-secret-of-the-lab'
PHASES = (('auth 1', 'accept 1 2'), ('auth 2', 'accept 1 2'), ('auth 2', 'accept 2'))


def reread(lab, host, lines):
    """New keys for one node, which goes on as it is."""
    before = len(host.log_lines('Rereading auth'))
    host.write('/etc/ha.d/authkeys', '\n'.join(lines) + '\n', 0o600)
    master = [pid for pid, title in host.processes().items() if 'master control' in title]
    host.run('kill', '-HUP', str(master[0]), check=True)
    lab.wait(lambda: len(host.log_lines('Rereading auth')) > before, 5, f'{host.name} to read its keys')


@test(290, 'sha256 rolled out in three phases: nobody is declared dead, the old key ends', limit=90)
def key_rotation(t):
    with t.lab() as lab:
        n1, n2 = lab.hosts
        lab.start()
        lab.wait_placed(10, n1='a', n2='b')
        lab.wait_settled(10)
        listener = lab.capture(n1)
        for auth, accept in PHASES:
            for host in lab.hosts:
                reread(lab, host, (auth, accept, OLD, NEW))
                # Both must be heard with what the two files say now, before the next step.
                count = len(listener.packets(t='status', src=host.name))
                lab.wait(lambda: len(listener.packets(t='status', src=host.name)) > count + 5, 10,
                         f'{host.name} to be heard')
        for host in lab.hosts:
            equal(host.log_lines('is dead'), [], f'deaths seen by {host.name}')
        equal([n1.nodestatus('n2'), n2.nodestatus('n1')], ['active', 'active'], 'states')
        equal(lab.placement(), {'n1': ['a'], 'n2': ['b']}, 'placement')
        last = listener.packets(t='status', src='n2')[-1]
        check(last.raw.rstrip(b',\n').split(b'%%%\n')[1].split(b':')[1].startswith(b'2 '),
              f'signed with key 2: {last.raw[-90:]}')
        # Who still has the old key only is a stranger now.
        give_up = [('t', 0, 'ask_resources'), ('rsc_hold', 0, 'all'), ('info', 0, 'me'),
                   ('src', 0, 'n1'), ('seq', 0, 'ffffff'), ('hg', 0, 'ffffffff'),
                   ('ts', 0, '7fffffff')]
        forged = wire.encode(give_up, key=OLD.split()[2])
        lab.client.send(f'{NETWORKS[0]}.2', [forged])
        lab.wait(lambda: n2.log_lines('refused: '), 5, 'the old key to be refused')
        equal(lab.placement(), {'n1': ['a'], 'n2': ['b']}, 'placement after a forged order')
        note(n2.log_lines('refused: ')[-1].split(': ', 2)[2])


def refusals(host, what):
    return host.log_lines(f'datagrams {what}')


@test(291, 'a ucast link listens to its peer only, unless ucast_any_source says otherwise', limit=90)
def strangers(t):
    forged = wire.encode([('t', 0, 'stranger-was-here'), ('src', 0, 'n2'), ('seq', 0, 'ffffff'),
                          ('hg', 0, '7fffffff'), ('ts', 0, '7fffffff')])
    for extra, refused in (((), True), (('ucast_any_source on',), False)):
        with t.lab(media=('ucast', 'ucast'), extra=extra) as lab:
            n1, n2 = lab.hosts
            lab.start()
            lab.wait_placed(10, n1='a', n2='b')
            lab.wait_settled(10)
            equal(n1.log_lines('refused'), [], 'refusals of the peer itself')
            # Signed with the right key: only its address gives it away.
            lab.client.send(f'{NETWORKS[0]}.1', [forged] * 5, pause=0.01)
            if refused:
                lab.wait(lambda: refusals(n1, 'of strangers refused'), 5, 'the refusal')
                check(refusals(n1, 'of strangers refused')[0].endswith('ucast_any_source on'),
                      'it tells the cure')
            else:
                # It was let in, and believed: a higher generation of n2 is a restart of n2.
                lab.wait(lambda: n1.log_lines('Heartbeat restart on node n2'), 5, 'its effect')
                equal(refusals(n1, 'of strangers refused'), [], 'refusals')
                continue
            equal(n1.nodestatus('n2'), 'active', 'state of the peer')
            equal(lab.placement(), {'n1': ['a'], 'n2': ['b']}, 'placement')


FLOOD = '''
import os, socket, sys, time
end, junk = time.monotonic() + 20, b'###\\n' + os.urandom(140)
senders = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in sys.argv[1:]]
for sender in senders:
    sender.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
sent = 0
while time.monotonic() < end:
    for _ in range(50):
        for sender, address in zip(senders, sys.argv[1:]):
            sender.sendto(junk, (address, 694))
            sent += 1
    time.sleep(0.001)
'''


@test(292, 'a flood from one machine: it is held off, and nobody is declared dead', limit=90)
def flood(t):
    with t.lab() as lab:
        n1, n2 = lab.hosts
        lab.start()
        lab.wait_placed(10, n1='a', n2='b')
        lab.wait_settled(10)
        flooding = subprocess.Popen(bound(lab.client.space.enter(
            ['python3', '-c', FLOOD, f'{NETWORKS[0]}.1'])))
        try:
            lab.wait(lambda: refusals(n1, 'refused since their sender sends too many'), 18,
                     'the refusal')
            time.sleep(2)  # two dead times of it
        finally:
            flooding.kill()
            flooding.wait()
        for host in lab.hosts:
            equal(host.log_lines('is dead'), [], f'deaths seen by {host.name}')
        equal(lab.placement(), {'n1': ['a'], 'n2': ['b']}, 'placement')
        told = len(n1.log_lines('refused'))
        check(told < 60, f'the log is not flooded: {told} lines of refusals')


def uuid_of(host):
    with open(host.path('/var/lib/heartbeat/hb_uuid'), 'rb') as file:
        return file.read()


def order_of(name, uuid):
    """A signed order to give everything up, newer than all that the node itself sends."""
    return wire.encode([('t', 0, 'ask_resources'), ('rsc_hold', 0, 'all'), ('info', 0, 'me'),
                        ('src', 0, name), ('srcuuid', 1, uuid),
                        ('seq', 0, 'ffffff'), ('hg', 0, '7fffffff'), ('ts', 0, '7fffffff')])


@test(293, 'another machine with our name or our uuid: told, and never obeyed', limit=90)
def impostors(t):
    with t.lab() as lab:
        n1, n2 = lab.hosts
        lab.start()
        lab.wait_placed(10, n1='a', n2='b')
        lab.wait_settled(10)
        # Their key is right: only what they claim to be is not.
        own_name = order_of('n1', b'another machine!')
        own_uuid = order_of('n1', uuid_of(n2))
        lab.client.send(f'{NETWORKS[0]}.1', [own_name] * 20, pause=0.01)
        lab.client.send(f'{NETWORKS[0]}.2', [own_uuid] * 20, pause=0.01)
        name_told, uuid_told = 'another machine sends under our name n1', 'have the same uuid'
        lab.wait(lambda: n1.log_lines(name_told), 5, 'the alarm of the name')
        lab.wait(lambda: n2.log_lines(uuid_told), 5, 'the alarm of the uuid')
        check('nodes n1 and n2' in n2.log_lines(uuid_told)[0], 'both are named')
        told = [len(n1.log_lines(name_told)), len(n2.log_lines(uuid_told))]
        check(max(told) < 10, f'20 messages each are no 20 alarms: {told}')
        listener = lab.capture(n1)
        lab.wait(lambda: len(listener.packets(t='status', src='n1')) > 5 and
                 len(listener.packets(t='status', src='n2')) > 5, 10, 'some more heartbeats')
        equal([n1.nodestatus('n2'), n2.nodestatus('n1')], ['active', 'active'], 'states')
        equal(lab.placement(), {'n1': ['a'], 'n2': ['b']}, 'placement after a forged order')


@test(294, 'hb_uuid copied to both nodes before the first start: one leaves, never two owners', limit=60)
def cloned_disk(t):
    with t.lab() as lab:
        for host in lab.hosts:
            host.boot()
            host.write('/var/lib/heartbeat/hb_uuid', 'of a golden disk')  # any 16 bytes
        n1, n2 = lab.hosts
        for host in lab.hosts:
            lab.settings.install(host)
        n1.start()
        n2.run('/etc/init.d/heartbeat', 'start')  # may have ended before the script looks
        for host in lab.hosts:
            lab.wait(lambda: host.log_lines('have the same uuid: remove hb_uuid'), 10,
                     f'the alarm of {host.name}')
        lab.wait(lambda: n2.log_lines('This node has the uuid of n1'), 10, 'n2 to leave')
        lab.wait(lambda: not n2.processes(), 20, 'heartbeat on n2 to end')
        lab.wait_placed(20, n1='ab', n2='')
        equal([op for _, _, op in n2.resource_log() if op == 'start'], [], 'starts on n2')
